// What a Session costs over the bare loop of setInput and forward: both run the same net, in turns, on the same
// numbers.
//
//   overhead MODEL [PASSES [THREADS]]
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <numeric>
#include <opencv2/core.hpp>
#include <opencv2/dnn.hpp>
#include <vector>

#include "runner/cv_guard.h"
#include "runner/session.h"

namespace {

struct Estimate {
  double median, low, high;  // of the median: its 95 % interval by order statistics
};

Estimate MedianOf(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const double half = static_cast<double>(values.size()) / 2;
  const auto cut = static_cast<size_t>(std::max(0.0, half - 0.98 * std::sqrt(static_cast<double>(values.size()))));
  return {values[values.size() / 2], values[cut], values[values.size() - 1 - cut]};
}

template <class Work>
double Milliseconds(const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

permafrost::Status Measure(const std::string& model, int passes, int threads) {
  ASSIGN_OR_RETURN(permafrost::Session session, permafrost::Session::Open(model, {.threads = threads}));
  const permafrost::TensorInfo& input = session.inputs()[0];
  if (!input.rank_known || input.layout != "NHWC") {
    return permafrost::InvalidArgument(model, ": give a model whose model.json has a picture as its input");
  }
  std::vector<int64_t> dims = input.shape;
  for (int64_t& dim : dims) dim = dim < 0 ? 1 : dim;
  ASSIGN_OR_RETURN(const int64_t count, permafrost::ElementCount(dims));
  std::vector<float> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i * 2654435761U % 256) / 256;
  const std::vector<permafrost::NamedArray> feeds = {{input.name, permafrost::FloatArray(dims, values)}};

  return permafrost::Guarded(model, [&]() -> permafrost::Status {
    cv::dnn::Net net = cv::dnn::readNetFromTensorflow(model);
    const int sizes[4] = {static_cast<int>(dims[0]), static_cast<int>(dims[3]), static_cast<int>(dims[1]),
                          static_cast<int>(dims[2])};
    cv::Mat blob(4, sizes, CV_32F);
    cv::randu(blob, 0, 1);
    std::vector<cv::String> names;
    for (const permafrost::TensorInfo& output : session.outputs()) names.push_back(output.cv_name);
    std::vector<cv::Mat> outputs;
    std::vector<double> bare, ours, difference;
    for (int i = -5; i < passes; ++i) {  // the first ones warm up
      const auto run_bare = [&] {
        net.setInput(blob, input.cv_name);
        net.forward(outputs, names);
      };
      permafrost::Status status;
      const auto run_ours = [&] { status = session.Run(feeds).status(); };
      double a = 0, b = 0;
      if (i % 2 == 0) a = Milliseconds(run_bare);
      b = Milliseconds(run_ours);
      if (i % 2 != 0) a = Milliseconds(run_bare);
      RETURN_IF_ERROR(status);
      if (i < 0) continue;
      bare.push_back(a);
      ours.push_back(b);
      difference.push_back(b - a);
    }
    const double loop = MedianOf(bare).median;
    const Estimate more = MedianOf(difference);
    std::cout << "bare loop " << loop << " ms  Session " << MedianOf(ours).median << " ms  overhead "
              << 100 * more.median / loop << " % (95 %: " << 100 * more.low / loop << " to " << 100 * more.high / loop
              << ")\n";
    return permafrost::OkStatus();
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: overhead MODEL [PASSES [THREADS]]\n";
    return 2;
  }
  const permafrost::Status status =
      Measure(argv[1], argc > 2 ? std::max(std::atoi(argv[2]), 1) : 200, argc > 3 ? std::atoi(argv[3]) : 0);
  if (!status.ok()) std::cerr << permafrost::Message(status) << "\n";
  return permafrost::ExitCode(status);
}
