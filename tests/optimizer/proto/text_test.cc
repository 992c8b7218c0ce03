#include "optimizer/proto/text.h"

#include <gtest/gtest.h>

#include "permafrost/checkpoint.pb.h"

namespace permafrost {
namespace {

TEST(ParseWire, RefusesNamesThatAreNotUtf8AndPrintsNothing) {
  const std::string name_field = "\x0a\x02\xff\xfe";  // SavedSliceMeta.name
  tf::SavedSliceMeta meta;
  testing::internal::CaptureStderr();
  const bool parsed = ParseWire(name_field, meta);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_FALSE(parsed);
}

TEST(ParseWire, ReadsWhatTensorFlowWrites) {
  tf::SavedSliceMeta meta;
  ASSERT_TRUE(ParseWire(std::string("\x0a\x05" "conv1", 7), meta));
  EXPECT_EQ(meta.name(), "conv1");
}

}  // namespace
}  // namespace permafrost
