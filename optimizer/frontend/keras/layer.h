#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "optimizer/frontend/keras/call.h"
#include "optimizer/frontend/keras/config.h"
#include "optimizer/frontend/keras/weights.h"
#include "optimizer/ir/graph_editor.h"

namespace permafrost::keras {

struct ModelLayers;

// A layer of a model: one, however often it is called. Its weights are read and become Const nodes once.
struct Layer {
  Layer();
  ~Layer();
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;

  std::string class_name;  // as in LayerRow
  std::string scope;       // its nodes are called "<scope>/Conv2D", its weights "<scope>/kernel"
  Config config;
  std::unique_ptr<Weights> weights;
  std::map<std::string, Tensor, std::less<>> tensors;  // weights read so far
  std::map<std::string, Value, std::less<>> consts;    // and their nodes
  std::vector<std::pair<std::string, std::unique_ptr<Layer>>> inner;  // by attribute, in order of creation
  std::unique_ptr<ModelLayers> model;  // of a Sequential or Functional: the layers in it
  int calls = 0;                       // so far
};

// What holds for a whole file while its graph is built.
struct Build {
  GraphEditor& editor;
  int keras_major = 2;  // 2 or 3: defaults and formulas differ
  int64_t max_nodes = 2'000'000;
  int depth = 0;      // of nested layers, bounded
  int64_t calls = 0;  // so far: models that call models twice each grow fast
  std::set<Value> masked = {};  // values that carry a mask in Keras
  std::map<std::string, int64_t> policies = {};  // layers by their dtype policy, where that is not float32
  std::set<std::string> trained = {};            // layers called with training=True
};

// One call of one layer: what its builder knows and the nodes that it adds. Errors need not name the layer; the caller
// does that.
class LayerContext {
 public:
  LayerContext(Build& build, Layer& layer, Call call);

  const Config& config() const { return layer_.config; }
  const std::string& class_name() const { return layer_.class_name; }
  const std::string& name() const { return name_; }  // "conv1", and "conv1_1" for the second call
  int keras_major() const { return build_.keras_major; }

  // The tensors of the first argument: what a layer is called on. The rest of the call is in call().
  const std::vector<Value>& inputs() const { return inputs_; }
  Value input() const { return inputs_.front(); }  // there is at least one, see LayerRow
  const Call& call() const { return call_; }
  // The type is that of shape inference: rank known, the batch usually not.
  DType dtype(Value value) const { return build_.editor.graph().type(value).dtype; }
  const Shape& shape(Value value) const { return build_.editor.graph().type(value).shape; }
  // The rank, or an error.
  StatusOr<int> Rank(Value value) const;
  // Dim `axis` (negative from the end), which must be known.
  StatusOr<int64_t> Dim(Value value, int axis) const;
  const Graph& graph() const { return build_.editor.graph(); }

  // Adds the node "<name>/<suffix>" (suffix: the op's name when empty), infers its type and gives its output 0.
  StatusOr<Value> Emit(std::string_view op, std::vector<Value> inputs, AttrMap attrs = {}, std::string_view suffix = "");
  Value Const(std::string_view suffix, Tensor tensor);
  // One number of dtype(like).
  StatusOr<Value> Scalar(std::string_view suffix, double number, Value like);
  Value Ints(std::string_view suffix, const std::vector<int64_t>& numbers);  // an int32 vector

  // The layer's weights, to be asked for in the order in which Keras creates them (trainable ones first), each before its
  // first use; asking again by name is free. Weight gives the Const "<scope>/<weight>".
  StatusOr<Tensor> WeightTensor(std::string_view weight, const std::vector<int64_t>& dims,
                                WeightKind kind = WeightKind::kTrainable);
  StatusOr<Value> Weight(std::string_view weight, const std::vector<int64_t>& dims,
                         WeightKind kind = WeightKind::kTrainable);
  // As Weight, with the same elements seen as `as`.
  StatusOr<Value> WeightAs(std::string_view weight, const std::vector<int64_t>& dims, const std::vector<int64_t>& as,
                           WeightKind kind = WeightKind::kTrainable);
  // A Const that all calls of this layer share: "<scope>/<suffix>". `tensor` is looked at on first use only.
  Value SharedConst(std::string_view suffix, Tensor tensor);

  // From here on `value` carries a mask (see MaskUse).
  void MarkMasked(Value value) { build_.masked.insert(value); }
  bool IsMasked(Value value) const { return build_.masked.contains(value); }

  // The layer held in `attribute`, its nodes below "<scope>/<scope_name>". Made on first use; `config` must outlive the
  // build (a part of this layer's own config does, and so does EmptyConfig()).
  Layer& Inner(std::string_view attribute, std::string_view scope_name, Config config);
  LayerContext InnerContext(Layer& inner, Call call) { return LayerContext(build_, inner, std::move(call)); }
  // Calls the layer that `json` ({"class_name":, "config":}) describes and this layer holds in `attribute`.
  StatusOr<std::vector<Value>> CallInner(std::string_view attribute, const Json& json, Call call);

 private:
  Build& build_;
  Layer& layer_;
  std::string name_;
  Call call_;
  std::vector<Value> inputs_;
};

using BuildFn = StatusOr<std::vector<Value>> (*)(LayerContext& layer);

// What a layer does with the mask of a Masking or Embedding(mask_zero) before it. Masks are not modelled: where one would
// change numbers, the layer is refused.
enum class MaskUse { kPasses, kStops, kUses };

struct LayerRow {
  std::string_view class_name;  // "Dense"; an operator of keras.ops: "ops>Add"
  BuildFn build;
  int min_inputs = 1;
  int max_inputs = 1;  // -1: any number
  MaskUse mask = MaskUse::kPasses;
};

// Null for a class we do not know.
const LayerRow* FindLayer(std::string_view class_name);

// Calls `layer` once: nested models too. Errors name the layer and its class.
StatusOr<std::vector<Value>> CallLayer(Build& build, Layer& layer, Call call);

// Class name for FindLayer and config of what `json` describes; `scope` is where its nodes go. Errors: no class name,
// a custom class.
StatusOr<std::unique_ptr<Layer>> MakeLayer(const Json& json, std::string_view scope, std::unique_ptr<Weights> weights);

inline StatusOr<std::vector<Value>> One(StatusOr<Value> value) {
  if (!value.ok()) return std::move(value).status();
  return std::vector<Value>{*value};
}

}  // namespace permafrost::keras
