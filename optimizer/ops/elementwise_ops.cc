#include <algorithm>
#include <cmath>
#include <limits>

#include "optimizer/ops/families.h"
#include "optimizer/ops/infer.h"
#include "optimizer/ops/kernel.h"
#include "optimizer/ops/shape_rules.h"

// Element by element, with broadcasting. Floats are computed in float (double for double), integers modulo their width.
namespace permafrost {
namespace {

using Inputs = std::vector<Tensor>;

template <class T, class R, class F>
StatusOr<Tensor> MapOne(const Tensor& input, DType result, F function) {
  ASSIGN_OR_RETURN(auto output, NewTensor<R>::Create(result, input.dims()));
  const T* from = input.data<T>();
  for (int64_t i = 0; i < output.size(); ++i) output[i] = static_cast<R>(function(static_cast<Wide<T>>(from[i])));
  return output.Take();
}

// The following turn a captureless lambda on one or two numbers into a kernel.
template <class F>
KernelFn FloatUnary(F) {
  return [](const Node&, const Inputs& inputs) -> Kernel {
    const Tensor& input = inputs[0];
    return One(WithFloat(input.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      return MapOne<T, T>(input, input.dtype(), F{});
    }));
  };
}

template <class F>
KernelFn NumberUnary(F) {
  return [](const Node&, const Inputs& inputs) -> Kernel {
    const Tensor& input = inputs[0];
    return One(WithNumber(input.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      return MapOne<T, T>(input, input.dtype(), F{});
    }));
  };
}

template <class F>
KernelFn FloatTest(F) {
  return [](const Node&, const Inputs& inputs) -> Kernel {
    return One(WithFloat(inputs[0].dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      return MapOne<T, uint8_t>(inputs[0], DType::kBool, F{});
    }));
  };
}

// `function` gives nullopt where the operation has no result (integer division by zero).
template <class T, class R, class F>
StatusOr<Tensor> MapTwo(const Tensor& a, const Tensor& b, DType result, F function) {
  ASSIGN_OR_RETURN(const std::vector<int64_t> dims, BroadcastDims(a.dims(), b.dims()));
  ASSIGN_OR_RETURN(auto output, NewTensor<R>::Create(result, dims));
  const T *left = a.data<T>(), *right = b.data<T>();
  R* to = output.data();
  using W = Wide<T>;
  if constexpr (std::is_same_v<decltype(function(W{}, W{})), std::optional<W>>) {
    bool failed = false;
    ForEachPair(dims, a.dims(), b.dims(), [&](int64_t i, int64_t at_a, int64_t at_b) {
      const auto value = function(static_cast<W>(left[at_a]), static_cast<W>(right[at_b]));
      failed |= !value.has_value();
      to[i] = static_cast<R>(value.value_or(W{}));
    });
    if (failed) return InvalidArgument("an integer is divided by zero or raised to a negative power");
  } else if (a.dims() == b.dims()) {
    for (int64_t i = 0; i < output.size(); ++i) {
      to[i] = static_cast<R>(function(static_cast<W>(left[i]), static_cast<W>(right[i])));
    }
  } else {
    ForEachPair(dims, a.dims(), b.dims(), [&](int64_t i, int64_t at_a, int64_t at_b) {
      to[i] = static_cast<R>(function(static_cast<W>(left[at_a]), static_cast<W>(right[at_b])));
    });
  }
  return output.Take();
}

Status CheckSameDTypes(const Inputs& inputs) {
  for (const Tensor& input : inputs) {
    if (input.dtype() != inputs[0].dtype()) {
      return InvalidArgument("mixes ", NameOf(inputs[0].dtype()), " and ", NameOf(input.dtype()));
    }
  }
  return OkStatus();
}

template <class F>
KernelFn FloatBinary(F) {
  return [](const Node&, const Inputs& inputs) -> Kernel {
    RETURN_IF_ERROR(CheckSameDTypes(inputs));
    return One(WithFloat(inputs[0].dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      return MapTwo<T, T>(inputs[0], inputs[1], inputs[0].dtype(), F{});
    }));
  };
}

template <class F>
StatusOr<Tensor> NumberBinaryOf(const Tensor& a, const Tensor& b) {
  return WithNumber(a.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    return MapTwo<T, T>(a, b, a.dtype(), F{});
  });
}

template <class F>
KernelFn NumberBinary(F) {
  return [](const Node&, const Inputs& inputs) -> Kernel {
    RETURN_IF_ERROR(CheckSameDTypes(inputs));
    return One(NumberBinaryOf<F>(inputs[0], inputs[1]));
  };
}

template <class F>
KernelFn Comparison(F) {
  return [](const Node&, const Inputs& inputs) -> Kernel {
    RETURN_IF_ERROR(CheckSameDTypes(inputs));
    if (inputs[0].dtype() == DType::kBool) {  // stored as bytes that a file may have set to anything
      return One(MapTwo<uint8_t, uint8_t>(inputs[0], inputs[1], DType::kBool,
                                          [](uint8_t a, uint8_t b) { return F{}(a != 0, b != 0); }));
    }
    return One(WithNumber(inputs[0].dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      return MapTwo<T, uint8_t>(inputs[0], inputs[1], DType::kBool, F{});
    }));
  };
}

template <class F>
KernelFn Logical(F) {
  return [](const Node&, const Inputs& inputs) -> Kernel {
    for (const Tensor& input : inputs) {
      if (input.dtype() != DType::kBool) return InvalidArgument("is given ", NameOf(input.dtype()), ", expected bool");
    }
    return One(MapTwo<uint8_t, uint8_t>(inputs[0], inputs.back(), DType::kBool,
                                        [](uint8_t a, uint8_t b) { return F{}(a != 0, b != 0); }));
  };
}

// Integer arithmetic as a 64-bit register does it, cut down to T by the caller: the low bits are right for every width.
template <class T>
uint64_t Bits(T value) {
  return static_cast<uint64_t>(value);
}
template <class T>
constexpr bool kIsFloat = std::is_floating_point_v<T>;

struct AddFn {
  template <class T>
  T operator()(T a, T b) const {
    if constexpr (kIsFloat<T>)
      return a + b;
    else
      return static_cast<T>(Bits(a) + Bits(b));
  }
};
struct SubFn {
  template <class T>
  T operator()(T a, T b) const {
    if constexpr (kIsFloat<T>)
      return a - b;
    else
      return static_cast<T>(Bits(a) - Bits(b));
  }
};
struct MulFn {
  template <class T>
  T operator()(T a, T b) const {
    if constexpr (kIsFloat<T>)
      return a * b;
    else
      return static_cast<T>(Bits(a) * Bits(b));
  }
};
struct NegFn {
  template <class T>
  T operator()(T a) const {
    if constexpr (kIsFloat<T>)
      return -a;
    else
      return static_cast<T>(uint64_t{0} - Bits(a));
  }
};

// The smallest integer divided by -1 wraps to itself.
template <class T>
bool DivisionWraps(T a, T b) {
  if constexpr (std::is_signed_v<T>)
    return b == T(-1) && a == std::numeric_limits<T>::min();
  else
    return false;
}
// Towards zero, as C++ does.
struct TruncateDivFn {
  template <class T>
  auto operator()(T a, T b) const {
    if constexpr (kIsFloat<T>) {
      return a / b;
    } else {
      if (b == 0) return std::optional<T>();
      return std::optional<T>(DivisionWraps(a, b) ? a : static_cast<T>(a / b));
    }
  }
};
struct FloorDivFn {
  template <class T>
  auto operator()(T a, T b) const {
    if constexpr (kIsFloat<T>) {
      return std::floor(a / b);
    } else {
      if (b == 0) return std::optional<T>();
      if (DivisionWraps(a, b)) return std::optional<T>(a);
      const bool down = a % b != 0 && (a < 0) != (b < 0);
      return std::optional<T>(static_cast<T>(a / b - (down ? 1 : 0)));
    }
  }
};
// The sign of the dividend.
struct ModFn {
  template <class T>
  auto operator()(T a, T b) const {
    if constexpr (kIsFloat<T>) {
      return std::fmod(a, b);
    } else {
      if (b == 0) return std::optional<T>();
      return std::optional<T>(DivisionWraps(a, b) ? T{0} : static_cast<T>(a % b));
    }
  }
};
// The sign of the divisor.
struct FloorModFn {
  template <class T>
  auto operator()(T a, T b) const {
    if constexpr (kIsFloat<T>) {
      const T rest = std::fmod(a, b);
      return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
    } else {
      if (b == 0) return std::optional<T>();
      if (DivisionWraps(a, b)) return std::optional<T>(T{0});
      const T rest = static_cast<T>(a % b);
      return std::optional<T>(rest != 0 && (rest < 0) != (b < 0) ? static_cast<T>(rest + b) : rest);
    }
  }
};
struct PowFn {
  template <class T>
  auto operator()(T a, T b) const {
    if constexpr (kIsFloat<T>) {
      return std::pow(a, b);
    } else {
      if (b < 0) return std::optional<T>();
      uint64_t result = 1, base = Bits(a);
      for (auto power = static_cast<uint64_t>(b); power > 0; power >>= 1) {
        if ((power & 1) != 0) result *= base;
        base *= base;
      }
      return std::optional<T>(static_cast<T>(result));
    }
  }
};
// As TensorFlow's: a NaN in either operand is kept by Maximum and Minimum.
struct MaximumFn {
  template <class T>
  T operator()(T a, T b) const {
    return a != a || a > b ? a : b;
  }
};
struct MinimumFn {
  template <class T>
  T operator()(T a, T b) const {
    return a != a || a < b ? a : b;
  }
};

Kernel AddNKernel(const Node&, const Inputs& inputs) {
  RETURN_IF_ERROR(CheckSameDTypes(inputs));
  Tensor sum = inputs[0];
  for (size_t i = 1; i < inputs.size(); ++i) {
    if (inputs[i].dims() != sum.dims()) {
      return InvalidArgument("cannot add shapes ", sum.shape().ToString(), " and ", inputs[i].shape().ToString());
    }
    ASSIGN_OR_RETURN(sum, NumberBinaryOf<AddFn>(sum, inputs[i]));
  }
  return One(std::move(sum));
}

Kernel LeakyReluKernel(const Node& node, const Inputs& inputs) {
  const float alpha = node.attr_or<float>("alpha", 0.2F);
  return One(WithFloat(inputs[0].dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    return MapOne<T, T>(inputs[0], inputs[0].dtype(),
                        [&](auto x) { return x > 0 ? x : x * static_cast<decltype(x)>(alpha); });
  }));
}

Kernel ClipByValueKernel(const Node&, const Inputs& inputs) {
  RETURN_IF_ERROR(CheckSameDTypes(inputs));
  for (int i : {1, 2}) {
    const Tensor& bound = inputs[static_cast<size_t>(i)];
    if (bound.rank() != 0 && bound.dims() != inputs[0].dims()) {
      return InvalidArgument("bound ", i, " has shape ", bound.shape().ToString(), ", expected a scalar or ",
                             inputs[0].shape().ToString());
    }
  }
  ASSIGN_OR_RETURN(const Tensor upper, NumberBinaryOf<MinimumFn>(inputs[0], inputs[2]));
  return One(NumberBinaryOf<MaximumFn>(upper, inputs[1]));
}

Kernel CastKernel(const Node& node, const Inputs& inputs) {
  const DType to = node.attr_or<DType>("DstT", DType::kInvalid), from = inputs[0].dtype();
  for (DType dtype : {from, to}) {
    if (!IsFloating(dtype) && !IsInteger(dtype) && dtype != DType::kBool) return NoKernelFor(dtype);
  }
  return One(inputs[0].Cast(to).Dense());
}

// How many of the boundaries are at most the value.
Kernel BucketizeKernel(const Node& node, const Inputs& inputs) {
  const auto boundaries = node.attr_or<std::vector<float>>("boundaries", {});
  if (!std::is_sorted(boundaries.begin(), boundaries.end())) return InvalidArgument("the boundaries are not sorted");
  return One(WithNumber(inputs[0].dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    return MapOne<T, int32_t>(inputs[0], DType::kInt32, [&](auto x) {
      const auto above = std::upper_bound(boundaries.begin(), boundaries.end(), static_cast<double>(x));
      return above - boundaries.begin();
    });
  }));
}

// ---- Shape rules ----

Status InferCast(const InferContext& context, Types& outputs) {
  outputs = {{DTypeAttr(context.node(), "DstT", DType::kInvalid), context.shape(0), std::nullopt}};
  if (!context.ints(0).has_value()) return OkStatus();
  std::vector<int64_t> ints = *context.ints(0);
  for (int64_t& value : ints) value = AddInts(outputs[0].dtype, value, 0);
  SetInts(outputs[0], std::move(ints));
  return OkStatus();
}

Status InferAddN(const InferContext& context, Types& outputs) {
  outputs = {{context.dtype(0), context.shape(0), std::nullopt}};
  for (int i = 1; i < context.inputs(); ++i) {
    const Shape &sum = outputs[0].shape, &shape = context.shape(i);
    bool fits = !sum.has_rank() || !shape.has_rank() || sum.rank() == shape.rank();
    for (int d = 0; fits && sum.has_rank() && d < sum.rank(); ++d) {
      fits = sum.dim(d) < 0 || shape.dim(d) < 0 || sum.dim(d) == shape.dim(d);
    }
    if (!fits) return InvalidArgument("cannot add shapes ", sum.ToString(), " and ", shape.ToString());
    outputs[0].shape = MergeShapes(sum, shape);
  }
  return OkStatus();
}

// What an integer operation says of two possibly unknown numbers.
using IntFn = int64_t (*)(DType dtype, int64_t a, int64_t b);

template <IntFn kFunction>
Status InferArithmetic(const InferContext& context, Types& outputs) {
  RETURN_IF_ERROR(Broadcasting(context, outputs));
  const auto &a = context.ints(0), &b = context.ints(1);
  if (!a.has_value() || !b.has_value()) return OkStatus();
  const size_t count = a->size() == 1 ? b->size() : a->size();
  std::vector<int64_t> ints;
  for (size_t i = 0; i < count && !a->empty() && !b->empty(); ++i) {
    ints.push_back(kFunction(outputs[0].dtype, (*a)[a->size() == 1 ? 0 : i], (*b)[b->size() == 1 ? 0 : i]));
  }
  SetInts(outputs[0], std::move(ints));
  return OkStatus();
}

template <class F>
int64_t Divided(DType dtype, int64_t a, int64_t b) {
  if (a == kUnknownInt || b == kUnknownInt) return kUnknownInt;
  const std::optional<int64_t> result = F{}(a, b);
  return result.has_value() ? AddInts(dtype, *result, 0) : kUnknownInt;
}
int64_t MaximumInts(DType, int64_t a, int64_t b) {
  return a == kUnknownInt || b == kUnknownInt ? kUnknownInt : std::max(a, b);
}
int64_t MinimumInts(DType, int64_t a, int64_t b) {
  return a == kUnknownInt || b == kUnknownInt ? kUnknownInt : std::min(a, b);
}

Status InferNeg(const InferContext& context, Types& outputs) {
  RETURN_IF_ERROR(LikeFirstInput(context, outputs));
  if (!context.ints(0).has_value()) return OkStatus();
  std::vector<int64_t> ints = *context.ints(0);
  for (int64_t& value : ints) value = SubInts(outputs[0].dtype, 0, value);
  SetInts(outputs[0], std::move(ints));
  return OkStatus();
}

Status InferTest(const InferContext& context, Types& outputs) {
  outputs = {{DType::kBool, context.shape(0), std::nullopt}};
  return OkStatus();
}

Status InferBucketize(const InferContext& context, Types& outputs) {
  outputs = {{DType::kInt32, context.shape(0), std::nullopt}};
  return OkStatus();
}

// ---- Rows ----

OpDef Unary(std::string_view name, KernelFn kernel, InferFn infer = LikeFirstInput) {
  return {name, 1, 1, {TypeOfInput("T")}, infer, kernel};
}
OpDef Binary(std::string_view name, KernelFn kernel, InferFn infer = Broadcasting) {
  return {name, 2, 2, {TypeOfInput("T")}, infer, kernel};
}
OpDef Commutative(OpDef row) {
  row.commutative = true;
  return row;
}
OpDef Compare(std::string_view name, KernelFn kernel) { return Binary(name, kernel, Comparing); }
OpDef Equality(std::string_view name, KernelFn kernel) {
  OpDef row = Commutative(Compare(name, kernel));
  row.attrs.push_back(Default("incompatible_shape_error", true));
  return row;
}

}  // namespace

std::vector<OpDef> ElementwiseOps() {
  return {
      Commutative(Binary("Add", NumberBinary(AddFn{}), InferArithmetic<AddInts>)),
      Commutative(Binary("AddV2", NumberBinary(AddFn{}), InferArithmetic<AddInts>)),
      Binary("Sub", NumberBinary(SubFn{}), InferArithmetic<SubInts>),
      Commutative(Binary("Mul", NumberBinary(MulFn{}), InferArithmetic<MulInts>)),
      Binary("Div", NumberBinary(TruncateDivFn{}), InferArithmetic<Divided<TruncateDivFn>>),
      Binary("RealDiv", FloatBinary(TruncateDivFn{})),
      Binary("DivNoNan", FloatBinary([](auto a, auto b) { return b == 0 ? decltype(a)(0) : a / b; })),
      Binary("MulNoNan", FloatBinary([](auto a, auto b) { return b == 0 ? decltype(a)(0) : a * b; })),
      Binary("FloorDiv", NumberBinary(FloorDivFn{}), InferArithmetic<Divided<FloorDivFn>>),
      Binary("TruncateDiv", NumberBinary(TruncateDivFn{}), InferArithmetic<Divided<TruncateDivFn>>),
      Binary("Mod", NumberBinary(ModFn{}), InferArithmetic<Divided<ModFn>>),
      Binary("TruncateMod", NumberBinary(ModFn{}), InferArithmetic<Divided<ModFn>>),
      Binary("FloorMod", NumberBinary(FloorModFn{}), InferArithmetic<Divided<FloorModFn>>),
      Binary("Pow", NumberBinary(PowFn{})),
      Commutative(Binary("Maximum", NumberBinary(MaximumFn{}), InferArithmetic<MaximumInts>)),
      Commutative(Binary("Minimum", NumberBinary(MinimumFn{}), InferArithmetic<MinimumInts>)),
      Commutative(Binary("SquaredDifference", NumberBinary([](auto a, auto b) {
                           const auto difference = SubFn{}(a, b);
                           return MulFn{}(difference, difference);
                         }))),
      Binary("Atan2", FloatBinary([](auto a, auto b) { return std::atan2(a, b); })),
      Binary("Xlogy", FloatBinary([](auto a, auto b) { return a == 0 ? decltype(a)(0) : a * std::log(b); })),
      Binary("Xdivy", FloatBinary([](auto a, auto b) { return a == 0 ? decltype(a)(0) : a / b; })),

      Equality("Equal", Comparison([](auto a, auto b) { return a == b; })),
      Equality("NotEqual", Comparison([](auto a, auto b) { return a != b; })),
      Compare("Less", Comparison([](auto a, auto b) { return a < b; })),
      Compare("LessEqual", Comparison([](auto a, auto b) { return a <= b; })),
      Compare("Greater", Comparison([](auto a, auto b) { return a > b; })),
      Compare("GreaterEqual", Comparison([](auto a, auto b) { return a >= b; })),

      Unary("Neg", NumberUnary(NegFn{}), InferNeg),
      Unary("Abs", NumberUnary([](auto x) { return x < 0    ? NegFn{}(x)
                                                   : x == 0 ? decltype(x)(0)
                                                            : x; })),
      Unary("Square", NumberUnary([](auto x) { return MulFn{}(x, x); })),
      Unary("Sign", NumberUnary([](auto x) { return x != x ? x : decltype(x)((x > 0) - (x < 0)); })),
      Unary("Sqrt", FloatUnary([](auto x) { return std::sqrt(x); })),
      Unary("Rsqrt", FloatUnary([](auto x) { return 1 / std::sqrt(x); })),
      Unary("Reciprocal", FloatUnary([](auto x) { return 1 / x; })),
      Unary("Inv", FloatUnary([](auto x) { return 1 / x; })),
      Unary("Exp", FloatUnary([](auto x) { return std::exp(x); })),
      Unary("Expm1", FloatUnary([](auto x) { return std::expm1(x); })),
      Unary("Log", FloatUnary([](auto x) { return std::log(x); })),
      Unary("Log1p", FloatUnary([](auto x) { return std::log1p(x); })),
      Unary("Floor", FloatUnary([](auto x) { return std::floor(x); })),
      Unary("Ceil", FloatUnary([](auto x) { return std::ceil(x); })),
      // Halves go to the even neighbour.
      Unary("Round", NumberUnary([](auto x) {
              if constexpr (kIsFloat<decltype(x)>)
                return std::nearbyint(x);
              else
                return x;
            })),
      Unary("Rint", FloatUnary([](auto x) { return std::nearbyint(x); })),
      Unary("Sin", FloatUnary([](auto x) { return std::sin(x); })),
      Unary("Cos", FloatUnary([](auto x) { return std::cos(x); })),
      Unary("Tan", FloatUnary([](auto x) { return std::tan(x); })),
      Unary("Asin", FloatUnary([](auto x) { return std::asin(x); })),
      Unary("Acos", FloatUnary([](auto x) { return std::acos(x); })),
      Unary("Atan", FloatUnary([](auto x) { return std::atan(x); })),
      Unary("Sinh", FloatUnary([](auto x) { return std::sinh(x); })),
      Unary("Cosh", FloatUnary([](auto x) { return std::cosh(x); })),
      Unary("Tanh", FloatUnary([](auto x) { return std::tanh(x); })),
      Unary("Asinh", FloatUnary([](auto x) { return std::asinh(x); })),
      Unary("Acosh", FloatUnary([](auto x) { return std::acosh(x); })),
      Unary("Atanh", FloatUnary([](auto x) { return std::atanh(x); })),
      Unary("Erf", FloatUnary([](auto x) { return std::erf(x); })),
      Unary("Erfc", FloatUnary([](auto x) { return std::erfc(x); })),
      Unary("Sigmoid", FloatUnary([](auto x) { return 1 / (1 + std::exp(-x)); })),
      Unary("Relu", NumberUnary([](auto x) { return x < 0 ? decltype(x)(0) : x; })),
      Unary("Relu6", NumberUnary([](auto x) { return x < 0   ? decltype(x)(0)
                                                     : x > 6 ? decltype(x)(6)
                                                             : x; })),
      // Layers of OpenCV.
      Unary("cv::Swish", FloatUnary([](auto x) { return x / (1 + std::exp(-x)); })),
      Unary("cv::Mish", FloatUnary([](auto x) {
              return x * std::tanh(std::max(x, decltype(x)(0)) + std::log1p(std::exp(-std::abs(x))));
            })),
      Unary("cv::HardSwish", FloatUnary([](auto x) {
              return x * std::min(std::max(x + 3, decltype(x)(0)), decltype(x)(6)) / 6;
            })),
      Unary("cv::Gelu", FloatUnary([](auto x) {
              return x * (1 + std::erf(x * decltype(x)(0.70710678118654752))) / 2;
            })),
      Unary("cv::GeluApproximation", FloatUnary([](auto x) {
              return x * (1 + std::tanh(decltype(x)(0.7978845608028654) * (x + decltype(x)(0.044715) * x * x * x))) / 2;
            })),

      Unary("Elu", FloatUnary([](auto x) { return x < 0 ? std::expm1(x) : x; })),
      Unary("Selu", FloatUnary([](auto x) {
              using T = decltype(x);
              const T scale = T(1.0507009873554804934193349852946), alpha = T(1.6732632423543772848170429916717);
              return scale * (x < 0 ? alpha * std::expm1(x) : x);
            })),
      // log(1 + e^x), written so that e^x does not overflow.
      Unary("Softplus",
            FloatUnary([](auto x) { return (x > 0 ? x : decltype(x)(0)) + std::log1p(std::exp(-std::abs(x))); })),
      Unary("Softsign", FloatUnary([](auto x) { return x / (1 + std::abs(x)); })),

      Unary("IsNan", FloatTest([](auto x) { return std::isnan(x); }), InferTest),
      Unary("IsInf", FloatTest([](auto x) { return std::isinf(x); }), InferTest),
      Unary("IsFinite", FloatTest([](auto x) { return std::isfinite(x); }), InferTest),
      {"LogicalNot", 1, 1, {}, InferTest, Logical([](bool a, bool) { return !a; })},
      Commutative({"LogicalAnd", 2, 2, {}, Comparing, Logical([](bool a, bool b) { return a && b; })}),
      Commutative({"LogicalOr", 2, 2, {}, Comparing, Logical([](bool a, bool b) { return a || b; })}),

      Commutative({"AddN", 1, -1, {CountOfInputs("N"), TypeOfInput("T")}, InferAddN, AddNKernel}),
      {"LeakyRelu", 1, 1, {Default("alpha", 0.2F), TypeOfInput("T")}, LikeFirstInput, LeakyReluKernel},
      {"ClipByValue", 3, 3, {TypeOfInput("T")}, LikeFirstInput, ClipByValueKernel},
      {"Bucketize", 1, 1, {TypeOfInput("T"), Required("boundaries")}, InferBucketize, BucketizeKernel},
      {"Cast", 1, 1, {TypeOfInput("SrcT"), Required("DstT"), Default("Truncate", false)}, InferCast, CastKernel},
  };
}

}  // namespace permafrost
