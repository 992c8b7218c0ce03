#include "runner/pipeline/resume.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

using ::testing::HasSubstr;

FinishedItem Item(const std::string& name, const Status& status = OkStatus()) { return {name, name, status}; }

TEST(Resume, CountsOnlyWhatIsSafe) {
  const TemporaryFolder folder;
  const std::string output = folder.File("out");
  {
    auto resume = Resume::Open(output, "flags");
    ASSERT_TRUE(resume.ok()) << resume.status();
    auto sink = GrowingFileSink(output, resume->before().bytes);
    ASSERT_TRUE(sink.ok()) << sink.status();
    for (const char* name : {"a", "b"}) {
      ASSERT_TRUE((*sink)->Append(std::string(name) + "\n").ok());
      ASSERT_TRUE(resume->Written(Item(name, name[0] == 'b' ? DataLoss("bad") : OkStatus()), **sink, {}).ok());
    }
    ASSERT_TRUE(resume->Commit(**sink, {}).ok());
    ASSERT_TRUE((*sink)->Append("half of").ok());  // killed before this item is counted
    ASSERT_TRUE((*sink)->Sync().ok());
  }
  auto resume = Resume::Open(output, "flags");
  ASSERT_TRUE(resume.ok()) << resume.status();
  EXPECT_EQ(resume->before().items, 2);
  EXPECT_EQ(resume->before().failed, 1);
  EXPECT_EQ(resume->before().bytes, 4);
  EXPECT_TRUE(resume->Skipped("a").ok());
  EXPECT_TRUE(resume->Skipped("b").ok());
  auto sink = GrowingFileSink(output, resume->before().bytes);
  ASSERT_TRUE(sink.ok()) << sink.status();
  ASSERT_TRUE((*sink)->Append("c\n").ok());
  ASSERT_TRUE(resume->Written(Item("c"), **sink, {}).ok());
  ASSERT_TRUE(resume->Commit(**sink, {}).ok());
  EXPECT_EQ(folder.Read("out"), "a\nb\nc\n");
  EXPECT_EQ(ReadJournal(output)->items, 3);
  EXPECT_EQ(ReadJournal(output)->failed, 1);
}

TEST(Resume, ForgetsNothingWhenItEndsAmongWhatWasWrittenBefore) {
  const TemporaryFolder folder;
  const std::string output = folder.Write("out", "a\nb\nc\n");
  const JournalEntry before = {3, 1, 6, AddName(AddName(AddName("", "a"), "b"), "c"), "flags"};
  ASSERT_TRUE(WriteJournal(output, before).ok());
  auto resume = Resume::Open(output, "flags");
  ASSERT_TRUE(resume.ok()) << resume.status();
  auto sink = GrowingFileSink(output, resume->before().bytes);
  ASSERT_TRUE(sink.ok()) << sink.status();
  EXPECT_TRUE(resume->Skipped("a").ok());  // then it is interrupted
  ASSERT_TRUE(resume->Commit(**sink, {}).ok());
  EXPECT_EQ(ReadJournal(output)->items, 3);
  EXPECT_EQ(ReadJournal(output)->bytes, 6);
  EXPECT_EQ(ReadJournal(output)->names, before.names);
}

TEST(Resume, GoesOnAfterAKillBeforeTheFirstItem) {
  const TemporaryFolder folder;
  const std::string output = folder.File("out");
  ASSERT_TRUE(Resume::Open(output, "flags").ok());
  ASSERT_TRUE(GrowingFileSink(output, 0).ok());
  folder.Write("out", "half a li");
  const auto resume = Resume::Open(output, "flags");
  ASSERT_TRUE(resume.ok()) << resume.status();
  EXPECT_EQ(resume->before().bytes, 0);
}

TEST(Resume, RefusesOtherFlagsAndOtherItems) {
  const TemporaryFolder folder;
  const std::string output = folder.Write("out", "a\n");
  ASSERT_TRUE(WriteJournal(output, {2, 0, 2, AddName(AddName("", "a"), "b"), "flags"}).ok());
  EXPECT_THAT(Message(Resume::Open(output, "others").status()), HasSubstr("other flags"));
  auto resume = Resume::Open(output, "flags");
  ASSERT_TRUE(resume.ok()) << resume.status();
  EXPECT_TRUE(resume->Skipped("a").ok());
  EXPECT_THAT(Message(resume->Skipped("c")), HasSubstr("other inputs"));
}

}  // namespace
}  // namespace permafrost
