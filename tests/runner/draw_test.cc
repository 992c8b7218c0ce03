#include "runner/draw.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "shared_io/array.h"

namespace permafrost {
namespace {

TEST(Draw, MarksThePlaceAndKeepsTheSize) {
  const std::string stem = ::testing::TempDir() + "/draw_test." + std::to_string(::getpid());
  const std::string in = stem + ".ppm", out = stem + ".png";
  std::ofstream(in, std::ios::binary) << "P6\n40 30\n255\n" << std::string(40 * 30 * 3, '\0');
  ASSERT_TRUE(DrawOnPicture(in, {{30, 5, ""}}, {}, out).ok());
  TensorInfo input;
  input.rank_known = false;
  const auto drawn = LoadPicture(out, input, {});
  ASSERT_TRUE(drawn.ok()) << drawn.status();
  EXPECT_EQ(drawn->width, 40);
  EXPECT_EQ(drawn->height, 30);
  const std::vector<float> values = *ToFloats(drawn->array);
  const auto brightness = [&](size_t x, size_t y) { return values[(y * 40 + x) * 3] + values[(y * 40 + x) * 3 + 1]; };
  EXPECT_GT(brightness(30, 5), 50);
  EXPECT_EQ(brightness(5, 25), 0);
  std::filesystem::remove(in);
  std::filesystem::remove(out);
}

TEST(Draw, LeavesTheTargetAloneWhenItCannotWrite) {
  const std::string stem = ::testing::TempDir() + "/draw_test2." + std::to_string(::getpid());
  std::ofstream(stem + ".ppm", std::ios::binary) << "P6\n4 3\n255\n" << std::string(4 * 3 * 3, '\0');
  EXPECT_FALSE(DrawOnPicture(stem + ".ppm", {}, {}, stem + ".nothing").ok());
  EXPECT_FALSE(std::filesystem::exists(stem + ".nothing"));
  EXPECT_FALSE(DrawOnPicture(stem + ".ppm", {}, {}, stem).ok());
  EXPECT_FALSE(DrawOnPicture(stem + ".ppm", {}, {}, "/no/such/folder/x.png").ok());
  EXPECT_FALSE(DrawOnPicture("/no/such.png", {}, {}, stem + ".png").ok());
  std::filesystem::remove(stem + ".ppm");
}

}  // namespace
}  // namespace permafrost
