#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "optimizer/support/version.h"
#include "tests/bench/case_folder.h"
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
  EXPECT_EQ(
      Run({Model(), PictureFile(), "--decode", "classes", "--size", "3x3", "--draw", drawn, "--labels", "/none"}).exit_code,
      1);
  EXPECT_FALSE(std::filesystem::exists(drawn));
  EXPECT_EQ(Run({Model(), PictureFile(), "--decode", "classes", "--draw", drawn}).exit_code, 0);
  EXPECT_TRUE(std::filesystem::exists(drawn));
}

TEST_F(RunToolTest, SaysItsVersion) {
  const Finished ended = Run({"--version"});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_EQ(ended.out, std::string(Version()) + "\n");
}

}  // namespace
}  // namespace permafrost
