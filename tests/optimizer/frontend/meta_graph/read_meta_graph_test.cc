#include "optimizer/frontend/meta_graph/read_meta_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "optimizer/frontend/open_model.h"
#include "tests/support/bundle_writing.h"

namespace permafrost {
namespace {

using ::testing::HasSubstr;

const std::string kNode = wire::Bytes(1, "a") + wire::Bytes(2, "VariableV2");
const std::string kGraph = wire::Bytes(1, kNode);
const std::string kInfo = wire::Bytes(1, wire::Bytes(5, "1.15.0"));
const std::string kMeta = kInfo + wire::Bytes(2, kGraph) + wire::Bytes(3, "saver");

TEST(ReadMetaGraph, TellsItFromAGraphDef) {
  EXPECT_TRUE(IsMetaGraph(kMeta));
  EXPECT_TRUE(IsMetaGraph(wire::Bytes(2, kGraph)));
  EXPECT_FALSE(IsMetaGraph(kGraph));
  EXPECT_FALSE(IsMetaGraph(kGraph + kGraph));
  EXPECT_FALSE(IsMetaGraph(""));
  EXPECT_FALSE(IsMetaGraph("garbage"));
  // One node and a library of one function.
  const std::string function = wire::Bytes(1, wire::Bytes(1, "f")) + wire::Bytes(3, kNode);
  EXPECT_FALSE(IsMetaGraph(kGraph + wire::Bytes(2, wire::Bytes(1, function))));
}

TEST(ReadMetaGraph, TellsItsTextFromThatOfAGraphDef) {
  EXPECT_TRUE(IsMetaGraphText("\n# made by hand\nmeta_info_def {"));
  EXPECT_TRUE(IsMetaGraphText("graph_def { node {"));
  EXPECT_FALSE(IsMetaGraphText("node { name: 'a'"));
}

TEST(ReadMetaGraph, GivesTheGraphInIt) {
  const auto binary = ReadMetaGraph(kMeta, nullptr, Limits());
  ASSERT_TRUE(binary.ok()) << binary.status();
  EXPECT_TRUE(binary->graph.Find("a").has_value());
  const auto text =
      ReadMetaGraphText("meta_info_def { tags: 'train' } graph_def { node { name: 'a' op: 'X' } }", Limits());
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_TRUE(text->graph.Find("a").has_value());
}

TEST(ReadMetaGraph, RefusesATruncatedFile) {
  EXPECT_THAT(Message(ReadMetaGraph(kMeta.substr(0, kMeta.size() - 2), nullptr, Limits()).status()),
              HasSubstr("truncated"));
}

TEST(ReadMetaGraph, FindsTheCheckpointBesideIt) {
  const TemporaryFolder folder;
  const std::string path = folder.Write("m.ckpt.meta", kMeta);
  const auto alone = OpenModel(path, Limits());
  ASSERT_TRUE(alone.ok()) << alone.status();
  EXPECT_EQ(alone->format, Format::kMetaGraph);
  EXPECT_EQ(alone->variables, nullptr);
  BundleWriter writer;
  writer.Add("a", Tensor::Scalar(1.0F));
  writer.Write(folder, "m.ckpt");
  const auto both = OpenModel(path, Limits());
  ASSERT_TRUE(both.ok()) << both.status();
  ASSERT_NE(both->variables, nullptr);
  EXPECT_TRUE(both->variables->Has("a"));
}

}  // namespace
}  // namespace permafrost
