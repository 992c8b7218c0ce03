#include "optimizer/frontend/open_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "tests/support/places.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(const std::string& path) {
  const StatusOr<Model> model = OpenModel(path, Limits{});
  EXPECT_FALSE(model.ok()) << "accepted: " << path;
  if (model.ok()) return "";
  EXPECT_THAT(Message(model.status()), ::testing::StartsWith(path + ": "));
  return Message(model.status());
}

TEST(OpenModel, SaysWhatAForeignFileIsAndWhatToDo) {
  const TemporaryFolder folder;
  const auto error = [&](std::string_view bytes) { return ErrorOf(folder.Write("frozen.pb", bytes)); };
  EXPECT_THAT(error("PK\x03\x04 rest of the archive"), HasSubstr("zip archive"));
  EXPECT_THAT(error("\x89HDF\r\n\x1a\n rest"), HasSubstr("HDF5"));
  EXPECT_THAT(error("<!DOCTYPE html><html></html>"), HasSubstr("HTML"));
  EXPECT_THAT(error("\n\n  <!doctype HTML>"), HasSubstr("HTML"));
  EXPECT_THAT(error("<HTML>"), HasSubstr("HTML"));
  EXPECT_THAT(error("version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n"), HasSubstr("git lfs pull"));
  EXPECT_THAT(error(std::string("\x20\0\0\0TFL3", 8) + "rest"), HasSubstr("TensorFlow Lite"));
  EXPECT_THAT(error("\x1f\x8b\x08 rest"), HasSubstr("gzip"));
  EXPECT_THAT(error("\x89PNG\r\n"), HasSubstr("picture"));
  EXPECT_THAT(error("just some words"), HasSubstr("damaged"));
}

TEST(OpenModel, RefusesWhatIsNoReadableFile) {
  const TemporaryFolder folder;
  EXPECT_THAT(ErrorOf(folder.File("missing.pb")), HasSubstr("No such file"));
  EXPECT_THAT(ErrorOf(folder.Write("empty.pb", "")), HasSubstr("is empty"));
  EXPECT_THAT(ErrorOf(folder.path()), HasSubstr("directory"));
}

TEST(OpenModel, RefusesAPipeInsteadOfWaitingForAWriter) {
  const TemporaryFolder folder;
  ASSERT_EQ(::mkfifo(folder.File("pipe").c_str(), 0600), 0);
  EXPECT_THAT(ErrorOf(folder.File("pipe")), HasSubstr("not a regular file"));
}

TEST(OpenModel, RefusesAFileThatMayNotBeRead) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read every file";
  const TemporaryFolder folder;
  const std::string path = folder.Write("secret.pb", "x");
  ASSERT_EQ(::chmod(path.c_str(), 0), 0);
  EXPECT_THAT(ErrorOf(path), HasSubstr("Permission denied"));
}

TEST(OpenModel, TellsTextFromBinaryByContent) {
  const TemporaryFolder folder;
  const auto format = [&](std::string_view bytes) {
    const StatusOr<Model> model = OpenModel(folder.Write("model.any", bytes), Limits{});
    EXPECT_TRUE(model.ok()) << model.status();
    return model.ok() ? model->format : Format::kUnknown;
  };
  EXPECT_EQ(format("node { name: 'a' op: 'X' }"), Format::kGraphDefText);
  EXPECT_EQ(format("\n\n# comment\nnode{name:'a' op:'X'}"), Format::kGraphDefText);
  EXPECT_EQ(format("versions: { producer: 27 } node < name: 'a' op: 'X' >"), Format::kGraphDefText);
  EXPECT_EQ(format("# " + std::string(2000, '-') + "\nnode { name: 'a' op: 'X' }"), Format::kGraphDefText);
  EXPECT_EQ(format("\x0a\x06\x0a\x01" "a\x12\x01X"), Format::kGraphDef);
}

TEST(OpenModel, RefusesPartsThatTheFormatCannotHave) {
  const std::string models = SourceDir() + "/models/formats/";
  const auto error = [&](const std::string& file, const OpenOptions& options) {
    return Message(OpenModel(models + file, Limits{}, options).status());
  };
  EXPECT_THAT(error("frozen_graph/frozen.pb", {.tags = "serve"}), HasSubstr("only SavedModels"));
  EXPECT_THAT(error("h5_functional_tf2_12/net.h5", {.tags = "serve"}), HasSubstr("is a Keras HDF5"));
  EXPECT_THAT(error("h5_functional_tf2_12/net.h5", {.checkpoint = models + "checkpoint_v2"}), HasSubstr("its weights itself"));
}

TEST(OpenModel, ChecksWhatItRead) {
  const TemporaryFolder folder;
  EXPECT_THAT(ErrorOf(folder.Write("cycle.pbtxt", "node { name: 'a' op: 'Relu' input: 'a' }")), HasSubstr("cycle"));
  EXPECT_THAT(ErrorOf(folder.Write("const.pbtxt", "node { name: 'a' op: 'Const' }")), HasSubstr("has no value"));
  EXPECT_THAT(ErrorOf(folder.Write("function.pbtxt",
                                   "node { name: 'a' op: 'f' } library { function { signature { name: 'f' } "
                                   "node_def { name: 'c' op: 'Const' attr { key: 'value' value { i: 3 } } } } }")),
              HasSubstr("has no value"));
}

TEST(OpenModel, NeverHalfReadsATruncatedModel) {
  const TemporaryFolder folder;
  const std::string source = SourceDir() + "/models/classic_tf1/graph.pb";
  ASSERT_TRUE(OpenModel(source, Limits{}).ok());
  const auto size = std::filesystem::file_size(source);
  for (uintmax_t sixteenth = 0; sixteenth < 16; ++sixteenth) {
    const std::string path = folder.File("cut.pb");
    std::filesystem::copy_file(source, path, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(path, size * sixteenth / 16);
    const std::string error = ErrorOf(path);
    EXPECT_THAT(error, ::testing::AnyOf(HasSubstr("damaged"), HasSubstr("is empty"), HasSubstr("no node provides")));
  }
}

TEST(OpenModel, RefusesFilesFoundInTheWildThatAreNoModels) {
  const char* models = std::getenv("PERMAFROST_SHARED_MODELS");
  const std::string beside = (models != nullptr ? models : SourceDir() + "/../shared/models") + std::string("/negative");
  if (!std::filesystem::exists(beside)) GTEST_SKIP() << beside << " is not here (PERMAFROST_SHARED_MODELS says where)";
  EXPECT_THAT(ErrorOf(beside + "/bad_lfs/frozen_east_text_detection.pb"), HasSubstr("git lfs pull"));
  EXPECT_THAT(ErrorOf(beside + "/bad_html/opencv_face_detector_uint8.pb"), HasSubstr("HTML"));
  for (const char* file : {"/arframework_cifar/cifar_100.pb", "/chinese_char/graph.pb", "/vae_ckpt/model.ckpt.meta",
                           "/vae_ckpt/model.ckpt.index", "/vae_ckpt/model.ckpt.data-00000-of-00001"}) {
    const StatusOr<Model> model = OpenModel(beside + file, Limits{});
    std::cout << file << ": " << (model.ok() ? "read" : Message(model.status())) << "\n";
  }
}

}  // namespace
}  // namespace permafrost
