#include "optimizer/frontend/keras/emit.h"
#include "optimizer/frontend/keras/layer_families.h"

// Whole numbers to vectors, and back.
namespace permafrost::keras {
namespace {

using Values = std::vector<Value>;

constexpr int64_t kMaxTokens = INT32_MAX;

StatusOr<Values> BuildEmbedding(LayerContext& layer) {
  ASSIGN_OR_RETURN(const int64_t tokens, layer.config().Int("input_dim"));
  ASSIGN_OR_RETURN(const int64_t width, layer.config().Int("output_dim"));
  ASSIGN_OR_RETURN(const bool mask_zero, layer.config().Bool("mask_zero", false));
  ASSIGN_OR_RETURN(const Value table, layer.Weight("embeddings", {tokens, width}));
  Value ids = layer.input();
  if (!IsInteger(layer.dtype(ids))) {
    ASSIGN_OR_RETURN(ids, CastTo(layer, ids, DType::kInt32));
  }
  const Value axis = layer.Const("embedding_lookup/axis", Tensor::Scalar<int32_t>(0));
  ASSIGN_OR_RETURN(const Value vectors, layer.Emit("GatherV2", {table, ids, axis}, {}, "embedding_lookup"));
  if (mask_zero) layer.MarkMasked(vectors);
  return Values{vectors};
}

StatusOr<Value> OneHot(LayerContext& layer, Value ids, int64_t depth) {
  const Value size = layer.Const("one_hot/depth", Tensor::Scalar<int32_t>(static_cast<int32_t>(depth)));
  const Value on = layer.Const("one_hot/on_value", Tensor::Scalar<float>(1));
  const Value off = layer.Const("one_hot/off_value", Tensor::Scalar<float>(0));
  return layer.Emit("OneHot", {ids, size, on, off}, {{"axis", int64_t{-1}}}, "one_hot");
}

// Ids to one vector of `depth` numbers per id (one_hot), or per row of ids (multi_hot: which there are, count: how
// often).
StatusOr<Value> Encoded(LayerContext& layer, Value ids, int64_t depth, const std::string& mode) {
  if (depth < 1 || depth > kMaxTokens) return InvalidArgument("encodes ", depth, " different numbers");
  if (layer.call().kwargs.contains("count_weights") && !layer.call().kwargs.find("count_weights")->second.IsNone()) {
    return Unsupported("is called with count_weights");
  }
  ASSIGN_OR_RETURN(int rank, layer.Rank(ids));
  if (mode == "one_hot") {
    if (rank > 0 && layer.shape(ids).dim(-1) == 1) {
      ASSIGN_OR_RETURN(ids, SqueezedAt(layer, ids, {rank - 1}));
    }
    return OneHot(layer, ids, depth);
  }
  if (mode != "multi_hot" && mode != "count") return Unsupported("its output_mode is '", mode, "'");
  if (rank == 1) {  // each number is a row of its own
    ASSIGN_OR_RETURN(ids, ExpandedAt(layer, ids, -1));
    rank = 2;
  }
  if (rank != 2) return Unsupported("its output_mode '", mode, "' on a tensor of rank ", rank);
  ASSIGN_OR_RETURN(const Value hot, OneHot(layer, ids, depth));
  return Reduce(layer, mode == "count" ? "Sum" : "Max", hot, {rank - 1}, false);
}

StatusOr<Values> BuildCategoryEncoding(LayerContext& layer) {
  ASSIGN_OR_RETURN(const int64_t tokens, layer.config().Int("num_tokens"));
  ASSIGN_OR_RETURN(const std::string mode, layer.config().String("output_mode", "multi_hot"));
  Value ids = layer.input();
  if (!IsInteger(layer.dtype(ids))) {
    ASSIGN_OR_RETURN(ids, CastTo(layer, ids, DType::kInt32));
  }
  return One(Encoded(layer, ids, tokens, mode));
}

StatusOr<Values> BuildDiscretization(LayerContext& layer) {
  if (!layer.config().Has("bin_boundaries")) {
    return Unsupported(
        "its bin_boundaries are not in the file: they were learned by adapt(), which this format of Keras "
        "does not store as a list; save the model as .keras, or give bin_boundaries to the layer");
  }
  ASSIGN_OR_RETURN(const std::vector<double> bins, layer.config().Numbers("bin_boundaries"));
  ASSIGN_OR_RETURN(const std::string mode, layer.config().String("output_mode", "int"));
  const std::vector<float> boundaries(bins.begin(), bins.end());
  ASSIGN_OR_RETURN(const Value buckets, layer.Emit("Bucketize", {layer.input()}, {{"boundaries", boundaries}}));
  if (mode == "int") return One(CastTo(layer, buckets, layer.keras_major() < 3 ? DType::kInt64 : DType::kInt32));
  return One(Encoded(layer, buckets, static_cast<int64_t>(bins.size()) + 1, mode));
}

}  // namespace

std::vector<LayerRow> CategoryLayers() {
  return {
      {.class_name = "Embedding", .build = BuildEmbedding},
      {.class_name = "CategoryEncoding", .build = BuildCategoryEncoding, .mask = MaskUse::kStops},
      {.class_name = "Discretization", .build = BuildDiscretization, .mask = MaskUse::kStops},
  };
}

}  // namespace permafrost::keras
