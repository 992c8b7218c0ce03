#pragma once

#include <functional>
#include <string>

#include "optimizer/passes/pass.h"

// What the passes that make weights smaller share.
namespace permafrost {

struct WeightRange {
  float low = 0, high = 0;
  bool finite = true;
};

// float32 constants with at least `minimum_size` elements that are not graph outputs, by position. One element is never
// worth it.
std::vector<NodeId> LargeWeights(const GraphEditor& editor, int64_t minimum_size);

// Calls `take` with consecutive pieces of a float32 tensor, without a copy of the whole; with its one element where that
// stands for all.
void ForEachFloats(const Tensor& tensor, const std::function<void(const float* values, int64_t count)>& take);

WeightRange RangeOf(const Tensor& tensor);

// Adds up what a pass did to constants, for its note.
class WeightReport {
 public:
  // `error`: the largest change of an element, against the largest magnitude.
  void Add(const Node& node, int64_t bytes_before, int64_t bytes_after, double error);
  // "quantize-weights: 12 constants, 4,096 -> 1,024 bytes; largest rounding error 0.2 % of 'conv/kernel'"
  void Tell(std::string_view pass, PassContext& context) const;

 private:
  int64_t count_ = 0, before_ = 0, after_ = 0;
  double worst_ = -1;
  std::string worst_name_;
};

}  // namespace permafrost
