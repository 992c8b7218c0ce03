#pragma once

#include <cstdint>
#include <vector>

namespace permafrost {

// The anchors of published face detectors, by the formulas of their authors: y1, x1, y2, x2 of each, 0..1 of a picture of that size.
// Maps are those of convolutions that halve the picture and pad it: ceil(size / stride).

// Ultra-Light-Fast-Generic-Face-Detector: strides 8 to 64, squares of 10 to 256 pixels, cut to the size of the picture.
std::vector<float> AnchorsOfUltraLightFaces(int64_t width, int64_t height);

// AIZOO's FaceMaskDetection: five maps of strides 8 to 128, two sizes of the first ratio, the first size of the other two.
std::vector<float> AnchorsOfFaceMasks(int64_t width, int64_t height);

}  // namespace permafrost
