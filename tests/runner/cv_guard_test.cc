#include "runner/cv_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <new>
#include <opencv2/core.hpp>
#include <stdexcept>

namespace permafrost {
namespace {

using ::testing::HasSubstr;

TEST(CvGuard, TurnsEveryExceptionIntoAnError) {
  const auto thrown = [](auto exception) { return Guarded("loading", [&]() -> Status { throw exception; }); };
  const Status missing = thrown(cv::Exception(cv::Error::StsObjectNotFound, "no layer", "find", "file.cc", 1));
  EXPECT_TRUE(absl::IsNotFound(missing));
  EXPECT_THAT(Message(missing), HasSubstr("loading: OpenCV "));
  EXPECT_THAT(Message(missing), HasSubstr("no layer in find"));
  EXPECT_TRUE(absl::IsUnimplemented(thrown(cv::Exception(cv::Error::StsNotImplemented, "x", "", "", 1))));
  EXPECT_TRUE(absl::IsResourceExhausted(thrown(std::bad_alloc())));
  EXPECT_EQ(Message(thrown(std::runtime_error("fatal"))), "loading: fatal");
  EXPECT_TRUE(Guarded("loading", [] { return OkStatus(); }).ok());
}

}  // namespace
}  // namespace permafrost
