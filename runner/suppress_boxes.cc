#include "runner/suppress_boxes.h"

#include <cmath>
#include <map>
#include <queue>

namespace permafrost {
namespace {

struct Candidate {
  Box box;
  size_t place;     // in the order given: of equal scores the first comes first
  size_t seen = 0;  // so many of the chosen have lowered its score already
};

struct ComesLater {
  bool operator()(const Candidate& a, const Candidate& b) const {
    return a.box.score != b.box.score ? a.box.score < b.box.score : a.place > b.place;
  }
};

std::vector<Box> SuppressTogether(const std::vector<Box>& boxes, const SuppressionRule& rule) {
  std::priority_queue<Candidate, std::vector<Candidate>, ComesLater> queue;
  for (size_t i = 0; i < boxes.size(); ++i) queue.push({boxes[i], i});
  const bool soft = rule.soft_sigma > 0;
  std::vector<Box> chosen;
  while (!queue.empty() && chosen.size() < rule.most) {
    Candidate candidate = queue.top();
    queue.pop();
    const float before = candidate.box.score;
    bool covered = false;
    for (size_t i = chosen.size(); i > candidate.seen && !covered; --i) {
      const double overlap = OverlapOf(candidate.box, chosen[i - 1]);
      if (soft) {
        candidate.box.score *= static_cast<float>(std::exp(-overlap * overlap / (2 * rule.soft_sigma)));
        covered = !(candidate.box.score > rule.min_score);
      } else {
        covered = overlap > rule.overlap;
      }
    }
    if (covered) continue;
    candidate.seen = chosen.size();
    if (candidate.box.score == before) {
      chosen.push_back(candidate.box);
    } else {
      queue.push(candidate);
    }
  }
  return chosen;
}

}  // namespace

std::vector<Box> SuppressBoxes(std::vector<Box> boxes, const SuppressionRule& rule) {
  SortBest(boxes);
  if (rule.across_classes) return SuppressTogether(boxes, rule);
  std::map<int64_t, std::vector<Box>> by_class;
  for (const Box& box : boxes) by_class[box.index].push_back(box);
  std::vector<Box> all;
  for (const auto& entry : by_class) {
    const std::vector<Box> chosen = SuppressTogether(entry.second, rule);
    all.insert(all.end(), chosen.begin(), chosen.end());
  }
  SortBest(all);
  return all;
}

}  // namespace permafrost
