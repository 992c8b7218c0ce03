#include <string>

#include "optimizer/frontend/keras/functions/function.h"
#include "optimizer/frontend/keras/layer_families.h"

namespace permafrost::keras {
namespace {

StatusOr<std::vector<Value>> CallFunction(LayerContext& layer, const FunctionRow& row) {
  FunctionCall call(layer);
  return row.build(call, row.op);
}

// A TensorFlow function that Keras 2 made a layer of.
StatusOr<std::vector<Value>> BuildTensorFlowFunction(LayerContext& layer) {
  ASSIGN_OR_RETURN(const std::string name, layer.config().String("function"));
  const FunctionRow* row = FindFunction(name);
  if (row == nullptr) {
    return Unsupported("Permafrost does not know the function tf.", name,
                       "; replace it by layers, or store what it computes with TensorFlow (model.export or a frozen "
                       "graph) and give that");
  }
  auto values = CallFunction(layer, *row);
  if (!values.ok()) return WithContext(values.status(), StrCat("tf.", name));
  return values;
}

StatusOr<std::vector<Value>> BuildOperator(LayerContext& layer) {
  return CallFunction(layer, *FindOperator(layer.class_name()));
}

}  // namespace

std::vector<LayerRow> FunctionLayers() {
  std::vector<LayerRow> rows = {
      {.class_name = "TFOpLambda", .build = BuildTensorFlowFunction, .min_inputs = 0, .max_inputs = -1},
      {.class_name = "SlicingOpLambda", .build = BuildTensorFlowFunction, .min_inputs = 0, .max_inputs = -1},
  };
  for (const std::string_view name : OperatorNames()) {
    rows.push_back({.class_name = name, .build = BuildOperator, .min_inputs = 0, .max_inputs = -1});
  }
  return rows;
}

}  // namespace permafrost::keras
