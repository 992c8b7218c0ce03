#include "runner/devices.h"

#include <algorithm>
#include <array>
#include <opencv2/core.hpp>
#include <opencv2/dnn.hpp>
#include <utility>

#include "runner/cv_guard.h"

namespace permafrost {
namespace {

// The numbers are part of OpenCV's interface; older releases lack the names of the newer ones.
struct BackendRow {
  std::string_view name;
  int value;
  std::string_view usual_target;
  std::string_view how;  // to get it
};
constexpr std::array<BackendRow, 8> kBackends = {{
    {"opencv", 3, "cpu", "every OpenCV has it"},
    {"cuda", 5, "cuda", "an OpenCV built with -D WITH_CUDA=ON -D OPENCV_DNN_CUDA=ON and an NVIDIA GPU"},
    {"openvino", 2, "cpu", "an OpenCV built with -D WITH_OPENVINO=ON"},
    {"vulkan", 4, "vulkan", "an OpenCV built with -D WITH_VULKAN=ON and a Vulkan driver"},
    {"halide", 1, "cpu", "an OpenCV 4 built with -D WITH_HALIDE=ON"},
    {"webnn", 6, "cpu", "an OpenCV built with -D WITH_WEBNN=ON"},
    {"timvx", 7, "npu", "an OpenCV built with -D WITH_TIMVX=ON and a VeriSilicon NPU"},
    {"cann", 8, "npu", "an OpenCV built with -D WITH_CANN=ON and an Ascend NPU"},
}};

struct TargetRow {
  std::string_view name;
  int value;
  std::string_view how;
};
constexpr std::array<TargetRow, 11> kTargets = {{
    {"cpu", 0, ""},
    {"cpu-fp16", 10, "OpenCV 4.8 or newer on a processor that computes in FP16 (ARMv8.2)"},
    {"opencl", 1, "an OpenCL driver (Debian: intel-opencl-icd, mesa-opencl-icd, pocl-opencl-icd or the GPU maker's)"},
    {"opencl-fp16", 2, "an OpenCL driver whose device computes in FP16"},
    {"cuda", 6, ""},
    {"cuda-fp16", 7, "an NVIDIA GPU of compute capability 5.3 or newer"},
    {"vulkan", 4, ""},
    {"myriad", 3, "an Intel Neural Compute Stick and its OpenVINO plugin"},
    {"hddl", 8, "an Intel HDDL board and its OpenVINO plugin"},
    {"fpga", 5, "an FPGA board and its OpenVINO plugin"},
    {"npu", 9, "an NPU and its driver"},
}};

template <class Rows>
auto* Find(const Rows& rows, std::string_view name) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const auto& row) { return row.name == name; });
  return found == rows.end() ? nullptr : &*found;
}

template <class Rows>
std::string Names(const Rows& rows) {
  std::string names;
  for (const auto& row : rows) names += StrCat(names.empty() ? "" : ", ", row.name);
  return names;
}

struct Found {
  std::vector<std::pair<int, int>> pairs;
  Status status;  // why these are not all: asking OpenCV failed
};

// The processor is always there; what OpenCV says of its other devices, a broken driver can keep it from saying.
Found FindDevices() {
  Found found;
  found.status = Guarded("asking OpenCV for its devices", [&]() -> Status {
    for (const auto& pair : cv::dnn::getAvailableBackends()) {
      found.pairs.emplace_back(static_cast<int>(pair.first), static_cast<int>(pair.second));
    }
    return OkStatus();
  });
  const std::pair<int, int> processor = {cv::dnn::DNN_BACKEND_OPENCV, cv::dnn::DNN_TARGET_CPU};
  if (std::count(found.pairs.begin(), found.pairs.end(), processor) == 0) found.pairs.push_back(processor);
  return found;
}

}  // namespace

std::vector<Device> AvailableDevices() {
  std::vector<Device> devices;
  const auto built = FindDevices().pairs;
  for (const BackendRow& backend : kBackends) {
    for (const TargetRow& target : kTargets) {
      if (std::find(built.begin(), built.end(), std::pair(backend.value, target.value)) == built.end()) continue;
      devices.push_back({std::string(backend.name), std::string(target.name), backend.value, target.value});
    }
  }
  return devices;
}

bool IsCudaBuiltIn() {
  std::string information;
  if (!Guarded("", [&]() -> Status {
         information = cv::getBuildInformation();
         return OkStatus();
       }).ok()) {
    return false;
  }
  // "  NVIDIA CUDA:                   YES (ver 13.0, CUFFT CUBLAS)", and cuDNN likewise: the DNN module needs both.
  const auto says_yes = [&](std::string_view key) {
    const size_t at = information.find(key);
    return at != std::string::npos && information.substr(at, information.find('\n', at) - at).find("YES") != std::string::npos;
  };
  return says_yes("NVIDIA CUDA:") && says_yes("cuDNN:");
}

StatusOr<Device> FindDevice(std::string_view backend, std::string_view target) {
  const BackendRow* wanted = Find(kBackends, backend);
  if (wanted == nullptr) return InvalidArgument("no backend \"", backend, "\"; there are: ", Names(kBackends));
  const TargetRow* on = Find(kTargets, target);
  if (on == nullptr) return InvalidArgument("no target \"", target, "\"; there are: ", Names(kTargets));
  const std::vector<Device> available = AvailableDevices();
  bool has_backend = false;
  std::string names;
  for (const Device& device : available) {
    if (device.backend == backend && device.target == target) return device;
    has_backend = has_backend || device.backend == backend;
    names += StrCat(names.empty() ? "" : ", ", device.backend, "/", device.target);
  }
  if (const Status status = FindDevices().status; !status.ok()) {
    return Unsupported("backend/target ", backend, "/", target, ": OpenCV ", CV_VERSION, " fails to look for devices: ",
                       Message(status));
  }
  const bool without_gpu = backend == "cuda" && !has_backend && IsCudaBuiltIn();
  const std::string_view how = without_gpu    ? "an NVIDIA GPU that it was built for: CUDA is built in, but finds none"
                               : !has_backend ? wanted->how
                               : on->how.empty() ? "another backend"
                                                 : on->how;
  return Unsupported("backend/target ", backend, "/", target, ": OpenCV ", CV_VERSION, " here has ", names, "; ",
                     backend, "/", target, " needs ", how);
}

std::string_view UsualTarget(std::string_view backend) {
  const BackendRow* row = Find(kBackends, backend);
  return row == nullptr ? "cpu" : row->usual_target;
}

}  // namespace permafrost
