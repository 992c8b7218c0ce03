#include "optimizer/passes/lowering/set_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "optimizer/ir/text.h"
#include "optimizer/ir/verify.h"
#include "optimizer/ops/evaluate.h"
#include "optimizer/ops/infer.h"
#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

using testing::HasSubstr;

struct Changed {
  Graph graph;
  BatchReport report;
};

StatusOr<Changed> Change(std::string_view text, int64_t from, int64_t to, bool by_sample = false) {
  Changed changed;
  changed.graph = ParseOrDie(text);
  GraphEditor editor(changed.graph);
  BatchChange change;
  change.inputs = changed.graph.inputs();
  change.from = from;
  change.to = to;
  change.by_sample = by_sample;
  auto report = SetBatch(editor, change);
  if (!report.ok()) return report.status();
  changed.report = *std::move(report);
  if (to == kUnknownDim) {
    for (NodeId id : change.inputs) {
      Shape shape = changed.graph.type({id, 0}).shape;
      shape.set_dim(0, kUnknownDim);
      editor.SetAttr(id, "shape", shape);
    }
  }
  RETURN_IF_ERROR(InferTypes(editor));
  RETURN_IF_ERROR(Verify(changed.graph, Level::kFlat));
  return changed;
}

std::vector<float> Evaluated(const Graph& graph, const std::vector<float>& rows, int64_t count) {
  std::map<NodeId, Tensor> feeds;
  for (NodeId id : graph.inputs()) {
    std::vector<int64_t> dims = graph.type({id, 0}).shape.dims();
    dims[0] = count;
    feeds[id] = Tensor::Of<float>(dims, rows);
  }
  const auto values = Evaluate(graph, feeds, {graph.outputs()[0].value});
  EXPECT_TRUE(values.ok()) << values.status();
  return values.ok() ? (*values)[0].Values<float>() : std::vector<float>();
}

// One input, whose rows in the changed graph give what they give alone in the file's, one batch after the other.
void ExpectSameRows(std::string_view text, const Changed& changed, int64_t from, int64_t to) {
  const Graph source = ParseOrDie(text);
  const int64_t row = source.type({source.inputs()[0], 0}).shape.Elements() / from;
  std::vector<float> rows;
  for (int64_t i = 0; i < to * row; ++i)
    rows.push_back(static_cast<float>(i * 37 % 23) / 7 - static_cast<float>(i) / 9);
  const std::vector<float> all = Evaluated(changed.graph, rows, to);
  std::vector<float> alone;
  for (int64_t i = 0; i < to; i += from) {
    const std::vector<float> part = Evaluated(source, {rows.begin() + i * row, rows.begin() + (i + from) * row}, from);
    alone.insert(alone.end(), part.begin(), part.end());
  }
  EXPECT_THAT(all, testing::Pointwise(testing::FloatNear(1e-4), alone));
}

struct Case {
  const char* name;
  const char* text;
  const char* output;  // shape at batch 4
  int64_t from = 1;
  bool by_sample = false;
  bool any = true;  // a batch of any size is possible
};
void PrintTo(const Case& test, std::ostream* out) { *out << test.name; }

class SetBatchCases : public testing::TestWithParam<Case> {};

TEST_P(SetBatchCases, GivesEveryRowWhatItHasAlone) {
  const Case& test = GetParam();
  const auto changed = Change(test.text, test.from, 4, test.by_sample);
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_EQ(changed->graph.type(changed->graph.outputs()[0].value).shape.ToString(), test.output);
  ExpectSameRows(test.text, *changed, test.from, 4);
}

TEST_P(SetBatchCases, TakesAnyBatch) {
  const Case& test = GetParam();
  const auto changed = Change(test.text, test.from, kUnknownDim, test.by_sample);
  if (!test.any) {
    EXPECT_THAT(Message(changed.status()), HasSubstr("give --batch with a number"));
    return;
  }
  ASSERT_TRUE(changed.ok()) << changed.status();
  ExpectSameRows(test.text, *changed, test.from, 4);
  ExpectSameRows(test.text, *changed, test.from, 2);
}

INSTANTIATE_TEST_SUITE_P(
    , SetBatchCases,
    testing::Values(
        Case{"FlatteningToOneRow",
             "in x:float32[1,2,3]; r = Reshape(x, int32[2]{1,-1}); y = MatMul(r, float32[6,2]~3); out y", "[4,2]"},
        Case{"ReshapeInNumbers", "in x:float32[1,6]; r = Reshape(x, int32[4]{1,1,3,2}); y = Relu(r); out y",
             "[4,1,3,2]"},
        Case{"RowsMergedForADense",
             "in x:float32[1,2,3]; r = Reshape(x, int32[2]{2,3}); m = MatMul(r, float32[3,2]~3); y = Reshape(m, "
             "int32[3]{1,2,2}); out y",
             "[4,2,2]"},
        Case{"TimeBeforeBatch",
             "in x:float32[1,3,2]; t = Transpose(x, int32[3]{1,0,2}); r = Reshape(t, int32[2]{3,2}); m = MatMul(r, "
             "float32[2,2]~3); b = Reshape(m, int32[3]{3,1,2}); y = Transpose(b, int32[3]{1,0,2}); out y",
             "[4,3,2]"},
        Case{"StatesThatStartAsOneRow",
             "in x:float32[1,3]; h = float32[1,2]{0.5,-1}; j = ConcatV2(x, h, int32[]{1}); y = MatMul(j, "
             "float32[5,2]~4); out y",
             "[4,2]"},
        Case{"SliceThatEndsAtTheBatch",
             "in x:float32[1,4]; y = StridedSlice(x, int32[2]{0,1}, int32[2]{1,3}, int32[2]{1,1}); out y", "[4,2]"},
        Case{"SliceBySize", "in x:float32[1,4]; y = Slice(x, int32[2]{0,1}, int32[2]{1,2}); out y", "[4,2]"},
        Case{"BroadcastInNumbers",
             "in x:float32[1,1,2]; b = BroadcastTo(x, int32[3]{1,3,2}); y = Mul(b, float32[3,2]~2); out y", "[4,3,2]"},
        Case{"DeconvolutionInNumbers",
             "in x:float32[1,2,2,1]; w = float32[2,2,1,1]~3; y = Conv2DBackpropInput(int32[4]{1,4,4,1}, w, x) "
             "{strides=[1,2,2,1], padding=\"SAME\"}; out y",
             "[4,4,4,1]"},
        Case{"ShapeThatFollowsTheBatch",
             "in x:float32[1,2,3]; s = Shape(x); n = StridedSlice(s, int32[1]{0}, int32[1]{1}, int32[1]{1}) "
             "{shrink_axis_mask=1}; p = Pack(n, int32[]{6}) {axis=0}; y = Reshape(x, p); out y",
             "[4,6]"},
        Case{"SqueezedBatchOfAnOutput", "in x:float32[1,1,3]; y = Squeeze(x) {squeeze_dims=[0,1]}; out y", "[4,3]"},
        Case{"FirstSampleOfAnOutput",
             "in x:float32[1,3]; r = Relu(x); y = StridedSlice(r, int32[1]{0}, int32[1]{1}, int32[1]{1}) "
             "{shrink_axis_mask=1}; out y",
             "[4,3]"},
        Case{"SamplesOneByOne",
             "in x:float32[1,2,3]; u = Unpack(x) {num=1, axis=0}; s = Mean(u, int32[1]{0}) {keep_dims=true}; d = "
             "Sub(u, s); "
             "y = Pack(d) {axis=0}; out y",
             "[4,2,3]", 1, true, false},
        Case{"SoftmaxOfADroppedBatch",
             "in x:float32[1,3]; u = Squeeze(x) {squeeze_dims=[0]}; s = Softmax(u); y = ExpandDims(s, int32[]{0}); out "
             "y",
             "[4,3]", 1, true, false},
        Case{"FromABatchOfTwo", "in x:float32[2,3]; r = Reshape(x, int32[3]{2,3,1}); y = Relu(r); out y", "[4,3,1]", 2},
        Case{"StatesOfABatchOfTwo",
             "in x:float32[2,3]; h = float32[2,2]{0.5,-1,0.5,-1}; j = ConcatV2(x, h, int32[]{1}); a = Add(j, "
             "float32[2,5]{1}); "
             "y = MatMul(a, float32[5,2]~4); out y",
             "[4,2]", 2},
        Case{"LoopOverABatchOfTwo",
             "in x:float32[2,3]; u = Unpack(x) {num=2, axis=0}; p = Softmax(u); q = Softmax(u:1); y = Pack(p, q) "
             "{axis=0}; "
             "out y",
             "[4,3]", 2, false, false},
        Case{"BlocksOfTheBatch",
             "in x:float32[1,4,4,1]; s = SpaceToBatchND(x, int32[2]{2,2}, int32[2,2]{0,0,0,0}); c = Conv2D(s, "
             "float32[1,1,1,1]{2}) {strides=[1,1,1,1], padding=\"VALID\"}; y = BatchToSpaceND(c, int32[2]{2,2}, "
             "int32[2,2]{0,0,0,0}); out y",
             "[4,4,4,1]"}),
    [](const auto& info) { return std::string(info.param.name); });

struct Refused {
  const char* name;
  const char* text;
  const char* says;
};
void PrintTo(const Refused& test, std::ostream* out) { *out << test.name; }

class SetBatchRefuses : public testing::TestWithParam<Refused> {};

TEST_P(SetBatchRefuses, AndNamesTheNode) {
  const auto changed = Change(GetParam().text, 1, 4);
  ASSERT_FALSE(changed.ok());
  EXPECT_THAT(Message(changed.status()), HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    , SetBatchRefuses,
    testing::Values(
        Refused{"AMeanOverTheBatch",
                "in x:float32[1,3]; m = Mean(x, int32[1]{0}) {keep_dims=true}; y = Sub(x, m); out y",
                "node 'm' (Mean): takes the rows of a batch together"},
        Refused{"StatisticsOfTheBatch",
                "in x:float32[1,2,2,2]; g = float32[2]{1}; z = float32[2]{0}; y = FusedBatchNorm(x, g, z, z, z) "
                "{is_training=true}; out y",
                "node 'y' (FusedBatchNorm): takes the statistics of its batch"},
        Refused{"RowsTimesRows", "in x:float32[1,3]; y = MatMul(x, x) {transpose_b=true}; out y",
                "node 'y' (MatMul): takes the rows"},
        Refused{"RowsJoinedToAConstant", "in x:float32[1,3]; y = ConcatV2(x, float32[1,3]{1}, int32[]{0}); out y",
                "node 'y' (ConcatV2): takes the rows"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(SetBatch, LeavesAGraphThatFollowsItsBatchAsItIs) {
  const char* const kText = "in x:float32[1,2,3]; r = Reshape(x, int32[2]{-1,6}); y = MatMul(r, float32[6,2]~3); out y";
  const auto changed = Change(kText, 1, 4);
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_EQ(changed->graph.node_count(), ParseOrDie(kText).node_count());
  EXPECT_FALSE(changed->report.dropped);
}

TEST(SetBatch, SaysWhereTheRowsLie) {
  const auto changed = Change("in x:float32[1,3,2]; t = Transpose(x, int32[3]{1,0,2}); out t", 1, 4);
  ASSERT_TRUE(changed.ok()) << changed.status();
  const auto found = changed->report.values.find(changed->graph.outputs()[0].value);
  ASSERT_NE(found, changed->report.values.end());
  EXPECT_EQ(found->second.axis, 1);
}

TEST(SetBatch, KeepsItsCopiesWithinTheBudget) {
  Graph graph = ParseOrDie("in x:float32[2,3]; u = Unpack(x) {num=2, axis=0}; y = Pack(u, u:1) {axis=0}; out y");
  GraphEditor editor(graph);
  BatchChange change;
  change.inputs = graph.inputs();
  change.from = 2;
  change.to = 1000;
  change.max_nodes = 100;
  const auto report = SetBatch(editor, change);
  EXPECT_THAT(Message(report.status()), HasSubstr("more than 100 nodes"));
}

}  // namespace
}  // namespace permafrost
