#include <algorithm>
#include <cmath>

#include "optimizer/ops/families.h"
#include "optimizer/ops/kernel.h"
#include "optimizer/ops/select_boxes.h"
#include "optimizer/ops/shape_rules.h"

// What finds things: the suppression of all classes at once, and OpenCV's layer.
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
StatusOr<std::vector<Found>> Detect(const std::vector<Rect>& boxes, const float* scores, const Options& options, int64_t& pairs) {
  std::vector<Found> all;
  for (int64_t label = 0; label < options.classes; ++label) {
    if (label == options.background) continue;
    const auto count = static_cast<int64_t>(boxes.size());
    const auto box = [&](int32_t i) -> const Rect& { return boxes[static_cast<size_t>(i)]; };
    std::vector<int32_t> order = BestFirst(scores + label, count, options.classes, options.threshold);
    if (options.candidates > 0 && static_cast<int64_t>(order.size()) > options.candidates) {
      order.resize(static_cast<size_t>(options.candidates));
    }
    const auto covers = [&](int32_t candidate, int32_t chosen) { return Overlap(box(candidate), box(chosen)) > options.overlap; };
    ASSIGN_OR_RETURN(const auto chosen, ChooseUncovered(order, static_cast<double>(options.kept), pairs, covers));
    for (const int32_t i : chosen) all.push_back({label, scores[i * options.classes + label], box(i)});
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
  ASSIGN_OR_RETURN(auto rows, NewTensor<float>::Create(DType::kFloat32, {1, 1, batch * options.kept, kRow}));
  const float *codes = inputs[0].data<float>(), *scores = inputs[1].data<float>(), *priors = inputs[2].data<float>();
  int64_t at = 0, pairs = 0;
  for (int64_t picture = 0; picture < batch; ++picture) {
    std::vector<Rect> boxes;
    for (int64_t i = 0; i < anchors; ++i) {
      boxes.push_back(Decode(codes + (picture * anchors + i) * 4, priors + i * 4, priors + (anchors + i) * 4, options));
    }
    ASSIGN_OR_RETURN(const auto all, Detect(boxes, scores + picture * anchors * options.classes, options, pairs));
    for (const Found& found : all) {
      const float row[kRow] = {static_cast<float>(picture), static_cast<float>(found.label), found.score,
                               found.box.x1, found.box.y1, found.box.x2, found.box.y2};
      std::copy(row, row + kRow, rows.data() + at);
      at += kRow;
    }
  }
  return One(rows.Take());
}

// ---- CropAndResize: pictures [1,h,w,c], rows [1,1,n,7], height and width

Status InferCut(const InferContext& context, Types& outputs) {
  RETURN_IF_ERROR(CheckRank(context, 0, 4));
  RETURN_IF_ERROR(CheckRank(context, 1, 4));
  const auto side = [&](size_t i) {
    const auto& ints = context.ints(2);
    return ints && ints->size() == 2 && (*ints)[i] > 0 && (*ints)[i] <= kMostRows ? (*ints)[i] : kUnknownDim;
  };
  outputs = {{DType::kFloat32, Shape({context.shape(1).dim(2), side(0), side(1), context.shape(0).dim(3)}), std::nullopt}};
  return OkStatus();
}

// Where a sample lies between two cells of a row or column of `size`.
struct Between {
  int64_t first, second;
  float part;
};

Between SampleAt(float low, float high, int64_t i, int64_t count, int64_t size) {
  const auto last = static_cast<float>(size - 1);
  const float at = low * last + static_cast<float>(i) * ((high - low) * last / static_cast<float>(count - 1));
  const float inside = at >= 0 ? std::min(at, last) : 0;  // a NaN, too
  const auto first = static_cast<int64_t>(inside);
  return {first, std::min(first + 1, size - 1), inside - static_cast<float>(first)};
}

Kernel CutKernel(const Node&, const Inputs& inputs) {
  ASSIGN_OR_RETURN(const std::vector<int64_t> size, IntsOf(inputs[2], "the size"));
  if (inputs[0].dtype() != DType::kFloat32 || inputs[1].dtype() != DType::kFloat32 || inputs[0].rank() != 4 || inputs[1].rank() != 4 ||
      inputs[0].dims()[0] != 1 || inputs[1].elements() != inputs[1].dims()[2] * kRow || size.size() != 2 ||
      std::min(size[0], size[1]) < 2 || inputs[0].elements() < 1) {
    return InvalidArgument("a picture ", inputs[0].shape().ToString(), " and rows ", inputs[1].shape().ToString(),
                           ", expected [1,h,w,c] and [1,1,n,7] of float32, cut to at least 2 x 2");
  }
  const int64_t height = inputs[0].dims()[1], width = inputs[0].dims()[2], channels = inputs[0].dims()[3], count = inputs[1].dims()[2];
  ASSIGN_OR_RETURN(auto cut, NewTensor<float>::Create(DType::kFloat32, {count, size[0], size[1], channels}));
  const float *picture = inputs[0].data<float>(), *row = inputs[1].data<float>();
  float* out = cut.data();
  for (int64_t i = 0; i < count; ++i, row += kRow) {
    for (int64_t y = 0; y < size[0]; ++y) {
      const Between v = SampleAt(row[4], row[6], y, size[0], height);
      for (int64_t x = 0; x < size[1]; ++x) {
        const Between u = SampleAt(row[3], row[5], x, size[1], width);
        const auto cell = [&](int64_t at_y, int64_t at_x) { return picture + (at_y * width + at_x) * channels; };
        const float *a = cell(v.first, u.first), *b = cell(v.first, u.second), *c = cell(v.second, u.first), *d = cell(v.second, u.second);
        for (int64_t k = 0; k < channels; ++k) {
          const float above = a[k] + u.part * (b[k] - a[k]), below = c[k] + u.part * (d[k] - c[k]);
          *out++ = above + v.part * (below - above);
        }
      }
    }
  }
  return One(cut.Take());
}

// ---- CombinedNonMaxSuppression

// Rows of each picture: as many as are asked for, or as there can be at most.
int64_t RowsOf(const Node& node, int64_t per_class, int64_t total, int64_t classes) {
  if (!node.attr_or<bool>("pad_per_class", false)) return total;
  if (per_class < 0 || total < 0 || classes < 0) return kUnknownDim;
  return per_class > 0 && classes > total / per_class ? total : std::min(total, per_class * classes);
}

Status InferCombined(const InferContext& context, Types& outputs) {
  RETURN_IF_ERROR(CheckRank(context, 0, 4));
  RETURN_IF_ERROR(CheckRank(context, 1, 3));
  const auto known = [&](int i) -> StatusOr<int64_t> {
    ASSIGN_OR_RETURN(const auto number, KnownInt(context, i));
    if (!number) return kUnknownDim;
    if (*number < 1 || *number > INT32_MAX) return InvalidArgument("keeps ", *number, " boxes, expected a positive number");
    return *number;
  };
  ASSIGN_OR_RETURN(const int64_t per_class, known(2));
  ASSIGN_OR_RETURN(const int64_t total, known(3));
  const int64_t rows = RowsOf(context.node(), per_class, total, context.shape(1).dim(2));
  const int64_t batch = context.shape(0).dim(0) >= 0 ? context.shape(0).dim(0) : context.shape(1).dim(0);
  outputs = {{DType::kFloat32, Shape({batch, rows, 4}), std::nullopt},
             {DType::kFloat32, Shape({batch, rows}), std::nullopt},
             {DType::kFloat32, Shape({batch, rows}), std::nullopt},
             {DType::kInt32, Shape({batch}), std::nullopt}};
  return OkStatus();
}

struct Chosen {
  float score;
  int64_t label;
  const float* box;
};

Kernel CombinedKernel(const Node& node, const Inputs& inputs) {
  if (inputs[0].dtype() != DType::kFloat32 || inputs[0].rank() != 4 || inputs[1].dtype() != DType::kFloat32 || inputs[1].rank() != 3) {
    return InvalidArgument("takes boxes [batch,n,1,4] and scores [batch,n,classes] of float32");
  }
  const int64_t batch = inputs[0].dims()[0], count = inputs[0].dims()[1], shared = inputs[0].dims()[2], classes = inputs[1].dims()[2];
  if (inputs[0].dims()[3] != 4 || inputs[1].dims()[0] != batch || inputs[1].dims()[1] != count || (shared != 1 && shared != classes)) {
    return InvalidArgument("boxes ", inputs[0].shape().ToString(), " and scores ", inputs[1].shape().ToString(), " do not fit");
  }
  ASSIGN_OR_RETURN(const int64_t per_class, IntOf(inputs[2], "max_output_size_per_class"));
  ASSIGN_OR_RETURN(const int64_t total, IntOf(inputs[3], "max_total_size"));
  const auto overlap = inputs[4].SingleValue(), least = inputs[5].SingleValue();
  if (per_class < 1 || total < 1 || !overlap || !(*overlap >= 0 && *overlap <= 1) || !least) {
    return InvalidArgument("keeps ", per_class, " boxes of a class, ", total, " of all, expected positive numbers and thresholds");
  }
  const int64_t rows = RowsOf(node, per_class, total, classes);
  ASSIGN_OR_RETURN(auto boxes, NewTensor<float>::Create(DType::kFloat32, {batch, rows, 4}));
  ASSIGN_OR_RETURN(auto scores, NewTensor<float>::Create(DType::kFloat32, {batch, rows}));
  ASSIGN_OR_RETURN(auto labels, NewTensor<float>::Create(DType::kFloat32, {batch, rows}));
  ASSIGN_OR_RETURN(auto valid, NewTensor<int32_t>::Create(DType::kInt32, {batch}));
  const bool clips = node.attr_or<bool>("clip_boxes", true);
  int64_t pairs = 0;
  for (int64_t picture = 0; picture < batch; ++picture) {
    std::vector<Chosen> all;
    for (int64_t label = 0; count > 0 && label < classes; ++label) {
      const ScoredBoxes own{.boxes = inputs[0].data<float>() + (picture * count * shared + (shared == 1 ? 0 : label)) * 4,
                            .scores = inputs[1].data<float>() + picture * count * classes + label,
                            .count = count,
                            .box_step = shared * 4,
                            .score_step = classes};
      const float most_overlap = static_cast<float>(*overlap), least_score = static_cast<float>(*least);
      ASSIGN_OR_RETURN(const auto chosen, SelectBoxes(own, static_cast<double>(per_class), most_overlap, least_score, pairs));
      for (const int32_t i : chosen) all.push_back({own.scores[i * classes], label, own.boxes + i * own.box_step});
    }
    std::stable_sort(all.begin(), all.end(), [](const Chosen& a, const Chosen& b) { return a.score > b.score; });
    valid[picture] = static_cast<int32_t>(std::min(rows, static_cast<int64_t>(all.size())));
    for (int64_t i = 0; i < valid[picture]; ++i) {
      const Chosen& one = all[static_cast<size_t>(i)];
      const int64_t row = picture * rows + i;
      scores[row] = one.score;
      labels[row] = static_cast<float>(one.label);
      for (int k = 0; k < 4; ++k) boxes[row * 4 + k] = clips ? std::clamp(one.box[k], 0.0F, 1.0F) : one.box[k];
    }
  }
  return std::vector<Tensor>{boxes.Take(), scores.Take(), labels.Take(), valid.Take()};
}

}  // namespace

std::vector<OpDef> DetectionOps() {
  return {
      {.name = "CombinedNonMaxSuppression",
       .min_inputs = 6,
       .max_inputs = 6,
       .attrs = {Default("pad_per_class", false), Default("clip_boxes", true)},
       .infer = InferCombined,
       .kernel = CombinedKernel,
       .output_names = {"nmsed_boxes", "nmsed_scores", "nmsed_classes", "valid_detections"}},
      {.name = "cv::CropAndResize",
       .min_inputs = 3,
       .max_inputs = 3,
       .attrs = {Default("data_format", std::string("NHWC"))},
       .infer = InferCut,
       .kernel = CutKernel},
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
