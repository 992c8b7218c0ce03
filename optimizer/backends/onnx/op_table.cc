#include "optimizer/backends/onnx/op_table.h"

#include <algorithm>

namespace permafrost {

const std::vector<OnnxOp>& AllOnnxOps() {
  static const std::vector<OnnxOp> ops = [] {
    std::vector<OnnxOp> all;
    for (const auto& family : {OnnxElementwiseOps(), OnnxWindowOps(), OnnxProductOps(), OnnxReductionOps(),
                               OnnxShapeOps(), OnnxMoveOps(), OnnxPlaceOps(), OnnxImageOps(), OnnxDetectionOps(),
                               OnnxCropOps()}) {
      all.insert(all.end(), family.begin(), family.end());
    }
    std::sort(all.begin(), all.end(), [](const OnnxOp& a, const OnnxOp& b) { return a.op < b.op; });
    return all;
  }();
  return ops;
}

const OnnxOp* FindOnnxOp(std::string_view op) {
  const auto& ops = AllOnnxOps();
  const auto found = std::lower_bound(ops.begin(), ops.end(), op,
                                      [](const OnnxOp& row, std::string_view name) { return row.op < name; });
  return found != ops.end() && found->op == op ? &*found : nullptr;
}

}  // namespace permafrost
