#include <algorithm>

#include "optimizer/backends/opencv_tf/axes.h"
#include "optimizer/backends/opencv_tf/node_rewriter.h"
#include "optimizer/backends/opencv_tf/passes.h"
#include "optimizer/ops/evaluate.h"

namespace permafrost {
namespace {

// Resampling that OpenCV lacks is linear along height and along width: two products with matrices, whose rows are what
// the op's own kernel makes of one pixel after the other.
class ResamplingRules : public NodeRewriter {
 public:
  using NodeRewriter::NodeRewriter;

  void Visit(NodeId id) {
    const std::string op = node(id).op;
    if (op == "ResizeBicubic" || op == "ResizeArea" || op == "ScaleAndTranslate") Resize(id);
    if (op == "CropAndResize") Crop(id);
  }

 private:
  static constexpr int64_t kLargestSide = 2048;

  // What `node` makes of the rows (or columns) of a picture, as a matrix [in, out]. `others` are its constants.
  static std::optional<Tensor> MatrixOf(Node op, int axis, int64_t size, const std::vector<Tensor>& others) {
    std::vector<int64_t> dims = {1, 1, 1, size};
    dims[static_cast<size_t>(axis)] = size;
    std::vector<float> pixels(static_cast<size_t>(size * size), 0.0F);
    for (int64_t i = 0; i < size; ++i) pixels[static_cast<size_t>(i * size + i)] = 1;
    std::vector<Tensor> inputs = {Tensor::Of<float>(dims, pixels)};
    inputs.insert(inputs.end(), others.begin(), others.end());
    op.inputs.assign(inputs.size(), Value{});
    const auto result = EvaluateNode(op, inputs);
    if (!result.ok() || result->empty()) return std::nullopt;
    const Tensor& out = (*result)[0];
    return out.Reshaped({out.elements() / size, size}).Transposed({1, 0}).Dense();
  }

  static Tensor Pair(int axis, int64_t along, int64_t across) {
    return Tensor::Vector<int32_t>(
        {static_cast<int32_t>(axis == 1 ? along : across), static_cast<int32_t>(axis == 1 ? across : along)});
  }
  static Tensor FloatPair(int axis, float along, float across) {
    return Tensor::Vector<float>({axis == 1 ? along : across, axis == 1 ? across : along});
  }

  bool IsPicture(NodeId id) const {
    const ValueType& x = type(in(id, 0));
    return x.dtype == DType::kFloat32 && x.shape.rank() == 4 && x.shape.dim(1) > 0 && x.shape.dim(2) > 0 &&
           x.shape.dim(1) <= kLargestSide && x.shape.dim(2) <= kLargestSide;
  }

  void Resize(NodeId id) {
    const Tensor* size = constant(id, 1);
    if (size == nullptr || size->elements() != 2 || !IsPicture(id)) {
      return context_.Decline(node(id), "a picture of unknown or large height and width, or to an unknown size");
    }
    const std::vector<int64_t> to = size->Values<int64_t>();
    const bool translates = node(id).op == "ScaleAndTranslate";
    const Tensor *scale = translates ? constant(id, 2) : nullptr, *shift = translates ? constant(id, 3) : nullptr;
    if (translates && (scale == nullptr || shift == nullptr || scale->elements() != 2 || shift->elements() != 2))
      return;
    Value value = in(id, 0);
    for (int axis = 1; axis <= 2; ++axis) {
      const auto i = static_cast<size_t>(axis - 1);
      if (to[i] < 1 || to[i] > kLargestSide) return;
      std::vector<Tensor> others = {Pair(axis, to[i], 1)};
      if (translates) {
        others.push_back(FloatPair(axis, scale->Values<float>()[i], 1));
        others.push_back(FloatPair(axis, shift->Values<float>()[i], 0));
      }
      const auto matrix = MatrixOf(node(id), axis, type(value).shape.dim(axis), others);
      const auto next = matrix ? EmitProductAlong(editor_, NewName(id), value, axis, *matrix) : std::optional<Value>();
      if (!next) return context_.Decline(node(id), "more than one dim is unknown");
      value = *next;
    }
    Replace(id, value);
  }

  // Constant boxes, one after the other.
  void Crop(NodeId id) {
    constexpr int64_t kMostBoxes = 64;
    const Tensor *boxes = constant(id, 1), *which = constant(id, 2), *size = constant(id, 3);
    if (boxes == nullptr || which == nullptr || size == nullptr || !IsPicture(id) || boxes->rank() != 2 ||
        boxes->dims()[1] != 4 || boxes->dims()[0] < 1 || boxes->dims()[0] > kMostBoxes || size->elements() != 2 ||
        which->elements() != boxes->dims()[0]) {
      return context_.Decline(node(id), "only constant boxes of pictures of known height and width can be cut");
    }
    const std::vector<float> corners = boxes->Values<float>();
    if (std::any_of(corners.begin(), corners.end(), [](float corner) { return !(corner >= 0 && corner <= 1); })) {
      return context_.Decline(node(id), "a box reaches over the picture's edge");
    }
    const std::vector<int64_t> picture = which->Values<int64_t>(), to = size->Values<int64_t>();
    std::vector<Value> crops;
    for (size_t box = 0; box < picture.size(); ++box) {
      const auto from = static_cast<int32_t>(picture[box]);
      const int64_t batch = type(in(id, 0)).shape.dim(0);
      if (from < 0 || (batch >= 0 && from >= batch)) return;
      const auto ints = [&](const std::vector<int32_t>& values) {
        return EmitConst(editor_, StrCat(NewName(id), "/c"), Tensor::Vector<int32_t>(values));
      };
      Value value = in(id, 0);
      if (batch != 1) value = New(id, "Slice", {value, ints({from, 0, 0, 0}), ints({1, -1, -1, -1})});
      for (int axis = 1; axis <= 2; ++axis) {
        const auto i = static_cast<size_t>(axis - 1);
        if (to[i] < 1 || to[i] > kLargestSide) return;
        std::vector<float> sides = {0, 0, 0, 0};
        sides[i] = corners[box * 4 + i];
        sides[i + 2] = corners[box * 4 + i + 2];
        const auto matrix =
            MatrixOf(node(id), axis, type(value).shape.dim(axis),
                     {Tensor::Of<float>({1, 4}, sides), Tensor::Vector<int32_t>({0}), Pair(axis, to[i], 1)});
        const auto next =
            matrix ? EmitProductAlong(editor_, NewName(id), value, axis, *matrix) : std::optional<Value>();
        if (!next) return context_.Decline(node(id), "more than one dim is unknown");
        value = *next;
      }
      crops.push_back(value);
    }
    if (crops.size() > 1) {
      crops.push_back(EmitConst(editor_, StrCat(NewName(id), "/axis"), Tensor::Scalar<int32_t>(0)));
      crops = {New(id, "ConcatV2", crops)};
    }
    Replace(id, crops[0]);
  }
};

Status Run(GraphEditor& editor, PassContext& context) {
  ResamplingRules rules(editor, context);
  return ForEachUsedNode(editor, [&](NodeId id) { rules.Visit(id); });
}

}  // namespace

const PassInfo kLegalizeResampling{
    .name = "legalize-resampling",
    .summary = "resample pictures by products with matrices",
    .needs = {Fact::kFlat, Fact::kConstantsFolded},
    .gives = {},
    .run = Run,
    .aliases = {},
};

}  // namespace permafrost
