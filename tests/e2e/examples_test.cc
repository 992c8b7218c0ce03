// The programs of docs/examples, as the docs call them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/places.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class ExamplesTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    const Finished made = RunProgram("permafrost-optimize", {Case() + "/graph.pb", "-o", Model()});
    ASSERT_EQ(made.exit_code, 0) << made.err;
  }
  static void TearDownTestSuite() { delete folder_; }
  static std::string Case() { return SourceDir() + "/models/classic_tf1"; }
  static std::string Model() { return folder_->File("digits.pb"); }
  static TemporaryFolder* folder_;
};
TemporaryFolder* ExamplesTest::folder_ = nullptr;

TEST_F(ExamplesTest, ClassifyNamesTheDigit) {
  const Finished ended = RunProgram("examples/classify", {Model(), Case() + "/digits/7.png"});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(ended.out, StartsWith("7  0.946"));
  EXPECT_EQ(RunProgram("examples/classify", {Model()}).exit_code, 2);
  EXPECT_THAT(RunProgram("examples/classify", {Model(), "none.png"}).err, HasSubstr("none.png"));
}

TEST_F(ExamplesTest, PoolAnswersEveryThread) {
  const Finished ended = RunProgram("examples/pool", {Model(), Case() + "/in.npy"});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_EQ(ended.out, "100 of 100 answers are the same\n");
}

TEST_F(ExamplesTest, OverheadComparesBothLoops) {
  const Finished ended = RunProgram("examples/overhead", {Model(), "5", "1"});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr(" % (95 %: "));
}

}  // namespace
}  // namespace permafrost
