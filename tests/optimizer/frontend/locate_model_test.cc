#include "optimizer/frontend/locate_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/bundle_writing.h"

namespace permafrost {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

ModelPlace PlaceOf(const std::string& path) {
  const auto place = LocateModel(path);
  EXPECT_TRUE(place.ok()) << place.status();
  return place.ok() ? *place : ModelPlace{};
}
std::string ErrorOf(const std::string& path) {
  const auto place = LocateModel(path);
  EXPECT_FALSE(place.ok()) << "found " << place->graph;
  return place.ok() ? "" : Message(place.status());
}

void WriteCheckpoint(const TemporaryFolder& folder, const std::string& prefix) {
  BundleWriter writer;
  writer.Add("a", Tensor::Scalar(1.0F));
  writer.Write(folder, prefix);
}

TEST(LocateModel, TakesAFileAsItIs) {
  const TemporaryFolder folder;
  const std::string path = folder.Write("any.pb", "x");
  EXPECT_EQ(PlaceOf(path).graph, path);
  EXPECT_EQ(PlaceOf(folder.File("missing.pb")).graph, folder.File("missing.pb"));
}

TEST(LocateModel, TakesTheNewestOfNumberedExports) {
  const TemporaryFolder folder;
  for (const char* name : {"9", "1700000000", "0000000010", "temp-1800000000", "1900000000"}) {
    fs::create_directories(folder.File(name));
  }
  for (const char* name : {"9", "1700000000", "0000000010", "temp-1800000000"}) {
    folder.Write(StrCat(name, "/saved_model.pb"), "x");
  }
  const ModelPlace place = PlaceOf(folder.path());
  EXPECT_EQ(place.graph, folder.File("1700000000/saved_model.pb"));
  EXPECT_THAT(place.notes, ElementsAre("takes export 1700000000, the newest"));
  folder.Write("saved_model.pbtxt", "x");
  EXPECT_EQ(PlaceOf(folder.path()).graph, folder.File("saved_model.pbtxt"));
}

TEST(LocateModel, FindsTheGraphOfACheckpointHoweverItIsNamed) {
  const TemporaryFolder folder;
  WriteCheckpoint(folder, "model.ckpt-7");
  folder.Write("model.ckpt-7.meta", "x");
  folder.Write("graph.pbtxt", "node {");
  folder.Write("checkpoint", "model_checkpoint_path: '/gone/model.ckpt-7'\n");
  for (const char* name :
       {"model.ckpt-7", "model.ckpt-7.index", "model.ckpt-7.data-00000-of-00001", "checkpoint", ""}) {
    const ModelPlace place = PlaceOf(folder.File(name));
    EXPECT_EQ(fs::path(place.graph).filename(), "model.ckpt-7.meta") << name;
    EXPECT_EQ(fs::path(place.checkpoint).filename(), "model.ckpt-7") << name;
    EXPECT_THAT(place.notes, ElementsAre("takes the graph from model.ckpt-7.meta and the variables from model.ckpt-7"));
  }
  EXPECT_EQ(PlaceOf(folder.File("model.ckpt-7.meta")).checkpoint, "") << "it finds its own";
}

TEST(LocateModel, TakesTheTrainingFoldersGraphWithItsNewestStep) {
  const TemporaryFolder folder;
  WriteCheckpoint(folder, "model.ckpt-900");
  WriteCheckpoint(folder, "model.ckpt-1000");
  folder.Write("graph.pbtxt", "node {");
  const ModelPlace place = PlaceOf(folder.path());
  EXPECT_EQ(place.graph, folder.File("graph.pbtxt"));
  EXPECT_EQ(place.checkpoint, folder.File("model.ckpt-1000"));
}

TEST(LocateModel, TakesASavedModelsVariablesForTheModel) {
  const TemporaryFolder folder;
  fs::create_directories(folder.File("variables"));
  WriteCheckpoint(folder, "variables/variables");
  folder.Write("saved_model.pb", "x");
  EXPECT_EQ(PlaceOf(folder.File("variables/variables.index")).graph, folder.File("saved_model.pb"));
}

TEST(LocateModel, SaysWhatItLookedFor) {
  const TemporaryFolder folder;
  EXPECT_THAT(ErrorOf(folder.path()),
              HasSubstr("looked for saved_model.pb, numbered folders that hold one, and a checkpoint"));
  WriteCheckpoint(folder, "m");
  EXPECT_THAT(ErrorOf(folder.File("m")),
              HasSubstr("looked for m.meta and graph.pbtxt; give the graph, and this with --checkpoint"));
  EXPECT_THAT(ErrorOf(folder.path()), HasSubstr("none lies beside"));
  folder.Write("checkpoint", "model_checkpoint_path: 'gone'");
  EXPECT_THAT(ErrorOf(folder.path()), HasSubstr("gone.index"));
}

}  // namespace
}  // namespace permafrost
