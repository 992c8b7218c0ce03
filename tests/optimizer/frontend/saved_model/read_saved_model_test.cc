#include "optimizer/frontend/saved_model/read_saved_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/wire_writing.h"

namespace permafrost {
namespace {

using testing::HasSubstr;

std::string MetaGraphWith(const std::vector<std::string>& tags, const std::string& node, const std::string& more = "") {
  std::string info;
  for (const std::string& tag : tags) info += wire::Bytes(4, tag);
  return wire::Bytes(1, info) + wire::Bytes(2, wire::Bytes(1, wire::Bytes(1, node) + wire::Bytes(2, "Placeholder"))) +
         more;
}

std::string SavedModelOf(const std::vector<std::string>& graphs) {
  std::string bytes = wire::Number(1, 1);
  for (const std::string& graph : graphs) bytes += wire::Bytes(2, graph);
  return bytes;
}

std::string Signature(const std::string& name, const std::string& alias, const std::string& tensor) {
  const std::string info =
      wire::Bytes(1, tensor) + wire::Number(2, 1) + wire::Bytes(3, wire::Bytes(2, wire::Number(1, 7)));
  const std::string entry = wire::Bytes(1, alias) + wire::Bytes(2, info);
  return wire::Bytes(5, wire::Bytes(1, name) + wire::Bytes(2, wire::Bytes(2, entry) + wire::Bytes(3, "predict")));
}

std::string ErrorOf(const std::string& bytes, std::string_view tags = "") {
  const auto read = ReadSavedModel(bytes, nullptr, tags, Limits());
  return read.ok() ? "accepted" : Message(read.status());
}

TEST(ReadSavedModel, TellsItFromOtherFiles) {
  const std::string graph = MetaGraphWith({"serve"}, "a");
  EXPECT_TRUE(IsSavedModel(SavedModelOf({graph})));
  EXPECT_TRUE(IsSavedModel(wire::Bytes(2, graph)));
  EXPECT_FALSE(IsSavedModel(graph));
  EXPECT_FALSE(IsSavedModel(wire::Bytes(1, wire::Bytes(1, "a") + wire::Bytes(2, "X"))));
  EXPECT_FALSE(IsSavedModel(""));
  EXPECT_FALSE(IsSavedModel("garbage"));
  EXPECT_TRUE(IsSavedModelText("# by hand\nsaved_model_schema_version: 1"));
  EXPECT_TRUE(IsSavedModelText("meta_graphs {"));
  EXPECT_FALSE(IsSavedModelText("meta_info_def {"));
}

TEST(ReadSavedModel, TakesTheGraphForServingUnlessTold) {
  const std::string two = SavedModelOf({MetaGraphWith({"train"}, "t"), MetaGraphWith({"serve"}, "s")});
  const auto serving = ReadSavedModel(two, nullptr, "", Limits());
  ASSERT_TRUE(serving.ok()) << serving.status();
  EXPECT_TRUE(serving->graph.Find("s").has_value());
  const auto training = ReadSavedModel(two, nullptr, "train", Limits());
  ASSERT_TRUE(training.ok()) << training.status();
  EXPECT_TRUE(training->graph.Find("t").has_value());
  const std::string one = SavedModelOf({MetaGraphWith({"gpu", "a"}, "only")});
  const auto only = ReadSavedModel(one, nullptr, "", Limits());
  ASSERT_TRUE(only.ok()) << only.status();
  EXPECT_THAT(only->notes, testing::ElementsAre(HasSubstr("the tags 'a,gpu' is taken")));
  EXPECT_TRUE(serving->notes.empty());
  EXPECT_TRUE(ReadSavedModel(one, nullptr, "a,gpu", Limits()).ok());
  EXPECT_THAT(ErrorOf(one, "gpu"), HasSubstr("has no graph with the tags 'gpu'; it has 'a,gpu'"));
  const std::string unclear = SavedModelOf({MetaGraphWith({"b"}, "x"), MetaGraphWith({"a", "gpu"}, "y")});
  EXPECT_THAT(ErrorOf(unclear), HasSubstr("choose one with --tags: 'b', 'a,gpu'"));
}

TEST(ReadSavedModel, ListsSignaturesByName) {
  const std::string more = Signature("serving_default", "out", "y:1") + Signature("encode", "code", "z:0") +
                           Signature("__saved_model_init_op", "__saved_model_init_op", "NoOp");
  const auto read = ReadSavedModel(SavedModelOf({MetaGraphWith({"serve"}, "a", more)}), nullptr, "", Limits());
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->signatures.size(), 2u);
  EXPECT_EQ(read->signatures[0].name, "encode");
  const auto& serving = read->signatures[1];
  EXPECT_EQ(serving.method, "predict");
  ASSERT_EQ(serving.outputs.size(), 1u);
  EXPECT_EQ(serving.outputs[0].alias, "out");
  EXPECT_EQ(serving.outputs[0].tensor, "y:1");
  EXPECT_EQ(serving.outputs[0].dtype, DType::kFloat32);
  EXPECT_EQ(serving.outputs[0].shape, Shape({7}));
}

TEST(ReadSavedModel, RefusesAnAssetOutsideItsFolder) {
  for (const char* path : {"../../etc/passwd", "/etc/passwd", "a/../../b"}) {
    const std::string asset = wire::Bytes(6, wire::Bytes(1, wire::Bytes(1, "t:0")) + wire::Bytes(2, path));
    EXPECT_THAT(ErrorOf(SavedModelOf({MetaGraphWith({"serve"}, "a", asset)})), HasSubstr("leaves the model's folder"));
  }
  const std::string asset = wire::Bytes(6, wire::Bytes(1, wire::Bytes(1, "t:0")) + wire::Bytes(2, "words.txt"));
  EXPECT_EQ(ErrorOf(SavedModelOf({MetaGraphWith({"serve"}, "a", asset)})), "accepted");
}

TEST(ReadSavedModel, RefusesDamage) {
  const std::string whole = SavedModelOf({MetaGraphWith({"serve"}, "a", Signature("s", "o", "a:0"))});
  for (size_t size = 3; size < whole.size(); ++size)
    EXPECT_THAT(ErrorOf(whole.substr(0, size)), HasSubstr("damaged")) << size;
  EXPECT_THAT(ErrorOf(SavedModelOf({})), HasSubstr("without a graph"));
  EXPECT_THAT(ErrorOf(SavedModelOf(
                  {MetaGraphWith({"serve"}, "a", wire::Bytes(5, wire::Bytes(1, "s") + wire::Bytes(2, "\xff")))})),
              HasSubstr("signature 's' cannot be read"));
}

TEST(ReadSavedModel, ReadsTextForm) {
  const auto read = ReadSavedModelText(
      "saved_model_schema_version: 1 meta_graphs { meta_info_def { tags: 'serve' tensorflow_version: '1' } "
      "graph_def { node { name: 'a' op: 'X' } } signature_def { key: 's' value { outputs { key: 'o' value { name: "
      "'a:0' "
      "dtype: DT_FLOAT } } } } object_graph_def { nodes { } } }",
      "", Limits());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(read->graph.Find("a").has_value());
  ASSERT_EQ(read->signatures.size(), 1u);
  EXPECT_EQ(read->signatures[0].outputs[0].alias, "o");
  EXPECT_THAT(Message(ReadSavedModelText("meta_graphs { graph_def ", "", Limits()).status()), HasSubstr("text form"));
}

}  // namespace
}  // namespace permafrost
