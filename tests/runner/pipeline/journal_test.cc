#include "runner/pipeline/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

using ::testing::HasSubstr;

TEST(Journal, ComesBackAsItWasWritten) {
  const TemporaryFolder folder;
  const std::string output = folder.Write("out.jsonl", "0123456789");
  ASSERT_TRUE(WriteJournal(output, {12, 3, 10, AddName("", "a"), "f"}).ok());
  const auto entry = ReadJournal(output);
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(entry->items, 12);
  EXPECT_EQ(entry->failed, 3);
  EXPECT_EQ(entry->bytes, 10);
  EXPECT_EQ(entry->names, AddName("", "a"));
  EXPECT_EQ(entry->flags, "f");
}

TEST(Journal, BeginsAtNothing) {
  const TemporaryFolder folder;
  const auto entry = ReadJournal(folder.File("out.jsonl"));
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(entry->items, 0);
  EXPECT_EQ(entry->bytes, 0);
}

TEST(Journal, RefusesToGuess) {
  const TemporaryFolder folder;
  const std::string output = folder.Write("out.jsonl", "0123456789");
  EXPECT_THAT(Message(ReadJournal(output).status()), HasSubstr("without its journal"));
  for (const char* text :
       {"", "no json", "[]", "{}", R"({"version":2,"items":1,"failed":0,"bytes":1,"names":"","flags":""})",
        R"({"version":1,"items":-1,"failed":0,"bytes":1,"names":"","flags":""})",
        R"({"version":1,"items":1,"failed":2,"bytes":1,"names":"","flags":""})"}) {
    folder.Write("out.jsonl.journal", text);
    EXPECT_FALSE(ReadJournal(output).ok()) << text;
  }
  ASSERT_TRUE(WriteJournal(output, {1, 0, 11, "", ""}).ok());
  EXPECT_THAT(Message(ReadJournal(output).status()), HasSubstr("holds 10 bytes, but its journal says 11"));
}

TEST(Journal, ChainsNames) {
  EXPECT_NE(AddName(AddName("", "a"), "b"), AddName(AddName("", "b"), "a"));
  EXPECT_NE(AddName(AddName("", "a"), "b"), AddName("", "ab"));
}

}  // namespace
}  // namespace permafrost
