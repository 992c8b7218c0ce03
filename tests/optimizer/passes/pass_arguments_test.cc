#include "optimizer/passes/pass_arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace permafrost {
namespace {

using testing::HasSubstr;

const std::vector<PassOption>& Options() {
  static const std::vector<PassOption> options = {
      {.name = "size", .kind = PassOption::Kind::kInt, .least = 1, .most = 100},
      {.name = "flag", .kind = PassOption::Kind::kBool},
      {.name = "type", .kind = PassOption::Kind::kDType},
      {.name = "shape", .kind = PassOption::Kind::kShape},
      {.name = "op", .required = true, .repeated = true}};
  return options;
}

std::string Error(std::vector<PassArgument> arguments) {
  return Message(CheckArguments(PassArguments(std::move(arguments)), Options()));
}

TEST(PassArguments, TakeEveryKind) {
  const PassArguments arguments(
      {{"op", "A"}, {"op", "B"}, {"size", "7"}, {"flag", "true"}, {"type", "float"}, {"shape", "1,224,224,3"}});
  EXPECT_TRUE(CheckArguments(arguments, Options()).ok()) << CheckArguments(arguments, Options());
  EXPECT_EQ(arguments.All("op"), (std::vector<std::string>{"A", "B"}));
  EXPECT_EQ(arguments.Int("size", 1), 7);
  EXPECT_EQ(arguments.Int("other", 5), 5);
  EXPECT_TRUE(arguments.Bool("flag", false));
  EXPECT_TRUE(arguments.Bool("other", true));
  EXPECT_EQ(arguments.ToString(), "(op=A, op=B, size=7, flag=true, type=float, shape=\"1,224,224,3\")");
}

TEST(PassArguments, NameWhatIsWrong) {
  EXPECT_THAT(Error({{"op", "A"}, {"siez", "7"}}), HasSubstr("no option 'siez' (it takes size, flag, type, shape, op)"));
  EXPECT_THAT(Error({}), HasSubstr("needs op="));
  EXPECT_THAT(Error({{"op", ""}}), HasSubstr("has no value"));
  EXPECT_THAT(Error({{"op", "A"}, {"size", "1"}, {"size", "2"}}), HasSubstr("size is given twice"));
  for (const char* size : {"0", "-3", "101", "1.5", "many", "", "99999999999999999999"}) {
    EXPECT_THAT(Error({{"op", "A"}, {"size", size}}), HasSubstr("a whole number from 1 to 100")) << size;
  }
  EXPECT_THAT(Error({{"op", "A"}, {"flag", "yes"}}), HasSubstr("true or false"));
  EXPECT_THAT(Error({{"op", "A"}, {"type", "flaot"}}), HasSubstr("expected a type"));
  for (const char* shape : {"1,", "1,,2", "a", "1,-2", "1 2", ","}) {
    EXPECT_THAT(Error({{"op", "A"}, {"shape", shape}}), HasSubstr("expected dimensions")) << shape;
  }
}

TEST(PassArguments, ReadShapesInBothSpellings) {
  EXPECT_EQ(*ParseShapeArgument("1,224,224,3"), Shape({1, 224, 224, 3}));
  EXPECT_EQ(*ParseShapeArgument("?x5"), Shape({kUnknownDim, 5}));
  EXPECT_EQ(*ParseShapeArgument("-1, 5"), Shape({kUnknownDim, 5}));
  EXPECT_EQ(*ParseShapeArgument(""), Shape(std::vector<int64_t>{}));
}

}  // namespace
}  // namespace permafrost
