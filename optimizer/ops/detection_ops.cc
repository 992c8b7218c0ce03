#include <algorithm>
#include <cmath>

#include "optimizer/ops/families.h"
#include "optimizer/ops/kernel.h"
#include "optimizer/ops/shape_rules.h"

// Layers of OpenCV that find things.
namespace permafrost {
namespace {

using Inputs = std::vector<Tensor>;
constexpr int64_t kMostRows = 1 << 20;
constexpr int64_t kRow = 7;  // picture, class, score, x1, y1, x2, y2

Status InferDetectionOutput(const InferContext& context, Types& outputs) {
  const auto kept = context.node().attr_or<int64_t>("keep_top_k", -1);
  if (kept < 1 || kept > kMostRows) return InvalidArgument("keep_top_k is ", kept, ", expected a number of rows");
  const int64_t batch = context.shape(0).dim(0);
  outputs = {{DType::kFloat32, Shape({1, 1, batch < 0 || batch > kMostRows ? kUnknownDim : batch * kept, kRow}), std::nullopt}};
  return OkStatus();
}

struct Rect {
  float x1, y1, x2, y2;
  float area() const { return x2 < x1 || y2 < y1 ? 0 : (x2 - x1) * (y2 - y1); }
};

float Overlap(const Rect& a, const Rect& b) {
  const Rect both{std::max(a.x1, b.x1), std::max(a.y1, b.y1), std::min(a.x2, b.x2), std::min(a.y2, b.y2)};
  if (both.x2 < both.x1 || both.y2 < both.y1) return 0;
  const float shared = both.area();
  return shared / (a.area() + b.area() - shared);
}

struct Found {
  int64_t label;
  float score;
  Rect box;
};

struct Options {
  int64_t classes, background, kept, candidates;
  float threshold, overlap;
  bool transposed, clip;
};

Rect Decode(const float* code, const float* prior, const float* variance, const Options& options) {
  const float width = prior[2] - prior[0], height = prior[3] - prior[1];
  const int x = options.transposed ? 1 : 0, y = 1 - x;
  const float cx = variance[0] * code[x] * width + (prior[0] + width / 2);
  const float cy = variance[1] * code[y] * height + (prior[1] + height / 2);
  const float w = std::exp(variance[2] * code[x + 2]) * width, h = std::exp(variance[3] * code[y + 2]) * height;
  Rect box{cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2};
  if (options.clip) {
    for (float* edge : {&box.x1, &box.y1, &box.x2, &box.y2}) *edge = std::clamp(*edge, 0.0F, 1.0F);
  }
  return box;
}

// Of one picture, best first.
std::vector<Found> Detect(const std::vector<Rect>& boxes, const float* scores, const Options& options) {
  std::vector<Found> all;
  for (int64_t label = 0; label < options.classes; ++label) {
    if (label == options.background) continue;
    std::vector<Found> sorted, chosen;
    for (size_t i = 0; i < boxes.size(); ++i) {
      const float score = scores[static_cast<int64_t>(i) * options.classes + label];
      if (score > options.threshold) sorted.push_back({label, score, boxes[i]});
    }
    const auto better = [](const Found& a, const Found& b) { return a.score > b.score; };
    std::stable_sort(sorted.begin(), sorted.end(), better);
    if (options.candidates > 0 && static_cast<int64_t>(sorted.size()) > options.candidates) {
      sorted.erase(sorted.begin() + options.candidates, sorted.end());
    }
    for (const Found& candidate : sorted) {
      if (static_cast<int64_t>(chosen.size()) >= options.kept) break;
      const auto covers = [&](const Found& other) { return Overlap(candidate.box, other.box) > options.overlap; };
      if (std::none_of(chosen.begin(), chosen.end(), covers)) chosen.push_back(candidate);
    }
    all.insert(all.end(), chosen.begin(), chosen.end());
  }
  std::stable_sort(all.begin(), all.end(), [](const Found& a, const Found& b) { return a.score > b.score; });
  if (static_cast<int64_t>(all.size()) > options.kept) all.erase(all.begin() + options.kept, all.end());
  return all;
}

Kernel DetectionOutputKernel(const Node& node, const Inputs& inputs) {
  const Options options{.classes = node.attr_or<int64_t>("num_classes", 0),
                        .background = node.attr_or<int64_t>("background_label_id", 0),
                        .kept = node.attr_or<int64_t>("keep_top_k", 0),
                        .candidates = node.attr_or<int64_t>("top_k", -1),
                        .threshold = node.attr_or<float>("confidence_threshold", 0.0F),
                        .overlap = node.attr_or<float>("nms_threshold", 0.0F),
                        .transposed = node.attr_or<bool>("loc_pred_transposed", false),
                        .clip = node.attr_or<bool>("clip", false)};
  if (!node.attr_or<bool>("share_location", true) || node.attr_or<std::string>("code_type", "") != "CENTER_SIZE" ||
      node.attr_or<bool>("variance_encoded_in_target", false) || !node.attr_or<bool>("normalized_bbox", true)) {
    return Unsupported("no reference kernel for boxes that are coded or shared in another way");
  }
  for (const Tensor& input : inputs) {
    if (input.dtype() != DType::kFloat32 || input.rank() < 2) return InvalidArgument("takes matrices of float32");
  }
  const int64_t anchors = inputs[2].elements() / 8, batch = inputs[0].dims()[0];
  if (options.classes < 1 || options.classes > kMostRows || options.kept < 1 || options.kept > kMostRows || batch < 1 ||
      inputs[1].dims()[0] != batch || inputs[2].elements() != anchors * 8 || inputs[0].elements() != batch * anchors * 4 ||
      anchors > kMaxKernelElements / options.classes || inputs[1].elements() != batch * anchors * options.classes ||
      batch > kMostRows) {
    return InvalidArgument("boxes ", inputs[0].shape().ToString(), ", scores ", inputs[1].shape().ToString(), " and anchors ",
                           inputs[2].shape().ToString(), " do not fit ", options.classes, " classes");
  }
  constexpr double kMostPairs = 1e10;
  if (static_cast<double>(anchors) * static_cast<double>(std::min(anchors, options.kept) * options.classes) > kMostPairs) {
    return Unsupported("no reference kernel for so many boxes to compare");
  }
  ASSIGN_OR_RETURN(auto rows, NewTensor<float>::Create(DType::kFloat32, {1, 1, batch * options.kept, kRow}));
  const float *codes = inputs[0].data<float>(), *scores = inputs[1].data<float>(), *priors = inputs[2].data<float>();
  int64_t at = 0;
  for (int64_t picture = 0; picture < batch; ++picture) {
    std::vector<Rect> boxes;
    for (int64_t i = 0; i < anchors; ++i) {
      boxes.push_back(Decode(codes + (picture * anchors + i) * 4, priors + i * 4, priors + (anchors + i) * 4, options));
    }
    for (const Found& found : Detect(boxes, scores + picture * anchors * options.classes, options)) {
      const float row[kRow] = {static_cast<float>(picture), static_cast<float>(found.label), found.score,
                               found.box.x1, found.box.y1, found.box.x2, found.box.y2};
      std::copy(row, row + kRow, rows.data() + at);
      at += kRow;
    }
  }
  return One(rows.Take());
}

}  // namespace

std::vector<OpDef> DetectionOps() {
  return {
      {.name = "cv::DetectionOutput",
       .min_inputs = 3,
       .max_inputs = 4,
       .attrs = {Required("num_classes"), Required("keep_top_k"), Required("nms_threshold"),
                 Default("data_format", std::string("NCHW"))},  // a table that nobody is to turn
       .infer = InferDetectionOutput,
       .kernel = DetectionOutputKernel},
  };
}

}  // namespace permafrost
