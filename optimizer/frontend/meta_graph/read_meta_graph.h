#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "optimizer/frontend/signature.h"
#include "optimizer/ir/graph.h"
#include "optimizer/support/limits.h"
#include "optimizer/support/mapped_file.h"

namespace permafrost {

// A file that a model reads when it runs, such as the vocabulary of a table.
struct Asset {
  std::string tensor;  // "node:port" that gives the file's name
  std::string file;    // its path in the folder of assets
};

struct MetaGraph {
  Graph graph = {};
  std::vector<Signature> signatures = {};  // sorted by name, without those that TensorFlow itself calls
  std::vector<Asset> assets = {};
  std::string object_graph = {};        // a serialised SavedObjectGraph, kept where there are no signatures
  std::vector<std::string> notes = {};  // what was decided and the user should hear of
};

// A MetaGraphDef is what TensorFlow's savers write beside a checkpoint (.meta): a GraphDef among other things. Told
// from a plain GraphDef by content.
bool IsMetaGraph(std::string_view bytes);
bool IsMetaGraphText(std::string_view text);

// The graph in it as ReadGraphDef gives it, and what its authors say about it.
// Errors: what ReadGraphDef says; damage; an asset whose path leaves the folder.
StatusOr<MetaGraph> ReadMetaGraph(std::string_view bytes, const std::shared_ptr<const MappedFile>& file,
                                  const Limits& limits);
StatusOr<MetaGraph> ReadMetaGraphText(std::string_view text, const Limits& limits);

// The tags under which a SavedModel keeps this graph, sorted.
StatusOr<std::vector<std::string>> TagsOf(std::string_view bytes);

}  // namespace permafrost
