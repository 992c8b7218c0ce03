#pragma once

#include <opencv2/core/mat.hpp>
#include <optional>
#include <string>
#include <vector>

#include "optimizer/support/status.h"
#include "runner/inputs/items.h"
#include "runner/preprocess.h"
#include "runner/session.h"

namespace permafrost {

// What goes into the network, and the picture it was made of if it was one.
struct Loaded {
  std::vector<NamedArray> feeds;
  std::optional<Picture> picture;  // of the first input that is a picture
  cv::Mat pixels;                  // its pixels
};

// Reads the files of an item; content decides between .npy, .npz and pictures. Random items are made up: numbers of
// [0, 1), the same for the same seed; a batch of unknown size is 1, height and width are those of the options, an
// input of unknown rank is a picture.
// Errors: those of reading; an .npz without the input; a shape that is not known for random numbers.
StatusOr<Loaded> LoadItem(const Item& item, const std::vector<TensorInfo>& inputs, const PictureOptions& options);

// A frame of a video.
StatusOr<Loaded> LoadFrame(const cv::Mat& frame, const std::string& name, const TensorInfo& input,
                           const PictureOptions& options);

}  // namespace permafrost
