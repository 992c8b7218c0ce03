#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "optimizer/frontend/keras/keras_model.h"
#include "optimizer/frontend/meta_graph/read_meta_graph.h"
#include "optimizer/frontend/signature.h"
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
  kSavedModel,
  kSavedModelText,
  kKerasH5,
  kKerasZip,
  kOnnx,
  kUnknown,
};
std::string_view NameOf(Format format);

struct Model {
  Graph graph;  // imported
  std::shared_ptr<const VariableSource> variables;  // null: none was given or found
  std::vector<Signature> signatures;                // sorted by name
  std::vector<Asset> assets;
  Format format = Format::kUnknown;
  int64_t file_bytes = 0;
  std::vector<std::string> files;  // all that were read, the one with the graph first
  std::vector<std::string> notes;  // what was chosen and the user should hear of
};

struct OpenOptions {
  std::string checkpoint = {};  // whatever OpenCheckpoint takes; empty: the one that belongs to the model
  std::string tags = {};        // of a SavedModel's graph, separated by commas; empty: serve, else the only ones
  std::string opencv_graph = {};  // OpenCV's text graph of a frozen GraphDef: a .pbtxt of its tf_text_graph_*.py
  InputShapes input_shapes = {};  // for formats whose graph is built from layers
};

// Reads a model of any format we know, told apart by content. `path` may also be
//   a SavedModel's folder, or one of timestamped exports (the newest is taken),
//   a checkpoint, however OpenCheckpoint takes it, or its training folder, when a graph lies beside it.
// Every error names the file; one about a file that is something else says what it is and what to do.
StatusOr<Model> OpenModel(const std::string& path, const Limits& limits, const OpenOptions& options = {});

}  // namespace permafrost
