#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "optimizer/support/status.h"

namespace permafrost {

// Networks that look for faces one after the other, as MTCNN does: the first over a pyramid of the picture, the next ones
// at what the one before found.
struct CascadeInfo {
  static constexpr int64_t kVersion = 1;

  struct Stage {
    std::string file;           // .pb beside the description
    int64_t size = 0;           // of the square that it judges
    std::string scores, boxes;  // outputs: probabilities of nothing and of a face; how its box differs from the square
    std::string points;         // output: five x and five y in the square; empty: none
    double threshold = 0;       // of the face's probability
    double overlap = 0;         // of two squares that overlap by more the better one stays
    bool operator==(const Stage&) const = default;
  };
  std::vector<Stage> stages;   // three; the first one looks at all squares of the picture
  int64_t stride = 2;          // of the first one's output
  double overlap_of_scale = 0.5;  // as `overlap`, within one picture of the pyramid
  double factor = 0.709;       // from one picture of the pyramid to the next
  int64_t least_face = 20;     // pixels
  double mean = 127.5, scale = 0.0078125;  // of pixels: (pixel - mean) * scale
  bool bgr = false;            // order of channels
  bool turned = true;          // x before y in the networks' pictures, as in those that come from MATLAB

  bool operator==(const CascadeInfo&) const = default;
};

std::string CascadeToJson(const CascadeInfo& cascade);
// Errors: not JSON, a missing or mistyped field (named), another version, numbers that cannot be, a file in another
// folder.
StatusOr<CascadeInfo> ParseCascade(std::string_view json);
StatusOr<CascadeInfo> ReadCascade(const std::string& path);

}  // namespace permafrost
