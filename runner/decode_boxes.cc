#include "runner/decode_boxes.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <opencv2/core.hpp>
#include <opencv2/dnn.hpp>
#include <string_view>
#include <utility>

#include "runner/cv_guard.h"

namespace permafrost {
namespace {

constexpr size_t kMostCandidates = 20000;
constexpr float kUsualOverlap = 0.45F;

// Dims without the batch, which must be 1, where there are more than `rank`.
std::vector<int64_t> Inner(const std::vector<int64_t>& dims, size_t rank) {
  std::vector<int64_t> inner = dims;
  while (inner.size() > rank && inner[0] == 1) inner.erase(inner.begin());
  // [1,N,1,4]: boxes that all classes share
  if (inner.size() == rank + 1 && inner[inner.size() - 2] == 1) inner.erase(inner.end() - 2);
  return inner;
}

bool IsSsd(const std::vector<int64_t>& dims) {
  return dims.size() == 4 && dims[0] == 1 && dims[1] == 1 && dims[3] == 7;
}
bool IsRegion(const std::vector<int64_t>& dims) { return dims.size() == 2 && dims[1] > 5 && dims[0] > 1; }
bool IsYolo(const std::vector<int64_t>& dims) {
  return dims.size() == 3 && dims[0] == 1 && dims[2] > 5 && dims[1] >= dims[2];
}
bool IsTurned(const std::vector<int64_t>& dims) {
  return dims.size() == 3 && dims[0] == 1 && dims[1] > 4 && dims[1] < dims[2];
}
bool IsCorners(const std::vector<int64_t>& dims) {
  const std::vector<int64_t> inner = Inner(dims, 2);
  return inner.size() == 2 && inner[1] == 4 && dims.size() > 2;
}
bool Holds(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::string ShapesText(const std::vector<NamedArray>& outputs) {
  std::string text;
  for (const NamedArray& output : outputs) {
    text += StrCat(text.empty() ? "" : ", ", output.name, " ", DimsText(output.array.dims));
  }
  return text;
}

BoxFormat Guess(const std::vector<NamedArray>& outputs) {
  const auto any = [&](auto is) {
    return std::any_of(outputs.begin(), outputs.end(), [&](const NamedArray& one) { return is(one.array.dims); });
  };
  if (any(IsSsd)) return BoxFormat::kSsd;
  if (outputs.size() > 1 && any(IsCorners)) return BoxFormat::kPair;
  if (any(IsRegion)) return BoxFormat::kRegion;
  if (any(IsYolo)) return BoxFormat::kYolo;
  if (any(IsTurned)) return BoxFormat::kPlain;
  return BoxFormat::kAuto;
}

// Four numbers as corners.
void SetCorners(const float* four, BoxOrder order, Box& box) {
  const double a = four[0], b = four[1], c = four[2], d = four[3];
  switch (order) {
    case BoxOrder::kYxyx:
      box.x1 = b, box.y1 = a, box.x2 = d, box.y2 = c;
      break;
    case BoxOrder::kCxcywh:
      box.x1 = a - c / 2, box.y1 = b - d / 2, box.x2 = a + c / 2, box.y2 = b + d / 2;
      break;
    case BoxOrder::kXywh:
      box.x1 = a, box.y1 = b, box.x2 = a + c, box.y2 = b + d;
      break;
    default:
      box.x1 = a, box.y1 = b, box.x2 = c, box.y2 = d;
  }
}

}  // namespace

void SortBest(std::vector<Box>& boxes) {
  std::stable_sort(boxes.begin(), boxes.end(), [](const Box& a, const Box& b) { return a.score > b.score; });
  if (boxes.size() > kMostCandidates) boxes.resize(kMostCandidates);
}

Status KeepBest(float min_score, float overlap, std::vector<Box>& boxes) {
  SortBest(boxes);
  if (!(overlap < 1)) return OkStatus();
  std::map<int64_t, std::vector<size_t>> by_class;
  for (size_t i = 0; i < boxes.size(); ++i) by_class[boxes[i].index].push_back(i);
  std::vector<Box> kept;
  RETURN_IF_ERROR(Guarded("dropping boxes that overlap", [&]() -> Status {
    for (const auto& entry : by_class) {
      std::vector<cv::Rect2d> rects;
      std::vector<float> scores;
      for (const size_t i : entry.second) {
        rects.emplace_back(boxes[i].x1, boxes[i].y1, boxes[i].x2 - boxes[i].x1, boxes[i].y2 - boxes[i].y1);
        scores.push_back(boxes[i].score);
      }
      std::vector<int> indices;
      // The score must be above its limit there, which is at least met here.
      cv::dnn::NMSBoxes(rects, scores, std::nextafter(min_score, -INFINITY), overlap, indices);
      for (const int i : indices) kept.push_back(boxes[entry.second[static_cast<size_t>(i)]]);
    }
    return OkStatus();
  }));
  boxes = std::move(kept);
  SortBest(boxes);
  return OkStatus();
}

namespace {

class Finder {
 public:
  Finder(const std::vector<NamedArray>& outputs, const BoxOptions& options) : outputs_(outputs), options_(options) {
    found_.used.assign(outputs.size(), false);
  }

  StatusOr<Boxes> Find() {
    format_ = options_.format == BoxFormat::kAuto ? Guess(outputs_) : options_.format;
    bool suppressed = false;  // by the network
    switch (format_) {
      case BoxFormat::kSsd:
        suppressed = true;
        RETURN_IF_ERROR(ForEach(IsSsd, [&](const auto& dims, const auto& values) { return ReadSsd(dims, values); }));
        break;
      case BoxFormat::kRegion:
      case BoxFormat::kYolo:
        RETURN_IF_ERROR(ForEach([](const auto& dims) { return Inner(dims, 2).size() == 2 && Inner(dims, 2)[1] > 5; },
                                [&](const auto& dims, const auto& values) {
                                  return ReadRows(values, Inner(dims, 2)[0], Inner(dims, 2)[1], Inner(dims, 2)[1], 1,
                                                  true);
                                }));
        break;
      case BoxFormat::kPlain:
        RETURN_IF_ERROR(ForEach(
            [](const auto& dims) {
              const auto inner = Inner(dims, 2);
              return inner.size() == 2 && std::min(inner[0], inner[1]) > 4;
            },
            [&](const auto& dims, const auto& values) {
              const auto inner = Inner(dims, 2);
              turned_ = inner[0] < inner[1];
              return turned_ ? ReadRows(values, inner[1], inner[0], 1, inner[1], false)
                             : ReadRows(values, inner[0], inner[1], inner[1], 1, false);
            }));
        break;
      case BoxFormat::kPair: {
        ASSIGN_OR_RETURN(suppressed, ReadPair());
        break;
      }
      case BoxFormat::kAuto:
        break;
    }
    if (std::find(found_.used.begin(), found_.used.end(), true) == found_.used.end()) {
      return InvalidArgument("these outputs are no boxes as any --box-format has them: ", ShapesText(outputs_));
    }
    found_.relative = options_.units == BoxUnits::kRelative || (options_.units == BoxUnits::kAuto && largest_ <= 2);
    const float overlap = options_.overlap.value_or(suppressed ? 1.0F : kUsualOverlap);
    RETURN_IF_ERROR(KeepBest(options_.min_score, overlap, found_.boxes));
    return std::move(found_);
  }

 private:
  template <class Fits, class Read>
  Status ForEach(Fits fits, Read read) {
    for (size_t i = 0; i < outputs_.size(); ++i) {
      if (!fits(outputs_[i].array.dims)) continue;
      ASSIGN_OR_RETURN(const std::vector<float> values, ToFloats(outputs_[i].array));
      found_.used[i] = true;
      RETURN_IF_ERROR(read(outputs_[i].array.dims, values));
    }
    return OkStatus();
  }

  void Add(int64_t index, float score, const float* four, BoxOrder usual, int64_t row = -1) {
    if (!(score >= options_.min_score) || index == options_.background) return;
    Box box{index, score, 0, 0, 0, 0, row};
    SetCorners(four, options_.order == BoxOrder::kAuto ? usual : options_.order, box);
    for (const double at : {box.x1, box.y1, box.x2, box.y2}) {
      if (!std::isfinite(at)) return;
      largest_ = std::max(largest_, std::abs(at));
    }
    found_.boxes.push_back(box);
  }

  Status ReadSsd(const std::vector<int64_t>& dims, const std::vector<float>& values) {
    for (size_t i = 0; i < static_cast<size_t>(dims[2]); ++i) {
      const float* row = values.data() + i * 7;
      if (row[0] > 0) return Unsupported("boxes of a batch of pictures; run without --batch");
      if (!(row[1] >= 0 && row[1] < 1e6F) || row[0] < 0) continue;  // -1: an empty row
      Add(static_cast<int64_t>(row[1]), row[2], row + 3, BoxOrder::kXyxy, static_cast<int64_t>(i));
    }
    return OkStatus();
  }

  // `step` numbers from box to box, `inner` from number to number.
  Status ReadRows(const std::vector<float>& values, int64_t boxes, int64_t numbers, int64_t step, int64_t inner,
                  bool has_objectness) {
    const auto at = [&](int64_t box, int64_t number) {
      return values[static_cast<size_t>(box * step + number * inner)];
    };
    const BoxOrder usual = has_objectness || turned_ ? BoxOrder::kCxcywh : BoxOrder::kYxyx;
    const int64_t first = has_objectness ? 5 : 4;
    for (int64_t box = 0; box < boxes; ++box) {
      const float four[4] = {at(box, 0), at(box, 1), at(box, 2), at(box, 3)};
      const float factor = format_ == BoxFormat::kYolo ? at(box, 4) : 1.0F;
      for (int64_t c = first; c < numbers; ++c) Add(c - first, factor * at(box, c), four, usual);
    }
    return OkStatus();
  }

  // True when the network has dropped boxes that overlap: it gives one class a box.
  StatusOr<bool> ReadPair() {
    const auto position = [&](auto is) {
      const auto found = std::find_if(outputs_.begin(), outputs_.end(), is);
      return static_cast<size_t>(found - outputs_.begin());
    };
    const size_t corners = position([](const NamedArray& one) { return IsCorners(one.array.dims); });
    if (corners == outputs_.size()) return false;
    const int64_t count = Inner(outputs_[corners].array.dims, 2)[0];
    const auto is_list = [&](const NamedArray& one) {
      const auto inner = Inner(one.array.dims, 1);
      return &one != &outputs_[corners] && inner.size() == 1 && inner[0] == count;
    };
    const auto is_table = [&](const NamedArray& one) {
      const auto inner = Inner(one.array.dims, 2);
      return &one != &outputs_[corners] && inner.size() == 2 && inner[0] == count && !is_list(one);
    };
    size_t scores = position([&](const NamedArray& one) { return is_list(one) && Holds(one.name, "score"); });
    if (scores == outputs_.size()) scores = position(is_table);
    if (scores == outputs_.size()) {
      scores = position([&](const NamedArray& one) { return is_list(one) && !Holds(one.name, "class"); });
    }
    if (scores == outputs_.size()) return false;
    const size_t classes = position([&](const NamedArray& one) { return is_list(one) && Holds(one.name, "class"); });
    const size_t number = position([](const NamedArray& one) {
      return Holds(one.name, "num") && one.array.bytes.size() == static_cast<size_t>(ElementSize(one.array.type));
    });
    ASSIGN_OR_RETURN(const std::vector<float> boxes, ToFloats(outputs_[corners].array));
    ASSIGN_OR_RETURN(const std::vector<float> values, ToFloats(outputs_[scores].array));
    found_.used[corners] = found_.used[scores] = true;
    std::vector<float> indices, valid;
    if (is_list(outputs_[scores]) && classes != outputs_.size()) {
      ASSIGN_OR_RETURN(indices, ToFloats(outputs_[classes].array));
      found_.used[classes] = true;
    }
    int64_t boxes_used = count;
    if (number != outputs_.size()) {
      ASSIGN_OR_RETURN(valid, ToFloats(outputs_[number].array));
      found_.used[number] = true;
      if (valid[0] >= 0 && valid[0] < static_cast<float>(count)) boxes_used = static_cast<int64_t>(valid[0]);
    }
    const size_t width = count == 0 ? 0 : values.size() / static_cast<size_t>(count);
    for (size_t i = 0; i < static_cast<size_t>(boxes_used); ++i) {
      for (size_t c = 0; c < width; ++c) {
        const bool named = !indices.empty();
        if (named && !(indices[i] >= 0 && indices[i] < 1e6F)) continue;
        Add(named ? static_cast<int64_t>(indices[i]) : static_cast<int64_t>(c), values[i * width + c],
            boxes.data() + i * 4, BoxOrder::kYxyx, static_cast<int64_t>(i));
      }
    }
    return !indices.empty();
  }

  const std::vector<NamedArray>& outputs_;
  const BoxOptions& options_;
  BoxFormat format_ = BoxFormat::kAuto;
  bool turned_ = false;
  double largest_ = 0;
  Boxes found_;
};

}  // namespace

double OverlapOf(const Box& a, const Box& b) {
  const double width = std::min(a.x2, b.x2) - std::max(a.x1, b.x1), height = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
  if (!(width > 0 && height > 0)) return 0;
  const double both = width * height;
  return both / ((a.x2 - a.x1) * (a.y2 - a.y1) + (b.x2 - b.x1) * (b.y2 - b.y1) - both);
}

void CutAtEdges(Box& box) {
  for (double* edge : {&box.x1, &box.y1, &box.x2, &box.y2}) *edge = std::clamp(*edge, 0.0, 1.0);
}

StatusOr<Boxes> FindBoxes(const std::vector<NamedArray>& outputs, const BoxOptions& options) {
  return Finder(outputs, options).Find();
}

bool LookLikeBoxes(const std::vector<NamedArray>& outputs) {
  bool boxes = false, scores = false;
  for (const NamedArray& output : outputs) {
    if (IsSsd(output.array.dims)) return true;
    boxes = boxes || (Holds(output.name, "detection_boxes") && IsCorners(output.array.dims));
    scores = scores || Holds(output.name, "detection_scores");
  }
  return boxes && scores;
}

Box ToPicture(const Box& box, bool relative, const Picture& picture) {
  const double width = relative ? static_cast<double>(picture.input_width) : 1;
  const double height = relative ? static_cast<double>(picture.input_height) : 1;
  const auto x = [&](double at) {
    return std::clamp((at * width - picture.map.offset_x) * picture.map.step_x, 0.0,
                      static_cast<double>(picture.width));
  };
  const auto y = [&](double at) {
    return std::clamp((at * height - picture.map.offset_y) * picture.map.step_y, 0.0,
                      static_cast<double>(picture.height));
  };
  return {box.index, box.score, x(box.x1), y(box.y1), x(box.x2), y(box.y2), box.row};
}

}  // namespace permafrost
