#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "optimizer/support/status.h"
#include "shared_io/detector_info.h"
#include "shared_io/paths.h"

namespace permafrost {

// What turns the bytes of a picture (0..255) into the input's values: (pixel - mean) * scale / std, per channel in
// `channel_order`. A missing field says that the graph does not tell.
struct Preprocessing {
  std::optional<double> scale;
  std::optional<std::array<double, 3>> mean, std;
  std::string channel_order;      // "RGB", "BGR" or empty
  int64_t width = 0, height = 0;  // 0: the input's own size
  std::optional<bool> crop;       // true: fill the size and cut the middle out; false: stretch

  bool operator==(const Preprocessing&) const = default;
};

// An input or output: as TensorFlow has it, and as cv::dnn has it.
struct TensorInfo {
  std::string name;            // TensorFlow's
  std::string tensor;          // "node:port" in the source, where that has another name; else empty
  std::string dtype;           // "float32"
  std::vector<int64_t> shape;  // -1: unknown; only meaningful if rank_known
  bool rank_known = true;
  std::string layout;                          // "NHWC", "NCHW", "NDHWC", ... or empty: plain axes
  std::string cv_name;                         // of the input blob or of the layer
  std::vector<int64_t> cv_shape;               // as `shape`
  std::string cv_layout;                       // empty: the same order of elements as TensorFlow's
  std::optional<Preprocessing> preprocessing;  // inputs only

  bool operator==(const TensorInfo&) const = default;
};

// model.json: what the runner and the bench need to know of an optimized file, and where it came from.
// No times, no folders.
struct ModelInfo {
  static constexpr int kFormatVersion = 1;

  std::string tool_version;
  std::string file, file_sha256;      // the name only
  std::string source, source_sha256;  // the name only
  std::string target;                 // "opencv-4.6"
  bool opencv_only = false;                   // names layers that TensorFlow does not know
  std::vector<std::string> passes;
  std::vector<TensorInfo> inputs, outputs;
  std::optional<DetectorInfo> detector;  // the file finds things in pictures

  bool operator==(const ModelInfo&) const = default;
};

// The same info gives the same bytes.
std::string ModelInfoToJson(const ModelInfo& info);
// Errors: not JSON, a missing or mistyped field (named), another format version. Unknown fields are ignored.
StatusOr<ModelInfo> ParseModelInfo(std::string_view json);

StatusOr<ModelInfo> ReadModelInfo(const std::string& path);
Status WriteModelInfo(const std::string& path, const ModelInfo& info);

}  // namespace permafrost
