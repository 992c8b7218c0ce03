#include "optimizer/ops/select_boxes.h"

namespace permafrost {
namespace {

float IntersectionOverUnion(const float* a, const float* b) {
  const auto low = [](const float* box, int axis) { return std::min(box[axis], box[axis + 2]); };
  const auto high = [](const float* box, int axis) { return std::max(box[axis], box[axis + 2]); };
  const auto area = [&](const float* box) { return (high(box, 0) - low(box, 0)) * (high(box, 1) - low(box, 1)); };
  if (area(a) <= 0 || area(b) <= 0) return 0;
  float shared = 1;
  for (int axis : {0, 1}) {
    shared *= std::max(std::min(high(a, axis), high(b, axis)) - std::max(low(a, axis), low(b, axis)), 0.0F);
  }
  return shared / (area(a) + area(b) - shared);
}

}  // namespace

std::vector<int32_t> BestFirst(const float* scores, int64_t count, int64_t step, double least) {
  std::vector<int32_t> order;
  for (int64_t i = 0; i < count; ++i) {
    if (static_cast<double>(scores[i * step]) > least) order.push_back(static_cast<int32_t>(i));  // never NaN
  }
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return scores[a * step] > scores[b * step]; });
  return order;
}

StatusOr<std::vector<int32_t>> SelectBoxes(const ScoredBoxes& from, double most, double overlap, double least, int64_t& pairs) {
  const auto covers = [&](int32_t candidate, int32_t chosen) {
    const float *a = from.boxes + candidate * from.box_step, *b = from.boxes + chosen * from.box_step;
    return static_cast<double>(IntersectionOverUnion(a, b)) > overlap;
  };
  return ChooseUncovered(BestFirst(from.scores, from.count, from.score_step, least), most, pairs, covers);
}

}  // namespace permafrost
