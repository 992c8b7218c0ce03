#include "optimizer/backends/onnx/tensorrt_limits.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <vector>

namespace permafrost {
namespace {

enum Types : unsigned { kFloats = 1, kInts = 2, kBools = 4, kBytes = 8, kLevels = 16 };

struct Group {
  unsigned types;
  std::string_view ops;
};
constexpr std::array<Group, 6> kGroups = {{
    {kFloats,
     "Acos Acosh Asin Asinh Atan Atanh AveragePool BatchNormalization Ceil Celu Clip Conv ConvTranspose Cos Cosh CumSum "
     "Einsum Elu Erf Exp Floor GRU Gelu Gemm GlobalAveragePool GlobalMaxPool GridSample GroupNormalization HardSigmoid "
     "HardSwish Hardmax InstanceNormalization IsInf LRN LSTM LayerNormalization LeakyRelu Log LogSoftmax LpNormalization "
     "MatMul MaxPool MeanVarianceNormalization Mish NonMaxSuppression NonZero PRelu Pow QuantizeLinear RNN Reciprocal "
     "Resize RoiAlign Round Selu Sigmoid Sin Sinh Softmax Softplus Softsign Sqrt Tan Tanh ThresholdedRelu"},
    {kFloats | kInts,
     "Abs Add ArgMax ArgMin DepthToSpace Div Equal Greater GreaterOrEqual IsNaN Less LessOrEqual Max Mean Min Mod Mul Neg "
     "Pad Range ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum "
     "ReduceSumSquare Relu Scatter ScatterElements ScatterND Shrink Sign SpaceToDepth Sub Sum TopK"},
    {kBools, "And Not Or Xor"},
    {kFloats | kInts | kBools,
     "Concat ConstantOfShape Expand EyeLike Flatten Gather GatherElements GatherND Identity OneHot Reshape "
     "ReverseSequence Shape Size Slice Split Squeeze Tile Transpose Trilu Unsqueeze Where"},
    {kFloats | kInts | kBools | kBytes, "Cast"},
    {kLevels, "DequantizeLinear"},
}};

const std::map<std::string_view, unsigned>& TypesByOp() {
  static const std::map<std::string_view, unsigned> types = [] {
    std::map<std::string_view, unsigned> made;
    for (const Group& group : kGroups) {
      for (std::string_view rest = group.ops; !rest.empty();) {
        const size_t end = std::min(rest.find(' '), rest.size());
        made[rest.substr(0, end)] = group.types;
        rest.remove_prefix(std::min(end + 1, rest.size()));
      }
    }
    return made;
  }();
  return types;
}

unsigned TypeOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
    case DType::kFloat64:  // read as float32
    case DType::kHalf:
    case DType::kBFloat16:
      return kFloats;
    case DType::kInt32:
    case DType::kInt64:
      return kInts;
    case DType::kBool:
      return kBools;
    case DType::kUint8:
      return kBytes;
    case DType::kInt8:
      return kLevels;
    default:
      return 0;
  }
}

class Checked {
 public:
  Checked(const OnnxGraph& graph, const OnnxNode& node) : graph_(graph), node_(node) {}

  std::string WhyNot() const {
    const auto row = TypesByOp().find(node_.op);
    if (row == TypesByOp().end()) return "TensorRT 10 has no such op";
    const DType dtype = DataType();
    if ((row->second & TypeOf(dtype)) == 0) return StrCat("TensorRT 10 does not take ", NameOf(dtype), " here");
    return WhyNotInThisForm();
  }

 private:
  std::string WhyNotInThisForm() const {
    const std::string_view op = node_.op;
    if (op == "CumSum") return Needs(1, "the axis");
    if (op == "OneHot") return Needs(1, "the depth");
    if (op == "Slice") return Needs(3, "the axes");
    if (op == "Pad") return Needs(3, "the axes");
    if (op == "Squeeze" || op == "Unsqueeze" || op.starts_with("Reduce")) return Needs(1, "the axes");
    if (op == "MaxPool" || op == "AveragePool") return WhyNotPool();
    if (op == "QuantizeLinear" || op == "DequantizeLinear") {
      const bool centred = !Has(2) || (graph_.IsConstant(node_.inputs[2]) && IsZero(graph_.value(node_.inputs[2])));
      return centred ? "" : "TensorRT 10 takes 8-bit levels around zero only";
    }
    if (op == "Resize") return WhyNotResize();
    if (op == "ScatterND" && Text("reduction", "none") != "none") return "TensorRT 10 takes no reduction here";
    if (op == "TopK") {
      constexpr double kEnd = 3840;
      const auto count = Has(1) && graph_.IsConstant(node_.inputs[1])
                             ? graph_.value(node_.inputs[1]).constant.SingleValue()
                             : std::nullopt;
      if (count && *count >= kEnd) return StrCat("TensorRT 10 takes fewer than 3840 of the largest, these are ", *count);
      if (AttrOr(node_.attrs, "sorted", int64_t{1}) != 1) return "TensorRT 10 takes sorted ones only";
    }
    if (op == "LayerNormalization" && node_.outputs.size() > 1) return "TensorRT 10 takes its first output only";
    return "";
  }

  std::string WhyNotPool() const {
    const auto kernel = AttrOr(node_.attrs, "kernel_shape", std::vector<int64_t>());
    const auto dilations = AttrOr(node_.attrs, "dilations", std::vector<int64_t>());
    if (kernel.size() != 2 && kernel.size() != 3) return "TensorRT 10 pools over two or three axes only";
    if (std::any_of(dilations.begin(), dilations.end(), [](int64_t d) { return d != 1; })) {
      return "TensorRT 10 takes no dilations here";
    }
    return node_.outputs.size() > 1 ? "TensorRT 10 does not give the places of the largest" : "";
  }

  std::string WhyNotResize() const {
    static constexpr std::array<std::string_view, 5> kModes = {"half_pixel", "pytorch_half_pixel", "tf_half_pixel_for_nn",
                                                               "asymmetric", "align_corners"};
    const std::string mode = Text("mode", "nearest"), places = Text("coordinate_transformation_mode", "half_pixel");
    if (mode != "nearest" && mode != "linear") return StrCat("TensorRT 10 does not resize by mode ", mode);
    if (std::find(kModes.begin(), kModes.end(), places) == kModes.end()) {
      return StrCat("TensorRT 10 has no coordinate_transformation_mode ", places);
    }
    return AttrOr(node_.attrs, "antialias", int64_t{0}) != 0 ? "TensorRT 10 does not antialias" : "";
  }

  bool Has(size_t input) const { return input < node_.inputs.size() && node_.inputs[input] != OnnxNode::kAbsent; }
  std::string Needs(size_t input, std::string_view what) const {
    if (!Has(input) || graph_.IsConstant(node_.inputs[input])) return "";
    return StrCat("TensorRT 10 wants ", what, " as a constant");
  }
  std::string Text(std::string_view attr, std::string_view otherwise) const {
    return AttrOr(node_.attrs, attr, std::string(otherwise));
  }
  static bool IsZero(const OnnxValue& value) {
    const std::vector<double> numbers = value.constant.Dense().Values<double>();
    return std::all_of(numbers.begin(), numbers.end(), [](double number) { return number == 0; });
  }
  // What the op works on.
  DType DataType() const {
    const std::string_view op = node_.op;
    const bool by_output = op == "Where" || op == "OneHot" || op == "ConstantOfShape" || op == "Range";
    return graph_.value(by_output || !Has(0) ? node_.outputs[0] : node_.inputs[0]).dtype;
  }

  const OnnxGraph& graph_;
  const OnnxNode& node_;
};

}  // namespace

std::string WhyNotInTensorRt(const OnnxGraph& graph, const OnnxNode& node) { return Checked(graph, node).WhyNot(); }

}  // namespace permafrost
