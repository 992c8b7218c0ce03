#include "optimizer/frontend/checkpoint/table_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/support/table_writing.h"

namespace permafrost {
namespace {

using table::Entries;
using ::testing::HasSubstr;

StatusOr<Entries> ReadAll(std::string_view bytes) {
  Entries entries;
  RETURN_IF_ERROR(ReadTable(bytes, [&](const TableEntry& entry) {
    entries.emplace_back(entry.key, entry.value);
    return OkStatus();
  }));
  return entries;
}

std::string ErrorOf(std::string_view bytes) {
  const auto entries = ReadAll(bytes);
  return entries.ok() ? "accepted" : Message(entries.status());
}

Entries ManyEntries() {
  Entries entries;
  for (int i = 100; i < 150; ++i)
    entries.emplace_back(StrCat("layer/weights_", i), std::string(static_cast<size_t>(i), 'x'));
  return entries;
}

TEST(ReadTable, GivesBackWhatWasWritten) {
  for (bool compressed : {false, true}) {
    for (size_t per_block : {1, 3, 1000}) {
      const auto entries = ReadAll(table::TableOf(ManyEntries(), per_block, compressed));
      ASSERT_TRUE(entries.ok()) << entries.status();
      EXPECT_EQ(*entries, ManyEntries());
    }
  }
}

TEST(ReadTable, ReadsAnEmptyKeyAndAnEmptyTable) {
  const Entries with_empty = {{"", "header"}, {"a", ""}};
  EXPECT_EQ(*ReadAll(table::TableOf(with_empty)), with_empty);
  EXPECT_EQ(*ReadAll(table::TableOf({})), Entries());
}

TEST(ReadTable, SaysWhichValuesLieInTheTable) {
  for (bool compressed : {false, true}) {
    const std::string bytes = table::TableOf(ManyEntries(), 3, compressed);
    ASSERT_TRUE(ReadTable(bytes, [&](const TableEntry& entry) {
                  EXPECT_EQ(entry.in_table, !compressed);
                  return OkStatus();
                }).ok());
  }
}

TEST(ReadTable, StopsAtTheCallersError) {
  int calls = 0;
  EXPECT_EQ(
      Message(ReadTable(table::TableOf(ManyEntries()), [&](const TableEntry&) { return NotFound("no ", ++calls); })),
      "no 1");
  EXPECT_EQ(calls, 1);
}

TEST(ReadTable, RefusesWhatIsNoTable) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("no checkpoint table"));
  EXPECT_THAT(ErrorOf(std::string(100, 'a')), HasSubstr("no checkpoint table"));
  const std::string bytes = table::TableOf(ManyEntries());
  EXPECT_THAT(ErrorOf(std::string_view(bytes).substr(0, bytes.size() - 1)), HasSubstr("truncated"));
}

TEST(ReadTable, RefusesBlocksThatLieAboutWhereTheyAre) {
  for (uint64_t offset : {uint64_t{1} << 20, uint64_t{1} << 40, ~uint64_t{0}, ~uint64_t{0} - 8}) {
    EXPECT_THAT(ErrorOf("12345" + table::Footer(offset, 4)), HasSubstr("not inside"));
    EXPECT_THAT(ErrorOf("12345" + table::Footer(0, offset)), HasSubstr("not inside"));
  }
  EXPECT_THAT(ErrorOf("12345" + table::Footer(0, 1)), HasSubstr("not inside"));
}

TEST(ReadTable, RefusesAWrongChecksumAnywhere) {
  const std::string good = table::TableOf({{"key", "value"}});
  const size_t value = good.find("value");
  std::string bad = good;
  bad[value] ^= 1;
  EXPECT_THAT(ErrorOf(bad), HasSubstr("checksum"));
}

TEST(ReadTable, RefusesUnsortedKeys) {
  const auto two = [](const char* a, const char* b) { return table::TableOf({{a, "1"}, {b, "2"}}, 9); };
  EXPECT_THAT(ErrorOf(two("b", "a")), HasSubstr("not sorted"));
  EXPECT_THAT(ErrorOf(two("a", "a")), HasSubstr("not sorted"));
  const std::string a = table::BlockOf({{"a", "1"}}), b = table::BlockOf({{"b", "1"}});
  EXPECT_THAT(ErrorOf(table::TableOfBlocks({b, a}, {"b", "c"})), HasSubstr("not sorted"));
}

TEST(ReadTable, RefusesABlockThatIsUsedTwice) {
  const std::string block = table::BlockOf({});
  const std::string handle = wire::Varint(0) + wire::Varint(block.size());
  const std::string index = table::BlockOf({{"a", handle}, {"b", handle}});
  const std::string data = block + table::Trailer(block, 0);
  EXPECT_THAT(ErrorOf(data + index + table::Trailer(index, 0) + table::Footer(data.size(), index.size())),
              HasSubstr("overlap"));
}

TEST(ReadTable, RefusesEntriesAndRestartsBeyondTheirBlock) {
  const auto with_block = [](const std::string& block) { return ErrorOf(table::TableOfBlocks({block}, {"z"})); };
  const std::string restarts = wire::Raw<uint32_t>(0) + wire::Raw<uint32_t>(1);
  EXPECT_THAT(with_block(wire::Varint(5) + wire::Varint(1) + wire::Varint(0) + "k" + restarts),
              HasSubstr("not inside"));
  EXPECT_THAT(with_block(wire::Varint(0) + wire::Varint(1) + wire::Varint(~uint64_t{0}) + "k" + restarts),
              HasSubstr("not inside"));
  EXPECT_THAT(with_block(wire::Varint(0) + wire::Varint(~uint64_t{0}) + wire::Varint(2) + "k" + restarts),
              HasSubstr("not inside"));
  EXPECT_THAT(with_block(wire::Raw<uint32_t>(0xffffffff)), HasSubstr("restart"));
  EXPECT_THAT(with_block("abc"), HasSubstr("short"));
}

TEST(ReadTable, RefusesCompressionThatItDoesNotKnowOrThatLies) {
  const std::string block = table::BlockOf({{"a", "1"}});
  EXPECT_THAT(ErrorOf(table::TableOfBlocks({block}, {"a"}, 2)), HasSubstr("compression 2"));
  EXPECT_THAT(ErrorOf(table::TableOfBlocks({wire::Varint(uint64_t{1} << 31) + "abc"}, {"a"}, 1)),
              HasSubstr("unpacked"));
  EXPECT_THAT(ErrorOf(table::TableOfBlocks({wire::Varint(10) + "\xff\xff"}, {"a"}, 1)), HasSubstr("unpacked"));
}

TEST(ReadTable, NeverCrashesOnMutations) {
  std::mt19937 random(7);
  for (bool compressed : {false, true}) {
    const std::string good = table::TableOf(ManyEntries(), 7, compressed);
    for (int round = 0; round < 3000; ++round) {
      std::string bad = good;
      for (int change = 0; change < 1 + round % 4; ++change) {
        // Half of them in the footer, which no checksum guards.
        const size_t at = random() % 2 == 0 ? bad.size() - 48 + random() % 40 : random() % bad.size();
        bad[at] = static_cast<char>(random());
      }
      const auto entries = ReadAll(bad);
      if (entries.ok()) {
        EXPECT_EQ(*entries, ManyEntries()) << "damage was not seen";
      }
    }
  }
}

// Behind good checksums, entries are damaged at will.
TEST(ReadTable, NeverCrashesOnDamageBehindGoodChecksums) {
  std::mt19937 random(8);
  const std::string good = table::BlockOf(ManyEntries());
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string bad = good;
    for (int change = 0; change < 1 + round % 4; ++change) {
      bad[random() % 2 == 0 ? random() % bad.size() : random() % 64] = static_cast<char>(random());
    }
    refused += ReadAll(table::TableOfBlocks({bad}, {"z"})).ok() ? 0 : 1;
    refused += ReadAll(table::TableOfBlocks({bad}, {"z"}, 1)).ok() ? 0 : 1;
  }
  EXPECT_GT(refused, 3000);
}

}  // namespace
}  // namespace permafrost
