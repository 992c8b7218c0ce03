#include "tests/support/op_testing.h"

#include <gtest/gtest.h>

#include <cmath>

#include "optimizer/ir/text.h"
#include "optimizer/ops/evaluate.h"
#include "optimizer/ops/infer.h"

namespace permafrost {
namespace {

StatusOr<Graph> ParseAndInfer(std::string_view text) {
  ASSIGN_OR_RETURN(Graph graph, ParseText(text));
  GraphEditor editor(graph);
  RETURN_IF_ERROR(InferTypes(editor));
  return graph;
}

std::string TypeText(const ValueType& type) {
  std::string text = StrCat(NameOf(type.dtype), type.shape.ToString());
  if (!type.ints.has_value()) return text;
  text += '{';
  for (size_t i = 0; i < type.ints->size(); ++i) {
    if (i > 0) text += ',';
    text += (*type.ints)[i] == kUnknownInt ? "?" : StrCat((*type.ints)[i]);
  }
  return text + '}';
}

void ExpectAgrees(const ValueType& type, const Tensor& value) {
  EXPECT_EQ(NameOf(type.dtype), NameOf(value.dtype())) << "inference has another dtype than the kernel";
  EXPECT_EQ(MergeShapes(value.shape(), type.shape), value.shape());
  if (type.shape.has_rank()) {
    ASSERT_EQ(type.shape.rank(), value.rank()) << TypeText(type) << " for " << value.shape().ToString();
  }
  for (int i = 0; i < type.shape.rank(); ++i) {
    if (type.shape.dim(i) >= 0) {
      EXPECT_EQ(type.shape.dim(i), value.shape().dim(i)) << TypeText(type);
    }
  }
  if (!type.ints.has_value()) return;
  const std::vector<int64_t> values = value.Values<int64_t>();
  ASSERT_EQ(type.ints->size(), values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    if ((*type.ints)[i] != kUnknownInt) {
      EXPECT_EQ((*type.ints)[i], values[i]) << "inference knows another element";
    }
  }
}

void ExpectSame(const Tensor& value, const Tensor& expected, double tolerance) {
  ASSERT_EQ(NameOf(value.dtype()), NameOf(expected.dtype()));
  ASSERT_EQ(value.dims(), expected.dims());
  const std::vector<double> got = value.Values<double>(), want = expected.Values<double>();
  for (size_t i = 0; i < got.size(); ++i) {
    if (std::isnan(want[i]) || std::isinf(want[i])) {
      EXPECT_EQ(StrCat(want[i]), StrCat(got[i])) << "element " << i;
    } else {
      EXPECT_NEAR(got[i], want[i], tolerance * std::max(1.0, std::abs(want[i]))) << "element " << i;
    }
  }
}

}  // namespace

void ExpectGives(std::string_view call, const std::vector<std::string>& outputs, double tolerance) {
  SCOPED_TRACE(std::string(call));
  const StatusOr<Graph> graph = ParseAndInfer(StrCat("y = ", call, "; out y"));
  ASSERT_TRUE(graph.ok()) << graph.status();
  const NodeId id = graph->outputs()[0].value.node;
  ASSERT_EQ(graph->node(id).outputs.size(), outputs.size()) << "inference has another number of outputs";
  std::vector<Value> fetches;
  for (size_t i = 0; i < outputs.size(); ++i) fetches.push_back({id, static_cast<int>(i)});
  const auto values = Evaluate(*graph, {}, fetches);
  ASSERT_TRUE(values.ok()) << values.status();
  for (size_t i = 0; i < outputs.size(); ++i) {
    SCOPED_TRACE(StrCat("output ", i));
    const StatusOr<Graph> expected = ParseText(StrCat("w = ", outputs[i], "; out w"));
    ASSERT_TRUE(expected.ok()) << expected.status();
    ExpectSame((*values)[i], *ConstValue(*expected, expected->outputs()[0].value), tolerance);
    ExpectAgrees(graph->node(id).outputs[i], (*values)[i]);
  }
}

void ExpectRefused(std::string_view call, std::string_view reason) {
  SCOPED_TRACE(std::string(call));
  StatusOr<Graph> graph = ParseText(StrCat("y = ", call, "; out y"));
  ASSERT_TRUE(graph.ok()) << graph.status();
  GraphEditor editor(*graph);
  Status status = InferTypes(editor);
  if (status.ok()) status = Evaluate(*graph, {}, {graph->outputs()[0].value}).status();
  EXPECT_FALSE(status.ok()) << "it was accepted";
  EXPECT_NE(Message(status).find("node 'y' ("), std::string::npos) << status;
  EXPECT_NE(Message(status).find(reason), std::string::npos) << status;
  // Kernels see inputs that no inference has seen.
  EXPECT_FALSE(Evaluate(*graph, {}, {graph->outputs()[0].value}).ok()) << "the kernel accepts it";
}

void ExpectInfers(std::string_view text, std::string_view type) {
  SCOPED_TRACE(std::string(text));
  const StatusOr<Graph> graph = ParseAndInfer(text);
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ(TypeText(graph->type(graph->outputs()[0].value)), type);
}

void ExpectInferenceRefuses(std::string_view text, std::string_view reason) {
  SCOPED_TRACE(std::string(text));
  const StatusOr<Graph> graph = ParseAndInfer(text);
  ASSERT_FALSE(graph.ok()) << "it was accepted";
  EXPECT_NE(Message(graph.status()).find(reason), std::string::npos) << graph.status();
}

}  // namespace permafrost
