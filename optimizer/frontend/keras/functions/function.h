#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "optimizer/frontend/keras/layer.h"

// Functions that became layers: tf.nn.relu(x) in a Keras 2 model is a TFOpLambda with the function's name and
// arguments, keras.ops.relu(x) in a Keras 3 model an object of class Relu.
namespace permafrost::keras {

// Where one parameter of a function may be found: by position in the call, or by any of its names in the call's keyword
// arguments or, for an operator of Keras 3, in its config.
struct Parameter {
  int position = -1;
  std::vector<std::string_view> names;
};

class FunctionCall {
 public:
  explicit FunctionCall(LayerContext& layer) : layer_(layer) {}
  LayerContext& layer() const { return layer_; }
  bool keras3() const { return layer_.keras_major() >= 3; }

  bool Has(const Parameter& parameter) const;  // and is not None
  // The tensor, or a Const of what the file spells out: of `like`'s type, else the type the numbers have.
  StatusOr<Value> Tensor(const Parameter& parameter, std::optional<Value> like = std::nullopt) const;
  // The list of tensors; spelled-out numbers among them become Consts of the first tensor's type.
  StatusOr<std::vector<Value>> Tensors(const Parameter& parameter) const;
  StatusOr<std::vector<int64_t>> Ints(const Parameter& parameter,
                                      std::optional<std::vector<int64_t>> fallback = std::nullopt) const;
  StatusOr<int64_t> Int(const Parameter& parameter, std::optional<int64_t> fallback = std::nullopt) const;
  StatusOr<double> Number(const Parameter& parameter, std::optional<double> fallback = std::nullopt) const;
  StatusOr<bool> Bool(const Parameter& parameter, bool fallback) const;
  StatusOr<std::string> String(const Parameter& parameter, std::optional<std::string> fallback = std::nullopt) const;
  StatusOr<DType> Type(const Parameter& parameter, DType fallback) const;
  // Pairs such as paddings: [[1, 2], [0, 0]].
  StatusOr<std::vector<std::pair<int64_t, int64_t>>> Pairs(const Parameter& parameter) const;
  // An integer vector, spelled out or computed: [batch, 12], tf.stack(...), a tensor.
  StatusOr<Value> IntVector(const Parameter& parameter, std::string_view suffix) const;
  // As the file has it.
  const Argument* Find(const Parameter& parameter) const;
  StatusOr<std::optional<std::vector<double>>> Numbers(const Parameter& parameter) const;  // nothing: not given
  const Json& FindJson(const Parameter& parameter) const;  // null when there is none or it is a tensor

 private:
  LayerContext& layer_;
};

using FunctionFn = StatusOr<std::vector<Value>> (*)(FunctionCall& call, std::string_view op);

struct FunctionRow {
  std::string_view tensorflow;  // "add" for tf.add, tf.math.add, tf.__operators__.add; "" when there is none
  std::string_view keras;       // "ops>Add"; "" when there is none
  FunctionFn build;
  std::string_view op = "";  // told to `build`
};

// One function per file of this folder.
std::vector<FunctionRow> ElementwiseFunctions();  // arithmetic, comparisons, casts
std::vector<FunctionRow> ArrayFunctions();        // shapes, joining, slicing, gathering
std::vector<FunctionRow> ReductionFunctions();    // sums, norms, matrix products
std::vector<FunctionRow> NnFunctions();           // activations, convolution, pooling
std::vector<FunctionRow> ImageFunctions();        // tf.image

// Null for a function we do not know. `name` as TFOpLambda has it: "math.add", "compat.v1.nn.conv2d".
const FunctionRow* FindFunction(std::string_view name);
const FunctionRow* FindOperator(std::string_view class_name);
std::vector<std::string_view> OperatorNames();  // "ops>Add" ...

// The tensor that numbers in (nested) lists stand for; without a dtype the one that TensorFlow would give it.
StatusOr<Tensor> TensorSpelledOut(const Json& json, std::optional<DType> dtype);

// x itself, or cast so that it can meet `like`: what Keras 3 does when types differ.
StatusOr<Value> PromotedTo(LayerContext& layer, Value x, DType dtype);

}  // namespace permafrost::keras
