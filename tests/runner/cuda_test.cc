// What only a GPU can show: skipped, with the reason, where there is none. scripts/gpu_check runs these, too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "runner/devices.h"
#include "runner/session.h"
#include "tests/runner/tiny_graph.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kSide = 16, kIn = 8, kOut = 4;

// x [1,16,16,8] -> 1x1 convolution -> relu, with numbers that half precision rounds.
std::string SaveNet(const std::string& path) {
  TinyGraph graph;
  graph.Placeholder("x", {1, kSide, kSide, kIn});
  std::vector<float> kernel;
  for (int i = 0; i < kIn * kOut; ++i) kernel.push_back(std::sin(static_cast<float>(i) * 0.7F));
  graph.Const("kernel", {1, 1, kIn, kOut}, kernel);
  graph.Convolve("conv", "x", "kernel");
  graph.Add("y", "Relu", {"conv"});
  return graph.Save(path);
}

std::vector<NamedArray> Input() {
  std::vector<float> values;
  for (int i = 0; i < kSide * kSide * kIn; ++i) values.push_back(std::cos(static_cast<float>(i) * 0.13F));
  return {{"x", FloatArray({1, kSide, kSide, kIn}, values)}};
}

class CudaTest : public ::testing::Test {
 protected:
  std::vector<float> Run(const std::string& backend, const std::string& target) {
    auto session = Session::Open(model_, {.backend = backend, .target = target});
    if (!session.ok()) {
      ADD_FAILURE() << session.status();
      return {};
    }
    const auto outputs = session->Run(Input());
    if (!outputs.ok()) {
      ADD_FAILURE() << outputs.status();
      return {};
    }
    return ToFloats(outputs->at(0).array).value();
  }
  static double RelativeError(const std::vector<float>& actual, const std::vector<float>& wanted) {
    if (actual.size() != wanted.size() || wanted.empty()) return INFINITY;
    double worst = 0, largest = 0;
    for (size_t i = 0; i < wanted.size(); ++i) {
      worst = std::max(worst, std::abs(static_cast<double>(actual[i]) - wanted[i]));
      largest = std::max(largest, std::abs(static_cast<double>(wanted[i])));
    }
    return worst / largest;
  }

  TemporaryFolder folder_;
  std::string model_ = SaveNet(folder_.File("net.pb"));
};

#define NEEDS_DEVICE(target)                                                                     \
  if (const auto device = FindDevice("cuda", target); !device.ok()) {                            \
    GTEST_SKIP() << "no GPU: " << Message(device.status());                                      \
  }

TEST_F(CudaTest, AnswersLikeTheProcessor) {
  NEEDS_DEVICE("cuda");
  EXPECT_LT(RelativeError(Run("cuda", "cuda"), Run("opencv", "cpu")), 1e-3);
}

TEST_F(CudaTest, AnswersInHalfPrecisionUpToItsRounding) {
  NEEDS_DEVICE("cuda-fp16");
  const double error = RelativeError(Run("cuda", "cuda-fp16"), Run("opencv", "cpu"));
  EXPECT_LT(error, 1e-2);
  EXPECT_GT(error, 0) << "nothing was rounded: was it half precision?";
}

TEST_F(CudaTest, KnowsEveryLayerOfAPlainNet) {
  NEEDS_DEVICE("cuda");
  const auto session = Session::Open(model_, {.backend = "cuda", .target = "cuda"});
  ASSERT_TRUE(session.ok()) << session.status();
  const auto layers = session->CpuLayers();
  ASSERT_TRUE(layers.ok()) << layers.status();
  EXPECT_THAT(*layers, IsEmpty());
}

TEST_F(CudaTest, IsAClearErrorWithoutAGpu) {
  if (FindDevice("cuda", "cuda").ok()) GTEST_SKIP() << "there is a GPU";
  const Status status = Session::Open(model_, {.backend = "cuda", .target = "cuda"}).status();
  EXPECT_THAT(Message(status), HasSubstr("cuda/cuda needs an "));
  EXPECT_THAT(Message(status), HasSubstr(IsCudaBuiltIn() ? "built in, but finds none" : "OPENCV_DNN_CUDA=ON"));
  EXPECT_TRUE(Session::Open(model_, {}).ok()) << "the processor is there all the same";
}

}  // namespace
}  // namespace permafrost
