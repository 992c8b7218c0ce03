#pragma once

#include <opencv2/core/mat.hpp>
#include <opencv2/dnn.hpp>

#include "optimizer/support/mapped_file.h"
#include "optimizer/support/status.h"
#include "shared_io/array.h"

namespace permafrost {

// Reads .pb and .onnx. `config`: OpenCV's own text graph of a .pb, or null. Errors: whatever OpenCV throws, a file without
// a network.
Status LoadNet(const MappedFile& file, const MappedFile* config, cv::dnn::Net& net);
inline Status LoadNet(const MappedFile& file, cv::dnn::Net& net) { return LoadNet(file, nullptr, net); }

// A view of the array's bytes, which become floats first if they are something else.
// Errors: a dim that cv::dnn does not take, too many of them, bytes that do not fit the dims.
StatusOr<cv::Mat> ViewAsMat(Array& array);
// As float32.
Array FromMat(const cv::Mat& mat);

}  // namespace permafrost
