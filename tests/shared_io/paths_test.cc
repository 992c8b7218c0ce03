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

}  // namespace
}  // namespace permafrost
