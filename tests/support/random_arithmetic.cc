#include "tests/support/random_graph_maker.h"

namespace permafrost {
namespace {

using Make = RandomGraphMaker;

bool Unary(Make& make, std::string_view op) {
  AttrMap attrs;
  if (op == "CheckNumerics") attrs["message"] = std::string("not a number");
  if (op == "IdentityN") attrs["T"] = std::vector<DType>{DType::kFloat32};
  return make.Try(op, {make.Data()}, attrs);
}

// A function of numbers from `low` to `high`.
std::function<bool(Make&, std::string_view)> Within(double low, double high) {
  return [=](Make& make, std::string_view op) { return make.Try(op, {make.InRange(make.Data(), low, high)}); };
}

// Something that broadcasts with x: a constant or a live value, with dims of 1 and axes left out.
Operand Partner(Make& make, const Operand& x, double low = -1, double high = 1) {
  if (make.Coin(0.15)) return make.Number(make.Real(low, high));
  if (make.Coin(0.3)) return make.InRange(make.Like(x), low, high);
  Dims dims = x.dims();
  const Dims axes = make.Shuffled(x.rank());
  const int64_t ones = make.Int(0, x.rank());
  for (int64_t i = 0; i < ones; ++i) dims[static_cast<size_t>(axes[static_cast<size_t>(i)])] = 1;
  if (make.Coin(0.6)) {
    const bool wider = make.Coin(0.1);
    for (int64_t& dim : dims) dim = wider && dim == 1 && make.Coin() ? make.Int(2, 3) : dim;
    while (!dims.empty() && make.Coin(0.5)) dims.erase(dims.begin());
    return make.Floats(dims, low, high);
  }
  Dims reduced;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] != x.dims()[i]) reduced.push_back(static_cast<int64_t>(i));
  }
  const auto mean = make.Add(make.OneOf<std::string>({"Mean", "Max", "Sum"}), {make.Like(x), make.Ints(reduced)},
                             {{"keep_dims", true}});
  return make.InRange(mean.value_or(x), low, high);
}

bool Pair(Make& make, std::string_view op, const Operand& a, const Operand& b) {
  return make.Coin(0.75) ? make.Try(op, {a, b}) : make.Try(op, {b, a});
}
bool Binary(Make& make, std::string_view op) {
  const Operand x = make.Data();
  return Pair(make, op, x, Partner(make, x));
}
bool Quotient(Make& make, std::string_view op) {
  const Operand x = make.Data();
  const Operand by = make.Coin(0.3) ? Partner(make, x, -2, -0.4) : Partner(make, x, 0.4, 2);
  if (make.Coin(0.8)) return make.Try(op, {x, by});
  const Operand small = make.InRange(x, 0.5, 2.5);
  return make.Try(op, {Partner(make, small), small});
}
bool Power(Make& make, std::string_view op) {
  const Operand x = make.Data();
  if (make.Coin(0.4)) return make.Try(op, {x, make.Number(static_cast<double>(make.Int(0, 4)))});
  const Operand base = make.InRange(x, 0.2, 3);
  return make.Try(op, {base, Partner(make, base, -2, 3)});
}
bool Logarithm(Make& make, std::string_view op) {
  const Operand x = make.Data();
  return make.Try(op, {x, Partner(make, x, 0.3, 3)});
}

// A bool from a comparison, for those that take one.
std::optional<Operand> Condition(Make& make, const Operand& x) {
  if (make.Coin(0.2)) {  // numbers that are equal
    const auto round = make.Add("Round", {make.Add("Mul", {x, make.Number(2)}).value_or(x)});
    if (round.has_value()) {
      return make.Add(make.OneOf<std::string>({"Equal", "NotEqual", "LessEqual"}),
                      {*round, make.Number(static_cast<double>(make.Int(-1, 1)))});
    }
  }
  return make.Add(make.OneOf<std::string>({"Less", "LessEqual", "Greater", "GreaterEqual"}),
                  {x, make.Coin() ? make.Number(make.Real(-0.5, 0.5)) : Partner(make, x)});
}
bool Compare(Make& make, std::string_view op) {
  const Operand x = make.Data();
  if (make.Coin(0.3)) {
    const auto round = make.Add("Round", {make.Add("Mul", {x, make.Number(3)}).value_or(x)});
    return round.has_value() && make.Try(op, {*round, make.Number(static_cast<double>(make.Int(-1, 1)))});
  }
  return Pair(make, op, x, Partner(make, x));
}
bool Logic(Make& make, std::string_view op) {
  const Operand x = make.Data();
  const auto a = Condition(make, x), b = Condition(make, x);
  if (!a.has_value() || !b.has_value()) return false;
  return op == "LogicalNot" ? make.Try(op, {*a}) : make.Try(op, {*a, *b});
}
bool LogicReduction(Make& make, std::string_view op) {
  const Operand x = make.Data();
  const auto a = x.rank() > 0 ? Condition(make, x) : std::nullopt;
  if (!a.has_value() || a->rank() == 0) return false;
  return make.Try(op, {*a, make.Ints({make.AnySign(make.Axis(*a), a->rank())})}, {{"keep_dims", make.Coin()}});
}
bool Choose(Make& make, std::string_view op) {
  const Operand x = make.Data();
  std::optional<Operand> condition;
  if (make.Coin(0.3)) {
    std::vector<uint8_t> bits(static_cast<size_t>(x.exact.elements()));
    for (uint8_t& bit : bits) bit = make.Coin() ? 1 : 0;
    const Tensor mask = Tensor::Buffer(DType::kBool, x.dims(), std::string(bits.begin(), bits.end()));
    condition = Operand{{}, mask, mask};
  } else {
    condition = Condition(make, x);
  }
  if (!condition.has_value()) return false;
  const bool spread = op == "SelectV2";
  const Operand other = spread ? Partner(make, x) : make.Coin() ? make.Like(x) : make.Floats(x.dims());
  return make.Coin() ? make.Try(op, {*condition, x, other}) : make.Try(op, {*condition, other, x});
}

bool Reduce(Make& make, std::string_view op) {
  const Operand x = make.DataOfRank(1, 5);
  Dims axes = make.Shuffled(x.rank());
  axes.resize(static_cast<size_t>(make.Int(1, x.rank())));
  for (int64_t& axis : axes) axis = make.AnySign(static_cast<int>(axis), x.rank());
  const bool one = axes.size() == 1 && make.Coin(0.3);
  return make.Try(op, {x, one ? make.Index(axes[0]) : make.Ints(axes)}, {{"keep_dims", make.Coin()}});
}
bool ArgExtreme(Make& make, std::string_view op) {
  const Operand x = make.DataOfRank(1, 4);
  return make.Try(op, {x, make.Index(make.AnySign(make.Axis(x), x.rank()))},
                  {{"output_type", make.Coin() ? DType::kInt32 : DType::kInt64}});
}
bool Cumulate(Make& make, std::string_view op) {
  const Operand x = make.DataOfRank(1, 4);
  return make.Try(op, {x, make.Index(make.AnySign(make.Axis(x), x.rank()))},
                  {{"exclusive", make.Coin(0.3)}, {"reverse", make.Coin(0.3)}});
}
bool Largest(Make& make, std::string_view op) {
  const Operand x = make.DataOfRank(1, 4);
  const int64_t k = make.Int(1, x.dim(-1));
  const int port = make.Coin(0.3) ? 1 : 0;
  if (op == "TopK") return make.Try(op, {x}, {{"k", k}}, port);
  return make.Try(op, {x, make.Int32s({}, {k})}, {}, port);
}
bool Hot(Make& make, std::string_view op) {
  const Operand x = make.DataOfRank(2, 4);
  const int axis = make.Axis(x);
  const auto index = make.Add("ArgMax", {x, make.Int32s({}, {axis})}, {{"output_type", DType::kInt64}});
  if (!index.has_value()) return false;
  return make.Try(op,
                  {*index, make.Int32s({}, {x.dim(axis) + make.Int(0, 1)}), make.Number(make.Coin() ? 1 : 2.5),
                   make.Number(make.Coin() ? 0 : -0.5)},
                  {{"axis", make.Int(-1, index->rank())}});
}
bool ToAndFro(Make& make, std::string_view op) {
  const Operand x = make.Data();
  const auto there =
      make.Add(op, {make.Add("Mul", {x, make.Number(5)}).value_or(x)},
               {{"DstT", make.OneOf<DType>({DType::kInt32, DType::kInt64, DType::kBool, DType::kFloat64})}});
  return there.has_value() && make.Try(op, {*there}, {{"DstT", DType::kFloat32}});
}
bool Bucket(Make& make, std::string_view op) {
  return make.Try(op, {make.Data()}, {{"boundaries", std::vector<float>{-0.5F, 0.1F, 0.6F}}});
}
bool SumOfSome(Make& make, std::string_view op) {
  const Operand x = make.Data();
  std::vector<Operand> operands = {x};
  const int64_t more = make.Int(0, 3);
  for (int64_t i = 0; i < more; ++i) operands.push_back(make.Coin(0.2) ? make.Floats(x.dims()) : make.Like(x));
  return make.Try(op, operands);
}
bool Clip(Make& make, std::string_view op) {
  return make.Try(op, {make.Data(), make.Number(make.Real(-0.7, 0)), make.Number(make.Real(0.1, 0.8))});
}
bool FakeQuantize(Make& make, std::string_view op) {
  AttrMap attrs = {{"num_bits", make.OneOf<int64_t>({4, 8})}, {"narrow_range", make.Coin(0.3)}};
  const Operand x = make.DataOfRank(1, 4);
  if (op == "FakeQuantWithMinMaxArgs") {
    attrs["min"] = static_cast<float>(make.Real(-1, 0));
    attrs["max"] = static_cast<float>(make.Real(0.2, 1));
    return make.Try(op, {x}, attrs);
  }
  const Dims dims = op == "FakeQuantWithMinMaxVars" ? Dims{} : Dims{x.dim(-1)};
  return make.Try(op, {x, make.Floats(dims, -1, -0.1), make.Floats(dims, 0.2, 1)}, attrs);
}
// Values that only depend on the shape, in a sum with something that depends on the data.
bool PlusLike(Make& make, std::string_view op) {
  const Operand x = make.DataOfRank(1, 5);
  const auto like = make.Add(op, {x});
  return like.has_value() && make.Try("Add", {*like, make.Like(x)});
}
bool PlusFill(Make& make, std::string_view op) {
  const Operand x = make.DataOfRank(1, 5);
  const auto shape = make.Add("Shape", {x});
  const auto fill = shape.has_value() ? make.Add(op, {*shape, make.Number(1.5)}) : shape;
  return fill.has_value() && make.Try("Mul", {x, *fill});
}
bool TimesSize(Make& make, std::string_view op) {
  const Operand x = make.DataOfRank(1, 5);
  const auto size = make.Add(op, {x});
  const auto number = size.has_value() ? make.Add("Cast", {*size}, {{"DstT", DType::kFloat32}}) : size;
  return number.has_value() && make.Try("RealDiv", {x, *number});
}

}  // namespace

std::vector<RandomOp> RandomArithmetic() {
  std::vector<RandomOp> rows;
  const auto add = [&](std::initializer_list<const char*> ops, std::function<bool(Make&, std::string_view)> how) {
    for (const char* op : ops) rows.push_back({op, how});
  };
  add({"Abs",
       "Neg",
       "Exp",
       "Expm1",
       "Tanh",
       "Sigmoid",
       "Relu",
       "Relu6",
       "Elu",
       "Selu",
       "Softplus",
       "Softsign",
       "Square",
       "Sin",
       "Cos",
       "Sinh",
       "Cosh",
       "Atan",
       "Asinh",
       "Erf",
       "Erfc",
       "Sign",
       "Floor",
       "Ceil",
       "Round",
       "Rint",
       "L2Loss",
       "Identity",
       "IdentityN",
       "StopGradient",
       "PreventGradient",
       "CheckNumerics",
       "Snapshot"},
      Unary);
  add({"Log", "Sqrt", "Rsqrt", "Reciprocal", "Inv"}, Within(0.15, 4));
  add({"Log1p"}, Within(-0.7, 3));
  add({"Acos", "Asin", "Atanh"}, Within(-0.85, 0.85));
  add({"Acosh"}, Within(1.2, 4));
  add({"Tan"}, Within(-1.2, 1.2));
  add({"Add", "AddV2", "Sub", "Mul", "Maximum", "Minimum", "SquaredDifference"}, Binary);
  add({"Add", "AddV2", "Sub", "Mul", "MulNoNan"}, Binary);
  add({"RealDiv", "Div", "DivNoNan", "FloorDiv", "FloorMod", "Mod", "TruncateMod", "Atan2", "Xdivy"}, Quotient);
  add({"Xlogy"}, Logarithm);
  add({"Pow"}, Power);
  add({"Less", "LessEqual", "Greater", "GreaterEqual", "Equal", "NotEqual"}, Compare);
  add({"LogicalAnd", "LogicalOr", "LogicalNot"}, Logic);
  add({"All", "Any"}, LogicReduction);
  add({"Select", "SelectV2"}, Choose);
  add({"Sum", "Mean", "Prod", "Max", "Min", "EuclideanNorm"}, Reduce);
  add({"ArgMax", "ArgMin"}, ArgExtreme);
  add({"Cumsum", "Cumprod"}, Cumulate);
  add({"TopK", "TopKV2"}, Largest);
  add({"OneHot"}, Hot);
  add({"Cast"}, ToAndFro);
  add({"Bucketize"}, Bucket);
  add({"AddN"}, SumOfSome);
  add({"ClipByValue"}, Clip);
  add({"FakeQuantWithMinMaxArgs", "FakeQuantWithMinMaxVars", "FakeQuantWithMinMaxVarsPerChannel"}, FakeQuantize);
  add({"ZerosLike", "OnesLike"}, PlusLike);
  add({"Fill"}, PlusFill);
  add({"Size", "Rank"}, TimesSize);
  return rows;
}

}  // namespace permafrost
