#include "optimizer/frontend/graphdef/check_detection_layers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/graph_testing.h"

namespace permafrost {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(const std::string& text) { return std::string(Message(CheckDetectionLayers(ParseOrDie(text)))); }

// Three boxes a cell of one map, two of another.
std::string Ssd(int classes, const std::string& second_scores = "s2") {
  return "in x:float32[1,8,8,4]; "
         "s1 = cv::Conv2D(x, float32[1,1,4,9]{0}); b1 = cv::Conv2D(x, float32[1,1,4,12]{0}); "
         "s2 = cv::Conv2D(x, float32[3,3,4,6]{0}); b2 = cv::Conv2D(x, float32[3,3,4,8]{0}); "
         "s3 = cv::BiasAdd(s1, float32[9]{0}); f = cv::Flatten(s3); g = cv::Flatten(" + second_scores + "); "
         "s = cv::ConcatV2(f, g, -1); r = cv::Reshape(s, int32[3]{0,-1,3}); p = cv::Sigmoid(r); q = cv::Flatten(p); "
         "b = cv::ConcatV2(b1, b2, -1); d = cv::DetectionOutput(b, q, x) {num_classes=" + std::to_string(classes) + ", keep_top_k=9, nms_threshold=0.5}; out d";
}

TEST(CheckDetectionLayers, HoldsNumbersOfClassesAgainstTheWeights) {
  EXPECT_EQ(ErrorOf(Ssd(3)), "");
  const std::string error = ErrorOf(Ssd(4));
  EXPECT_THAT(error, HasSubstr("node 'd' (DetectionOutput): num_classes is 4, expected 3"));
  EXPECT_THAT(error, HasSubstr("the weights of node 's1'"));
  EXPECT_THAT(error, HasSubstr("write the text graph again"));
  EXPECT_EQ(ErrorOf(Ssd(4, "x")), "") << "a head that cannot be followed";
  EXPECT_EQ(ErrorOf(Ssd(4, "s1")), "") << "heads that do not agree";
}

TEST(CheckDetectionLayers, CountsTheClassesOfASecondStage) {
  const auto stage = [](int classes, const std::string& cut) {
    return "in x:float32[9,4]; s1 = cv::MatMul(x, float32[4,6]{0}); s2 = cv::BiasAdd(s1, float32[6]{0}); s3 = cv::Softmax(s2); "
           "s4 = cv::Slice(s3, int32[3]{" + cut + "}, int32[3]{-1,-1,-1}); s = cv::Reshape(s4, int32[2]{1,-1}); "
           "d = cv::DetectionOutput(x, s, x) {num_classes=" + std::to_string(classes) + ", keep_top_k=9, nms_threshold=0.5, share_location=false}; out d";
  };
  EXPECT_EQ(ErrorOf(stage(5, "0,0,1")), "");
  EXPECT_EQ(ErrorOf(stage(6, "0,0,0")), "");
  EXPECT_THAT(ErrorOf(stage(6, "0,0,1")), HasSubstr("num_classes is 6, expected 5"));
  EXPECT_THAT(ErrorOf(stage(90, "0,0,1")), HasSubstr("num_classes is 90, expected 5"));
  EXPECT_EQ(ErrorOf(stage(90, "0,1,1")), "") << "not all rows";
}

}  // namespace
}  // namespace permafrost
