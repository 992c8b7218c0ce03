#include "runner/writers/folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(OutputFolder, HoldsWholeFiles) {
  const TemporaryFolder root;
  auto folder = OutputFolder::Make(root.File("a/b"));
  ASSERT_TRUE(folder.ok()) << folder.status();
  ASSERT_TRUE(folder->Write("x", "long").ok());
  ASSERT_TRUE(folder->Write("x", "new").ok());
  ASSERT_TRUE(folder->Write("y", "").ok());
  ASSERT_TRUE(folder->Sync().ok());
  ASSERT_TRUE(folder->Sync().ok());
  EXPECT_EQ(root.Read("a/b/x"), "new");
  EXPECT_TRUE(OutputFolder::Make(root.File("a/b")).ok()) << "it may be there";
}

TEST(OutputFolder, SaysWhatCannotBeWritten) {
  const TemporaryFolder root;
  root.Write("file", "");
  EXPECT_THAT(Message(OutputFolder::Make(root.File("file")).status()), HasSubstr("file: the folder cannot be made"));
  EXPECT_FALSE(OutputFolder::Make(root.File("file/below")).ok());
  auto folder = OutputFolder::Make(root.File("a"));
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_THAT(Message(folder->Write("none/x", "1")), HasSubstr("a/none/x: cannot be written"));
  EXPECT_TRUE(OutputFolder::Make(root.File("a/dir")).ok());
  EXPECT_FALSE(folder->Write("dir", "1").ok());
  EXPECT_THAT(TemporaryFolder().Names(), ElementsAre());
}

}  // namespace
}  // namespace permafrost
