#include "optimizer/frontend/graphdef/read_opencv_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "optimizer/frontend/graphdef/read_graphdef.h"

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kWeights = R"(
  node { name: "image" op: "Placeholder" attr { key: "dtype" value { type: DT_UINT8 } } }
  node { name: "conv/weights" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } } attr { key: "value" value {
    tensor { dtype: DT_FLOAT tensor_shape { dim { size: 1 } dim { size: 1 } dim { size: 3 } dim { size: 1 } }
             float_val: 1 float_val: 2 float_val: 3 } } } }
  node { name: "conv/weights/read" op: "Identity" input: "conv/weights" }
  node { name: "training" op: "Assert" input: "image" }
  node { name: "a" op: "Identity" input: "b" }
  node { name: "b" op: "Identity" input: "a" })";

constexpr std::string_view kText = R"(
  node { name: "image" op: "Placeholder" attr { key: "dtype" value { type: DT_UINT8 } }
    attr { key: "shape" value { shape { dim { size: 1 } dim { size: 8 } dim { size: 8 } dim { size: 3 } } } } }
  node { name: "conv" op: "Conv2D" input: "image" input: "conv/weights" input: "^training"
    attr { key: "loc_pred_transposed" value { b: true } } }
  node { name: "prior" op: "PriorBox" input: "conv" input: "image"
    attr { key: "width" value { tensor { dtype: DT_FLOAT tensor_shape { dim { size: 2 } } float_val: 0.5 float_val: 2 } } } }
  node { name: "detection_out" op: "DetectionOutput" input: "conv" input: "conv" input: "prior" })";

std::vector<float> Floats(const Tensor& tensor) {
  const Tensor dense = tensor.Dense();
  return {dense.data<float>(), dense.data<float>() + dense.elements()};
}

Graph Weights() { return *ReadGraphDefText(kWeights, Limits{}); }

std::string Replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string result(text);
  const size_t at = result.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return result.replace(at, from.size(), to);
}

std::string ErrorOf(std::string_view text) {
  const auto graph = ReadOpenCvGraph(text, Weights(), Limits{});
  EXPECT_FALSE(graph.ok());
  return Message(graph.status());
}

TEST(ReadOpenCvGraph, FillsConstantsInFromTheFrozenGraph) {
  for (const std::string_view name : {"conv/weights", "conv/weights/read"}) {
    const auto graph = ReadOpenCvGraph(Replaced(kText, "conv/weights", name), Weights(), Limits{});
    ASSERT_TRUE(graph.ok()) << graph.status();
    const auto weights = graph->Find(name);
    ASSERT_TRUE(weights.has_value());
    const Tensor* value = graph->node(*weights).attr<Tensor>("value");
    ASSERT_NE(value, nullptr);
    EXPECT_THAT(value->dims(), ElementsAre(1, 1, 3, 1));
    EXPECT_THAT(Floats(*value), ElementsAre(1, 2, 3));
  }
}

TEST(ReadOpenCvGraph, KeepsEveryLayerAsOpenCvsOwn) {
  const auto graph = ReadOpenCvGraph(kText, Weights(), Limits{});
  ASSERT_TRUE(graph.ok()) << graph.status();
  const Node& conv = graph->node(*graph->Find("conv"));
  EXPECT_EQ(conv.op, "cv::Conv2D");
  EXPECT_TRUE(conv.attr_or("loc_pred_transposed", false));
  EXPECT_TRUE(conv.controls.empty()) << "the importer does not look at control inputs";
  EXPECT_EQ(conv.inputs.size(), 2U);
  EXPECT_THAT(Floats(*graph->node(*graph->Find("prior")).attr<Tensor>("width")), ElementsAre(0.5F, 2));
  EXPECT_EQ(*graph->node(*graph->Find("image")).attr<DType>("dtype"), DType::kFloat32);
  ASSERT_EQ(graph->outputs().size(), 1U);
  EXPECT_EQ(graph->outputs()[0].name, "detection_out");
  EXPECT_EQ(graph->type(graph->outputs()[0].value).shape, Shape({1, 1, -1, 7}));
}

TEST(ReadOpenCvGraph, GivesTheBoxesThatMasksAreCroppedByAsWell) {
  std::string text = Replaced(kText, "detection_out", "detection_out_final");
  text += R"(node { name: "detection_masks" op: "CropAndResize" input: "conv" input: "detection_out_final" })";
  const auto graph = ReadOpenCvGraph(text, Weights(), Limits{});
  ASSERT_TRUE(graph.ok()) << graph.status();
  ASSERT_EQ(graph->outputs().size(), 2U);
  EXPECT_EQ(graph->outputs()[0].name, "detection_out_final");
  EXPECT_EQ(graph->outputs()[1].name, "detection_masks");
}

TEST(ReadOpenCvGraph, SaysWhatIsMissingWhere) {
  EXPECT_THAT(ErrorOf(Replaced(kText, "conv/weights", "other/weights")),
              HasSubstr("node 'conv' reads 'other/weights', and the frozen graph has no node of that name"));
  EXPECT_THAT(ErrorOf(Replaced(kText, "conv/weights", "training")), HasSubstr("of type 'Assert' there"));
  EXPECT_THAT(ErrorOf(Replaced(kText, "conv/weights", "a")), HasSubstr("expected a constant")) << "a and b forward each other";
  EXPECT_THAT(ErrorOf(Replaced(kText, "\"prior\" op", "\"conv\" op")), HasSubstr("two nodes have this name"));
  EXPECT_THAT(ErrorOf(R"(node { name: "c" op: "Const" })"), HasSubstr("node 'c' (Const) has no value"));
  EXPECT_THAT(ErrorOf(""), HasSubstr("holds no nodes"));
  EXPECT_THAT(ErrorOf("\x08\x01 binary"), HasSubstr("is no text graph of OpenCV"));
  EXPECT_THAT(ErrorOf("node { name: \"image\" op"), HasSubstr("is no text graph of OpenCV"));
}

}  // namespace
}  // namespace permafrost
