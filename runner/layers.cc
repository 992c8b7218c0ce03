#include "runner/layers.h"

#include <utility>

#include "optimizer/support/mapped_file.h"
#include "runner/cv_guard.h"
#include "runner/cv_net.h"
#include "runner/opencv_child.h"
#include "runner/packed_arrays.h"

namespace permafrost {
namespace {

constexpr double kSeconds = 600;

Status LoadNet(const std::string& path, cv::dnn::Net& net) {
  ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path));
  return LoadNet(*file, net);
}

// All layers from one forward pass of a net of their own.
Status Forward(const std::string& model_path, const LayerOrder& order, const std::vector<std::string>& layers,
               std::vector<NamedArray>& values) {
  cv::dnn::Net net;
  RETURN_IF_ERROR(LoadNet(model_path, net));
  std::vector<NamedArray> inputs = order.inputs;  // the blobs are views of them
  std::vector<std::pair<std::string, cv::Mat>> blobs;
  for (NamedArray& input : inputs) {
    ASSIGN_OR_RETURN(cv::Mat mat, ViewAsMat(input.array));
    blobs.emplace_back(input.name, std::move(mat));
  }
  return Guarded("forward", [&]() -> Status {
    net.enableFusion(order.fusion);
    for (const auto& [name, mat] : blobs) net.setInput(mat, name);
    std::vector<cv::Mat> mats;
    net.forward(mats, std::vector<cv::String>(layers.begin(), layers.end()));
    for (size_t i = 0; i < layers.size(); ++i) values.push_back({layers[i], FromMat(mats[i])});
    return OkStatus();
  });
}

}  // namespace

StatusOr<std::vector<std::string>> LayerNames(const std::string& model_path) {
  const auto packed = RunOpenCvInChild("OpenCV's importer", {.seconds = kSeconds}, [&]() -> StatusOr<std::string> {
    SilenceOpenCv();
    cv::dnn::Net net;
    RETURN_IF_ERROR(LoadNet(model_path, net));
    std::string lines;
    RETURN_IF_ERROR(Guarded("listing the layers", [&]() -> Status {
      for (const cv::String& name : net.getLayerNames()) lines += name + "\n";
      return OkStatus();
    }));
    return lines;
  });
  if (!packed.ok()) return WithContext(packed.status(), model_path);
  std::vector<std::string> names;
  for (size_t at = 0, end; (end = packed->find('\n', at)) != std::string::npos; at = end + 1) {
    names.push_back(packed->substr(at, end - at));
  }
  return names;
}

StatusOr<std::vector<Array>> LayerValues(const std::string& model_path, const LayerOrder& order) {
  const auto packed = RunOpenCvInChild("OpenCV", {.seconds = kSeconds}, [&]() -> StatusOr<std::string> {
    SilenceOpenCv();
    std::vector<NamedArray> values;
    if (!order.fusion) RETURN_IF_ERROR(Forward(model_path, order, order.layers, values));
    for (const std::string& layer : order.layers) {
      if (order.fusion) RETURN_IF_ERROR(Forward(model_path, order, {layer}, values));
    }
    return PackArrays(values);
  });
  if (!packed.ok()) return WithContext(packed.status(), model_path);
  ASSIGN_OR_RETURN(std::vector<NamedArray> named, UnpackArrays(*packed));
  if (named.size() != order.layers.size()) return Internal(model_path, ": cv::dnn gave ", named.size(), " layers");
  std::vector<Array> values;
  for (NamedArray& value : named) values.push_back(std::move(value.array));
  return values;
}

}  // namespace permafrost
