#include "optimizer/pipeline/specs.h"

#include <gtest/gtest.h>

namespace permafrost {
namespace {

TEST(InputSpecs, TakeNamePortShapeAndDtypeInThisOrder) {
  const auto specs = ParseInputSpecs("x, scope/y:1:1x?x3 ,z:[10]:uint8,w:2:[]:half,v:[1,-1]");
  ASSERT_TRUE(specs.ok()) << specs.status();
  ASSERT_EQ(specs->size(), 5U);
  EXPECT_EQ((*specs)[0].tensor.node, "x");
  EXPECT_EQ((*specs)[0].tensor.port, 0);
  EXPECT_FALSE((*specs)[0].shape.has_value());
  EXPECT_FALSE((*specs)[0].dtype.has_value());
  EXPECT_EQ((*specs)[1].tensor.node, "scope/y");
  EXPECT_EQ((*specs)[1].tensor.port, 1);
  EXPECT_EQ(*(*specs)[1].shape, Shape({1, kUnknownDim, 3}));
  EXPECT_EQ(*(*specs)[2].shape, Shape({10}));
  EXPECT_EQ(*(*specs)[2].dtype, DType::kUint8);
  EXPECT_EQ(*(*specs)[3].shape, Shape(std::vector<int64_t>{}));
  EXPECT_EQ((*specs)[3].tensor.port, 2);
  EXPECT_EQ(*(*specs)[4].shape, Shape({1, kUnknownDim}));
}

TEST(InputSpecs, ReadANumberAfterAColonAsAPortNeverAsAShape) {
  const auto specs = ParseInputSpecs("x:10");
  ASSERT_TRUE(specs.ok());
  EXPECT_EQ((*specs)[0].tensor.port, 10);
  EXPECT_FALSE((*specs)[0].shape.has_value());
}

TEST(InputSpecs, RefuseWhatIsNeitherPortShapeNorDtype) {
  for (const char* wrong : {"x:y", "x:x", "x:1xx3", "x:[1,,2]", "x:-1", "x:1x-2", ":0", "x:99999999999", "x:[1", "x:1x2:flot32"}) {
    EXPECT_FALSE(ParseInputSpecs(wrong).ok()) << wrong;
  }
}

TEST(OutputSpecs, TakeNamesAndPorts) {
  const auto names = ParseOutputSpecs("a,b:0,c/d:2");
  ASSERT_TRUE(names.ok());
  ASSERT_EQ(names->size(), 3U);
  EXPECT_EQ((*names)[1].node, "b");
  EXPECT_EQ((*names)[2].port, 2);
  EXPECT_FALSE(ParseOutputSpecs("a:b").ok());
}

TEST(SetSpecs, TakeBoolsNumbersAndNestedArrays) {
  const auto flag = ParseSetSpec("phase/is_training=false");
  ASSERT_TRUE(flag.ok());
  EXPECT_EQ(flag->name, "phase/is_training");
  EXPECT_EQ(flag->value.dtype(), DType::kBool);
  EXPECT_EQ(flag->value.Values<int64_t>(), std::vector<int64_t>{0});
  const auto number = ParseSetSpec("rate:0=0.25");
  ASSERT_TRUE(number.ok());
  EXPECT_EQ(number->name, "rate");
  EXPECT_EQ(*number->value.SingleValue(), 0.25);
  const auto matrix = ParseSetSpec("m=[[1,2,3],[4,5,6]]");
  ASSERT_TRUE(matrix.ok());
  EXPECT_EQ(matrix->value.dims(), (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(matrix->value.Values<double>()[4], 5);
}

TEST(SetSpecs, RefuseRaggedArraysTextAndMissingValues) {
  for (const char* wrong : {"x", "=1", "x=", "x=yes", "x=\"text\"", "x=[1,[2]]", "x=[[1],[2,3]]", "x={\"a\":1}", "x=null"}) {
    EXPECT_FALSE(ParseSetSpec(wrong).ok()) << wrong;
  }
}

TEST(PassLists, TakeCommasAndTransformGraphsSpelling) {
  const auto calls = ParsePasses("fold_constants(ignore_errors=true) fold_batch_norms,sort-by-execution-order");
  ASSERT_TRUE(calls.ok()) << calls.status();
  ASSERT_EQ(calls->size(), 3U);
  EXPECT_EQ((*calls)[0].name, "fold_constants");
  EXPECT_TRUE((*calls)[0].ignore_errors);
  EXPECT_TRUE((*calls)[0].arguments.empty());
  EXPECT_FALSE((*calls)[1].ignore_errors);
  EXPECT_EQ((*calls)[2].name, "sort-by-execution-order");
}

TEST(PassLists, ReadTheListsOfTransformGraphsDocumentation) {
  const auto calls = ParsePasses(
      "\n  strip_unused_nodes(type=float, shape=\"1,299,299,3\")\n"
      "  remove_nodes(op=Identity, op=CheckNumerics)\n  strip_unused_nodes(name=in1, type_for_name=int32, "
      "shape_for_name=\"2,3\")\n insert_logging(op=RequantizationRange, show_name=true, message=\"__requant_min_max:\") freeze");
  ASSERT_TRUE(calls.ok()) << calls.status();
  ASSERT_EQ(calls->size(), 4U) << "freeze is no pass";
  EXPECT_EQ((*calls)[0].arguments, (std::vector<PassArgument>{{"type", "float"}, {"shape", "1,299,299,3"}}));
  EXPECT_EQ((*calls)[1].arguments, (std::vector<PassArgument>{{"op", "Identity"}, {"op", "CheckNumerics"}}));
  EXPECT_EQ((*calls)[3].arguments[2], (PassArgument{"message", "__requant_min_max:"}));
}

TEST(PassLists, ReadBackWhatArgumentsPrint) {
  const PassArguments arguments({{"a", "x"}, {"b", "1,2"}, {"c", "two words"}, {"d", ""}, {"e", "say \"it\""}});
  const auto calls = ParsePasses("p" + arguments.ToString());
  ASSERT_TRUE(calls.ok()) << calls.status();
  EXPECT_EQ((*calls)[0].arguments, arguments.all());
}

TEST(PassLists, SayWhatIsWrongWithThem) {
  const std::pair<const char*, const char*> wrong[] = {
      {"p(", "closing bracket"},        {"p(a=1", "closing bracket"},      {"p(a)", "expected '='"},
      {"p(a=)", "a has no value"},      {"p(a=\"1)", "closing quote"},     {"(a=1)", "expected the name of a pass"},
      {"p(=1)", "name of an option"},   {"p)", "expected the name"},       {"p(ignore_errors=maybe)", "true or false"},
      {"p(a=1))", "expected the name"}, {"p (a=1)", "expected the name"},  {"p(a=b(c))", ""}};
  for (const auto& [text, what] : wrong) {
    const auto calls = ParsePasses(text, "--add");
    ASSERT_FALSE(calls.ok()) << text;
    EXPECT_NE(Message(calls.status()).find(what), std::string::npos) << calls.status();
    EXPECT_EQ(Message(calls.status()).rfind("--add '", 0), 0U) << calls.status();
  }
}

}  // namespace
}  // namespace permafrost
