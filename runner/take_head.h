#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "optimizer/support/status.h"
#include "runner/decode_boxes.h"
#include "runner/session.h"
#include "shared_io/detector_info.h"

namespace permafrost {

// The numbers of output `name` of a network that ends in heads, which is marked as used. `dims`: its dims without the
// batch. Errors: it is missing, or the batch is above 1.
StatusOr<std::vector<float>> TakeHead(const std::vector<NamedArray>& outputs, const std::string& name,
                                      std::vector<int64_t>& dims, std::vector<bool>& used);

// Numbers of boxes as rows, or as columns: [boxes, width] or [width, boxes].
struct HeadTable {
  std::vector<float> values;
  int64_t boxes = 0, width = 0;
  bool turned = false;
  float at(int64_t box, int64_t column) const { return values[static_cast<size_t>(turned ? column * boxes + box : box * width + column)]; }
};

// The same as a table. With `boxes` of them (0: not known) it is at least, otherwise exactly `width` wide. Errors also: it is not.
StatusOr<HeadTable> TakeTable(const std::vector<NamedArray>& outputs, const std::string& name, int64_t boxes, int64_t width,
                              std::vector<bool>& used);

float Sigmoid(float x);

// `count` numbers of one box become scores of its classes. `converter`: "sigmoid", "softmax" or "identity".
void ConvertScores(std::string_view converter, const float* from, size_t count, std::vector<float>& scores);

bool IsFinite(const Box& box);

// As many of a class and of all as the source keeps, of boxes that are best first.
void KeepMost(const DetectorInfo& detector, std::vector<Box>& boxes);

}  // namespace permafrost
