#include <algorithm>
#include <cmath>

#include "optimizer/frontend/keras/activation.h"
#include "optimizer/frontend/keras/emit.h"
#include "optimizer/frontend/keras/layer_families.h"

namespace permafrost::keras {
namespace {

using Values = std::vector<Value>;
using Result = StatusOr<Value>;

constexpr double kMasked = -1e9;  // added to a score that must not count
constexpr int64_t kMaxMaskElements = int64_t{1} << 24;

// What a call gives for the parameter at `position` called `name`: null when nothing.
const Argument* Given(const Call& call, size_t position, std::string_view name) {
  const Argument* given = nullptr;
  if (position < call.args.size()) given = &call.args[position];
  if (const auto found = call.kwargs.find(name); found != call.kwargs.end()) given = &found->second;
  return given == nullptr || given->IsNone() ? nullptr : given;
}
bool Flag(const Call& call, std::string_view name) {
  const Argument* given = Given(call, SIZE_MAX, name);
  return given != nullptr && given->json.is_boolean() && given->json.get<bool>();
}
Status RefuseMasks(const Call& call, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (Given(call, SIZE_MAX, name) != nullptr) return Unsupported("is called with ", name, ", which is not modelled");
  }
  return OkStatus();
}

// Scores [.., rows, columns] with those of later columns than their row made to vanish.
Result WithoutFuture(LayerContext& layer, Value scores) {
  ASSIGN_OR_RETURN(const int64_t rows, layer.Dim(scores, -2));
  ASSIGN_OR_RETURN(const int64_t columns, layer.Dim(scores, -1));
  if (columns > 0 && rows > kMaxMaskElements / columns) {
    return Unsupported("a causal mask of ", rows, " x ", columns, " elements");
  }
  std::vector<float> mask;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      mask.push_back(column > row ? static_cast<float>(kMasked) : 0.0F);
    }
  }
  const Tensor tensor = Tensor::Of<float>({rows, columns}, mask);
  ASSIGN_OR_RETURN(const Value hidden, CastTo(layer, layer.Const("causal_mask", tensor), layer.dtype(scores)));
  return layer.Emit("AddV2", {scores, hidden}, {}, "masked");
}

// Scores where a mask (1: counts) of one axis less says what counts.
Result WithMask(LayerContext& layer, Value scores, Value mask) {
  ASSIGN_OR_RETURN(const int rank, layer.Rank(scores));
  ASSIGN_OR_RETURN(int mask_rank, layer.Rank(mask));
  ASSIGN_OR_RETURN(Value counts, CastTo(layer, mask, layer.dtype(scores)));
  for (; mask_rank < rank; ++mask_rank) {
    ASSIGN_OR_RETURN(counts, ExpandedAt(layer, counts, 1));
  }
  ASSIGN_OR_RETURN(const Value one, layer.Scalar("mask/sub/x", 1, counts));
  ASSIGN_OR_RETURN(const Value hides, layer.Emit("Sub", {one, counts}, {}, "mask/sub"));
  ASSIGN_OR_RETURN(const Value hidden, WithNumber(layer, "Mul", hides, kMasked, "mask/mul"));
  return layer.Emit("AddV2", {scores, hidden}, {}, "masked");
}

// ---- MultiHeadAttention ----

// x [.., features] through a kernel [features, heads, size], with its bias.
Result Project(LayerContext& layer, std::string_view attribute, Value x, int64_t heads, int64_t size, bool use_bias) {
  ASSIGN_OR_RETURN(const int64_t features, layer.Dim(x, -1));
  LayerContext dense =
      layer.InnerContext(layer.Inner(StrCat(attribute, "_dense"), attribute, layer.config()), CallOf(x));
  ASSIGN_OR_RETURN(const Value kernel, dense.Weight("kernel", {features, heads, size}));
  ASSIGN_OR_RETURN(const Value product, EinsumOf(dense, "...x,xhd->...hd", {x, kernel}));
  if (!use_bias) return product;
  ASSIGN_OR_RETURN(const Value bias, dense.Weight("bias", {heads, size}));
  return dense.Emit("AddV2", {product, bias}, {}, "add");
}

// [.., heads, size] back to [.., output_shape].
Result ProjectBack(LayerContext& layer, Value x, const std::vector<int64_t>& output, bool use_bias) {
  ASSIGN_OR_RETURN(const int64_t heads, layer.Dim(x, -2));
  ASSIGN_OR_RETURN(const int64_t size, layer.Dim(x, -1));
  LayerContext dense = layer.InnerContext(layer.Inner("output_dense", "attention_output", layer.config()), CallOf(x));
  if (output.empty() || output.size() > 8) return InvalidArgument("its output_shape has ", output.size(), " dims");
  std::vector<int64_t> dims = {heads, size};
  dims.insert(dims.end(), output.begin(), output.end());
  const std::string letters = std::string("opqrstuv").substr(0, output.size());
  ASSIGN_OR_RETURN(const Value kernel, dense.Weight("kernel", dims));
  ASSIGN_OR_RETURN(const Value product, EinsumOf(dense, StrCat("...hd,hd", letters, "->...", letters), {x, kernel}));
  if (!use_bias) return product;
  ASSIGN_OR_RETURN(const Value bias, dense.Weight("bias", output));
  return dense.Emit("AddV2", {product, bias}, {}, "add");
}

// The two products of attention as equations. Tensors are [batch, .., heads, size] of `rank` axes; scores get batch
// axes and heads first, then the attended axes of the query, then those of the key.
struct Equations {
  std::string scores, combine;  // "key,query->scores", "scores,value->output"
};
Equations EquationsFor(int rank, const std::vector<int64_t>& attended) {
  std::string query, key, batch, rows, columns;
  char next = static_cast<char>('a' + rank);
  for (int axis = 0; axis < rank; ++axis) {
    const char letter = static_cast<char>('a' + axis);
    query += letter;
    const bool attends = std::find(attended.begin(), attended.end(), axis) != attended.end();
    key += attends ? next++ : letter;
    if (attends) {
      rows += letter;
      columns += key.back();
    } else if (axis + 1 < rank) {
      batch += letter;
    }
  }
  const std::string scores = batch + rows + columns;
  return {StrCat(key, ",", query, "->", scores), StrCat(scores, ",", key, "->", query)};
}

struct Heads {
  Value query, key, value;
};

// softmax(query key / sqrt(size)) value, then back to features.
StatusOr<Values> Attend(LayerContext& layer, const Heads& heads, const std::vector<int64_t>& attended, double scale,
                        const std::vector<int64_t>& output_shape, bool use_bias) {
  const Call& call = layer.call();
  ASSIGN_OR_RETURN(const bool use_gate, layer.config().Bool("use_gate", false));
  if (use_gate || layer.config().Has("sliding_window")) return Unsupported("uses a gate or a sliding window");
  RETURN_IF_ERROR(RefuseMasks(call, {"query_mask", "value_mask", "key_mask"}));
  ASSIGN_OR_RETURN(const int rank, layer.Rank(heads.query));
  const Equations equations = EquationsFor(rank, attended);
  ASSIGN_OR_RETURN(const Value query, WithNumber(layer, "Mul", heads.query, scale));
  ASSIGN_OR_RETURN(Value scores, EinsumOf(layer, equations.scores, {heads.key, query}));
  ASSIGN_OR_RETURN(const int scores_rank, layer.Rank(scores));
  if (const Argument* mask = Given(call, SIZE_MAX, "attention_mask")) {
    if (!mask->tensor || attended.size() != 1) return Unsupported("its attention_mask is not one tensor over one axis");
    ASSIGN_OR_RETURN(scores, WithMask(layer, scores, *mask->tensor));
  }
  if (Flag(call, "use_causal_mask")) {
    if (attended.size() != 1) return Unsupported("a causal mask over ", attended.size(), " axes");
    ASSIGN_OR_RETURN(scores, WithoutFuture(layer, scores));
  }
  std::vector<int64_t> last;
  for (size_t i = attended.size(); i > 0; --i) last.push_back(scores_rank - static_cast<int64_t>(i));
  ASSIGN_OR_RETURN(const Value weights, SoftmaxOver(layer, scores, last));
  ASSIGN_OR_RETURN(const Value mixed, EinsumOf(layer, equations.combine, {weights, heads.value}));
  ASSIGN_OR_RETURN(const Value output, ProjectBack(layer, mixed, output_shape, use_bias));
  if (Flag(call, "return_attention_scores")) return Values{output, weights};
  return Values{output};
}

// query, value and key of a call; the key is the value when it is not given.
StatusOr<Heads> ReadTensors(const LayerContext& layer) {
  const Argument* value = Given(layer.call(), 1, "value");
  const Argument* key = Given(layer.call(), 2, "key");
  if (value == nullptr || !value->tensor) return InvalidArgument("is called without a value");
  if (key != nullptr && !key->tensor) return InvalidArgument("is called with a key that is no tensor");
  return Heads{layer.input(), key != nullptr ? *key->tensor : *value->tensor, *value->tensor};
}

StatusOr<Values> BuildMultiHeadAttention(LayerContext& layer) {
  const Config& config = layer.config();
  ASSIGN_OR_RETURN(const Heads tensors, ReadTensors(layer));
  ASSIGN_OR_RETURN(const int64_t heads, config.Int("num_heads"));
  ASSIGN_OR_RETURN(const int64_t key_dim, config.Int("key_dim"));
  ASSIGN_OR_RETURN(const int64_t value_dim, config.Int("value_dim", key_dim));
  ASSIGN_OR_RETURN(const bool use_bias, config.Bool("use_bias", true));
  if (heads < 1 || key_dim < 1 || value_dim < 1) {
    return InvalidArgument("has ", heads, " heads of sizes ", key_dim, " and ", value_dim);
  }
  ASSIGN_OR_RETURN(const int rank, layer.Rank(tensors.query));
  if (rank < 3 || rank > 8) return Unsupported("is called on a query of rank ", rank);
  std::vector<int64_t> attended;
  for (int axis = 1; axis + 1 < rank; ++axis) attended.push_back(axis);
  ASSIGN_OR_RETURN(attended, config.Ints("attention_axes", attended));
  ASSIGN_OR_RETURN(attended, AxesOf(attended, rank));
  if (attended.empty() || attended.front() == 0 || attended.back() == rank - 1) {
    return InvalidArgument("attends along batch or features");
  }
  ASSIGN_OR_RETURN(const int64_t features, layer.Dim(tensors.query, -1));
  ASSIGN_OR_RETURN(const std::vector<int64_t> output, config.Ints("output_shape", std::vector<int64_t>{features}));
  Heads projected{};
  ASSIGN_OR_RETURN(projected.query, Project(layer, "query", tensors.query, heads, key_dim, use_bias));
  ASSIGN_OR_RETURN(projected.key, Project(layer, "key", tensors.key, heads, key_dim, use_bias));
  ASSIGN_OR_RETURN(projected.value, Project(layer, "value", tensors.value, heads, value_dim, use_bias));
  return Attend(layer, projected, attended, 1 / std::sqrt(static_cast<double>(key_dim)), output, use_bias);
}

// Several heads of the query share one of key and value: repeat those.
Result Repeated(LayerContext& layer, Value x, int64_t times, int64_t count) {
  std::vector<int64_t> indices;
  for (int64_t head = 0; head < count; ++head) indices.insert(indices.end(), static_cast<size_t>(times), head);
  const Value which = layer.Ints("repeat/indices", indices);
  const Value axis = layer.Const("repeat/axis", Tensor::Scalar<int32_t>(2));
  return layer.Emit("GatherV2", {x, which, axis}, {}, "repeat");
}

StatusOr<Values> BuildGroupedQueryAttention(LayerContext& layer) {
  const Config& config = layer.config();
  ASSIGN_OR_RETURN(const Heads tensors, ReadTensors(layer));
  ASSIGN_OR_RETURN(const int64_t size, config.Int("head_dim"));
  ASSIGN_OR_RETURN(const int64_t query_heads, config.Int("num_query_heads"));
  ASSIGN_OR_RETURN(const int64_t key_heads, config.Int("num_key_value_heads"));
  ASSIGN_OR_RETURN(const bool use_bias, config.Bool("use_bias", true));
  if (size < 1 || key_heads < 1 || query_heads < 1 || query_heads > 65536 || query_heads % key_heads != 0) {
    return InvalidArgument("has ", query_heads, " query heads for ", key_heads, " key heads of size ", size);
  }
  ASSIGN_OR_RETURN(const int rank, layer.Rank(tensors.query));
  if (rank != 3) return InvalidArgument("is called on a query of rank ", rank, ", expected 3");
  ASSIGN_OR_RETURN(const int64_t features, layer.Dim(tensors.query, -1));
  Heads projected{};
  ASSIGN_OR_RETURN(projected.query, Project(layer, "query", tensors.query, query_heads, size, use_bias));
  ASSIGN_OR_RETURN(projected.key, Project(layer, "key", tensors.key, key_heads, size, use_bias));
  ASSIGN_OR_RETURN(projected.value, Project(layer, "value", tensors.value, key_heads, size, use_bias));
  ASSIGN_OR_RETURN(projected.key, Repeated(layer, projected.key, query_heads / key_heads, key_heads));
  ASSIGN_OR_RETURN(projected.value, Repeated(layer, projected.value, query_heads / key_heads, key_heads));
  return Attend(layer, projected, {1}, 1 / std::sqrt(static_cast<double>(size)), {features}, use_bias);
}

// ---- Attention and AdditiveAttention: no projections ----

// What both do with the scores [batch, rows, columns].
StatusOr<Values> ApplyScores(LayerContext& layer, Value scores, Value value) {
  ASSIGN_OR_RETURN(const bool causal, layer.config().Bool("causal", false));
  RETURN_IF_ERROR(RefuseMasks(layer.call(), {"mask"}));
  if (causal || Flag(layer.call(), "use_causal_mask")) {
    ASSIGN_OR_RETURN(scores, WithoutFuture(layer, scores));
  }
  ASSIGN_OR_RETURN(const Value weights, SoftmaxOf(layer, scores, -1));
  ASSIGN_OR_RETURN(const Value output, Multiplied(layer, weights, value));
  if (Flag(layer.call(), "return_attention_scores")) return Values{output, weights};
  return Values{output};
}

// query [batch, rows, 1, features] + key [batch, 1, columns, features]
Result Crossed(LayerContext& layer, Value query, Value key) {
  ASSIGN_OR_RETURN(const Value rows, ExpandedAt(layer, query, -2));
  ASSIGN_OR_RETURN(const Value columns, ExpandedAt(layer, key, -3));
  return layer.Emit("AddV2", {rows, columns}, {}, "add");
}

StatusOr<Values> BuildAttention(LayerContext& layer) {
  const Values& inputs = layer.inputs();
  const Value query = inputs[0], value = inputs[1], key = inputs.size() > 2 ? inputs[2] : value;
  ASSIGN_OR_RETURN(const bool use_scale, layer.config().Bool("use_scale", false));
  ASSIGN_OR_RETURN(const std::string mode, layer.config().String("score_mode", "dot"));
  std::optional<Value> scale;
  if (use_scale) {
    ASSIGN_OR_RETURN(scale, layer.Weight("scale", {}));
  }
  Value scores{};
  if (mode == "dot") {
    ASSIGN_OR_RETURN(scores, Multiplied(layer, query, key, false, true));
    if (scale) {
      ASSIGN_OR_RETURN(scores, layer.Emit("Mul", {scores, *scale}));
    }
  } else if (mode == "concat") {
    ASSIGN_OR_RETURN(const Value weight, layer.Weight("concat_score_weight", {}));
    ASSIGN_OR_RETURN(const int rank, layer.Rank(query));
    ASSIGN_OR_RETURN(Value sum, Crossed(layer, query, key));
    if (scale) {
      ASSIGN_OR_RETURN(sum, layer.Emit("Mul", {sum, *scale}));
    }
    ASSIGN_OR_RETURN(const Value tanh, layer.Emit("Tanh", {sum}));
    ASSIGN_OR_RETURN(const Value total, Reduce(layer, "Sum", tanh, {rank}, false));
    ASSIGN_OR_RETURN(scores, layer.Emit("Mul", {total, weight}));
  } else {
    return InvalidArgument("its score_mode is '", mode, "'");
  }
  return ApplyScores(layer, scores, value);
}

StatusOr<Values> BuildAdditiveAttention(LayerContext& layer) {
  const Values& inputs = layer.inputs();
  const Value query = inputs[0], value = inputs[1], key = inputs.size() > 2 ? inputs[2] : value;
  ASSIGN_OR_RETURN(const bool use_scale, layer.config().Bool("use_scale", true));
  ASSIGN_OR_RETURN(const int rank, layer.Rank(query));
  ASSIGN_OR_RETURN(const Value sum, Crossed(layer, query, key));
  ASSIGN_OR_RETURN(Value tanh, layer.Emit("Tanh", {sum}));
  if (use_scale) {
    ASSIGN_OR_RETURN(const int64_t features, layer.Dim(value, -1));
    ASSIGN_OR_RETURN(const Value scale, layer.Weight("scale", {features}));
    ASSIGN_OR_RETURN(tanh, layer.Emit("Mul", {tanh, scale}));
  }
  ASSIGN_OR_RETURN(const Value scores, Reduce(layer, "Sum", tanh, {rank}, false));
  return ApplyScores(layer, scores, value);
}

LayerRow Attends(std::string_view class_name, BuildFn build, int min_inputs, int max_inputs) {
  return {class_name, build, min_inputs, max_inputs, MaskUse::kUses};
}

}  // namespace

std::vector<LayerRow> AttentionLayers() {
  return {
      Attends("MultiHeadAttention", BuildMultiHeadAttention, 1, 1),
      Attends("GroupedQueryAttention", BuildGroupedQueryAttention, 1, 1),
      Attends("GroupQueryAttention", BuildGroupedQueryAttention, 1, 1),
      Attends("Attention", BuildAttention, 2, 3),
      Attends("AdditiveAttention", BuildAdditiveAttention, 2, 3),
  };
}

}  // namespace permafrost::keras
