#include <algorithm>

#include "optimizer/frontend/keras/activation.h"
#include "optimizer/frontend/keras/emit.h"
#include "optimizer/frontend/keras/layer_families.h"

namespace permafrost::keras {
namespace {

using Values = std::vector<Value>;

// On more than two axes the kernel applies to the last one: the others are made one and opened again.
StatusOr<Value> MultiplyLastAxis(LayerContext& layer, Value kernel, int64_t features, int64_t units) {
  ASSIGN_OR_RETURN(const int rank, layer.Rank(layer.input()));
  if (rank == 2) return layer.Emit("MatMul", {layer.input(), kernel});
  std::vector<int64_t> tail;
  for (int axis = 1; axis + 1 < rank; ++axis) tail.push_back(layer.shape(layer.input()).dim(axis));
  if (std::find(tail.begin(), tail.end(), kUnknownDim) != tail.end()) {
    return layer.Emit("BatchMatMulV2", {layer.input(), kernel}, {}, "MatMul");
  }
  ASSIGN_OR_RETURN(const Value rows,
                   layer.Emit("Reshape", {layer.input(), layer.Ints("rows/shape", {-1, features})}, {}, "rows"));
  ASSIGN_OR_RETURN(const Value product, layer.Emit("MatMul", {rows, kernel}));
  tail.insert(tail.begin(), layer.shape(layer.input()).dim(0));
  tail.push_back(units);
  return ReshapedTo(layer, product, tail);
}

StatusOr<Values> BuildDense(LayerContext& layer) {
  ASSIGN_OR_RETURN(const int64_t units, layer.config().Int("units"));
  ASSIGN_OR_RETURN(const bool use_bias, layer.config().Bool("use_bias", true));
  ASSIGN_OR_RETURN(const int64_t features, layer.Dim(layer.input(), -1));
  ASSIGN_OR_RETURN(const Value kernel, layer.Weight("kernel", {features, units}));
  ASSIGN_OR_RETURN(Value output, MultiplyLastAxis(layer, kernel, features, units));
  if (use_bias) {
    ASSIGN_OR_RETURN(const Value bias, layer.Weight("bias", {units}));
    ASSIGN_OR_RETURN(output, layer.Emit("BiasAdd", {output, bias}));
  }
  return One(Activate(layer, layer.config()["activation"], output));
}

}  // namespace

std::vector<LayerRow> DenseLayers() {
  return {
      {.class_name = "Dense", .build = BuildDense},
  };
}

}  // namespace permafrost::keras
