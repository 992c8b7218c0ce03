#include "runner/decode_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <opencv2/core.hpp>

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<int> PixelsOf(const Array& array, const ImageOptions& options = {}) {
  const auto image = ToImage(array, options);
  EXPECT_TRUE(image.ok()) << image.status();
  if (!image.ok()) return {};
  return std::vector<int>(image->data, image->data + image->total() * 3);
}

TEST(DecodeImage, FindsTheRangeOfThePixels) {
  EXPECT_THAT(PixelsOf(FloatArray({1, 1, 1, 3}, {0, 128, 255})), ElementsAre(255, 128, 0));
  EXPECT_THAT(PixelsOf(FloatArray({1, 1, 1, 3}, {0, 0.2F, 1})), ElementsAre(255, 51, 0));
  EXPECT_THAT(PixelsOf(FloatArray({1, 1, 1, 3}, {-1, 0, 1})), ElementsAre(255, 128, 0));
  EXPECT_THAT(PixelsOf(FloatArray({1, 1, 1, 3}, {0, 0.2F, 1}), {.range = ImageRange::kBytes}), ElementsAre(1, 0, 0));
}

TEST(DecodeImage, KnowsGreyAndBothOrdersOfChannels) {
  EXPECT_THAT(PixelsOf(FloatArray({1, 1, 2, 1}, {10, 300})), ElementsAre(10, 10, 10, 255, 255, 255));
  EXPECT_THAT(PixelsOf(FloatArray({1, 1, 1, 3}, {0, 128, 255}), {.bgr = true}), ElementsAre(0, 128, 255));
}

TEST(DecodeImage, RefusesWhatIsNoPicture) {
  EXPECT_THAT(Message(ToImage(FloatArray({1, 1, 1, 2}, {1, 2}), {}).status()), HasSubstr("no picture"));
  EXPECT_FALSE(ToImage(FloatArray({2, 1, 1, 1}, {1, 2}), {}).ok());
  EXPECT_FALSE(ToImage(FloatArray({1, 1, 1, 1}, {NAN}), {}).ok());
  EXPECT_FALSE(ToImage(FloatArray({1, 0, 1, 1}, {}), {}).ok());
}

}  // namespace
}  // namespace permafrost
