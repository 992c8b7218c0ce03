#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "optimizer/backends/onnx/onnx_graph.h"
#include "optimizer/support/status.h"

namespace permafrost {

struct OnnxFileOptions {
  std::string graph_name, producer_version;
  // Asked for once all weights are written.
  std::function<StatusOr<std::vector<std::pair<std::string, std::string>>>()> properties;
  bool release_pages = true;
  // Weights from 1 KB on go there instead, to a file that lies beside the model under this name.
  std::string external_name;
  std::function<Status(std::string_view)> external;
};

// What the model takes without external data: more than INT32_MAX bytes are no file.
StatusOr<uint64_t> OnnxSize(const OnnxGraph& graph);

// Writes an ONNX model: nodes in their order, initializers as raw data in order of first use. Sizes are worked out
// first and weights are streamed. Nothing is rewritten. Errors: above protobuf's 2 GiB (before anything goes to the
// sink), a type that ONNX lacks, the sink's.
Status EmitOnnx(const OnnxGraph& graph, const OnnxFileOptions& options,
                const std::function<Status(std::string_view)>& sink);

}  // namespace permafrost
