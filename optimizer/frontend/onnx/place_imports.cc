#include <algorithm>

#include "optimizer/frontend/onnx/import.h"

// Elements, pixels and boxes at places that data name. TensorFlow has no such ops: they stay ONNX's.
namespace permafrost::from_onnx {
namespace {

// All inputs in the file's order, and these attributes.
Status Kept(OpImport& op, std::vector<Value> inputs, AttrMap attrs) {
  for (int i = static_cast<int>(inputs.size()); i < op.inputs(); ++i) {
    ASSIGN_OR_RETURN(const Value input, op.In(i));
    inputs.push_back(input);
  }
  ASSIGN_OR_RETURN(const Value y, op.Emit(StrCat("onnx::", RowOf(op).tf), inputs, std::move(attrs), RowOf(op).tf));
  return op.Set(0, y);
}

Status ByElement(OpImport& op) {
  ASSIGN_OR_RETURN(const int rank, op.Rank(0));
  ASSIGN_OR_RETURN(const int axis, AxisOf(op.Int("axis", 0), rank));
  AttrMap attrs = {{"axis", int64_t{axis}}};
  if (op.HasAttr("reduction")) attrs["reduction"] = op.String("reduction", "none");
  return Kept(op, {}, std::move(attrs));
}

Status ScatterNd(OpImport& op) { return Kept(op, {}, {{"reduction", op.String("reduction", "none")}}); }

// Batch by batch it is a Gather, if one axis is named.
Status GatherNd(OpImport& op) {
  const int64_t batches = op.Int("batch_dims", 0);
  ASSIGN_OR_RETURN(const Value x, op.In(0));
  if (batches == 0) {
    std::vector<int64_t> dims = op.shape(0).dims();
    dims.resize(static_cast<size_t>(std::clamp<int64_t>(op.shape(1).dim(-1), 0, static_cast<int64_t>(dims.size()))));
    ASSIGN_OR_RETURN(const Value indices, op.Counted(1, dims));
    ASSIGN_OR_RETURN(const Value y, op.Emit("GatherNd", {x, indices}));
    return op.Set(0, y);
  }
  ASSIGN_OR_RETURN(const int rank, op.Rank(0));
  ASSIGN_OR_RETURN(const int index_rank, op.Rank(1));
  if (batches < 0 || batches >= std::min(rank, index_rank)) return InvalidArgument("batch_dims is ", batches);
  if (op.shape(1).dim(-1) != 1) return Unsupported("picks by batch along several axes");
  ASSIGN_OR_RETURN(Value indices, op.Counted(1, {op.shape(0).dim(static_cast<int>(batches))}));
  ASSIGN_OR_RETURN(indices, op.Emit("Squeeze", {indices}, {{"squeeze_dims", std::vector<int64_t>{index_rank - 1}}}));
  ASSIGN_OR_RETURN(const Value y, op.Emit("GatherV2", {x, indices, op.Index("axis", batches)}, {{"batch_dims", batches}}));
  return op.Set(0, y);
}

// Those along an axis, or of the flattened data, for which a constant says yes.
Status Compress(OpImport& op) {
  const auto said = op.Numbers(1);
  if (!said) return Unsupported("its condition is computed");
  ASSIGN_OR_RETURN(const int rank, op.Rank(0));
  std::vector<int64_t> taken;
  for (size_t i = 0; i < said->size(); ++i) {
    if ((*said)[i] != 0) taken.push_back(static_cast<int64_t>(i));
  }
  ASSIGN_OR_RETURN(Value x, op.In(0));
  int axis = 0;
  if (op.HasAttr("axis")) {
    ASSIGN_OR_RETURN(axis, AxisOf(op.Int("axis", 0), rank));
  } else {
    ASSIGN_OR_RETURN(x, op.Emit("Reshape", {x, op.Indices("flat", {-1})}));
  }
  ASSIGN_OR_RETURN(const Value y, op.Emit("GatherV2", {x, op.Indices("taken", taken), op.Index("axis", axis)}));
  return op.Set(0, y);
}

// Inputs that are left out: no boxes, no overlap, any score.
Status NonMaxSuppression(OpImport& op) {
  constexpr double kAnyScore = -3.0e38;
  std::vector<Value> inputs;
  for (int i = 0; i < 5; ++i) {
    if (op.Has(i)) {
      ASSIGN_OR_RETURN(Value input, op.In(i));
      if (i > 1) {
        ASSIGN_OR_RETURN(input, op.Emit("Reshape", {input, op.Indices("vector", {1})}));
      }
      inputs.push_back(input);
    } else if (i == 2) {
      inputs.push_back(op.Const("max", Tensor::Vector<int64_t>({0})));
    } else {
      inputs.push_back(op.Const("threshold", Tensor::Vector<float>({i == 3 ? 0.0F : static_cast<float>(kAnyScore)})));
    }
  }
  return Kept(op, inputs, {{"center_point_box", op.Int("center_point_box", 0)}});
}

// Opset 20 has other names for the modes.
Status GridSample(OpImport& op) {
  ASSIGN_OR_RETURN(const int rank, op.Rank(0));
  if (rank != 4) return Unsupported("samples data of rank ", rank, ", expected pictures");
  std::string mode = op.String("mode", op.opset() < 20 ? "bilinear" : "linear");
  if (mode == "bilinear" || mode == "bicubic") mode.erase(0, 2);
  return Kept(op, {}, {{"mode", mode},
                       {"padding_mode", op.String("padding_mode", "zeros")},
                       {"align_corners", op.Int("align_corners", 0)}});
}

Status RoiAlign(OpImport& op) {
  const std::string_view coordinates = op.opset() < 16 ? "output_half_pixel" : "half_pixel";
  return Kept(op, {}, {{"mode", op.String("mode", "avg")},
                       {"coordinate_transformation_mode", op.String("coordinate_transformation_mode", coordinates)},
                       {"output_height", op.Int("output_height", 1)},
                       {"output_width", op.Int("output_width", 1)},
                       {"sampling_ratio", op.Int("sampling_ratio", 0)},
                       {"spatial_scale", static_cast<float>(op.Float("spatial_scale", 1))}});
}

// Where a picture of this size lies under a linear map of its coordinates: a product with constants.
Status AffineGrid(OpImport& op) {
  const auto size = op.Ints(1);
  if (!size || size->size() != 4) return Unsupported("its size is computed, or that of no picture");
  const int64_t height = (*size)[2], width = (*size)[3];
  constexpr int64_t kMost = 1 << 12;
  if (std::min(height, width) < 1 || std::max(height, width) > kMost) return InvalidArgument("a grid of ", height, " x ", width);
  const bool corners = op.Int("align_corners", 0) != 0;
  const auto place = [&](int64_t i, int64_t count) {
    const auto at = static_cast<float>(i), all = static_cast<float>(count);
    if (!corners) return (2 * at + 1) / all - 1;
    return count == 1 ? 0.0F : 2 * at / (all - 1) - 1;
  };
  std::vector<float> places;
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) places.insert(places.end(), {place(x, width), place(y, height), 1.0F});
  }
  ASSIGN_OR_RETURN(const Value theta, op.In(0));
  if (!op.shape(0).IsRank(3)) return InvalidArgument("its maps are ", op.shape(0).ToString());
  ASSIGN_OR_RETURN(const Value turned, op.Transposed(theta, {0, 2, 1}));
  const Value all = op.Const("places", Tensor::Of<float>({1, height * width, 3}, places));
  ASSIGN_OR_RETURN(const Value rows, op.Emit("BatchMatMulV2", {all, turned}));
  ASSIGN_OR_RETURN(const Value grid, op.Emit("Reshape", {rows, op.Indices("shape", {-1, height, width, 2})}));
  return op.Set(0, grid);
}

}  // namespace

std::vector<ImportRow> PlaceImports() {
  return {
      {"AffineGrid", AffineGrid, 2, 2},
      {"Compress", Compress, 2, 2},
      {"GatherElements", ByElement, 2, 2, "GatherElements"},
      {"GatherND", GatherNd, 2, 2},
      {"GridSample", GridSample, 2, 2, "GridSample"},
      {"NonMaxSuppression", NonMaxSuppression, 2, 5, "NonMaxSuppression"},
      {"RoiAlign", RoiAlign, 3, 3, "RoiAlign"},
      {"Scatter", ByElement, 3, 3, "ScatterElements"},
      {"ScatterElements", ByElement, 3, 3, "ScatterElements"},
      {"ScatterND", ScatterNd, 3, 3, "ScatterND"},
  };
}

}  // namespace permafrost::from_onnx
