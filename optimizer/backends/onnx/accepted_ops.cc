#include "optimizer/backends/onnx/accepted_ops.h"

#include <algorithm>

namespace permafrost {

const std::vector<AcceptedOnnxOp>& OpsAcceptedByOnnxRuntimes() {
  static const std::vector<AcceptedOnnxOp> rows = {
#include "optimizer/backends/onnx/accepted_ops.inc"
  };
  return rows;
}

const AcceptedOnnxOp* FindAcceptedOnnxOp(std::string_view op, std::string_view form) {
  const auto& rows = OpsAcceptedByOnnxRuntimes();
  const auto found = std::find_if(rows.begin(), rows.end(),
                                  [&](const AcceptedOnnxOp& row) { return row.op == op && row.form == form; });
  return found == rows.end() ? nullptr : &*found;
}

bool OnnxRuntime::Takes(std::string_view op, std::string_view form) const {
  const AcceptedOnnxOp* row = FindAcceptedOnnxOp(op, form);
  if (row == nullptr) return false;
  const bool oldest = row->opencv_4 != 0 && row->opencv_4 <= 40505;
  switch (kind) {
    case Kind::kAny:
      return oldest && row->opencv_5 && row->onnx_runtime && row->tensorrt;
    case Kind::kOnnxRuntime:
      return row->onnx_runtime;
    case Kind::kTensorRt:
      return row->tensorrt;
    case Kind::kOpenCv:
      break;
  }
  return opencv_version >= 50000 ? row->opencv_5 : row->opencv_4 != 0 && row->opencv_4 <= opencv_version;
}

}  // namespace permafrost
