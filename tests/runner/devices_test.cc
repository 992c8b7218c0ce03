#include "runner/devices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace permafrost {
namespace {

using ::testing::HasSubstr;

TEST(Devices, AlwaysHoldTheProcessor) {
  const std::vector<Device> devices = AvailableDevices();
  EXPECT_TRUE(std::any_of(devices.begin(), devices.end(), [](const Device& device) {
    return device.backend == "opencv" && device.target == "cpu" && device.cv_backend == 3 && device.cv_target == 0;
  }));
  for (const Device& device : devices) EXPECT_TRUE(FindDevice(device.backend, device.target).ok());
}

TEST(Devices, SayHowToGetWhatIsMissing) {
  // No build has the cuda backend with the processor as its target.
  const Status no_pair = FindDevice("cuda", "cpu").status();
  EXPECT_TRUE(absl::IsUnimplemented(no_pair)) << no_pair;
  EXPECT_THAT(Message(no_pair), HasSubstr("here has opencv/cpu"));
  if (!FindDevice("timvx", "npu").ok()) {
    EXPECT_THAT(Message(FindDevice("timvx", "npu").status()),
                HasSubstr("timvx/npu needs an OpenCV built with -D WITH_TIMVX"));
  }
  if (!FindDevice("opencv", "cpu-fp16").ok()) {
    EXPECT_THAT(Message(FindDevice("opencv", "cpu-fp16").status()), HasSubstr("needs OpenCV 4.8"));
  }
}

TEST(Devices, RefuseWordsThatNobodyKnows) {
  EXPECT_THAT(Message(FindDevice("abacus", "cpu").status()),
              HasSubstr("no backend \"abacus\"; there are: opencv, cuda"));
  EXPECT_THAT(Message(FindDevice("opencv", "toaster").status()), HasSubstr("no target \"toaster\"; there are: cpu"));
  EXPECT_THAT(Message(FindDevice("", "").status()), HasSubstr("no backend"));
}

TEST(Devices, HaveAUsualTarget) {
  EXPECT_EQ(UsualTarget("opencv"), "cpu");
  EXPECT_EQ(UsualTarget("cuda"), "cuda");
  EXPECT_EQ(UsualTarget("vulkan"), "vulkan");
  EXPECT_EQ(UsualTarget("abacus"), "cpu");
}

}  // namespace
}  // namespace permafrost
