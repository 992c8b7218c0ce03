#include "shared_io/paths.h"

#include <gtest/gtest.h>

namespace permafrost {
namespace {

TEST(Paths, PutsTheDescriptionBesideTheModel) {
  EXPECT_EQ(ModelInfoPath("dir/model.pb"), "dir/model.json");
  EXPECT_EQ(ModelInfoPath("dir.v2/model"), "dir.v2/model.json");
  EXPECT_EQ(ModelInfoPath("a.b.onnx"), "a.b.onnx.json") << "a.b.pb may lie beside it";
  EXPECT_EQ(ModelInfoPath("dir/.hidden"), "dir/.hidden.json");
}

TEST(Paths, KnowsOnnxInAnyLetters) {
  EXPECT_TRUE(IsOnnxPath("dir/a.onnx"));
  EXPECT_TRUE(IsOnnxPath("A.ONNX"));
  EXPECT_EQ(ModelInfoPath("A.ONNX"), "A.ONNX.json");
  EXPECT_FALSE(IsOnnxPath("dir.onnx/a"));
  EXPECT_FALSE(IsOnnxPath("onnx"));
  EXPECT_EQ(SuffixOf("dir/.hidden"), "");
  EXPECT_EQ(SuffixOf("a.b.PB"), "pb");
}

}  // namespace
}  // namespace permafrost
