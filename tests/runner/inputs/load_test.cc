#include "runner/inputs/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared_io/npy.h"
#include "shared_io/npz.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TensorInfo Input(const std::string& name, const std::vector<int64_t>& shape, const std::string& layout = "") {
  TensorInfo input;
  input.name = name;
  input.shape = shape;
  input.layout = layout;
  return input;
}
Item FileItem(const std::string& path, const std::string& input = "") {
  Item item;
  item.name = path;
  item.files = {{input, path}};
  return item;
}

TEST(LoadItem, TellsFilesApartByTheirContent) {
  const TemporaryFolder folder;
  const std::vector<TensorInfo> inputs = {Input("x", {1, 1, 2, 3}, "NHWC")};
  const std::string npy = folder.Write("array.png", *NpyBytes(FloatArray({1, 1, 2, 3}, {1, 2, 3, 4, 5, 6})));
  const auto array = LoadItem(FileItem(npy), inputs, {});
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_THAT(*ToFloats(array->feeds[0].array), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_FALSE(array->picture);
  const std::string ppm = folder.Write("picture.dat", "P6\n2 1\n255\n" + std::string("\x01\x02\x03\x04\x05\x06", 6));
  const auto picture = LoadItem(FileItem(ppm), inputs, {});
  ASSERT_TRUE(picture.ok()) << picture.status();
  EXPECT_EQ(picture->feeds[0].name, "x");
  EXPECT_EQ(picture->picture->width, 2);
  EXPECT_EQ(picture->pixels.cols, 2);
}

TEST(LoadItem, FeedsTheInputsThatAnArchiveNames) {
  const TemporaryFolder folder;
  const std::vector<TensorInfo> inputs = {Input("p", {1}), Input("q", {1})};
  const std::string both = folder.File("both.npz"), one = folder.File("one.npz");
  ASSERT_TRUE(
      WriteNpz(both, {{"q", FloatArray({1}, {2})}, {"other", FloatArray({1}, {3})}, {"p", FloatArray({1}, {1})}}).ok());
  ASSERT_TRUE(WriteNpz(one, {{"arr_0", FloatArray({1}, {5})}}).ok());
  const auto loaded = LoadItem(FileItem(both), inputs, {});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ASSERT_EQ(loaded->feeds.size(), 2U);
  EXPECT_EQ(loaded->feeds[0].name, "q");
  EXPECT_EQ(loaded->feeds[1].name, "p");
  EXPECT_THAT(*ToFloats(LoadItem(FileItem(one, "q"), inputs, {})->feeds[0].array), ElementsAre(5));
  EXPECT_THAT(*ToFloats(LoadItem(FileItem(one), {inputs[0]}, {})->feeds[0].array), ElementsAre(5));
  EXPECT_THAT(Message(LoadItem(FileItem(one), inputs, {}).status()), HasSubstr("it holds: arr_0"));
}

TEST(LoadItem, MakesUpTheSameNumbersForTheSameSeed) {
  Item item;
  item.kind = ItemKind::kRandom;
  item.seed = 3;
  PictureOptions options;
  options.values.width = 4;
  options.values.height = 2;
  const std::vector<TensorInfo> inputs = {Input("x", {-1, -1, -1, 3}, "NHWC"), Input("y", {2})};
  const auto loaded = LoadItem(item, inputs, options);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_THAT(loaded->feeds[0].array.dims, ElementsAre(1, 2, 4, 3));
  EXPECT_THAT(loaded->feeds[1].array.dims, ElementsAre(2));
  EXPECT_THAT(*ToFloats(loaded->feeds[0].array), Each(::testing::AllOf(::testing::Ge(0), ::testing::Lt(1))));
  EXPECT_EQ(LoadItem(item, inputs, options)->feeds[0].array.bytes, loaded->feeds[0].array.bytes);
  item.seed = 4;
  EXPECT_NE(LoadItem(item, inputs, options)->feeds[0].array.bytes, loaded->feeds[0].array.bytes);
  EXPECT_THAT(Message(LoadItem(item, inputs, {}).status()), HasSubstr("give --size"));
  TensorInfo unknown = inputs[0];
  unknown.rank_known = false;
  EXPECT_THAT(Message(LoadItem(item, {unknown}, {}).status()), HasSubstr("model.json"));
  options.grey = true;
  const auto picture = LoadItem(item, {unknown}, options);
  ASSERT_TRUE(picture.ok()) << picture.status();
  EXPECT_THAT(picture->feeds[0].array.dims, ElementsAre(1, 2, 4, 1));
}

TEST(LoadItem, NamesTheFileThatIsWrong) {
  const TemporaryFolder folder;
  const std::vector<TensorInfo> inputs = {Input("x", {1, 1, 2, 3}, "NHWC")};
  for (const char* name : {"text.png", "text.npy", "text.npz"}) {
    const std::string path = folder.Write(name, "not what it says");
    EXPECT_THAT(Message(LoadItem(FileItem(path), inputs, {}).status()), HasSubstr(path));
  }
  EXPECT_THAT(Message(LoadItem(FileItem(folder.File("none.png")), inputs, {}).status()), HasSubstr("none.png"));
  EXPECT_FALSE(LoadItem(FileItem(folder.path()), inputs, {}).ok());
}

}  // namespace
}  // namespace permafrost
