#include "bench/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/bench/case_folder.h"

namespace permafrost {
namespace {

using ::testing::HasSubstr;

TEST(Profile, SumsTypesAndFindsTheSlowest) {
  Profile profile;
  profile.layers = {{"a", "ReLU", 1}, {"b", "Convolution", 5}, {"c", "ReLU", 3}};
  const auto types = TypesOf(profile);
  ASSERT_EQ(types.size(), 2u);
  EXPECT_EQ(types[0].type, "Convolution");
  EXPECT_EQ(types[1].name, "2");
  EXPECT_EQ(types[1].ms, 4);
  const auto slowest = SlowestOf(profile, 2);
  ASSERT_EQ(slowest.size(), 2u);
  EXPECT_EQ(slowest[0].name, "b");
  EXPECT_EQ(slowest[1].name, "c");
  EXPECT_EQ(SlowestOf(profile, 9).size(), 3u);
}

using ProfileTest = CaseFolderTest;

// A convolution that takes all the time, between two layers that take next to none.
TEST_F(ProfileTest, ShowsWhichLayerTakesTheTime) {
  TinyGraph graph;
  graph.Placeholder("x", {1, 64, 64, 8});
  graph.Const("two", {}, {2});
  graph.Add("first", "Mul", {"x", "two"});
  graph.Const("k", {7, 7, 8, 32}, std::vector<float>(7 * 7 * 8 * 32, 0.01F));
  graph.Convolve("slow", "first", "k");
  graph.Add("last", "Tanh", {"slow"});
  SessionOptions options;
  options.input_names = {"x"};
  options.threads = 1;
  TimedFile file{"m", graph.Save(root_ + "/m.pb"), options, {{"x", FloatArray({1, 64, 64, 8}, std::vector<float>(64 * 64 * 8, 1))}}};
  const auto profile = ProfileFile(file);
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(SlowestOf(*profile, 1)[0].name, "slow");
  EXPECT_EQ(SlowestOf(*profile, 1)[0].type, "Convolution");
  double sum = 0;
  for (const LayerTime& layer : profile->layers) sum += layer.ms;
  EXPECT_NEAR(sum, profile->total_ms, 1e-9);
  EXPECT_GT(SlowestOf(*profile, 1)[0].ms, 0.3 * profile->total_ms);
  file.path = root_ + "/none.pb";
  EXPECT_THAT(Message(ProfileFile(file).status()), HasSubstr("none.pb"));
}

}  // namespace
}  // namespace permafrost
