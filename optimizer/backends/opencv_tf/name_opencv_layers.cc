#include <cmath>

#include "optimizer/backends/opencv_tf/node_rewriter.h"
#include "optimizer/backends/opencv_tf/passes.h"

namespace permafrost {
namespace {

// Activations and rankings as one layer of OpenCV each, which TensorFlow does not know.
class LayerNames : public NodeRewriter {
 public:
  using NodeRewriter::NodeRewriter;

  void Visit(NodeId id) {
    const std::string& op = node(id).op;
    if (op == "TopK" || op == "TopKV2") return Largest(id);
    if (type({id, 0}).dtype != DType::kFloat32 || (op != "Mul" && op != "RealDiv")) return;
    const auto found = op == "Mul" ? Product(id) : HardSwishDivided(id);
    if (found) Replace(id, New(id, found->layer, {found->x}));
  }

 private:
  struct Match {
    std::string_view layer;
    Value x;
  };
  using Found = std::optional<Match>;

  bool Is(Value value, std::string_view op) const { return node(value.node).op == op && value.port == 0; }
  bool IsSum(Value value) const { return Is(value, "Add") || Is(value, "AddV2"); }
  bool IsNumber(Value value, double wanted) const {
    const auto number = ScalarBehind(graph_, value);
    return number && std::abs(*number - wanted) <= 1e-6 * std::abs(wanted);
  }
  // The live operand of a commutative op whose other one is `number`.
  std::optional<Value> Beside(Value value, double number) const {
    for (int i = 0; i < 2; ++i) {
      if (IsNumber(in(value.node, i), number)) return in(value.node, 1 - i);
    }
    return std::nullopt;
  }
  std::optional<Value> ScaledBy(Value value, double factor) const {
    if (Is(value, "Mul")) return Beside(value, factor);
    return Is(value, "RealDiv") && IsNumber(in(value.node, 1), 1 / factor) ? std::optional(in(value.node, 0))
                                                                           : std::nullopt;
  }

  // relu6(x + 3)
  bool IsHardGate(Value value, Value x) const {
    if (!Is(value, "Relu6") || !IsSum(in(value.node, 0))) return false;
    const auto shifted = Beside(in(value.node, 0), 3);
    return shifted && *shifted == x;
  }
  // 1 + erf(x / sqrt(2)), or 1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))
  std::string_view GeluGate(Value value, Value x) const {
    const auto inner = IsSum(value) ? Beside(value, 1) : std::nullopt;
    if (!inner) return "";
    if (Is(*inner, "Erf")) {
      const auto scaled = ScaledBy(in(inner->node, 0), std::sqrt(0.5));
      return scaled && *scaled == x ? "cv::Gelu" : "";
    }
    const auto sum =
        Is(*inner, "Tanh") ? ScaledBy(in(inner->node, 0), std::sqrt(2 / 3.14159265358979323846)) : std::nullopt;
    if (!sum || !IsSum(*sum)) return "";
    for (int i = 0; i < 2; ++i) {
      if (in(sum->node, i) != x) continue;
      const auto cube = ScaledBy(in(sum->node, 1 - i), 0.044715);
      if (cube && Is(*cube, "Pow") && in(cube->node, 0) == x && IsNumber(in(cube->node, 1), 3))
        return "cv::GeluApproximation";
    }
    return "";
  }

  Found Product(NodeId id) const {
    for (int i = 0; i < 2; ++i) {
      const Value x = in(id, i), gate = in(id, 1 - i);
      if (Is(gate, "Sigmoid") && in(gate.node, 0) == x) return Match{"cv::Swish", x};
      if (Is(gate, "Tanh") && Is(in(gate.node, 0), "Softplus") && in(in(gate.node, 0).node, 0) == x) {
        return Match{"cv::Mish", x};
      }
      if (const auto hard = ScaledBy(gate, 1.0 / 6); hard && IsHardGate(*hard, x)) return Match{"cv::HardSwish", x};
      if (const Found gelu = Gelu(x, gate)) return gelu;
      if (!IsNumber(gate, 0.5) && !IsNumber(gate, 1.0 / 6)) continue;
      if (!Is(x, "Mul")) continue;
      // The product of x and its gate, scaled.
      for (int k = 0; k < 2; ++k) {
        const Value y = in(x.node, k), other = in(x.node, 1 - k);
        if (IsNumber(gate, 1.0 / 6) && IsHardGate(other, y)) return Match{"cv::HardSwish", y};
        const std::string_view layer = IsNumber(gate, 0.5) ? GeluGate(other, y) : "";
        if (!layer.empty() && HasGelu()) return Match{layer, y};
      }
    }
    return std::nullopt;
  }
  // (x / 2) gate, x (gate / 2)
  Found Gelu(Value a, Value b) const {
    if (!HasGelu()) return std::nullopt;
    if (const auto x = ScaledBy(a, 0.5)) {
      if (const std::string_view layer = GeluGate(b, *x); !layer.empty()) return Match{layer, *x};
    }
    if (const auto gate = ScaledBy(b, 0.5)) {
      if (const std::string_view layer = GeluGate(*gate, a); !layer.empty()) return Match{layer, a};
    }
    return std::nullopt;
  }
  // OpenCV 5 gives places as 64-bit integers, which its other layers refuse. Pictures would be ranked along another axis.
  void Largest(NodeId id) {
    const int version = context_.options().opencv_version, rank = type(in(id, 0)).shape.rank();
    if (version < 41100 || version >= 50000 || rank < 2 || rank > 3 || !IsFloat({id, 0})) return;
    const int64_t k = type({id, 0}).shape.dim(-1);
    if (k < 1) return;
    const AttrMap attrs = {{"k", k}, {"axis", int64_t{-1}}, {"largest", int64_t{1}}, {"sorted", int64_t{1}}};
    const Value values = New(id, "cv::TopK", {in(id, 0)}, attrs), places{values.node, 1};
    Replace(id, values);
    if (editor_.Users(Value{id, 1}).empty() && !editor_.IsOutput({id, 1})) return;
    editor_.ReplaceUses({id, 1}, New(id, "Cast", {places}, {{"DstT", type({id, 1}).dtype}}));
  }

  bool HasGelu() const { return context_.options().opencv_version >= 40800; }

  Found HardSwishDivided(NodeId id) const {
    const Value product = in(id, 0);
    if (!IsNumber(in(id, 1), 6) || !Is(product, "Mul")) return std::nullopt;
    for (int i = 0; i < 2; ++i) {
      const Value x = in(product.node, i);
      if (IsHardGate(in(product.node, 1 - i), x)) return Match{"cv::HardSwish", x};
    }
    return std::nullopt;
  }
};

Status Run(GraphEditor& editor, PassContext& context) {
  LayerNames names(editor, context);
  return ForEachUsedNode(editor, [&](NodeId id) { names.Visit(id); });
}

}  // namespace

const PassInfo kNameOpenCvLayers{
    .name = "name-opencv-layers",
    .summary = "say activations with one layer of OpenCV each (with --opencv-only)",
    .needs = {Fact::kFlat, Fact::kConstantsFolded},
    .gives = {},
    .run = Run,
    .aliases = {},
};

}  // namespace permafrost
