// What the docs claim about the programs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "optimizer/pipeline/catalog.h"
#include "optimizer/pipeline/retired_transforms.h"
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

// The texts between backquotes.
std::vector<std::string> Quoted(const std::string& text) {
  std::vector<std::string> found;
  for (size_t start = text.find('`'); start != std::string::npos; start = text.find('`', start + 1)) {
    const size_t end = text.find('`', start + 1);
    if (end == std::string::npos) break;
    found.push_back(text.substr(start + 1, end - start - 1));
    start = end;
  }
  return found;
}

TEST(Docs, ClaimNoTransformThatDoesNotExist) {
  std::set<std::string> listed;
  for (const std::string& line : Lines(ReadBytes(SourceDir() + "/docs/transform_graph.md"))) {
    if (line.rfind("| `", 0) != 0) continue;
    SCOPED_TRACE(line);
    std::vector<std::string> cells;
    for (size_t start = 1, end = 0; (end = line.find('|', start)) != std::string::npos; start = end + 1) {
      cells.push_back(line.substr(start, end - start));
    }
    ASSERT_GE(cells.size(), 4U);
    const std::string name = Quoted(cells[0]).at(0);
    EXPECT_TRUE(listed.insert(name).second) << "twice";
    const PassInfo* pass = FindPass(name);
    const RetiredTransform* retired = FindRetiredTransform(name);
    if (pass != nullptr) {
      EXPECT_EQ(cells[2], " pass `" + std::string(pass->name) + "` ");
      std::vector<std::string> options;
      for (const PassOption& option : pass->options) options.emplace_back(option.name);
      EXPECT_EQ(Quoted(cells[1]), options);
    } else {
      ASSERT_NE(retired, nullptr);
      EXPECT_EQ(cells[2], retired->always_done ? " always done " : " no ");
      EXPECT_GT(cells[3].size(), 5U) << "what replaced it?";
    }
  }
  EXPECT_GE(listed.size(), 39U);
  for (const RetiredTransform& row : RetiredTransforms()) EXPECT_TRUE(listed.contains(std::string(row.name))) << row.name;
}

}  // namespace
}  // namespace permafrost
