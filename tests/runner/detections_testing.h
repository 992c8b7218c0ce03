#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <vector>

#include "shared_io/npy.h"

// What detectors find beside what TensorFlow found.
namespace permafrost {

struct Detection {
  int64_t label;
  double score, x1, y1, x2, y2;
};

inline double Overlap(const Detection& a, const Detection& b) {
  const double width = std::min(a.x2, b.x2) - std::max(a.x1, b.x1), height = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
  const double shared = std::max(width, 0.0) * std::max(height, 0.0);
  const auto area = [](const Detection& box) { return (box.x2 - box.x1) * (box.y2 - box.y1); };
  return shared > 0 ? shared / (area(a) + area(b) - shared) : 0;
}

inline std::vector<float> Floats(const Array& array) {
  std::vector<float> values(array.bytes.size() / sizeof(float));
  std::memcpy(values.data(), array.bytes.data(), values.size() * sizeof(float));
  return values;
}

inline std::vector<float> ReadFloats(const std::filesystem::path& path) {
  const auto array = ReadNpy(path.string());
  return array.ok() ? Floats(*array) : std::vector<float>();
}

// The k-th of pictures of bytes, as a network takes it.
inline Array PictureOf(const Array& pictures, size_t picture) {
  const size_t size = pictures.bytes.size() / static_cast<size_t>(pictures.dims[0]);
  std::vector<float> values;
  for (const char pixel : std::string_view(pictures.bytes).substr(picture * size, size)) {
    values.push_back(static_cast<float>(static_cast<uint8_t>(pixel)));
  }
  return FloatArray({1, pictures.dims[1], pictures.dims[2], pictures.dims[3]}, values);
}

// What TensorFlow found on the k-th of the pictures, from the detection_*.npy of a case's folder.
inline std::vector<Detection> Expected(const std::filesystem::path& folder, size_t picture, size_t pictures) {
  const std::vector<float> boxes = ReadFloats(folder / "detection_boxes.npy"), scores = ReadFloats(folder / "detection_scores.npy");
  const std::vector<float> classes = ReadFloats(folder / "detection_classes.npy");
  const size_t rows = scores.size() / pictures;
  std::vector<Detection> found;
  for (size_t i = picture * rows; i < (picture + 1) * rows; ++i) {
    if (scores[i] <= 0) continue;
    found.push_back({static_cast<int64_t>(classes[i]), scores[i], boxes[4 * i + 1], boxes[4 * i], boxes[4 * i + 3], boxes[4 * i + 2]});
  }
  return found;
}

// Rows as DetectionOutput gives them.
inline std::vector<Detection> FromRows(const std::vector<float>& rows, int64_t class_offset) {
  std::vector<Detection> found;
  for (size_t i = 0; i + 7 <= rows.size(); i += 7) {
    if (rows[i + 2] <= 0) continue;
    found.push_back({static_cast<int64_t>(rows[i + 1]) + class_offset, rows[i + 2], rows[i + 3], rows[i + 4], rows[i + 5], rows[i + 6]});
  }
  return found;
}

// One to one. Boxes that were cut to a line at the picture's edge are none: some graphs leave them, others do not.
inline void ExpectSameDetections(std::vector<Detection> actual, std::vector<Detection> expected) {
  for (std::vector<Detection>* side : {&actual, &expected}) {
    std::erase_if(*side, [](const Detection& box) { return box.x2 - box.x1 < 1e-5 || box.y2 - box.y1 < 1e-5; });
  }
  for (const Detection& one : expected) {
    auto best = actual.end();
    for (auto other = actual.begin(); other != actual.end(); ++other) {
      const bool near = other->label == one.label && std::abs(other->score - one.score) < 1e-3;
      if (near && (best == actual.end() || Overlap(*other, one) > Overlap(*best, one))) best = other;
    }
    ASSERT_NE(best, actual.end()) << "class " << one.label << " with score " << one.score << " is missing";
    EXPECT_GE(Overlap(*best, one), 0.99) << "class " << one.label << " with score " << one.score;
    actual.erase(best);
  }
  EXPECT_TRUE(actual.empty()) << actual.size() << " more than TensorFlow finds";
}

}  // namespace permafrost
