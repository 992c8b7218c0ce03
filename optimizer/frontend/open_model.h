#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "optimizer/ir/graph.h"
#include "optimizer/ir/variable_source.h"
#include "optimizer/support/limits.h"

namespace permafrost {

// What a file's content says it is, whatever it is called.
enum class Format {
  kGraphDef,
  kGraphDefText,
  kMetaGraph,
  kMetaGraphText,
  kUnknown,
};
std::string_view NameOf(Format format);

struct Model {
  Graph graph;  // imported
  std::shared_ptr<const VariableSource> variables;  // null: none was given or found
  Format format = Format::kUnknown;
  int64_t file_bytes = 0;
  std::string source_sha256;
};

// Reads a model of any format we know, told apart by content. Every error names the file; one about a file that is
// something else says what it is and what to do.
// `checkpoint` is whatever OpenCheckpoint takes; when empty, the one beside a MetaGraph (model.meta: model) is taken.
StatusOr<Model> OpenModel(const std::string& path, const Limits& limits, const std::string& checkpoint = "");

}  // namespace permafrost
