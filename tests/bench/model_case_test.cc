#include "bench/model_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/bench/case_folder.h"

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

using ModelCaseTest = CaseFolderTest;

TEST_F(ModelCaseTest, ReadsModelInputsAndReferences) {
  const auto model = LoadModelCase(WriteCase("tiny", Right()) + "/", {});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->name, "tiny");
  EXPECT_EQ(model->kind, "pb");
  EXPECT_EQ(model->model_path, root_ + "/tiny/model.pb");
  EXPECT_THAT(model->flags, ElementsAre(Pair("rate", "0.0"), Pair("on", "false")));
  EXPECT_THAT(model->inputs[0].dims, ElementsAre(1, 1, 2, 3));
  EXPECT_THAT(*ToFloats(model->outputs[0]), ElementsAre(3, 0, 9, 12, 0, 18));
}

TEST_F(ModelCaseTest, FindsANamedModelInTheCaseFolderFirst) {
  const std::string folder = WriteCase("tiny", Right());
  Write("tiny/meta.json", R"({"kind": "pb", "model": "nets/a.pb", "inputs": ["x"], "outputs": ["y"]})");
  EXPECT_THAT(Message(LoadModelCase(folder, {root_ + "/installed"}).status()), HasSubstr("nets/a.pb is in none of"));
  Write("installed/nets/a.pb", "far");
  EXPECT_EQ(LoadModelCase(folder, {root_ + "/installed"})->model_path, root_ + "/installed/nets/a.pb");
  Write("tiny/nets/a.pb", "near");
  EXPECT_EQ(LoadModelCase(folder, {root_ + "/installed"})->model_path, root_ + "/tiny/nets/a.pb");
}

TEST_F(ModelCaseTest, TakesTheFirstPictureOfWhatADetectorFinds) {
  Write("found/graph.pb", Network().Bytes());
  Write("found/meta.json", R"({"inputs": ["x"]})");
  const auto write = [&](const std::string& name, const Array& array) {
    ASSERT_TRUE(WriteNpy(root_ + "/found/" + name + ".npy", array).ok());
  };
  write("in", FloatArray({2, 1, 1, 3}, {1, 2, 3, 4, 5, 6}));
  write("detection_boxes", FloatArray({2, 1, 4}, {0, 0, 1, 1, 0, 0, 2, 2}));
  write("detection_scores", FloatArray({2, 1}, {0.5F, 0.25F}));
  EXPECT_THAT(Message(LoadModelCase(root_ + "/found", {}).status()), HasSubstr("detection_classes.npy"));
  write("detection_classes", FloatArray({2, 1}, {7, 8}));
  const auto model = LoadModelCase(root_ + "/found", {});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->kind, "pb");
  EXPECT_TRUE(model->own_outputs);
  EXPECT_THAT(model->inputs[0].dims, ElementsAre(1, 1, 1, 3));
  EXPECT_THAT(*ToFloats(model->inputs[0]), ElementsAre(1, 2, 3));
  EXPECT_THAT(model->output_names, ElementsAre("detection_boxes", "detection_scores", "detection_classes"));
  EXPECT_THAT(*ToFloats(model->outputs[2]), ElementsAre(7));
  EXPECT_THAT(model->outputs[0].dims, ElementsAre(1, 1, 4));
}

TEST_F(ModelCaseTest, NamesWhatIsMissingOrWrong) {
  const std::string folder = WriteCase("tiny", Right());
  const auto error = [&] { return Message(LoadModelCase(folder, {}).status()); };
  Write("tiny/second.pb", "x");
  EXPECT_THAT(error(), HasSubstr("holds 2 models of kind \"pb\""));
  Write("tiny/meta.json", R"({"kind": "pb", "inputs": [], "outputs": ["y"]})");
  EXPECT_THAT(error(), HasSubstr("\"inputs\" is no list of names"));
  Write("tiny/meta.json", "{");
  EXPECT_THAT(error(), HasSubstr("tiny: meta.json: no JSON object"));
  Write("tiny/meta.json", R"({"kind": "pb", "model": "model.pb", "inputs": ["x", "z"], "outputs": ["y"]})");
  EXPECT_THAT(error(), HasSubstr("in0.npy"));
  Write("tiny/meta.json", R"({"kind": "pb", "model": "model.pb", "inputs": ["x"], "outputs": ["y"]})");
  Write("tiny/out0.npy", "torn");
  EXPECT_THAT(error(), HasSubstr("out0.npy: npy:"));
  std::filesystem::remove(folder + "/meta.json");
  EXPECT_FALSE(LoadModelCase(folder, {}).ok());
}

TEST_F(ModelCaseTest, ListsCasesByName) {
  WriteCase("b", Right());
  WriteCase("a", Right());
  Write("no_case/readme.txt", "");
  EXPECT_THAT(*ListModelCases(root_), ElementsAre(root_ + "/a", root_ + "/b"));
  EXPECT_FALSE(ListModelCases(root_ + "/no_case").ok());
  EXPECT_FALSE(ListModelCases(root_ + "/none").ok());
}

}  // namespace
}  // namespace permafrost
