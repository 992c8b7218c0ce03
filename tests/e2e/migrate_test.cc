// permafrost-optimize --migrate on a project as users have it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/support/places.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using Json = nlohmann::json;

class Migration : public testing::Test {
 protected:
  Migration() {
    fs::create_directories(folder_.File("models"));
    fs::create_directories(folder_.File(".git"));
    fs::copy_file(SourceDir() + "/models/classic_tf1_batch1/" + Model(), folder_.File("models/digits.pb"));
    fs::copy_file(SourceDir() + "/models/keras_layers/keras2/dense/model.h5", folder_.File("models/dense.h5"));
    folder_.Write("models/broken.pb", "\x0a\x7f broken");
    folder_.Write(".git/hidden.pb", "\x0a\x7f broken");
    folder_.Write("readme.txt", "readNet(\"digits.pb\")");
    folder_.Write("main.cc",
                  "#include <opencv2/dnn.hpp>\n"
                  "int main() {\n"
                  "  auto net = cv::dnn::readNetFromTensorflow(\"models/digits.pb\");\n"
                  "  auto other = cv::dnn::readNet(name);\n"
                  "}\n");
    folder_.Write("app.py", "import cv2\nnet = cv2.dnn.readNetFromTensorflow('models/digits.pb', '')\n");
  }
  static std::string Model() {
    const std::string graph = SourceDir() + "/models/classic_tf1_batch1/graph.pb";
    return fs::exists(graph) ? "graph.pb" : "../classic_tf1/graph.pb";
  }
  Finished Migrate(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"--migrate", folder_.path()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunProgram("permafrost-optimize", arguments);
  }
  const TemporaryFolder folder_;
};

TEST_F(Migration, WritesOnnxBesideModelsAndSaysWhatChangesInTheCode) {
  const Finished done = Migrate();
  EXPECT_EQ(done.exit_code, 1) << "one model is broken";
  EXPECT_TRUE(fs::exists(folder_.File("models/digits.onnx"))) << done.out;
  EXPECT_TRUE(fs::exists(folder_.File("models/dense.onnx"))) << done.out;
  EXPECT_FALSE(fs::exists(folder_.File(".git/hidden.onnx")));
  EXPECT_THAT(done.out, HasSubstr("- cv::dnn::Net net = cv::dnn::readNetFromTensorflow(\"models/digits.pb\");"));
  EXPECT_THAT(done.out, HasSubstr("+ net = cv2.dnn.readNetFromONNX(\"models/digits.onnx\")"));
  EXPECT_THAT(done.out, HasSubstr("main.cc:3"));
  EXPECT_THAT(done.out, HasSubstr("+ readNetFromONNX('models/digits.onnx')"));
  EXPECT_THAT(done.out, HasSubstr("app.py:2"));
  EXPECT_THAT(done.out, HasSubstr("main.cc:4"));
  EXPECT_THAT(done.out, HasSubstr("broken.pb"));
  EXPECT_THAT(done.out, HasSubstr("3 models, 1 failed"));
}

TEST_F(Migration, KeepsWhatIsThereUnlessForced) {
  fs::remove(folder_.File("models/broken.pb"));
  folder_.Write("models/digits.onnx", "mine");
  Finished done = Migrate();
  EXPECT_EQ(done.exit_code, 0) << done.err << done.out;
  EXPECT_EQ(folder_.Read("models/digits.onnx"), "mine");
  EXPECT_THAT(done.out, HasSubstr("--force"));
  done = Migrate({"--force"});
  EXPECT_EQ(done.exit_code, 0) << done.err << done.out;
  EXPECT_NE(folder_.Read("models/digits.onnx"), "mine");
}

TEST_F(Migration, WritesNothingWhenDry) {
  const Finished done = Migrate({"--dry-run"});
  EXPECT_FALSE(fs::exists(folder_.File("models/digits.onnx")));
  EXPECT_THAT(done.out, HasSubstr("would write"));
}

TEST_F(Migration, SpeaksJson) {
  const Finished done = Migrate({"--json"});
  const Json json = Json::parse(done.out);
  ASSERT_EQ(json["models"].size(), 3U);
  EXPECT_EQ(json["failed"], 1);
  EXPECT_EQ(json["models"][0]["outcome"], "failed");
  const Json& digits = json["models"][2];
  EXPECT_EQ(digits["model"], "models/digits.pb");
  EXPECT_EQ(digits["outcome"], "written");
  ASSERT_EQ(digits["calls"].size(), 2U);
  EXPECT_EQ(digits["calls"][1]["line"], 3);
  EXPECT_EQ(json["unknown_calls"].size(), 1U);
}

TEST_F(Migration, IsRefusedWithWhatItCannotUse) {
  EXPECT_EQ(Migrate({"-o", folder_.File("x.onnx")}).exit_code, 2);
  EXPECT_EQ(RunProgram("permafrost-optimize", {"--migrate", folder_.File("none")}).exit_code, 1);
  EXPECT_EQ(RunProgram("permafrost-optimize", {folder_.File("models/digits.pb"), "--dry-run", "--force"}).exit_code, 2);
}

}  // namespace
}  // namespace permafrost
