#include "optimizer/support/text_table.h"

#include <gtest/gtest.h>

namespace permafrost {
namespace {

TEST(TextTable, AlignsItsColumns) {
  EXPECT_EQ(TextTable({{"case", "ms"}, {"a", "1.5"}, {"longer", ""}}), "case     ms\na       1.5\nlonger\n");
  EXPECT_EQ(TextTable({{"a", "long", "1"}, {"b", "x", "22"}}, 2), "a  long   1\nb  x     22\n");
}

TEST(TextTable, TakesRowsOfAnyLength) { EXPECT_EQ(TextTable({{}, {"a"}, {"b", "c"}}), "\na\nb  c\n"); }

}  // namespace
}  // namespace permafrost
