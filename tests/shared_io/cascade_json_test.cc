#include "shared_io/cascade_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace permafrost {
namespace {

using ::testing::HasSubstr;

CascadeInfo Faces() {
  CascadeInfo cascade;
  cascade.stages = {{"p.pb", 12, "pnet/prob1", "pnet/conv4-2/BiasAdd", "", 0.6, 0.7},
                    {"r.pb", 24, "rnet/prob1", "rnet/conv5-2", "", 0.7, 0.7},
                    {"o.pb", 48, "onet/prob1", "onet/conv6-2", "onet/conv6-3", 0.7, 0.7}};
  cascade.bgr = true;
  cascade.turned = false;
  cascade.least_face = 40;
  return cascade;
}

TEST(CascadeJson, ComesBackAsItWas) {
  const auto read = ParseCascade(CascadeToJson(Faces()));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, Faces());
}

TEST(CascadeJson, NamesTheFieldThatIsWrong) {
  const std::string good = CascadeToJson(Faces());
  const auto error = [&](std::string_view from, std::string_view to) {
    std::string text = good;
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    return Message(ParseCascade(text).status());
  };
  EXPECT_THAT(error("\"p.pb\"", "\"../p.pb\""), HasSubstr("stages[0].file"));
  EXPECT_THAT(error("\"size\": 24", "\"size\": 100000"), HasSubstr("stages[1].size"));
  EXPECT_THAT(error("\"threshold\": 0.6", "\"threshold\": 0"), HasSubstr("stages[0].threshold"));
  EXPECT_THAT(error("\"factor\": 0.709", "\"factor\": 1"), HasSubstr("factor")) << "the pyramid would have no end";
  EXPECT_THAT(error("\"least_face\": 40", "\"least_face\": 1"), HasSubstr("least_face"));
  EXPECT_THAT(error("\"cascade_version\": 1", "\"cascade_version\": 2"), HasSubstr("cascade_version"));
  EXPECT_THAT(error("\"cascade_version\"", "\"version\""), HasSubstr("is no cascade"));
  EXPECT_THAT(error("\"stages\"", "\"steps\""), HasSubstr("stages"));
  EXPECT_THAT(error("BGR", "GBR"), HasSubstr("channel_order"));
  EXPECT_THAT(error("{", "["), HasSubstr("not JSON"));
  CascadeInfo two = Faces();
  two.stages.pop_back();
  EXPECT_THAT(Message(ParseCascade(CascadeToJson(two)).status()), HasSubstr("a list of three"));
}

}  // namespace
}  // namespace permafrost
