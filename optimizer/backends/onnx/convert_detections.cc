#include <algorithm>

#include "optimizer/backends/onnx/op_table.h"

// Suppression of boxes that overlap. ONNX's op gives rows [picture, class, box] of what stays, as many as there are.
namespace permafrost {
namespace {

// A column of those rows.
int ColumnOf(OnnxConversion& to, int kept, int64_t column) {
  return to.Squeeze(to.Emit("Slice", {kept, to.Ints64({column}), to.Ints64({column + 1}), to.Ints64({1})}), {1});
}

// A scalar as ONNX wants it.
int AsVector(OnnxConversion& to, Value value) {
  const Tensor* constant = to.constant(value);
  return constant != nullptr && constant->elements() == 1 ? to.Constant(constant->Reshaped({1})) : to.Reshape(to.Plain(value), {1});
}

// One class of one picture: the boxes that are kept, by number.
Status NonMaxSuppression(OnnxConversion& to, const OnnxStep& step) {
  if (step.inputs() > 5) {
    const Tensor* sigma = to.constant(step.in(5));
    if (sigma == nullptr || sigma->SingleValue() != 0.0) return Unsupported("scores that fade with overlap");
  }
  const int boxes = to.Unsqueeze(to.Plain(step.in(0)), {0}), scores = to.Unsqueeze(to.Plain(step.in(1)), {0, 1});
  std::vector<int> inputs = {boxes, scores, to.Reshape(to.AsInt64(to.Plain(step.in(2))), {1})};
  if (step.inputs() > 3) {
    for (int i = 3; i < std::min(step.inputs(), 5); ++i) inputs.push_back(AsVector(to, step.in(i)));
  } else {
    inputs.push_back(to.Constant(Tensor::Vector<float>({step.node.attr_or<float>("iou_threshold", 0.5F)})));
  }
  const int kept = to.Emit("NonMaxSuppression", inputs, {}, DType::kInt64);
  const int numbers = ColumnOf(to, kept, 2);
  to.SetPlain(step.out(), numbers);
  const int outputs = static_cast<int>(step.node.outputs.size());
  if (outputs > 1) {  // V5: scores; V4 and V5: how many
    if (step.node.attr_or<bool>("pad_to_max_output_size", false))
      return Unsupported("fills up with boxes that are none");
    if (outputs == 3) {
      to.SetPlain(step.out(1), to.Emit("Gather", {to.Plain(step.in(1)), numbers}, {{"axis", int64_t{0}}}));
    }
    to.SetPlain(step.out(outputs - 1), to.Emit("Size", {numbers}, {}, DType::kInt64));
  }
  return OkStatus();
}

int WithZeros(OnnxConversion& to, int id, const std::vector<int64_t>& dims, int64_t axis) {
  const std::vector<float> zeros(static_cast<size_t>(CheckedElements(dims)), 0);
  return to.Emit("Concat", {id, to.Copied(to.Constant(Tensor::Of<float>(dims, zeros)))}, {{"axis", axis}});
}

// `rows` zeros, or rows of four of them, joined to what there is one of for each box that stays.
int FilledUp(OnnxConversion& to, int id, int64_t rows, bool fours) {
  return WithZeros(to, id, fours ? std::vector<int64_t>{rows, 4} : std::vector<int64_t>{rows}, 0);
}

bool IsUsed(const OnnxConversion& to, Value value) {
  for (const GraphOutput& output : to.graph().outputs()) {
    if (output.value == value) return true;
  }
  const std::vector<Use>& users = to.Users(value.node);
  return std::any_of(users.begin(), users.end(), [&](const Use& use) {
    return to.graph().node(use.node).inputs[static_cast<size_t>(use.index)] == value;
  });
}

// All classes of one picture. TensorFlow's op gives a fixed number of boxes, best first, and zeros where there are fewer:
// the best of what stays and so many zeros.
Status CombinedSuppression(OnnxConversion& to, const OnnxStep& step) {
  const Shape &boxes = to.shape(step.in(0)), &scores = to.shape(step.in(1));
  const int64_t rows = to.shape(step.out()).dim(1);
  if (!boxes.FullyKnown() || !scores.FullyKnown() || rows < 1) return Unsupported("the number of boxes is not known");
  if (boxes.dim(0) != 1) return Unsupported("boxes of a batch of pictures");
  const int64_t count = boxes.dim(1), classes = scores.dim(2);
  const bool own = boxes.dim(2) != 1;  // a class has boxes of its own: then it is what ONNX calls a picture
  if (own && boxes.dim(2) != classes) return Unsupported("boxes of ", boxes.dim(2), " of ", classes, " classes");
  const auto per_class = to.Ints(step.in(2));
  if (!per_class || per_class->size() != 1) return Unsupported("how many boxes of a class stay is not constant");
  to.Need(11);
  const int64_t pictures = own ? classes : 1;
  int by_class = to.Transpose(to.Plain(step.in(1)), {0, 2, 1});
  if (own) by_class = to.Reshape(by_class, {classes, 1, count});
  const int corners = to.Reshape(own ? to.Transpose(to.Plain(step.in(0)), {0, 2, 1, 3}) : to.Plain(step.in(0)), {pictures, count, 4});
  const std::vector<int> inputs = {corners, by_class, to.Ints64(*per_class), AsVector(to, step.in(4)), AsVector(to, step.in(5))};
  const int stays = to.Emit("NonMaxSuppression", inputs, {}, DType::kInt64);
  const AttrMap along = {{"axis", int64_t{0}}};
  // OpenCV 5.0 divides by zero where nothing is gathered: one box more, of score 0, always stays.
  const int kept = to.Emit("Concat", {stays, to.Copied(to.Constant(Tensor::Of<int64_t>({1, 3}, {0, 0, count})))}, along);
  const int all_scores = WithZeros(to, by_class, {pictures, own ? 1 : classes, 1}, 2), all_boxes = WithZeros(to, corners, {pictures, 1, 4}, 1);
  // Rows are places already. No sums of them: OpenCV 5.0 adds only as many as the first picture had.
  const int found = to.Emit("GatherND", {all_scores, kept}), place = to.Emit("Gather", {kept, to.Ints64({0, 2})}, {{"axis", int64_t{1}}});
  AttrMap attrs = {{"axis", int64_t{0}}, {"sorted", int64_t{1}}};
  const std::vector<int> best = to.EmitMany("TopK", {FilledUp(to, found, rows, false), to.Ints64({rows})}, 2, std::move(attrs));
  to.SetDType(best[1], DType::kInt64);
  const auto choose = [&](int from) { return to.Emit("Gather", {from, best[1]}, along); };
  int chosen = choose(FilledUp(to, to.Emit("GatherND", {all_boxes, place}), rows, true));
  if (step.node.attr_or<bool>("clip_boxes", true)) {
    chosen = to.Emit("Clip", {chosen, to.Number(DType::kFloat32, 0), to.Number(DType::kFloat32, 1)});
  }
  to.SetPlain(step.out(0), to.Unsqueeze(chosen, {0}));
  to.SetPlain(step.out(1), to.Unsqueeze(best[0], {0}));
  to.SetPlain(step.out(2), to.Unsqueeze(choose(FilledUp(to, to.Cast(ColumnOf(to, kept, own ? 0 : 1), DType::kFloat32), rows, false)), {0}));
  if (IsUsed(to, step.out(3))) {
    to.Need(12);  // Min of integers
    const int shape = to.Emit("Shape", {stays}, {}, DType::kInt64);
    const int number = to.Emit("Min", {to.Emit("Slice", {shape, to.Ints64({0}), to.Ints64({1}), to.Ints64({0})}), to.Ints64({rows})});
    to.SetPlain(step.out(3), to.Cast(number, DType::kInt32));
  }
  return OkStatus();
}

}  // namespace

std::vector<OnnxOp> OnnxDetectionOps() {
  return {
      {"CombinedNonMaxSuppression", CombinedSuppression},
      {"NonMaxSuppression", NonMaxSuppression},
      {"NonMaxSuppressionV2", NonMaxSuppression},
      {"NonMaxSuppressionV3", NonMaxSuppression},
      {"NonMaxSuppressionV4", NonMaxSuppression},
      {"NonMaxSuppressionV5", NonMaxSuppression},
  };
}

}  // namespace permafrost
