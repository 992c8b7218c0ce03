#include "tests/support/graph_testing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "optimizer/ir/text.h"
#include "optimizer/ops/evaluate.h"
#include "optimizer/ops/infer.h"

namespace permafrost {
namespace {

uint64_t Mix(uint64_t z) {
  z += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

StatusOr<Tensor> SeededFeed(const Node& node, uint64_t seed) {
  const DType dtype = node.attr_or("dtype", DType::kInvalid);
  const Shape shape = node.attr_or("shape", Shape());
  std::vector<int64_t> dims = shape.has_rank() ? shape.dims() : std::vector<int64_t>{2, 3};
  for (int64_t& dim : dims) dim = dim < 0 ? 2 : dim;
  const int64_t elements = CheckedElements(dims);
  if (SizeOf(dtype) == 0 || elements < 0 || elements > (int64_t{1} << 26)) {
    return InvalidArgument("input '", node.name, "': no seeded value for ", NameOf(dtype), shape.ToString());
  }
  for (char c : node.name) seed = Mix(seed ^ static_cast<unsigned char>(c));
  std::vector<float> values(static_cast<size_t>(elements));
  for (size_t i = 0; i < values.size(); ++i) {
    const uint64_t bits = Mix(seed + i) >> 40;
    values[i] = IsFloating(dtype) ? static_cast<float>(bits) * 0x1p-23f - 1.0f : static_cast<float>(bits % 4);
    if (dtype == DType::kBool) values[i] = static_cast<float>(bits % 2);
  }
  return Tensor::Of(dims, values).Cast(dtype).Dense();
}

double ErrorOf(const Tensor& expected, const Tensor& actual) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (expected.dtype() != actual.dtype() || expected.dims() != actual.dims()) return kInfinity;
  if (expected.dtype() == DType::kString) return SameTensor(expected, actual) ? 0 : kInfinity;
  const std::vector<double> a = expected.Values<double>(), b = actual.Values<double>();
  double largest = 0, difference = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::isfinite(a[i])) largest = std::max(largest, std::abs(a[i]));
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    if (!std::isfinite(a[i]) || !std::isfinite(b[i])) return kInfinity;
    difference = std::max(difference, std::abs(a[i] - b[i]));
  }
  return difference == 0 ? 0 : difference / std::max(largest, std::numeric_limits<double>::min());
}

// What PrintText leaves out belongs to a graph's state too: the order and names of all nodes.
std::string Fingerprint(const Graph& graph) {
  std::string text = PrintText(graph);
  for (NodeId id : graph.NodeIds()) text += graph.node(id).name + "\n";
  return text;
}

// After a pass types and shapes may be known better, never worse or otherwise.
bool ShapeKept(const Shape& before, const Shape& after) { return MergeShapes(before, after) == after; }

void ExpectSameBoundary(const Graph& before, const Graph& after) {
  ASSERT_EQ(before.inputs().size(), after.inputs().size()) << "a graph input came or went";
  for (size_t i = 0; i < before.inputs().size(); ++i) {
    const Node& old_input = before.node(before.inputs()[i]);
    const Node& new_input = after.node(after.inputs()[i]);
    EXPECT_EQ(old_input.name, new_input.name) << "a graph input got another name or place";
    EXPECT_EQ(old_input.attr_or("dtype", DType::kInvalid), new_input.attr_or("dtype", DType::kInvalid));
    EXPECT_EQ(old_input.attr_or("shape", Shape()), new_input.attr_or("shape", Shape())) << "of " << old_input.name;
  }
  ASSERT_EQ(before.outputs().size(), after.outputs().size()) << "a graph output came or went";
  for (size_t i = 0; i < before.outputs().size(); ++i) {
    const GraphOutput& old_output = before.outputs()[i];
    const GraphOutput& new_output = after.outputs()[i];
    EXPECT_EQ(old_output.name, new_output.name) << "a graph output got another name or place";
    const ValueType& old_type = before.type(old_output.value);
    const ValueType& new_type = after.type(new_output.value);
    EXPECT_TRUE(old_type.dtype == DType::kInvalid || old_type.dtype == new_type.dtype)
        << "output " << old_output.name << " was " << NameOf(old_type.dtype) << ", is " << NameOf(new_type.dtype);
    EXPECT_TRUE(ShapeKept(old_type.shape, new_type.shape))
        << "output " << old_output.name << " was " << old_type.shape.ToString() << ", is " << new_type.shape.ToString();
  }
}

// Everything but the resulting text.
struct Checked {
  Graph original, graph;
  PassContext context;
};
Checked RunChecked(const PassInfo& pass, std::string_view before, const RewriteOptions& options) {
  Checked checked;
  checked.original = ParseOrDie(before);
  checked.graph = checked.original;
  const Graph& original = checked.original;
  Graph& graph = checked.graph;
  const Status sound = Verify(graph, options.before);
  EXPECT_TRUE(sound.ok()) << "before the pass: " << sound;
  const StatusOr<PassRun> run = RunPass(pass, graph, options.pass);
  EXPECT_TRUE(run.ok()) << run.status();
  if (!run.ok()) return checked;
  checked.context = run->context;
  const Status still_sound = Verify(graph, options.after);
  EXPECT_TRUE(still_sound.ok()) << "after the pass: " << still_sound << "\n" << PrintText(graph);
  EXPECT_EQ(run->changed, Fingerprint(graph) != Fingerprint(original)) << "the changed flag lies";
  ExpectSameBoundary(original, graph);
  Graph again = graph;
  const StatusOr<PassRun> second = RunPass(pass, again, options.pass);
  EXPECT_TRUE(second.ok()) << second.status();
  EXPECT_FALSE(second.ok() && second->changed) << "not idempotent: the second run gives\n" << PrintText(again);
  EXPECT_EQ(Fingerprint(again), Fingerprint(graph)) << "not idempotent";
  if (options.same_numbers && options.before == Level::kFlat && options.after == Level::kFlat) {
    ExpectSameNumbers(original, graph, options.tolerance);
  }
  return checked;
}

}  // namespace

Graph ParseOrDie(std::string_view text) {
  StatusOr<Graph> graph = ParseText(text);
  EXPECT_TRUE(graph.ok()) << graph.status() << "\n" << text;
  if (!graph.ok()) return Graph();
  GraphEditor editor(*graph);
  const Status inferred = InferTypes(editor);
  EXPECT_TRUE(inferred.ok()) << inferred << "\n" << text;
  return *std::move(graph);
}

PassContext ExpectRewrite(const PassInfo& pass, std::string_view before, std::string_view after,
                          const RewriteOptions& options) {
  SCOPED_TRACE(StrCat(pass.name, " on\n", before));
  const Checked checked = RunChecked(pass, before, options);
  EXPECT_EQ(PrintText(checked.graph), PrintText(ParseOrDie(after)));
  return checked.context;
}

PassContext ExpectNoRewrite(const PassInfo& pass, std::string_view text, std::string_view reason,
                            const RewriteOptions& options) {
  SCOPED_TRACE(StrCat(pass.name, " on\n", text));
  const Checked checked = RunChecked(pass, text, options);
  EXPECT_EQ(PrintText(checked.graph), PrintText(checked.original)) << "changed what it should leave";
  std::string told;
  for (const PassContext::Declined& declined : checked.context.declined()) {
    told += StrCat(declined.node, ": ", declined.reason, "\n");
  }
  for (const std::string& note : checked.context.notes()) told += note + "\n";
  EXPECT_NE(told.find(reason), std::string::npos) << "expected \"" << reason << "\" among:\n" << told;
  return checked.context;
}

StatusOr<std::vector<Tensor>> EvaluateOnSeed(const Graph& graph, uint64_t seed) {
  std::map<NodeId, Tensor> feeds;
  for (NodeId id : graph.inputs()) {
    ASSIGN_OR_RETURN(Tensor feed, SeededFeed(graph.node(id), seed));
    feeds.emplace(id, std::move(feed));
  }
  std::vector<Value> fetches;
  for (const GraphOutput& output : graph.outputs()) fetches.push_back(output.value);
  return Evaluate(graph, feeds, fetches);
}

StatusOr<double> LargestError(const Graph& expected, const Graph& actual) {
  ASSIGN_OR_RETURN(const std::vector<Tensor> wanted, EvaluateOnSeed(expected, 1));
  ASSIGN_OR_RETURN(const std::vector<Tensor> got, EvaluateOnSeed(actual, 1));
  if (wanted.size() != got.size()) return std::numeric_limits<double>::infinity();
  double largest = 0;
  for (size_t i = 0; i < wanted.size(); ++i) largest = std::max(largest, ErrorOf(wanted[i], got[i]));
  return largest;
}

void ExpectSameNumbers(const Graph& expected, const Graph& actual, double tolerance) {
  const StatusOr<double> error = LargestError(expected, actual);
  ASSERT_TRUE(error.ok()) << error.status();
  EXPECT_LE(*error, tolerance) << "the numbers differ; this tolerance would have passed: " << *error;
}

}  // namespace permafrost
