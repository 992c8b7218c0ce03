#include "runner/inputs/models_yml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// As in OpenCV's samples/dnn/models.yml.
constexpr char kYml[] = R"(%YAML 1.0
---
ssd_tf:
  model: "ssd_mobilenet_v1_coco_2017_11_17.pb"
  config: "ssd_mobilenet_v1_coco_2017_11_17.pbtxt"
  mean: [0, 10, 0]
  scale: 0.5
  width: 300
  height: 200
  rgb: true
  classes: "coco.txt"
  background_label_id: 0
  sample: "object_detection"

any_size:
  mean: 127.5
  scale: 1.0
  width: -1
  height: -1
  rgb: false

broken:
  mean: "blue"
)";

TEST(ModelsYml, GivesWhatAnEntrySays) {
  const TemporaryFolder folder;
  const std::string path = folder.Write("models.yml", kYml);
  const auto entry = ReadModelsYml(path, "ssd_tf");
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_THAT(*entry->values.mean, ElementsAre(0, 10, 0));
  EXPECT_EQ(entry->values.scale, 0.5);
  EXPECT_EQ(entry->values.width, 300);
  EXPECT_EQ(entry->values.height, 200);
  EXPECT_EQ(entry->values.channel_order, "RGB");
  EXPECT_EQ(entry->classes, folder.File("coco.txt"));
  EXPECT_EQ(entry->sample, "object_detection");
  EXPECT_EQ(entry->background, 0);
  const auto any = ReadModelsYml(path, "any_size");
  ASSERT_TRUE(any.ok()) << any.status();
  EXPECT_THAT(*any->values.mean, ElementsAre(127.5, 127.5, 127.5));
  EXPECT_EQ(any->values.width, 0);
  EXPECT_EQ(any->values.channel_order, "BGR");
  EXPECT_EQ(any->background, -1);
}

TEST(ModelsYml, SaysWhatIsWrong) {
  const TemporaryFolder folder;
  const std::string path = folder.Write("models.yml", kYml);
  EXPECT_THAT(Message(ReadModelsYml(path, "resnet").status()),
              HasSubstr("no entry \"resnet\"; it has: ssd_tf, any_size"));
  EXPECT_THAT(Message(ReadModelsYml(path, "broken").status()), HasSubstr("broken: its field mean"));
  EXPECT_THAT(Message(ReadModelsYml(folder.File("none.yml"), "x").status()), HasSubstr("none.yml"));
  EXPECT_FALSE(ReadModelsYml(folder.Write("bad.yml", "%YAML 1.0\n---\na: [1,\n{"), "a").ok());
  EXPECT_FALSE(ReadModelsYml(folder.Write("page.yml", "<html>"), "a").ok());
}

TEST(ModelsYml, YieldsToFlags) {
  Preprocessing flags, entry;
  flags.scale = 2;
  entry.scale = 3;
  entry.channel_order = "BGR";
  entry.width = 7;
  const Preprocessing both = Prefer(flags, entry);
  EXPECT_EQ(both.scale, 2);
  EXPECT_EQ(both.channel_order, "BGR");
  EXPECT_EQ(both.width, 7);
}

}  // namespace
}  // namespace permafrost
