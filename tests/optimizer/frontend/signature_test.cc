#include "optimizer/frontend/signature.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace permafrost {
namespace {

using testing::HasSubstr;

std::vector<Signature> Named(const std::vector<std::string>& names) {
  std::vector<Signature> signatures;
  for (const std::string& name : names) signatures.push_back({name, "", {}, {}});
  return signatures;
}

std::string Chosen(const std::vector<std::string>& names, std::string_view asked = "") {
  const std::vector<Signature> signatures = Named(names);
  const auto chosen = ChooseSignature(signatures, asked);
  if (!chosen.ok()) return Message(chosen.status());
  return *chosen != nullptr ? (*chosen)->name : "none";
}

TEST(ChooseSignature, TakesTheDefaultElseTheOnlyOne) {
  EXPECT_EQ(Chosen({"a", "serving_default"}), "serving_default");
  EXPECT_EQ(Chosen({"a"}), "a");
  EXPECT_EQ(Chosen({"a", "b"}, "b"), "b");
  EXPECT_EQ(Chosen({"__call__", "a", "serving_default"}), "serving_default");
  EXPECT_EQ(Chosen({"__call__", "call_and_return_conditional_losses", "serve"}), "__call__");
  EXPECT_EQ(Chosen({"a", "serve"}), "serve");
  EXPECT_EQ(Chosen({}), "none");
}

TEST(ChooseSignature, ListsWhatThereIs) {
  EXPECT_THAT(Chosen({"a", "b"}), HasSubstr("--signature: 'a', 'b'"));
  EXPECT_THAT(Chosen({"a", "b"}, "c"), HasSubstr("has no signature 'c'; it has 'a', 'b'"));
  EXPECT_THAT(Chosen({}, "c"), HasSubstr("none at all"));
}

}  // namespace
}  // namespace permafrost
