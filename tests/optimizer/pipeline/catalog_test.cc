#include "optimizer/pipeline/catalog.h"

#include <gtest/gtest.h>

#include <set>

namespace permafrost {
namespace {

std::vector<const PassInfo*> Joined(std::vector<const PassInfo*> first, const std::vector<const PassInfo*>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

TEST(Catalog, RunsEveryPassAfterWhatItNeeds) {
  EXPECT_TRUE(CheckOrder(LoweringPasses()).ok()) << CheckOrder(LoweringPasses());
  for (const auto* backend : {&OpenCvPasses(), &NamingPasses()}) {
    const Status status = CheckOrder(Joined(OptimizingPasses(), *backend), FactsOfFlatGraphs());
    EXPECT_TRUE(status.ok()) << status;
  }
}

TEST(Catalog, NoticesAPassThatRunsTooEarly) {
  EXPECT_FALSE(CheckOrder(OptimizingPasses()).ok()) << "these need a flat graph";
  EXPECT_FALSE(CheckOrder(OpenCvPasses(), FactsOfFlatGraphs()).ok()) << "these need folded constants";
}

TEST(Catalog, HasEachNameAndAliasOnceAndFindsIt) {
  std::set<std::string_view> names;
  for (const PassInfo* pass : AllPasses()) {
    EXPECT_TRUE(names.insert(pass->name).second) << pass->name;
    EXPECT_EQ(FindPass(pass->name), pass);
    EXPECT_FALSE(pass->summary.empty()) << pass->name;
    for (std::string_view alias : pass->aliases) {
      EXPECT_TRUE(names.insert(alias).second) << alias;
      EXPECT_EQ(FindPass(alias), pass) << alias;
    }
  }
}

TEST(Catalog, TakesUnderscoresForHyphens) {
  EXPECT_NE(FindPass("fold_constants"), nullptr);
  EXPECT_EQ(FindPass("fold_constants"), FindPass("fold-constants"));
  EXPECT_EQ(FindPass("fold"), nullptr);
  EXPECT_EQ(FindPass(""), nullptr);
}

}  // namespace
}  // namespace permafrost
