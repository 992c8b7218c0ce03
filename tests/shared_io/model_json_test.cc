#include "shared_io/model_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace permafrost {
namespace {

using ::testing::HasSubstr;

ModelInfo Sample() {
  ModelInfo info{.tool_version = "0.1.0",
                 .file = "model.pb",
                 .file_sha256 = "ab",
                 .source = "raw.pb",
                 .source_sha256 = "cd",
                 .target = "opencv-4.6",
                 .passes = {"fold-constants", "remove-identity"},
                 .inputs = {},
                 .outputs = {}};
  TensorInfo input{.name = "image",
                   .tensor = "serving_default_image:0",
                   .dtype = "uint8",
                   .shape = {-1, 32, 40, 3},
                   .layout = "NHWC",
                   .cv_name = "image",
                   .cv_shape = {-1, 3, 32, 40},
                   .cv_layout = "NCHW",
                   .preprocessing = {}};
  input.preprocessing = Preprocessing{.scale = 1 / 127.5,
                                      .mean = {{1.5, 2, 3}},
                                      .std = {},
                                      .channel_order = "RGB",
                                      .width = 40,
                                      .height = 32,
                                      .crop = true};
  info.inputs = {input};
  info.outputs = {TensorInfo{.name = "prob:1",
                             .tensor = "",
                             .dtype = "float32",
                             .shape = {},
                             .rank_known = false,
                             .layout = "",
                             .cv_name = "prob",
                             .cv_shape = {},
                             .cv_layout = "",
                             .preprocessing = {}},
                  TensorInfo{.name = "scalar",
                             .tensor = "",
                             .dtype = "float32",
                             .shape = {},
                             .layout = "",
                             .cv_name = "scalar",
                             .cv_shape = {1},
                             .cv_layout = "",
                             .preprocessing = {}}};
  return info;
}

TEST(ModelJson, ReadsWhatItWrote) {
  const std::string json = ModelInfoToJson(Sample());
  const auto back = ParseModelInfo(json);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, Sample());
  EXPECT_EQ(ModelInfoToJson(*back), json);
  EXPECT_EQ(json.back(), '\n');
  EXPECT_THAT(json, HasSubstr("\n  \"format_version\": 1,\n"));
}

// The file written above with one piece of text replaced.
std::string ErrorAfter(std::string_view from, std::string_view to) {
  std::string json = ModelInfoToJson(Sample());
  const size_t at = json.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  json.replace(at, from.size(), to);
  return Message(ParseModelInfo(json).status());
}

TEST(ModelJson, SaysWhichFieldIsWrongAndWhatItShouldBe) {
  EXPECT_THAT(ErrorAfter("\"format_version\": 1", "\"format_version\": 7"), HasSubstr("format version 7"));
  EXPECT_THAT(ErrorAfter("\"format_version\": 1", "\"format_version\": \"1\""),
              HasSubstr("format_version is not an integer"));
  EXPECT_THAT(ErrorAfter("\"target\"", "\"tarket\""), HasSubstr("target is missing"));
  EXPECT_THAT(ErrorAfter("\"fold-constants\"", "3"), HasSubstr("passes is not a list of strings"));
  EXPECT_THAT(ErrorAfter("\"name\": \"image\"", "\"name\": 3"), HasSubstr("inputs[0].name is not a string"));
  EXPECT_THAT(ErrorAfter("\"shape\": [\n        -1", "\"shape\": [\n        -2"), HasSubstr("inputs[0].shape is not"));
  EXPECT_THAT(ErrorAfter("32", "1e400"), HasSubstr("not JSON"));
  EXPECT_THAT(ErrorAfter("32", "18446744073709551615"), HasSubstr("inputs[0].shape is not"));
  EXPECT_THAT(ErrorAfter("\"cv_shape\": null", "\"cv_shape\": []"), HasSubstr("outputs[0].cv_shape is not null"));
  EXPECT_THAT(ErrorAfter("\"RGB\"", "\"GRB\""), HasSubstr("inputs[0].preprocessing.channel_order is not"));
  EXPECT_THAT(ErrorAfter("\"mean\": [", "\"mean\": [4,"), HasSubstr("preprocessing.mean is not three numbers"));
  EXPECT_THAT(ErrorAfter("\"width\": 40", "\"width\": -1"), HasSubstr("preprocessing.width is not a size"));
}

TEST(ModelJson, RefusesWhatIsNoObject) {
  for (const char* text : {"", "null", "[]", "{", "3", "\"x\"", "{}"}) EXPECT_FALSE(ParseModelInfo(text).ok()) << text;
  EXPECT_FALSE(ParseModelInfo(std::string(1 << 20, '[')).ok());
}

TEST(ModelJson, SurvivesEveryTruncationOfItself) {
  const std::string json = ModelInfoToJson(Sample());
  for (size_t size = 0; size + 1 < json.size(); ++size) {
    EXPECT_FALSE(ParseModelInfo(std::string_view(json).substr(0, size)).ok()) << size;
  }
}

TEST(ModelJson, WritesNamesThatAreNoUtf8WithoutFailing) {
  ModelInfo info = Sample();
  info.source = "caf\xe9.pb";
  EXPECT_TRUE(ParseModelInfo(ModelInfoToJson(info)).ok());
}

}  // namespace
}  // namespace permafrost
