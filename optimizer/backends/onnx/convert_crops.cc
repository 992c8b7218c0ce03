#include <algorithm>

#include "optimizer/backends/onnx/op_table.h"

// CropAndResize by ONNX's RoiAlign, which takes the middle of each bin: the box is widened by half a bin on each side.
namespace permafrost {
namespace {

// Columns [n,1] and [n,count] along one axis of the picture.
struct Samples {
  int low, high;  // of the box for RoiAlign
  int inside;     // whether each sample lies in the picture, found as TensorFlow does: it rounds in the same way
};

class CropBuilder {
 public:
  CropBuilder(OnnxConversion& to, int boxes) : to_(to), boxes_(boxes) {}

  // The crop has `count` samples along the axis (0: height), the picture `size` pixels.
  Samples Along(int axis, int64_t count, int64_t size) {
    const int low = Column(axis), high = Column(axis + 2), last = Number(static_cast<double>(size - 1));
    int at, bin;
    if (count > 1) {
      std::vector<float> numbers;
      for (int64_t i = 0; i < count; ++i) numbers.push_back(static_cast<float>(i));
      bin = Of("Div", Of("Mul", Of("Sub", high, low), last), Number(static_cast<double>(count - 1)));
      at = Of("Add", Of("Mul", low, last), Of("Mul", bin, to_.Constant(Tensor::Of<float>({1, count}, numbers))));
    } else {
      bin = to_.Constant(Tensor::Of<float>({1, 1}, {1}));
      at = Of("Mul", Of("Mul", Of("Add", low, high), Number(0.5)), last);
    }
    const int first = count > 1 ? Of("Mul", low, last) : at;
    const int begin = Of("Sub", first, Of("Mul", bin, Number(0.5)));
    // RoiAlign takes pixels as areas: the middle of the first lies at 0.5.
    const int from = Of("Add", begin, Number(0.5)), to = Of("Add", from, Of("Mul", bin, Number(static_cast<double>(count))));
    const int above = to_.Emit("GreaterOrEqual", {at, Number(0)}, {}, DType::kBool);
    const int below = to_.Emit("LessOrEqual", {at, last}, {}, DType::kBool);
    return {from, to, to_.Emit("And", {above, below}, {}, DType::kBool)};
  }

 private:
  int Column(int64_t column) { return to_.Emit("Slice", {boxes_, to_.Ints64({column}), to_.Ints64({column + 1}), to_.Ints64({1})}); }
  int Number(double value) { return to_.Number(DType::kFloat32, value); }
  int Of(std::string_view op, int a, int b) { return to_.Emit(op, {a, b}); }

  OnnxConversion& to_;
  const int boxes_;
};

Status CropAndResize(OnnxConversion& to, const OnnxStep& step) {
  if (to.runtime().kind != OnnxRuntime::Kind::kAny && !to.runtime().Takes("RoiAlign")) {
    return Unsupported("this release of OpenCV does not take RoiAlign; --target onnxruntime, tensorrt and opencv-5.0 do");
  }
  if (step.node.attr_or<std::string>("method", "bilinear") != "bilinear") return Unsupported("a crop that takes the nearest pixel");
  const auto size = to.Ints(step.in(3));
  const Shape& picture = to.shape(step.in(0));
  if (!size || size->size() != 2 || (*size)[0] < 1 || (*size)[1] < 1) return Unsupported("the size of its crops is not constant");
  if (!picture.IsRank(4) || picture.dim(1) < 1 || picture.dim(2) < 1) return Unsupported("crops of a picture ", picture.ToString(), ", expected a known height and width");
  constexpr int64_t kMostSamples = 1 << 16;
  if (std::max((*size)[0], (*size)[1]) > kMostSamples) return Unsupported("crops of more than ", kMostSamples, " samples");
  to.Need(16);  // a RoiAlign that leaves small boxes as they are
  const AxisOrder order = PlanarOrder(4);
  const int pixels = to.Cast(to.In(step.in(0), order), DType::kFloat32);
  CropBuilder builder(to, to.Plain(step.in(1)));
  const Samples y = builder.Along(0, (*size)[0], picture.dim(1)), x = builder.Along(1, (*size)[1], picture.dim(2));
  const int boxes = to.Emit("Concat", {x.low, y.low, x.high, y.high}, {{"axis", int64_t{1}}});
  AttrMap attrs = {{"output_height", (*size)[0]}, {"output_width", (*size)[1]}, {"sampling_ratio", int64_t{1}}};
  const int cut = to.Emit("RoiAlign", {pixels, boxes, to.AsInt64(to.Plain(step.in(2)))}, std::move(attrs));
  const int inside = to.Emit("And", {to.Unsqueeze(y.inside, {1, 3}), to.Unsqueeze(x.inside, {1, 2})}, {}, DType::kBool);
  const int beyond = to.Number(DType::kFloat32, step.node.attr_or<float>("extrapolation_value", 0.0F));
  to.Set(step.out(), to.Emit("Where", {inside, cut, beyond}, {}, DType::kFloat32), order);
  return OkStatus();
}

}  // namespace

std::vector<OnnxOp> OnnxCropOps() { return {{"CropAndResize", CropAndResize}}; }

}  // namespace permafrost
