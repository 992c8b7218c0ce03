#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "optimizer/support/status.h"

namespace permafrost {

// Where cv::dnn computes, in the words of the flags: {"opencv", "cpu"}, {"cuda", "cuda-fp16"}, ...
struct Device {
  std::string backend, target;
  int cv_backend = 0, cv_target = 0;  // cv::dnn::Backend and Target
};

// What the OpenCV that runs has.
std::vector<Device> AvailableDevices();
// Whether it has CUDA and cuDNN, with or without a GPU.
bool IsCudaBuiltIn();

// Errors: no such words; a device that this OpenCV does not have, with how to get it and what there is.
StatusOr<Device> FindDevice(std::string_view backend, std::string_view target);

// The target that belongs to a backend when none is asked for: "cuda" to "cuda", mostly "cpu".
std::string_view UsualTarget(std::string_view backend);

}  // namespace permafrost
