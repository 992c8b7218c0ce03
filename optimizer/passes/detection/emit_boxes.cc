#include "optimizer/passes/detection/emit_boxes.h"

#include "optimizer/passes/detection/emit_heads.h"
#include "optimizer/passes/rewrite.h"

namespace permafrost {
namespace {

// y and x of each anchor: [1, anchors, 2].
struct AnchorPairs {
  Value middles;
  Value extents;  // height and width, over the scales of ty and tx
  Value halves;   // of height and width
};

class BoxEmitter {
 public:
  BoxEmitter(GraphEditor& editor, std::string_view scope) : editor_(editor), scope_(scope) {}

  Value Make(std::string_view op, std::string_view name, std::vector<Value> inputs) {
    return Emit(editor_, op, Scoped(name), std::move(inputs));
  }
  Value Constant(std::string_view name, Tensor tensor) { return EmitConst(editor_, Scoped(name), std::move(tensor)); }
  Value Number(std::string_view name, double value) { return Constant(name, Tensor::Scalar(static_cast<float>(value))); }
  std::string Scoped(std::string_view name) const { return StrCat(scope_, "/", name); }

  AnchorPairs PairsOf(const DetectorHeads& heads) {
    const auto count = static_cast<size_t>(heads.anchor_count());
    std::vector<float> middles(count * 2), extents(count * 2), halves(count * 2);
    for (size_t i = 0; i < count; ++i) {
      for (size_t axis = 0; axis < 2; ++axis) {
        const double low = heads.anchors[4 * i + axis], high = heads.anchors[4 * i + axis + 2];
        middles[2 * i + axis] = static_cast<float>((low + high) / 2);
        extents[2 * i + axis] = static_cast<float>((high - low) / heads.scales[axis]);
        halves[2 * i + axis] = static_cast<float>((high - low) / 2);
      }
    }
    const std::vector<int64_t> dims = {1, heads.anchor_count(), 2};
    return {Constant("middles", Tensor::Of<float>(dims, middles)), Constant("extents", Tensor::Of<float>(dims, extents)),
            Constant("halves", Tensor::Of<float>(dims, halves))};
  }

  // Of boxes [1, n, 4], each with an axis more: [1, n, 1, 2].
  AnchorPairs PairsAround(const DetectorHeads& heads, Value boxes) {
    const Value rows = Make("ExpandDims", "around", {boxes, Constant("around/axis", Tensor::Scalar<int32_t>(2))});
    const Value low = EmitColumns(editor_, Scoped("low_edges"), rows, 0, 2), high = EmitColumns(editor_, Scoped("high_edges"), rows, 2, 2);
    const Value whole = Make("Sub", "whole", {high, low});
    const Tensor scales = Tensor::Vector<float>({static_cast<float>(1 / heads.scales[0]), static_cast<float>(1 / heads.scales[1])});
    const Value halves = Make("Mul", "halves", {whole, Number("half", 0.5)});
    return {Make("Add", "middles", {low, halves}), Make("Mul", "extents", {whole, Constant("moves/scales", scales)}), halves};
  }

  // `codes`: [..., 4] as the anchors have it.
  Value Decoded(const DetectorHeads& heads, Value codes, const AnchorPairs& anchors) {
    const int axis = editor_.graph().type(codes).shape.rank() - 1;
    if (heads.x_first) {
      const Value order = Constant("y_before_x", Tensor::Vector<int32_t>({1, 0, 3, 2}));
      codes = Make("GatherV2", "turned", {codes, order, Constant("axis", Tensor::Scalar<int32_t>(axis))});
    }
    const Value shift = Make("Mul", "shift", {EmitColumns(editor_, Scoped("moves"), codes, 0, 2), anchors.extents});
    const Value middle = Make("Add", "middle", {shift, anchors.middles});
    const Tensor growth = Tensor::Of<float>({1, 1, 2}, std::vector<float>{static_cast<float>(1 / heads.scales[2]), static_cast<float>(1 / heads.scales[3])});
    const Value grown = Make("Mul", "growth", {EmitColumns(editor_, Scoped("sizes"), codes, 2, 2), Constant("scales", growth)});
    const Value half = Make("Mul", "half", {Make("Exp", "exp", {grown}), anchors.halves});
    return EmitJoined(editor_, Scoped("boxes"), {Make("Sub", "first", {middle, half}), Make("Add", "last", {middle, half})}, axis);
  }

  Value Cut(Value boxes) { return Make("ClipByValue", "cut", {boxes, Number("low", 0), Number("high", 1)}); }

 private:
  GraphEditor& editor_;
  const std::string scope_;
};

}  // namespace

Value EmitColumns(GraphEditor& editor, std::string_view name, Value value, int64_t begin, int64_t count) {
  const auto rank = static_cast<size_t>(editor.graph().type(value).shape.rank());
  std::vector<int32_t> first(rank, 0), size(rank, -1);
  first.back() = static_cast<int32_t>(begin);
  size.back() = static_cast<int32_t>(count);
  return Emit(editor, "Slice", name, {value, EmitConst(editor, StrCat(name, "/begin"), Tensor::Vector<int32_t>(first)),
                                      EmitConst(editor, StrCat(name, "/size"), Tensor::Vector<int32_t>(size))});
}

Value EmitJoined(GraphEditor& editor, std::string_view name, std::vector<Value> parts, int32_t axis) {
  parts.push_back(EmitConst(editor, StrCat(name, "/axis"), Tensor::Scalar<int32_t>(axis)));
  return Emit(editor, "ConcatV2", name, std::move(parts));
}

Value EmitDecoded(GraphEditor& editor, std::string_view scope, const DetectorHeads& heads, bool clip) {
  BoxEmitter emitter(editor, scope);
  const AnchorPairs anchors = emitter.PairsOf(heads);
  const Value codes = EmitRows(editor, emitter.Scoped("codes"), heads.boxes, heads.anchor_count(), 4);
  const Value boxes = emitter.Decoded(heads, codes, anchors);
  return clip ? emitter.Cut(boxes) : boxes;
}

Value EmitDecodedAround(GraphEditor& editor, std::string_view scope, const DetectorHeads& heads, Value boxes, int64_t of_each, bool clip) {
  BoxEmitter emitter(editor, scope);
  const AnchorPairs anchors = emitter.PairsAround(heads, boxes);
  const std::vector<int32_t> dims = {1, static_cast<int32_t>(editor.graph().type(boxes).shape.dim(1)), static_cast<int32_t>(of_each), 4};
  const Value codes = emitter.Make("Reshape", "codes", {heads.boxes, emitter.Constant("codes/shape", Tensor::Vector<int32_t>(dims))});
  const Value decoded = emitter.Decoded(heads, codes, anchors);
  return clip ? emitter.Cut(decoded) : decoded;
}

Value EmitScores(GraphEditor& editor, std::string_view scope, const DetectorHeads& heads, int64_t rows) {
  BoxEmitter emitter(editor, scope);
  Value scores = EmitRows(editor, emitter.Scoped("logits"), heads.scores, rows, heads.classes);
  if (heads.converter == "softmax") scores = emitter.Make("Softmax", "softmax", {scores});
  if (heads.converter == "sigmoid") scores = emitter.Make("Sigmoid", "sigmoid", {scores});
  if (heads.background < 0) return scores;
  return EmitColumns(editor, emitter.Scoped("foreground"), scores, heads.background == 0 ? 1 : 0, heads.foreground_classes());
}

Value EmitHasExtent(GraphEditor& editor, std::string_view scope, Value boxes) {
  BoxEmitter emitter(editor, scope);
  const int32_t axis = editor.graph().type(boxes).shape.rank() - 1;
  const Value low = EmitColumns(editor, emitter.Scoped("low"), boxes, 0, 2), high = EmitColumns(editor, emitter.Scoped("high"), boxes, 2, 2);
  const Value extent = emitter.Make("Min", "extent", {emitter.Make("Sub", "sides", {high, low}), emitter.Constant("extent/axis", Tensor::Vector<int32_t>({axis}))});
  return emitter.Make("Sign", "is_there", {emitter.Make("Relu", "extent/positive", {extent})});
}

Value EmitSuppressionOf(GraphEditor& editor, std::string_view scope, const SuppressedBoxes& given) {
  BoxEmitter emitter(editor, scope);
  const auto count = [&](std::string_view name, int64_t value) { return emitter.Constant(name, Tensor::Scalar(static_cast<int32_t>(value))); };
  return Emit(editor, "CombinedNonMaxSuppression", emitter.Scoped("suppression"),
              {given.boxes, given.scores, count("max_of_a_class", given.max_per_class), count("max", given.max_total),
               emitter.Number("iou_threshold", given.iou_threshold), emitter.Number("score_threshold", given.score_threshold)},
              {{"clip_boxes", given.clip_after}});
}

Value EmitDetectionTable(GraphEditor& editor, std::string_view scope, Value found, int64_t rows, bool background_first) {
  BoxEmitter emitter(editor, scope);
  const Value axis = emitter.Constant("axis", Tensor::Scalar<int32_t>(2));
  const Value corners = emitter.Make("GatherV2", "corners", {found, emitter.Constant("x_before_y", Tensor::Vector<int32_t>({1, 0, 3, 2})), axis});
  Value labels = emitter.Make("ExpandDims", "class", {{found.node, 2}, axis});
  if (background_first) labels = emitter.Make("Add", "column", {labels, emitter.Number("background", 1)});
  const Value scores = emitter.Make("ExpandDims", "score", {{found.node, 1}, axis});
  const Value picture = emitter.Constant("picture", Tensor::Of<float>({1, rows, 1}, std::vector<float>(static_cast<size_t>(rows), 0)));
  const Value table = EmitJoined(editor, emitter.Scoped("rows"), {picture, labels, scores, corners}, 2);
  return emitter.Make("Reshape", "detections", {table, emitter.Constant("shape", Tensor::Vector<int32_t>({1, 1, static_cast<int32_t>(rows), 7}))});
}

}  // namespace permafrost
