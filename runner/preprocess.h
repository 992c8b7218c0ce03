#pragma once

#include <cstdint>
#include <opencv2/core/mat.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "optimizer/support/status.h"
#include "shared_io/array.h"
#include "shared_io/model_json.h"

namespace permafrost {

enum class Fit { kStretch, kCrop, kLetterbox };
enum class Interpolation { kLinear, kCubic, kArea, kNearest };

// What a user asks for; every field that is set wins over model.json's.
struct PictureOptions {
  Preprocessing values;  // as in model.json; `crop` is not used: see fit
  std::optional<Fit> fit;
  Interpolation interpolation = Interpolation::kLinear;
  bool grey = false;  // one channel where the input leaves it open
};

// Where a pixel of the input lies in the picture: picture = (input - offset) * step, both counted from the outer edge
// of the first pixel.
struct PixelMap {
  double step_x = 1, step_y = 1, offset_x = 0, offset_y = 0;
};

struct Picture {
  Array array;                                // as the input wants it, in TensorFlow's axis order
  int64_t width = 0, height = 0;              // of the picture
  int64_t input_width = 0, input_height = 0;  // of what the network sees
  PixelMap map;
};

// The pixels, 8 bit BGR, turned as the file's EXIF says. Errors: no such file, no picture that OpenCV can read.
StatusOr<cv::Mat> ReadPixels(const std::string& path);
StatusOr<cv::Mat> DecodePixels(std::string_view bytes, std::string_view where);  // of a file's bytes

// Pixels made into a value of `input`: resized, (pixel - mean) * scale / std per channel, channels in order,
// grey when the input has one channel. What neither flags nor model.json say: the input's own size, else the
// picture's; RGB; mean 0; scale and std 1; stretched.
// Errors: an input that cannot be a picture, a size the input does not take.
StatusOr<Picture> ToPictureInput(const cv::Mat& pixels, const TensorInfo& input, const PictureOptions& options,
                                 std::string_view where);
// Of a file.
StatusOr<Picture> LoadPicture(const std::string& path, const TensorInfo& input, const PictureOptions& options);

}  // namespace permafrost
