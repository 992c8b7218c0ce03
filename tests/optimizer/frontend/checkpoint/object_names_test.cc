#include "optimizer/frontend/checkpoint/object_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/support/wire_writing.h"

namespace permafrost {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Values : public VariableSource {
 public:
  explicit Values(std::map<std::string, Tensor, std::less<>> values) : values_(std::move(values)) {}
  std::vector<std::string> Names() const override {
    std::vector<std::string> names;
    for (const auto& [name, value] : values_) names.push_back(name);
    return names;
  }
  bool Has(std::string_view name) const override { return values_.contains(name); }
  StatusOr<Tensor> Get(std::string_view name) const override { return values_.find(name)->second; }
  std::string Describe() const override { return "test"; }

 private:
  std::map<std::string, Tensor, std::less<>> values_;
};

std::string Object(const std::string& full_name, const std::string& key) {
  const std::string attribute = wire::Bytes(1, "VARIABLE_VALUE") + wire::Bytes(2, full_name) + wire::Bytes(3, key);
  return wire::Bytes(1, wire::Bytes(1, wire::Number(1, 5)) + wire::Bytes(2, attribute));
}

StatusOr<std::shared_ptr<const VariableSource>> Source(const std::string& objects) {
  return WithObjectNames(std::make_shared<Values>(
      std::map<std::string, Tensor, std::less<>>{{"_CHECKPOINTABLE_OBJECT_GRAPH", Tensor::Strings({}, {objects})},
                                                 {"m/a/.ATTRIBUTES/VARIABLE_VALUE", Tensor::Scalar(1.0F)},
                                                 {"m/b/.ATTRIBUTES/VARIABLE_VALUE", Tensor::Scalar(2.0F)}}));
}

TEST(WithObjectNames, FindsAVariableByItsOwnName) {
  const auto source = Source(Object("dense/kernel", "m/b/.ATTRIBUTES/VARIABLE_VALUE") + Object("gone", "not/there"));
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_TRUE((*source)->Has("dense/kernel"));
  EXPECT_TRUE((*source)->Has("m/b/.ATTRIBUTES/VARIABLE_VALUE"));
  EXPECT_FALSE((*source)->Has("gone"));
  EXPECT_EQ((*source)->Get("dense/kernel")->Values<float>()[0], 2.0F);
  EXPECT_THAT((*source)->Names(), ElementsAre("_CHECKPOINTABLE_OBJECT_GRAPH", "dense/kernel",
                                              "m/a/.ATTRIBUTES/VARIABLE_VALUE", "m/b/.ATTRIBUTES/VARIABLE_VALUE"));
}

TEST(WithObjectNames, RefusesANameThatTwoVariablesShare) {
  const auto source =
      Source(Object("kernel", "m/a/.ATTRIBUTES/VARIABLE_VALUE") + Object("kernel", "m/b/.ATTRIBUTES/VARIABLE_VALUE"));
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_TRUE((*source)->Has("kernel")) << "its initial value must not be taken";
  EXPECT_THAT(Message((*source)->Get("kernel").status()), HasSubstr("the name of several variables, 'm/a/"));
}

TEST(WithObjectNames, LeavesOtherCheckpointsAlone) {
  const auto plain = std::make_shared<Values>(std::map<std::string, Tensor, std::less<>>{{"a", Tensor::Scalar(1.0F)}});
  EXPECT_EQ(*WithObjectNames(plain), plain);
}

TEST(WithObjectNames, RefusesADamagedGraphOfObjects) {
  EXPECT_THAT(Message(Source("\xff\xff").status()), HasSubstr("graph of objects is damaged"));
}

}  // namespace
}  // namespace permafrost
