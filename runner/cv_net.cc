#include "runner/cv_net.h"

#include <limits>
#include <opencv2/core.hpp>
#include <string_view>

#include "runner/cv_guard.h"
#include "shared_io/paths.h"

namespace permafrost {
namespace {

constexpr size_t kMostDims = 32;  // of a cv::Mat

// Throws what OpenCV throws.
cv::dnn::Net ReadNet(const MappedFile& file, const MappedFile* config) {
  if (config != nullptr) {
    return cv::dnn::readNetFromTensorflow(file.bytes().data(), file.bytes().size(), config->bytes().data(),
                                          config->bytes().size());
  }
  if (IsOnnxPath(file.path()))
    return cv::dnn::readNetFromONNX(file.path());  // weights may lie beside it
  return cv::dnn::readNetFromTensorflow(file.bytes().data(), file.bytes().size());
}

}  // namespace

Status LoadNet(const MappedFile& file, const MappedFile* config, cv::dnn::Net& net) {
  return Guarded("loading", [&]() -> Status {
    net = ReadNet(file, config);
    if (net.empty()) return DataLoss("holds no network that OpenCV ", CV_VERSION, " knows");
    return OkStatus();
  });
}

StatusOr<cv::Mat> ViewAsMat(Array& array) {
  if (array.type != ElementType::kFloat) {
    ASSIGN_OR_RETURN(const std::vector<float> values, ToFloats(array));
    array = FloatArray(array.dims, values);
  }
  ASSIGN_OR_RETURN(const int64_t count, ElementCount(array.dims));
  if (static_cast<uint64_t>(count) != array.bytes.size() / sizeof(float) || array.bytes.size() % sizeof(float) != 0) {
    return InvalidArgument("an array of float32", DimsText(array.dims), " holds ", array.bytes.size(), " bytes");
  }
  std::vector<int> sizes;
  for (int64_t dim : array.dims) {
    if (dim < 1 || dim > std::numeric_limits<int>::max()) {
      return InvalidArgument("cv::dnn takes no dim of ", dim, " as in ", DimsText(array.dims));
    }
    sizes.push_back(static_cast<int>(dim));
  }
  if (sizes.empty()) sizes = {1};
  if (sizes.size() > kMostDims) return InvalidArgument("cv::dnn takes no array of ", sizes.size(), " dims");
  return cv::Mat(static_cast<int>(sizes.size()), sizes.data(), CV_32F, array.bytes.data());
}

Array FromMat(const cv::Mat& mat) {
  cv::Mat floats = mat;
  if (mat.type() != CV_32F) mat.convertTo(floats, CV_32F);
  if (!floats.isContinuous()) floats = floats.clone();
  Array array;
  for (int i = 0; i < floats.dims; ++i) array.dims.push_back(floats.size[i]);
  array.bytes.assign(reinterpret_cast<const char*>(floats.data), floats.total() * sizeof(float));
  return array;
}

}  // namespace permafrost
