#include "runner/results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace permafrost {
namespace {

using ::testing::HasSubstr;

std::vector<OutputResult> DecodeOne(Array array, const DecodeOptions& options) {
  auto results = Decode({{"out", std::move(array)}}, std::nullopt, options);
  EXPECT_TRUE(results.ok()) << results.status();
  return std::move(results).value();
}

TEST(Results, TakesAVectorForClassesAndTheRestAsItIs) {
  EXPECT_EQ(DecodeOne(FloatArray({1, 3}, {1, 2, 3}), {})[0].decoder, Decoder::kClasses);
  EXPECT_EQ(DecodeOne(FloatArray({2, 1, 1, 3}, {1, 2, 3, 4, 5, 6}), {})[0].decoder, Decoder::kClasses);
  EXPECT_EQ(DecodeOne(FloatArray({1, 1}, {1}), {})[0].decoder, Decoder::kRaw);
  EXPECT_EQ(DecodeOne(FloatArray({1, 2, 2}, {1, 2, 3, 4}), {})[0].decoder, Decoder::kRaw);
  EXPECT_EQ(DecodeOne(FloatArray({1, 3}, {1, 2, 3}), {.decoder = Decoder::kRaw})[0].decoder, Decoder::kRaw);
}

TEST(Results, NamesClassesByTheirLabels) {
  DecodeOptions options;
  options.top_k = 2;
  options.labels = {"cat", "dog"};
  const auto results = DecodeOne(FloatArray({1, 3}, {0.25F, 0.5F, 0.75F}), options);
  EXPECT_EQ(ResultsText("a.png", results, options), "a.png\n  out [1,3]\n      0.75000  class 2\n      0.50000  dog\n");
  EXPECT_EQ(ResultsJson("a.png", results, options),
            "{\"input\":\"a.png\",\"outputs\":[{\"name\":\"out\",\"shape\":[1,3],\"classes\":"
            "[[{\"index\":2,\"score\":0.75},{\"index\":1,\"score\":0.5,\"label\":\"dog\"}]]}]}\n");
  std::vector<Mark> marks;
  std::vector<std::string> lines;
  ResultMarks(results, options, marks, lines);
  EXPECT_EQ(lines, (std::vector<std::string>{"class 2  0.750", "dog  0.500"}));
}

TEST(Results, LeavesTheBackgroundOut) {
  DecodeOptions options;
  options.decoder = Decoder::kKeypoints;
  options.parts = {"nose", "Background"};
  options.keypoints.parts = 2;
  const auto results = DecodeOne(FloatArray({1, 1, 2, 2}, {0.9F, 0.1F, 0.2F, 0.8F}), options);
  ASSERT_EQ(results[0].keypoints.size(), 1U);
  EXPECT_THAT(ResultsText("a", results, options), HasSubstr("nose"));
  EXPECT_THAT(ResultsJson("a", results, options), HasSubstr("\"name\":\"nose\""));
}

TEST(Results, GivesRawValuesInFull) {
  const auto results = DecodeOne(FloatArray({1, 2, 2}, {1, 2, 3, 4}), {});
  EXPECT_THAT(ResultsJson("a", results, {}), HasSubstr("\"values\":[1.0,2.0,3.0,4.0]"));
  EXPECT_THAT(ResultsText("a", results, {}), HasSubstr("min 1  max 4  mean 2.5"));
}

}  // namespace
}  // namespace permafrost
