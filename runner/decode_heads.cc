#include "runner/decode_heads.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "runner/decode_centers.h"
#include "runner/suppress_boxes.h"
#include "runner/take_head.h"

namespace permafrost {
namespace {

constexpr float kLargestLog = 20;  // of a box's size in anchors: what is above comes from damage

bool IsEmpty(const Box& box) { return !(box.x2 > box.x1 && box.y2 > box.y1); }

class HeadDecoder {
 public:
  HeadDecoder(const std::vector<NamedArray>& outputs, const DetectorInfo& detector, const BoxOptions& options)
      : outputs_(outputs), detector_(detector) {
    least_ = std::max(options.min_score, static_cast<float>(detector.score_threshold));
    background_ = options.background >= 0 ? options.background : detector.background;
    overlap_ = options.overlap.value_or(static_cast<float>(detector.iou_threshold));
    found_.used.assign(outputs.size(), false);
  }

  StatusOr<Boxes> Decode() {
    if (detector_.kind == DetectorInfo::kYolo) {
      for (const DetectorInfo::YoloHead& head : detector_.heads) RETURN_IF_ERROR(ReadYolo(head));
    } else {
      RETURN_IF_ERROR(detector_.kind == DetectorInfo::kBoxes ? ReadDecoded() : ReadAnchored());
    }
    RETURN_IF_ERROR(Suppress());
    if (detector_.clip && found_.relative) {
      std::for_each(found_.boxes.begin(), found_.boxes.end(), CutAtEdges);
      std::erase_if(found_.boxes, IsEmpty);  // nothing of them is in the picture
    }
    KeepMost(detector_, found_.boxes);
    return std::move(found_);
  }

 private:
  // Its numbers, and its dims without the batch.
  StatusOr<std::vector<float>> Take(const std::string& name, std::vector<int64_t>& dims) {
    return TakeHead(outputs_, name, dims, found_.used);
  }

  Status Suppress() {
    if (!detector_.across_classes && !(detector_.soft_sigma > 0)) return KeepBest(least_, overlap_, found_.boxes);
    SuppressionRule rule;
    rule.min_score = least_;
    rule.overlap = overlap_;
    rule.soft_sigma = detector_.soft_sigma;
    rule.across_classes = detector_.across_classes;
    const int64_t most = detector_.across_classes ? detector_.max_detections : detector_.max_detections_per_class;
    if (most > 0) rule.most = static_cast<size_t>(most);
    found_.boxes = SuppressBoxes(std::move(found_.boxes), rule);
    return OkStatus();
  }

  // The column of the best class; of all where there is no background.
  size_t BestOf(const std::vector<float>& scores) const {
    size_t best = background_ == 0 && scores.size() > 1 ? 1 : 0;
    for (size_t c = best + 1; c < scores.size(); ++c) {
      if (static_cast<int64_t>(c) != background_ && scores[c] > scores[best]) best = c;
    }
    return best;
  }

  Status Misfit(const std::string& name, const std::vector<int64_t>& dims, std::string_view expected) const {
    return InvalidArgument("output \"", name, "\" has the shape ", DimsText(dims), " without its batch, expected ", expected);
  }

  void Add(size_t column, float score, double cx, double cy, double w, double h) {
    if (!(score >= least_) || static_cast<int64_t>(column) == background_) return;
    Box box{static_cast<int64_t>(column) + detector_.class_offset, score, cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2};
    if (!IsFinite(box)) return;
    const bool cut = detector_.clip_first && found_.relative;
    if (cut) CutAtEdges(box);
    if (!cut || !IsEmpty(box)) found_.boxes.push_back(box);
  }

  // Tables of the boxes' numbers and of their scores, which may be one.
  struct Tables {
    HeadTable boxes, own_scores;
    bool one = false;
    const HeadTable& scores() const { return one ? boxes : own_scores; }
  };

  StatusOr<Tables> TakeTables(int64_t count) {
    Tables tables;
    tables.one = detector_.boxes == detector_.scores;
    const int64_t scores = std::max(detector_.scores_column + detector_.classes, detector_.objectness_column + 1);
    const int64_t boxes = std::max(detector_.boxes_column + 4, tables.one ? scores : 0);
    ASSIGN_OR_RETURN(tables.boxes, TakeTable(outputs_, detector_.boxes, count, boxes, found_.used));
    if (tables.one) return tables;
    ASSIGN_OR_RETURN(tables.own_scores, TakeTable(outputs_, detector_.scores, tables.boxes.boxes, scores, found_.used));
    return tables;
  }

  // Converted, of one box.
  void TakeScores(const HeadTable& table, int64_t box, std::vector<float>& scores) const {
    std::vector<float> numbers(static_cast<size_t>(detector_.classes));
    for (int64_t c = 0; c < detector_.classes; ++c) numbers[static_cast<size_t>(c)] = table.at(box, detector_.scores_column + c);
    ConvertScores(detector_.score_converter, numbers.data(), numbers.size(), scores);
    if (detector_.objectness_column < 0) return;
    for (float& score : scores) score *= table.at(box, detector_.objectness_column);
  }

  void AddBest(const std::vector<float>& scores, double cx, double cy, double w, double h) {
    const size_t best = detector_.best_class_only ? BestOf(scores) : 0, last = detector_.best_class_only ? best + 1 : scores.size();
    for (size_t c = best; c < last; ++c) Add(c, scores[c], cx, cy, w, h);
  }

  Status ReadAnchored() {
    const auto count = static_cast<int64_t>(detector_.anchors.size() / 4);
    ASSIGN_OR_RETURN(const Tables tables, TakeTables(count));
    const size_t x = detector_.box_coder == DetectorInfo::kCenterSizeXy ? 0 : 1, y = 1 - x;
    const auto& scales = detector_.box_scales;
    std::vector<float> scores;
    for (int64_t i = 0; i < count; ++i) {
      TakeScores(tables.scores(), i, scores);
      const float* anchor = detector_.anchors.data() + i * 4;
      const auto code = [&](size_t k) { return tables.boxes.at(i, detector_.boxes_column + static_cast<int64_t>(k)) / scales[k]; };
      const double height = anchor[2] - anchor[0], width = anchor[3] - anchor[1];
      const double cx = (anchor[1] + anchor[3]) / 2 + code(x) * width, cy = (anchor[0] + anchor[2]) / 2 + code(y) * height;
      const double w = width * std::exp(std::min<double>(code(2 + x), kLargestLog));
      const double h = height * std::exp(std::min<double>(code(2 + y), kLargestLog));
      AddBest(scores, cx, cy, w, h);
    }
    return OkStatus();
  }

  // Boxes that the graph has decoded.
  Status ReadDecoded() {
    ASSIGN_OR_RETURN(const Tables tables, TakeTables(0));
    const std::string& order = detector_.box_order;
    const size_t x = order == "yxyx" ? 1 : 0, y = 1 - x;
    const bool corners = order == "yxyx" || order == "xyxy", middles = order == "cxcywh";
    double largest = 0;
    std::vector<std::array<double, 4>> boxes(static_cast<size_t>(tables.boxes.boxes));
    for (size_t i = 0; i < boxes.size(); ++i) {
      double four[4];
      for (int64_t k = 0; k < 4; ++k) four[k] = tables.boxes.at(static_cast<int64_t>(i), detector_.boxes_column + k);
      for (const double number : four) largest = std::max(largest, std::isfinite(number) ? std::abs(number) : 0);
      const double w = corners ? four[2 + x] - four[x] : four[2], h = corners ? four[2 + y] - four[y] : four[3];
      boxes[i] = {middles ? four[0] : four[x] + w / 2, middles ? four[1] : four[y] + h / 2, w, h};
    }
    constexpr double kLargestShare = 2;
    const bool pixels = detector_.box_units == "pixels" || (detector_.box_units == "auto" && largest > kLargestShare);
    const bool known = detector_.input_width > 0 && detector_.input_height > 0;
    const double width = pixels && known ? static_cast<double>(detector_.input_width) : 1;
    const double height = pixels && known ? static_cast<double>(detector_.input_height) : 1;
    found_.relative = !pixels || known;
    std::vector<float> scores;
    for (size_t i = 0; i < boxes.size(); ++i) {
      TakeScores(tables.scores(), static_cast<int64_t>(i), scores);
      const auto& [cx, cy, w, h] = boxes[i];
      AddBest(scores, cx / width, cy / height, w / width, h / height);
    }
    return OkStatus();
  }

  // A grid of cells, each with some boxes: x, y, w, h, whether there is something, what.
  Status ReadYolo(const DetectorInfo::YoloHead& head) {
    const size_t boxes = head.anchors.size() / 2, classes = static_cast<size_t>(detector_.classes), numbers = 5 + classes;
    std::vector<int64_t> dims;
    ASSIGN_OR_RETURN(const std::vector<float> values, Take(head.output, dims));
    const std::string expected = StrCat("[H,W,", boxes * numbers, "]");
    if (dims.size() < 3 || dims[0] < 1 || dims[1] < 1) return Misfit(head.output, dims, expected);
    const size_t rows = static_cast<size_t>(dims[0]), columns = static_cast<size_t>(dims[1]);
    if (values.size() / rows / columns != boxes * numbers || values.size() % (rows * columns) != 0) {
      return Misfit(head.output, dims, expected);
    }
    const float shift = static_cast<float>(head.xy_scale - 1) / 2;
    std::vector<float> scores;
    for (size_t i = 0; i < rows * columns * boxes; ++i) {
      const float* box = values.data() + i * numbers;
      const float objectness = Sigmoid(box[4]);
      if (!(objectness >= least_)) continue;
      ConvertScores(detector_.score_converter, box + 5, classes, scores);
      const size_t cell = i / boxes;
      const double cx = (static_cast<double>(cell % columns) + Sigmoid(box[0]) * head.xy_scale - shift) / static_cast<double>(columns);
      const double cy = (static_cast<double>(cell / columns) + Sigmoid(box[1]) * head.xy_scale - shift) / static_cast<double>(rows);
      const float* anchor = head.anchors.data() + 2 * (i % boxes);
      const double w = std::exp(std::min(box[2], kLargestLog)) * anchor[0] / static_cast<double>(detector_.input_width);
      const double h = std::exp(std::min(box[3], kLargestLog)) * anchor[1] / static_cast<double>(detector_.input_height);
      for (size_t c = 0; c < classes; ++c) Add(c, objectness * scores[c], cx, cy, w, h);
    }
    return OkStatus();
  }

  const std::vector<NamedArray>& outputs_;
  const DetectorInfo& detector_;
  float least_, overlap_;
  int64_t background_;
  Boxes found_;
};

}  // namespace

StatusOr<Boxes> DecodeHeads(const std::vector<NamedArray>& outputs, const DetectorInfo& detector, const BoxOptions& options) {
  if (detector.kind == DetectorInfo::kCenters) return DecodeCenters(outputs, detector, options);
  return HeadDecoder(outputs, detector, options).Decode();
}

StatusOr<Boxes> DecodeDetector(const std::vector<NamedArray>& outputs, const DetectorInfo& detector, const BoxOptions& options) {
  if (detector.kind != DetectorInfo::kDetectionOutput) return DecodeHeads(outputs, detector, options);
  ASSIGN_OR_RETURN(Boxes found, FindBoxes(outputs, options));
  for (Box& box : found.boxes) box.index += detector.class_offset;
  if (detector.clip) std::erase_if(found.boxes, IsEmpty);  // DetectionOutput leaves what lies beyond the picture
  KeepMost(detector, found.boxes);
  return found;
}

}  // namespace permafrost
