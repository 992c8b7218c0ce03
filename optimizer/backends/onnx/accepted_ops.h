#pragma once

#include <string_view>
#include <vector>

namespace permafrost {

// Who runs an ONNX file.
struct OnnxRuntime {
  enum class Kind { kAny, kOpenCv, kOnnxRuntime, kTensorRt } kind = Kind::kAny;  // kAny: as many as possible
  int opencv_version = 40600;                                                    // 10000 major + 100 minor + patch

  bool MayBeOpenCv() const { return kind == Kind::kAny || kind == Kind::kOpenCv; }
  bool MayBeOpenCv4() const { return kind == Kind::kAny || (kind == Kind::kOpenCv && opencv_version < 50000); }
  // Before 4.10, whose importer is older than its broadcasting layers.
  bool IsOldOpenCv() const { return kind == Kind::kOpenCv && opencv_version < 41000; }
  bool MayBeOldOpenCv() const { return kind == Kind::kAny || IsOldOpenCv(); }
  // Whether it takes an op of ONNX in this form ("" if there is one only): all that it may be do. False: not in the
  // table.
  bool Takes(std::string_view op, std::string_view form = "") const;
};

// One row of what runtimes take. Held against the real ones by tests/compat/onnx_matrix --probe, a small model per row
// (tests/compat/onnx_probes.py).
struct AcceptedOnnxOp {
  std::string_view op, form;
  int opset;      // the first that has it
  int opencv_4;   // first release of OpenCV 4 that gives right numbers, 10000 major + 100 minor + patch; 0: none
  bool opencv_5;  // 5.0's new engine
  bool opencv_5_classic;  // the one that it has from 4
  bool onnx_runtime;      // 1.20
  bool tensorrt;          // 10, by the documentation of ONNX-TensorRT 10.1 (tensorrt_limits.h); never run
};
const std::vector<AcceptedOnnxOp>& OpsAcceptedByOnnxRuntimes();
const AcceptedOnnxOp* FindAcceptedOnnxOp(std::string_view op, std::string_view form);

}  // namespace permafrost
