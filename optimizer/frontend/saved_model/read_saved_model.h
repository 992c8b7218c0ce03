#pragma once

#include <memory>
#include <string_view>

#include "optimizer/frontend/meta_graph/read_meta_graph.h"

namespace permafrost {

// A saved_model.pb holds MetaGraphDefs, each under a set of tags. Told from GraphDef and MetaGraphDef by content.
bool IsSavedModel(std::string_view bytes);
bool IsSavedModelText(std::string_view text);

// The graph saved under exactly `tags` ("serve,gpu", in any order); when empty, the one under serve alone, else the
// only one. Errors: no such graph, several to choose from (their tags are listed); what ReadMetaGraph says.
StatusOr<MetaGraph> ReadSavedModel(std::string_view bytes, const std::shared_ptr<const MappedFile>& file,
                                   std::string_view tags, const Limits& limits);
StatusOr<MetaGraph> ReadSavedModelText(std::string_view text, std::string_view tags, const Limits& limits);

}  // namespace permafrost
