#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <opencv2/core/version.hpp>
#include <string>
#include <vector>

#include "optimizer/backends/graphdef/emit_graphdef.h"
#include "optimizer/backends/opencv_tf/passes.h"
#include "optimizer/passes/run_pass.h"
#include "optimizer/pipeline/describe.h"
#include "optimizer/pipeline/evaluate.h"
#include "optimizer/pipeline/optimize.h"
#include "runner/opencv_child.h"
#include "runner/session.h"
#include "tests/support/graph_testing.h"
#include "tests/support/temporary_folder.h"

// Graphs as text in the real cv::dnn against the reference kernels.
namespace permafrost {

constexpr int kInstalledOpenCv = CV_VERSION_MAJOR * 10000 + CV_VERSION_MINOR * 100 + CV_VERSION_REVISION;

class TestFolder {
 public:
  std::string operator/(std::string_view name) const { return folder_.File(name); }

 private:
  TemporaryFolder folder_;
};

inline Status WriteGraphDef(const Graph& graph, const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  return EmitGraphDef(graph, {}, [&](std::string_view bytes) {
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return file ? OkStatus() : DataLoss(path, ": cannot be written");
  });
}

// The outputs of a file with a model.json in cv::dnn. A child process does it: some graphs kill the importer.
inline StatusOr<std::vector<Tensor>> RunFile(const std::string& path, const std::vector<NamedTensor>& inputs) {
  const auto work = [&]() -> StatusOr<std::string> {
    ASSIGN_OR_RETURN(Session session, Session::Open(path, {.check_hash = false}));
    std::vector<NamedArray> arrays;
    for (const NamedTensor& input : inputs) {
      arrays.push_back({input.name, FloatArray(input.value.dims(), input.value.Values<float>())});
    }
    ASSIGN_OR_RETURN(const auto outputs, session.Run(arrays));
    std::string bytes;
    const auto append = [&](int64_t number) { bytes.append(reinterpret_cast<const char*>(&number), sizeof(number)); };
    for (const NamedArray& output : outputs) {
      append(static_cast<int64_t>(output.array.dims.size()));
      for (const int64_t dim : output.array.dims) append(dim);
      bytes += output.array.bytes;
    }
    return bytes;
  };
  ASSIGN_OR_RETURN(const std::string bytes, RunOpenCvInChild("cv::dnn", {.seconds = 60}, work));
  std::vector<Tensor> tensors;
  for (size_t at = 0; at < bytes.size();) {
    const auto number = [&] {
      int64_t value = 0;
      std::memcpy(&value, bytes.data() + at, sizeof(value));
      at += sizeof(value);
      return value;
    };
    std::vector<int64_t> dims(static_cast<size_t>(number()));
    for (int64_t& dim : dims) dim = number();
    const auto size = static_cast<size_t>(CheckedElements(dims)) * sizeof(float);
    tensors.push_back(Tensor::Buffer(DType::kFloat32, dims, bytes.substr(at, size)));
    at += size;
  }
  return tensors;
}

// The worst relative error of all outputs, matched by position. Errors: an output that is 0 everywhere proves nothing.
inline StatusOr<double> WorstError(const std::vector<Tensor>& actual, const std::vector<NamedTensor>& expected) {
  if (actual.size() != expected.size()) return FailedCheck("gives ", actual.size(), " outputs of ", expected.size());
  double worst = 0;
  for (size_t i = 0; i < actual.size(); ++i) {
    const std::vector<double> values = expected[i].value.Values<double>();
    if (std::all_of(values.begin(), values.end(), [](double value) { return value == 0; })) {
      return FailedCheck("output '", expected[i].name, "' is 0 everywhere");
    }
    const bool scalar = expected[i].value.rank() == 0 && actual[i].elements() == 1;  // cv::dnn has none
    const double error =
        RelativeError(scalar ? actual[i].Reshaped({}) : actual[i], expected[i].value.Cast(DType::kFloat32));
    if (std::isinf(error) && actual[i].dims() != expected[i].value.dims()) {
      return FailedCheck("output '", expected[i].name, "' has the shape ", actual[i].shape().ToString(), ", expected ",
                         expected[i].value.shape().ToString());
    }
    worst = std::max(worst, error);
  }
  return worst;
}

// A flat graph written as it is (with default attributes spelled out), run by cv::dnn: its largest relative error.
inline StatusOr<double> ErrorAsItIs(const Graph& original) {
  const TestFolder folder;
  Graph graph = original;
  RETURN_IF_ERROR(RunPass(kSpellOutAttributes, graph, {}).status());
  const std::string path = folder / "model.pb";
  RETURN_IF_ERROR(WriteGraphDef(graph, path));
  OptimizeOptions options;
  options.output = path;
  ModelInfo info = DescribeModel(graph, options, {});
  info.file_sha256 = info.source_sha256 = std::string(64, '0');
  RETURN_IF_ERROR(WriteModelInfo(ModelInfoPath(path), info));
  ASSIGN_OR_RETURN(const auto inputs, SeededInputs(original, 1));
  ASSIGN_OR_RETURN(const auto expected, EvaluateOutputs(original, inputs));
  ASSIGN_OR_RETURN(const auto actual, RunFile(path, inputs));
  return WorstError(actual, expected);
}

// The graph written by a stranger, optimized once into `file` for the target, run by cv::dnn on each of the feeds: its
// largest relative error.
inline StatusOr<double> ErrorWhenOptimized(const Graph& original, const std::vector<std::vector<NamedTensor>>& feeds,
                                           std::string_view file, const Target& target) {
  const TestFolder folder;
  OptimizeOptions options;
  options.model = folder / "original.pb";
  options.output = folder / std::string(file);
  options.target = target;
  for (const GraphOutput& output : original.outputs()) {
    options.outputs.push_back({original.node(output.value.node).name, output.value.port});
  }
  for (NodeId id : original.inputs()) options.inputs.push_back({{original.node(id).name, 0}, {}, {}});
  Graph stranger = original;
  GraphEditor(stranger).SetGraphOutputs({});
  RETURN_IF_ERROR(WriteGraphDef(stranger, options.model));
  RETURN_IF_ERROR(Optimize(options).status());
  double worst = 0;
  for (const std::vector<NamedTensor>& inputs : feeds) {
    ASSIGN_OR_RETURN(const auto expected, EvaluateOutputs(original, inputs));
    ASSIGN_OR_RETURN(const auto actual, RunFile(options.output, inputs));
    ASSIGN_OR_RETURN(const double error, WorstError(actual, expected));
    worst = std::max(worst, error);
  }
  return worst;
}

// For the installed OpenCV's TensorFlow importer.
inline StatusOr<double> ErrorWhenOptimized(const Graph& original, const std::vector<std::vector<NamedTensor>>& feeds) {
  Target target;
  target.opencv_version = kInstalledOpenCv;
  return ErrorWhenOptimized(original, feeds, "model.pb", target);
}

inline StatusOr<double> ErrorWhenOptimized(const Graph& original) {
  ASSIGN_OR_RETURN(const auto inputs, SeededInputs(original, 1));
  return ErrorWhenOptimized(original, {inputs});
}

}  // namespace permafrost
