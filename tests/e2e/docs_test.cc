// What the docs claim about the programs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/places.h"
#include "tests/support/run_program.h"

namespace permafrost {
namespace {

TEST(Docs, ListThePassesThatExistInTheirOrder) {
  std::vector<std::string> documented;
  for (const std::string& line : Lines(ReadBytes(SourceDir() + "/docs/passes.md"))) {
    const bool flag = line.rfind("| `--", 0) == 0;  // of another table
    if (line.rfind("| `", 0) == 0 && !flag) documented.push_back(line.substr(3, line.find('`', 3) - 3));
  }
  std::vector<std::string> existing;
  for (const std::string& line : Lines(RunProgram("permafrost-optimize", {"--list-passes"}).out)) {
    existing.push_back(line.substr(0, line.find(' ')));
  }
  ASSERT_FALSE(existing.empty());
  existing.erase(existing.begin());  // the heading
  EXPECT_EQ(documented, existing);
}

}  // namespace
}  // namespace permafrost
