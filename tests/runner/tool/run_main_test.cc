#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <opencv2/core.hpp>

#include "optimizer/support/version.h"
#include "runner/inputs/video.h"
#include "runner/preprocess.h"
#include "tests/bench/case_folder.h"
#include "tests/runner/tool/run_with.h"
#include "tests/runner/video_making.h"
#include "tests/support/run_program.h"

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RunToolTest : public CaseFolderTest {
 protected:
  static Finished Run(const std::vector<std::string>& args) { return RunProgram("permafrost-run", args); }
  // The tiny network on 2x1 pictures; its single vector-like output has the shape of the picture.
  std::string Model() const { return Network().Save(root_ + "/model.pb"); }
  std::string PictureFile() const {
    return Write("two.ppm", "P6\n2 1\n255\n" + std::string("\x01\x02\x03\x04\x05\x06", 6));
  }
};

TEST_F(RunToolTest, PrintsWhatThePictureGivesAndSavesIt) {
  const Finished ended = Run({Model(), PictureFile(), "--bgr", "--save-npy", root_, "--json"});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_EQ(ended.err, "");
  EXPECT_THAT(ended.out, HasSubstr("\"name\":\"y\",\"shape\":[1,1,2,3],\"values\":[9.0,6.0,3.0,18.0,15.0,12.0]"));
  EXPECT_THAT(*ToFloats(*ReadNpy(root_ + "/two.y.npy")), ElementsAre(9, 6, 3, 18, 15, 12));
}

TEST_F(RunToolTest, TakesSeveralFilesAndNamedInputs) {
  const std::string npy = root_ + "/one.npy";
  ASSERT_TRUE(WriteNpy(npy, FloatArray({1, 1, 2, 3}, {1, 1, 1, 1, 1, 1})).ok());
  const Finished two = Run({Model(), npy, PictureFile()});
  EXPECT_EQ(two.exit_code, 0) << two.err;
  EXPECT_THAT(two.out, HasSubstr("one.npy\n  y [1,1,2,3]\n    min 3  max 3  mean 3"));
  EXPECT_THAT(two.out, HasSubstr("two.ppm\n  y [1,1,2,3]\n    min 3  max 18"));
  const Finished mean = Run({Model(), "--mean", "1,2,3", "--rgb", PictureFile()});
  EXPECT_EQ(mean.exit_code, 0) << mean.err;
  EXPECT_THAT(mean.out, HasSubstr("min 0  max 9"));
  const Finished named = Run({Model(), "--input-names", "x", "x=" + npy, "--output", "relu"});
  EXPECT_EQ(named.exit_code, 0) << named.err;
  EXPECT_THAT(named.out, HasSubstr("relu [1,1,2,3]\n    min 1  max 1"));
}

TEST_F(RunToolTest, EndsWithTwoOnWrongUseAndOneOnWrongFiles) {
  const std::string model = Model(), picture = PictureFile();
  EXPECT_EQ(Run({}).exit_code, 2);
  EXPECT_EQ(Run({model, picture, "--frobnicate"}).exit_code, 2);
  EXPECT_EQ(Run({model, picture, "--size", "3by4"}).exit_code, 2);
  EXPECT_EQ(Run({model, picture, "--rgb", "--bgr"}).exit_code, 2);
  EXPECT_EQ(Run({model, picture, "--mean", "1,2"}).exit_code, 2);
  for (const auto& [flag, value] : std::vector<std::pair<std::string, std::string>>{
           {"--top-k", "0"}, {"--top-k", "x"}, {"--scale", "nan"}, {"--mean", "1,inf,2"}, {"--std", "many"}, {"--threads", "100000"}, {"--every", "0"}}) {
    const Finished odd = Run({model, picture, flag, value});
    EXPECT_EQ(odd.exit_code, 2) << flag << " " << value;
    EXPECT_THAT(odd.err, HasSubstr(flag + ": "));
    EXPECT_LT(odd.err.size(), 200U) << odd.err;
  }
  EXPECT_EQ(Run({"--help"}).exit_code, 0);
  const Finished missing = Run({root_ + "/none.pb", picture});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.err, HasSubstr("none.pb"));
  EXPECT_EQ(missing.out, "");
  EXPECT_EQ(Run({model, root_ + "/none.png"}).exit_code, 1);
  EXPECT_EQ(Run({Write("page.pb", "<html>"), picture}).exit_code, 1);
  EXPECT_EQ(Run({model, picture, "--output", "z"}).exit_code, 1);
  EXPECT_EQ(Run({model, picture, "--backend", "abacus"}).exit_code, 1);
}

TEST_F(RunToolTest, LeavesNoFileBehindWhenItFails) {
  const std::string drawn = root_ + "/drawn.png";
  EXPECT_EQ(Run({Write("page.pb", "<html>"), PictureFile(), "--draw", drawn}).exit_code, 1);
  EXPECT_EQ(Run({Model(), PictureFile(), "--decode", "classes", "--size", "3x3", "--draw", drawn, "--labels", "/none"})
                .exit_code,
            1);
  EXPECT_FALSE(std::filesystem::exists(drawn));
  EXPECT_EQ(Run({Model(), PictureFile(), "--decode", "classes", "--draw", drawn}).exit_code, 0);
  EXPECT_TRUE(std::filesystem::exists(drawn));
}

TEST_F(RunToolTest, WritesOverNothingThatItReads) {
  const std::string model = Model(), picture = Write("two.png", ReadBytes(SourceDir() + "/models/classic_tf1/digits/7.png"));
  const std::string labels = Write("labels.txt", "a\nb\n"), list = Write("list.txt", picture + "\n"), before = ReadBytes(picture);
  const std::vector<std::vector<std::string>> wrong = {
      {"--out", model},
      {"--out", labels, "--labels", labels},
      {"--out", list, "--list", list},
      {"--out", root_ + "/../" + root_.substr(root_.rfind('/')) + "/two.png"},
      {"--draw", picture},
      {"--draw", root_},
      {"--draw", root_ + "/one.png", "--out", root_ + "/./one.png"},
  };
  for (std::vector<std::string> arguments : wrong) {
    arguments.insert(arguments.begin(), {model, picture});
    const Finished ended = Run(arguments);
    EXPECT_EQ(ended.exit_code, 1) << ended.out;
    EXPECT_THAT(ended.err, HasSubstr(arguments[2])) << arguments[3];
  }
  EXPECT_EQ(ReadBytes(picture), before);
  EXPECT_EQ(ReadBytes(labels), "a\nb\n");
  EXPECT_EQ(Run({model, PictureFile(), "--save-npz", root_, "--json"}).exit_code, 0);
}

TEST_F(RunToolTest, ReadsStandardInput) {
  const std::string model = Model(), picture = PictureFile();
  const Finished one = RunWith({model, "-", "--json"}, {.standard_input = picture});
  EXPECT_EQ(one.exit_code, 0) << one.err;
  EXPECT_THAT(one.out, HasSubstr("{\"input\":\"stdin\""));
  EXPECT_THAT(one.out, HasSubstr("[3.0,6.0,9.0,12.0,15.0,18.0]"));
  const Finished list = RunWith({model, "@-", "--json"}, {.standard_input = Write("list", picture + "\n" + picture)});
  EXPECT_EQ(list.exit_code, 0) << list.err;
  EXPECT_EQ(Lines(list.out).size(), 2U);
  for (const char* nothing : {"", "/dev/null"}) {
    const Finished closed = RunWith({model, "-"}, {.standard_input = nothing});
    EXPECT_EQ(closed.exit_code, 1);
    EXPECT_THAT(closed.err, HasSubstr("stdin: gives nothing"));
    EXPECT_EQ(RunWith({model, "@-"}, {.standard_input = nothing}).exit_code, 1);
  }
}

TEST_F(RunToolTest, ListsDevicesAndRefusesThoseThatAreMissing) {
  const Finished list = Run({"--list-devices"});
  EXPECT_EQ(list.exit_code, 0) << list.err;
  EXPECT_THAT(list.out, HasSubstr("\nopencv/cpu\n"));
  if (list.out.find("cann/") == std::string::npos) {
    const Finished missing = Run({Model(), PictureFile(), "--backend", "cann"});
    EXPECT_EQ(missing.exit_code, 1);
    EXPECT_THAT(missing.err, HasSubstr("cann/npu needs an OpenCV built with -D WITH_CANN=ON"));
  }
  EXPECT_THAT(Run({Model(), PictureFile(), "--target", "toaster"}).err, HasSubstr("no target \"toaster\""));
}

TEST_F(RunToolTest, OpensAWindowOnlyOnRequest) {
  ::unsetenv("DISPLAY");
  ::unsetenv("WAYLAND_DISPLAY");
  const Finished without = Run({Model(), PictureFile()});
  EXPECT_EQ(without.exit_code, 0) << without.err;  // no display, and none is looked for
  const Finished with = Run({Model(), PictureFile(), "--show"});
  EXPECT_EQ(with.exit_code, 1);
  EXPECT_THAT(with.err, HasSubstr("--show: "));
}

TEST_F(RunToolTest, RunsRandomNumbers) {
  const Finished unknown = Run({Model(), "--random", "1"});
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_THAT(unknown.err, HasSubstr("model.json"));
  EXPECT_EQ(Run({Model(), "--count", "2"}).exit_code, 2);
  EXPECT_EQ(Run({Model(), PictureFile(), "--random", "x"}).exit_code, 2);
}

TEST_F(RunToolTest, TakesAModelsYml) {
  const std::string yml = Write("models.yml",
                                "%YAML 1.0\n---\ntiny:\n  mean: [1, 2, 3]\n  scale: 2.0\n  rgb: false\n"
                                "  classes: \"names.txt\"\n  sample: \"classification\"\n");
  Write("names.txt", "a\nb\nc\nd\ne\nf\n");
  const std::string model = Model(), picture = PictureFile();
  const Finished run = Run({model, picture, "--models-yml", yml, "--alias", "tiny", "--json", "--decode", "raw"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("\"values\":[12.0,0.0,0.0,30.0,18.0,6.0]"));
  const Finished classes =
      Run({model, picture, "--models-yml", yml, "--alias", "tiny", "--top-k", "1", "--scale", "1"});
  EXPECT_THAT(classes.out, HasSubstr("15.00000  d"));
  EXPECT_EQ(Run({model, picture, "--models-yml", yml}).exit_code, 2);
  EXPECT_EQ(Run({model, picture, "--alias", "tiny"}).exit_code, 2);
  EXPECT_EQ(Run({model, picture, "--models-yml", yml, "--alias", "none"}).exit_code, 1);
  EXPECT_EQ(Run({model, picture, "--models-yml", root_ + "/none.yml", "--alias", "tiny"}).exit_code, 1);
}

TEST_F(RunToolTest, WritesTablesAndArchivesAndPictures) {
  const std::string model = Model(), picture = PictureFile(), csv = root_ + "/out.csv";
  const Finished run = Run({model, picture, picture, "--out", csv, "--save-npz", root_ + "/npz", "--draw",
                            root_ + "/drawn", "--decode", "image"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out, "");
  EXPECT_EQ(ReadBytes(csv), "input,output,kind,index,label,score,x,y,width,height,error\n");

  EXPECT_TRUE(std::filesystem::exists(root_ + "/npz/two.ppm.npz"));
  EXPECT_TRUE(std::filesystem::exists(root_ + "/npz/two.ppm~2.npz"));
  const auto made = ReadPixels(root_ + "/drawn/two.ppm.png");
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->at<cv::Vec3b>(0, 0), cv::Vec3b(9, 6, 3));
}

TEST_F(RunToolTest, AnnotatesVideos) {
  const std::string clip = root_ + "/clip.avi", out = root_ + "/out.avi";
  if (!MakeVideo(clip, 5, 32, 16)) GTEST_SKIP() << kNoVideo;
  const Finished run = Run({Model(), clip, "--size", "2x1", "--draw", out, "--json", "--limit", "4"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(Lines(run.out).size(), 4U);
  auto video = Video::Open(out);
  ASSERT_TRUE(video.ok()) << video.status();
  int frames = 0;
  while (*video->Skip()) ++frames;
  EXPECT_EQ(frames, 4);
  EXPECT_EQ(Run({Model(), clip, "--size", "2x1", "--draw", root_ + "/frames"}).exit_code, 0);
  EXPECT_TRUE(std::filesystem::exists(root_ + "/frames/clip-000004.png"));
  const std::string bytes = ReadBytes(clip);
  const Finished damaged = Run({Model(), Write("cut.avi", bytes.substr(0, 200)), "--size", "2x1"});
  EXPECT_EQ(damaged.exit_code, 1);
  EXPECT_THAT(damaged.err, HasSubstr("cut.avi"));
}

TEST_F(RunToolTest, SaysItsVersion) {
  const Finished ended = Run({"--version"});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_EQ(ended.out, std::string(Version()) + "\n");
}

}  // namespace
}  // namespace permafrost
