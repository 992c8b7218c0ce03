#include "optimizer/ops/op.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <set>

#include "optimizer/ir/graph_editor.h"
#include "optimizer/ops/evaluate.h"
#include "optimizer/ops/infer.h"

namespace permafrost {
namespace {

TEST(OpTable, HoldsEveryOpOnceWithARuleForEveryKernel) {
  std::set<std::string_view> names;
  for (const OpDef* op : AllOps()) {
    EXPECT_TRUE(names.insert(op->name).second) << op->name << " has two rows";
    EXPECT_EQ(FindOp(op->name), op);
    EXPECT_TRUE(op->kernel == nullptr || op->infer != nullptr) << op->name;
    EXPECT_TRUE(op->max_inputs < 0 || op->min_inputs <= op->max_inputs) << op->name;
    EXPECT_TRUE(!op->commutative || op->max_inputs == 2 || op->max_inputs < 0) << op->name;
    std::set<std::string_view> attrs;
    for (const AttrSpec& spec : op->attrs) {
      EXPECT_TRUE(attrs.insert(spec.name).second) << op->name << " has '" << spec.name << "' twice";
    }
  }
  EXPECT_GT(names.size(), 250u);
  EXPECT_EQ(FindOp("NoSuchOp"), nullptr);
}

TEST(EffectiveAttr, StandsInForWhatANodeLeavesOut) {
  Graph graph;
  GraphEditor editor(graph);
  const NodeId a = editor.AddConst("a", Tensor::Vector<float>({1}));
  const NodeId axis = editor.AddConst("axis", Tensor::Scalar<int64_t>(0));
  Node join;
  join.name = "join";
  join.op = "ConcatV2";
  join.inputs = {{a, 0}, {a, 0}, {axis, 0}};
  const NodeId id = editor.AddNode(std::move(join));
  ASSERT_TRUE(InferTypes(editor).ok());
  const auto attr = [&](std::string_view name) { return EffectiveAttr(graph, graph.node(id), name); };
  EXPECT_EQ(std::get<int64_t>(attr("N").value()), 2);
  EXPECT_EQ(std::get<DType>(attr("T").value()), DType::kFloat32);
  EXPECT_EQ(std::get<DType>(attr("Tidx").value()), DType::kInt64);
  EXPECT_FALSE(attr("value").has_value());
  editor.SetAttr(id, "N", int64_t{9});
  EXPECT_EQ(std::get<int64_t>(attr("N").value()), 9);
  EXPECT_EQ(std::get<DType>(EffectiveAttr(graph, graph.node(a), "dtype").value()), DType::kFloat32);
}

// Small tensors and attributes of every kind, mostly wrong for the op that gets them.
class Garbage {
 public:
  explicit Garbage(uint32_t seed) : random_(seed) {}

  Tensor MakeTensor() {
    static constexpr DType kTypes[] = {DType::kFloat32, DType::kFloat32, DType::kInt32,    DType::kInt32,
                                       DType::kInt64,   DType::kInt64,   DType::kBool,     DType::kHalf,
                                       DType::kUint8,   DType::kInt8,    DType::kFloat64,  DType::kString,
                                       DType::kQInt8,   DType::kUint64,  DType::kComplex64};
    const DType dtype = kTypes[Pick(std::size(kTypes))];
    std::vector<int64_t> dims(Pick(6));
    for (int64_t& dim : dims) dim = Pick(12) == 0 ? 0 : static_cast<int64_t>(1 + Pick(3));
    const auto elements = static_cast<size_t>(CheckedElements(dims));
    if (dtype == DType::kString) return Tensor::Strings(dims, std::vector<std::string>(elements, "s"));
    const auto size = static_cast<size_t>(SizeOf(dtype));
    if (Pick(16) == 0) return Tensor::Splat(dtype, {int64_t{1} << 45}, std::string(size, '\1'));
    std::string bytes(elements * size, '\0');
    for (size_t i = 0; i < elements; ++i) {
      if (Pick(8) == 0) {
        for (size_t k = 0; k < size; ++k) bytes[i * size + k] = static_cast<char>(random_());
      } else {
        const Tensor number = Tensor::Scalar(static_cast<float>(static_cast<int>(Pick(6)) - 2));
        if (SizeOf(dtype) <= 8 && dtype != DType::kComplex64) number.Cast(dtype).Read(0, 1, bytes.data() + i * size);
      }
    }
    return Tensor::Buffer(dtype, std::move(dims), std::move(bytes));
  }

  Attr MakeAttr(const AttrSpec& spec) {
    switch (Pick(8)) {
      case 0:
        return Integer();
      case 1:
        return std::vector<int64_t>(Pick(7), Integer());
      case 2:
        return std::string(Pick(2) == 0 ? "SAME" : "VALID");
      case 3:
        return std::string(Pick(2) == 0 ? "REFLECT" : "NCHW");
      case 4:
        return DType::kInt32;
      case 5:
        return MakeTensor();
      case 6:
        return Shape({Integer(), 2});
      default:
        break;
    }
    if (spec.kind == AttrSpec::Kind::kDefault && Pick(2) == 0) return spec.fallback;
    // What layers want: strides and the like.
    return std::vector<int64_t>{1, static_cast<int64_t>(1 + Pick(3)), static_cast<int64_t>(1 + Pick(3)), 1};
  }

  // What a rule may be told of a value that is not known yet.
  Node MakePlaceholder() {
    std::vector<int64_t> dims(Pick(6));
    for (int64_t& dim : dims)
      dim = Pick(4) == 0 ? Integer() : Pick(2) == 0 ? kUnknownDim : static_cast<int64_t>(Pick(5));
    Node node;
    node.name = "p";
    node.op = "Placeholder";
    node.attrs.emplace("dtype", Pick(3) == 0 ? DType::kInt32 : DType::kFloat32);
    node.attrs.emplace("shape", Pick(5) == 0 ? Shape() : Shape(std::move(dims)));
    return node;
  }

  size_t Pick(size_t below) { return random_() % below; }

 private:
  int64_t Integer() {
    static constexpr int64_t kNumbers[] = {0,
                                           1,
                                           2,
                                           3,
                                           -1,
                                           -2,
                                           7,
                                           int64_t{1} << 31,
                                           int64_t{1} << 62,
                                           std::numeric_limits<int64_t>::max(),
                                           std::numeric_limits<int64_t>::min()};
    return kNumbers[Pick(std::size(kNumbers))];
  }
  std::mt19937 random_;
};

TEST(OpTable, SurvivesGarbageInEveryRuleAndKernel) {
  Garbage garbage(1);
  int accepted = 0;
  for (const OpDef* op : AllOps()) {
    for (int round = 0; round < 200; ++round) {
      Graph graph;
      GraphEditor editor(graph);
      Node node;
      node.name = "n";
      node.op = op->name;
      const int most = op->max_inputs < 0 ? op->min_inputs + 3 : op->max_inputs;
      const size_t count =
          static_cast<size_t>(op->min_inputs) + garbage.Pick(static_cast<size_t>(most - op->min_inputs) + 1);
      std::vector<Tensor> inputs;
      const Tensor shared = garbage.MakeTensor();
      for (size_t i = 0; i < count; ++i) {
        inputs.push_back(garbage.Pick(3) == 0 ? shared : garbage.MakeTensor());
        const bool known = garbage.Pick(3) != 0;
        node.inputs.push_back(
            {known ? editor.AddConst("c", inputs.back()) : editor.AddNode(garbage.MakePlaceholder()), 0});
      }
      for (const AttrSpec& spec : op->attrs) {
        if (spec.kind == AttrSpec::Kind::kRequired || garbage.Pick(3) == 0) {
          node.attrs.emplace(spec.name, garbage.MakeAttr(spec));
        }
      }
      const Node copy = node;
      editor.AddNode(std::move(node));
      const Status inferred = InferTypes(editor);
      EXPECT_TRUE(inferred.ok() || Message(inferred).find("node '") != std::string::npos) << inferred;
      const auto values = EvaluateNode(copy, inputs);
      if (op->kernel == nullptr) {
        EXPECT_FALSE(values.ok()) << op->name;
      } else if (!values.ok()) {
        EXPECT_NE(Message(values.status()).find(op->name), std::string::npos) << values.status();
      } else {
        ++accepted;
        for (const Tensor& value : *values) ASSERT_TRUE(value.valid()) << op->name;
      }
    }
    if (op->min_inputs > 0) {
      Node node;
      node.name = "n";
      node.op = op->name;
      EXPECT_FALSE(EvaluateNode(node, {}).ok()) << op->name << " accepts no inputs";
    }
  }
  EXPECT_GT(accepted, 1000) << "the garbage is too wrong to reach the kernels";
}

}  // namespace
}  // namespace permafrost
