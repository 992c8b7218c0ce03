#include "runner/preprocess.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pointwise;

// A PPM needs no encoder: OpenCV reads it like any picture. Pixels are R, G, B.
std::string SavePpm(int width, int height, const std::vector<uint8_t>& rgb) {
  static const TemporaryFolder folder;
  return folder.Write("picture.ppm", StrCat("P6\n", width, " ", height, "\n255\n", std::string(rgb.begin(), rgb.end())));
}

TensorInfo Input(const std::vector<int64_t>& shape, const std::string& layout = "") {
  TensorInfo input;
  input.name = "image";
  input.shape = shape;
  input.layout = layout;
  return input;
}

std::vector<float> Values(const Picture& picture) { return *ToFloats(picture.array); }

const std::vector<uint8_t> kTwoPixels = {10, 20, 30, 200, 100, 50};

TEST(Preprocess, GivesRgbAsItIsWhenNothingIsSaid) {
  const auto picture = LoadPicture(SavePpm(2, 1, kTwoPixels), Input({-1, -1, -1, 3}, "NHWC"), {});
  ASSERT_TRUE(picture.ok()) << picture.status();
  EXPECT_THAT(picture->array.dims, ElementsAre(1, 1, 2, 3));
  EXPECT_THAT(Values(*picture), ElementsAre(10, 20, 30, 200, 100, 50));
}

TEST(Preprocess, SubtractsTheMeanThenScalesThenDivides) {
  PictureOptions options;
  options.values.scale = 0.5;
  options.values.mean = {{10, 0, 2}};
  options.values.std = {{1, 2, 4}};
  options.values.channel_order = "BGR";  // mean and std are those of B, G, R then
  const auto picture = LoadPicture(SavePpm(2, 1, kTwoPixels), Input({1, 1, 2, 3}, "NHWC"), options);
  ASSERT_TRUE(picture.ok()) << picture.status();
  EXPECT_THAT(Values(*picture), ElementsAre(10, 5, 1, 20, 25, 24.75));
}

TEST(Preprocess, TakesWhatModelJsonSaysUnlessAFlagSaysOtherwise) {
  TensorInfo input = Input({1, 1, 2, 3}, "NHWC");
  input.preprocessing = Preprocessing();
  input.preprocessing->scale = 2;
  input.preprocessing->channel_order = "BGR";
  const std::string path = SavePpm(2, 1, kTwoPixels);
  EXPECT_THAT(Values(*LoadPicture(path, input, {})), ElementsAre(60, 40, 20, 100, 200, 400));
  PictureOptions options;
  options.values.channel_order = "RGB";
  EXPECT_THAT(Values(*LoadPicture(path, input, options)), ElementsAre(20, 40, 60, 400, 200, 100));
}

TEST(Preprocess, MakesChannelsFirstGreyAndFlatInputs) {
  const std::string path = SavePpm(2, 1, kTwoPixels);
  const auto first = LoadPicture(path, Input({1, 3, 1, 2}, "NCHW"), {});
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_THAT(first->array.dims, ElementsAre(1, 3, 1, 2));
  EXPECT_THAT(Values(*first), ElementsAre(10, 200, 20, 100, 30, 50));

  const std::vector<float> luma = {18, 124};  // 0.299 R + 0.587 G + 0.114 B, rounded
  const auto grey = LoadPicture(path, Input({1, 1, 2, 1}), {});
  ASSERT_TRUE(grey.ok()) << grey.status();
  EXPECT_THAT(Values(*grey), Pointwise(::testing::FloatNear(1), luma));
  PictureOptions one_channel;
  one_channel.grey = true;
  EXPECT_THAT(LoadPicture(path, Input({-1, -1, -1, -1}, "NHWC"), one_channel)->array.dims, ElementsAre(1, 1, 2, 1));
  EXPECT_THAT(LoadPicture(path, Input({1, 1, 2, 3}, "NHWC"), one_channel)->array.dims, ElementsAre(1, 1, 2, 3));
  const auto rank3 = LoadPicture(path, Input({1, 1, 2}), {});
  ASSERT_TRUE(rank3.ok()) << rank3.status();
  EXPECT_THAT(rank3->array.dims, ElementsAre(1, 1, 2));
  const auto flat = LoadPicture(path, Input({1, 2}), {});
  ASSERT_TRUE(flat.ok()) << flat.status();
  EXPECT_THAT(flat->array.dims, ElementsAre(1, 2));
  EXPECT_THAT(Values(*flat), Pointwise(::testing::FloatNear(1), luma));
}

// Four columns: black, white, white, black.
const std::vector<uint8_t> kBar = {0, 0, 0, 255, 255, 255, 255, 255, 255, 0, 0, 0};

TEST(Preprocess, StretchesCropsAndLetterboxes) {
  const std::string path = SavePpm(4, 1, kBar);
  PictureOptions options;
  options.values.channel_order = "RGB";
  options.interpolation = Interpolation::kNearest;
  const TensorInfo small = Input({1, 1, 1, 1});
  const TensorInfo square = Input({1, 2, 2, 1});

  options.fit = Fit::kStretch;
  const auto stretched = LoadPicture(path, square, options);
  ASSERT_TRUE(stretched.ok()) << stretched.status();
  EXPECT_THAT(Values(*stretched), ElementsAre(0, 255, 0, 255));
  EXPECT_EQ(stretched->map.step_x, 2);
  EXPECT_EQ(stretched->map.step_y, 0.5);

  options.fit = Fit::kCrop;  // grown to 8x2, the middle two columns of which are white
  const auto cropped = LoadPicture(path, square, options);
  ASSERT_TRUE(cropped.ok()) << cropped.status();
  EXPECT_THAT(Values(*cropped), ElementsAre(255, 255, 255, 255));
  EXPECT_EQ(cropped->map.offset_x, -3);
  EXPECT_EQ(cropped->map.step_x, 0.5);

  options.fit = Fit::kLetterbox;  // 4x1 in the second of four rows
  const auto boxed = LoadPicture(path, Input({1, 4, 4, 1}), options);
  ASSERT_TRUE(boxed.ok()) << boxed.status();
  EXPECT_THAT(Values(*boxed), ElementsAre(0, 0, 0, 0, 0, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0));
  EXPECT_EQ(boxed->map.offset_y, 1);
  EXPECT_EQ(boxed->map.step_y, 1);
}

TEST(Preprocess, RefusesWhatCannotBeAPicture) {
  const std::string path = SavePpm(2, 1, kTwoPixels);
  EXPECT_THAT(Message(LoadPicture(path, Input({1, 1, 2, 4}, "NHWC"), {}).status()), HasSubstr("4 channels"));
  EXPECT_THAT(Message(LoadPicture(path, Input({1, 2, 2, 2, 3}, "NDHWX"), {}).status()), HasSubstr("image"));
  EXPECT_THAT(Message(LoadPicture(path, Input({1, 5}), {}).status()), HasSubstr("expected [1,5]"));
  EXPECT_FALSE(LoadPicture("/no/such/picture.png", Input({1, 1, 2, 3}), {}).ok());
  std::ofstream(path) << "no picture";
  EXPECT_THAT(Message(LoadPicture(path, Input({1, 1, 2, 3}), {}).status()), HasSubstr("no picture"));
  PictureOptions options;
  options.values.std = {{1, 0, 1}};
  EXPECT_FALSE(LoadPicture(path, Input({1, 1, 2, 3}), options).ok());
}

TEST(Preprocess, RefusesASizeTheInputDoesNotTake) {
  PictureOptions options;
  options.values.width = 3;
  options.values.height = 1;
  EXPECT_THAT(Message(LoadPicture(SavePpm(2, 1, kTwoPixels), Input({1, 1, 2, 3}, "NHWC"), options).status()),
              HasSubstr("has the shape [1,1,3,3], expected [1,1,2,3]"));
}

}  // namespace
}  // namespace permafrost
