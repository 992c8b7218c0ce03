#include "runner/preprocess.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <utility>

#include "optimizer/support/mapped_file.h"
#include "runner/cv_guard.h"
#include "runner/layout.h"

namespace permafrost {
namespace {

// Sizes of the input, -1 where it takes any.
struct Wanted {
  int64_t height = -1, width = -1, channels = -1;
  std::string layout;  // of the array to make, "" when the input is flat
};

StatusOr<Wanted> WantedBy(const TensorInfo& input) {
  Wanted wanted{.height = -1, .width = -1, .channels = -1, .layout = input.layout};
  const size_t rank = input.shape.size();
  if (!input.rank_known) {
    if (wanted.layout.empty()) wanted.layout = "NHWC";
    return wanted;
  }
  if (rank == 4 && wanted.layout.empty()) wanted.layout = "NHWC";
  if (rank == 3 && wanted.layout.empty()) wanted.layout = input.shape[2] == 3 || input.shape[2] == 1 ? "HWC" : "NHW";
  if (rank == 2 || rank == 1) {
    wanted.layout.clear();
    return wanted;
  }
  if (wanted.layout.size() != rank || wanted.layout.find('H') == std::string::npos) {
    return InvalidArgument("input \"", input.name, "\" of shape ", DimsText(input.shape),
                           " is no picture; give its value as .npy");
  }
  if (wanted.layout.find('C') == std::string::npos) wanted.channels = 1;
  for (size_t i = 0; i < rank; ++i) {
    if (wanted.layout[i] == 'H') wanted.height = input.shape[i];
    if (wanted.layout[i] == 'W') wanted.width = input.shape[i];
    if (wanted.layout[i] == 'C') wanted.channels = input.shape[i];
  }
  return wanted;
}

template <class T>
T FirstSet(const std::optional<T>& flag, const std::optional<T>& from_model, T otherwise) {
  return flag ? *flag : from_model ? *from_model : otherwise;
}

Fit FitOf(const PictureOptions& options, const Preprocessing& model) {
  if (options.fit) return *options.fit;
  return model.crop.value_or(false) ? Fit::kCrop : Fit::kStretch;
}

int CvInterpolation(Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::kCubic:
      return cv::INTER_CUBIC;
    case Interpolation::kArea:
      return cv::INTER_AREA;
    case Interpolation::kNearest:
      return cv::INTER_NEAREST;
    case Interpolation::kLinear:
      break;
  }
  return cv::INTER_LINEAR;
}

// Brings the picture to width x height and says how.
cv::Mat Resize(const cv::Mat& picture, int width, int height, Fit fit, int interpolation, PixelMap& map) {
  cv::Mat out;
  if (fit == Fit::kStretch) {
    cv::resize(picture, out, {width, height}, 0, 0, interpolation);
    map = {static_cast<double>(picture.cols) / width, static_cast<double>(picture.rows) / height, 0, 0};
    return out;
  }
  const double grow_x = static_cast<double>(width) / picture.cols, grow_y = static_cast<double>(height) / picture.rows;
  const double grow = fit == Fit::kCrop ? std::max(grow_x, grow_y) : std::min(grow_x, grow_y);
  const auto grown = [&](int size, int limit) {
    const int rounded = std::max(1, static_cast<int>(std::lround(size * grow)));
    return fit == Fit::kCrop ? std::max(rounded, limit) : std::min(rounded, limit);
  };
  cv::Mat resized;
  cv::resize(picture, resized, {grown(picture.cols, width), grown(picture.rows, height)}, 0, 0, interpolation);
  const int left = (width - resized.cols) / 2, top = (height - resized.rows) / 2;
  if (fit == Fit::kCrop) {
    out = resized(cv::Rect(-left, -top, width, height)).clone();
  } else {
    cv::copyMakeBorder(resized, out, top, height - resized.rows - top, left, width - resized.cols - left,
                       cv::BORDER_CONSTANT);
  }
  map = {static_cast<double>(picture.cols) / resized.cols, static_cast<double>(picture.rows) / resized.rows,
         static_cast<double>(left), static_cast<double>(top)};
  return out;
}

// [1, height, width, channels] of floats.
Array Normalise(const cv::Mat& picture, const Preprocessing& flags, const Preprocessing& model) {
  const int channels = picture.channels();
  const double scale = FirstSet(flags.scale, model.scale, 1.0);
  const auto mean = FirstSet(flags.mean, model.mean, {0, 0, 0});
  const auto deviation = FirstSet(flags.std, model.std, {1, 1, 1});
  std::array<std::array<float, 256>, 3> table;  // of each channel and pixel value
  for (size_t c = 0; c < 3; ++c) {
    for (size_t value = 0; value < 256; ++value) {
      table[c][value] = static_cast<float>((static_cast<double>(value) - mean[c]) * scale / deviation[c]);
    }
  }
  Array array{ElementType::kFloat, {1, picture.rows, picture.cols, channels}, {}};
  array.bytes.resize(picture.total() * static_cast<size_t>(channels) * sizeof(float));
  char* out = array.bytes.data();
  for (int y = 0; y < picture.rows; ++y) {
    const uint8_t* row = picture.ptr<uint8_t>(y);
    for (int x = 0; x < picture.cols; ++x) {
      for (int c = 0; c < channels; ++c, out += sizeof(float)) {
        std::memcpy(out, &table[static_cast<size_t>(c)][*row++], sizeof(float));
      }
    }
  }
  return array;
}

}  // namespace

StatusOr<cv::Mat> ReadPixels(const std::string& path) {
  ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path));
  return DecodePixels(file->bytes(), path);
}

StatusOr<cv::Mat> DecodePixels(std::string_view bytes, std::string_view where) {
  cv::Mat pixels;
  const auto decode = [&]() -> Status {
    if (bytes.size() > static_cast<size_t>(std::numeric_limits<int>::max())) return DataLoss("too large for a picture");
    if (bytes.empty()) return DataLoss("is empty");
    const cv::Mat view(1, static_cast<int>(bytes.size()), CV_8U, const_cast<char*>(bytes.data()));
    pixels = cv::imdecode(view, cv::IMREAD_COLOR);
    if (pixels.empty()) return DataLoss("no picture that OpenCV can read (JPEG, PNG, ...)");
    return OkStatus();
  };
  RETURN_IF_ERROR(WithContext(Guarded("decoding", decode), where));
  return pixels;
}

StatusOr<Picture> LoadPicture(const std::string& path, const TensorInfo& input, const PictureOptions& options) {
  ASSIGN_OR_RETURN(const cv::Mat pixels, ReadPixels(path));
  return ToPictureInput(pixels, input, options, path);
}

StatusOr<Picture> ToPictureInput(const cv::Mat& pixels, const TensorInfo& input, const PictureOptions& options,
                                 std::string_view path) {
  const Preprocessing model = input.preprocessing.value_or(Preprocessing());
  const Preprocessing& flags = options.values;
  ASSIGN_OR_RETURN(const Wanted wanted, WantedBy(input));
  if (const auto& deviation = flags.std ? flags.std : model.std;
      deviation && std::find(deviation->begin(), deviation->end(), 0.0) != deviation->end()) {
    return InvalidArgument("a std of 0 divides by zero");
  }

  Picture result;
  const auto size = [](int64_t flag, int64_t by_model, int64_t by_shape, int64_t own) {
    return flag > 0 ? flag : by_shape > 0 ? by_shape : by_model > 0 ? by_model : own;
  };
  const auto prepare = [&]() -> Status {
    result.width = pixels.cols;
    result.height = pixels.rows;
    result.input_width = size(flags.width, model.width, wanted.width, pixels.cols);
    result.input_height = size(flags.height, model.height, wanted.height, pixels.rows);
    int64_t channels = wanted.channels >= 0 ? wanted.channels : options.grey ? 1 : 3;
    if (wanted.layout.empty()) {  // a flat input: its size tells the channels
      const auto count = input.shape.empty() ? -1 : input.shape.back();
      channels = count == result.input_width * result.input_height ? 1 : 3;
    }
    if (channels != 1 && channels != 3) {
      return InvalidArgument("input \"", input.name, "\" has ", channels, " channels; a picture gives 1 or 3");
    }
    if (result.input_width * result.input_height > int64_t{1} << 28) {
      return ResourceExhausted("an input of ", result.input_width, "x", result.input_height, " pixels");
    }
    cv::Mat picture = Resize(pixels, static_cast<int>(result.input_width), static_cast<int>(result.input_height),
                             FitOf(options, model), CvInterpolation(options.interpolation), result.map);
    if (channels == 1) {
      cv::cvtColor(picture, picture, cv::COLOR_BGR2GRAY);
    } else if ((flags.channel_order.empty() ? model.channel_order : flags.channel_order) != "BGR") {
      cv::cvtColor(picture, picture, cv::COLOR_BGR2RGB);
    }
    result.array = Normalise(picture, flags, model);
    return OkStatus();
  };
  RETURN_IF_ERROR(WithContext(Guarded("preparing", prepare), path));
  const std::string where = StrCat(path, " as input \"", input.name, "\"");
  auto array = Relayout(result.array, "NHWC", wanted.layout);
  if (!array.ok()) return WithContext(array.status(), where);
  result.array = std::move(array).value();
  if (input.rank_known) RETURN_IF_ERROR(WithContext(Reshape(result.array, input.shape), where));
  return result;
}

}  // namespace permafrost
