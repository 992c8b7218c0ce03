#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "optimizer/ir/graph.h"
#include "optimizer/support/status.h"

namespace permafrost {

// One attribute of an op: what stands in for it when a node lacks it.
struct AttrSpec {
  enum class Kind {
    kRequired,    // a node without it is refused
    kDefault,     // `fallback`
    kInputType,   // the dtype of input `index`, negative from the end
    kOutputType,  // the dtype of output `index`
    kInputCount,  // number of inputs minus `index`
  };
  std::string_view name;
  Kind kind;
  int index = 0;
  Attr fallback = int64_t{0};
};
inline AttrSpec Required(std::string_view name) { return {name, AttrSpec::Kind::kRequired}; }
inline AttrSpec Default(std::string_view name, Attr value) {
  return {name, AttrSpec::Kind::kDefault, 0, std::move(value)};
}
inline AttrSpec TypeOfInput(std::string_view name, int index = 0) { return {name, AttrSpec::Kind::kInputType, index}; }
inline AttrSpec TypeOfOutput(std::string_view name, int index = 0) { return {name, AttrSpec::Kind::kOutputType, index}; }
inline AttrSpec CountOfInputs(std::string_view name, int minus = 0) { return {name, AttrSpec::Kind::kInputCount, minus}; }

// A node during shape inference, with what is known of its inputs.
class InferContext {
 public:
  InferContext(const Graph& graph, NodeId id) : graph_(graph), node_(graph.node(id)) {}
  const Node& node() const { return node_; }
  int inputs() const { return static_cast<int>(node_.inputs.size()); }
  const ValueType& input(int i) const { return graph_.type(node_.inputs[static_cast<size_t>(i)]); }
  const Shape& shape(int i) const { return input(i).shape; }
  DType dtype(int i) const { return input(i).dtype; }
  // The Const behind input i, else null.
  const Tensor* constant(int i) const { return ConstValue(graph_, node_.inputs[static_cast<size_t>(i)]); }
  // Elements of an integer input of rank 0 or 1, kUnknownInt where unknown; nullopt when even their number is.
  const std::optional<std::vector<int64_t>>& ints(int i) const { return input(i).ints; }
  Graph const& graph() const { return graph_; }

 private:
  const Graph& graph_;
  const Node& node_;
};

// Fills one ValueType per output. What cannot be known stays unknown; an error means that the node is wrong (its message
// gives found and expected; the caller puts the node's name before it).
using InferFn = Status (*)(const InferContext& context, std::vector<ValueType>& outputs);

// Works out the outputs from Dense() inputs. Plain and obviously right before fast. Must refuse, not read out of bounds:
// inputs may come from a hostile file.
using KernelFn = StatusOr<std::vector<Tensor>> (*)(const Node& node, const std::vector<Tensor>& inputs);

// What an op means.
struct OpDef {
  std::string_view name;
  int min_inputs = 0;
  int max_inputs = 0;  // -1: any number
  std::vector<AttrSpec> attrs = {};
  InferFn infer = nullptr;    // null: outputs stay unknown
  KernelFn kernel = nullptr;  // null: cannot be evaluated here
  // Names of the outputs as function bodies refer to them ("node:name:index"); empty: one output called anything.
  std::vector<std::string_view> output_names = {};
  bool pure = true;         // same inputs, same outputs, nothing else happens: may be folded, merged and dropped
  bool commutative = false;  // its first two inputs may be swapped
};

// The op called `name`, or null: unknown ops stay in graphs as they are, opaque.
const OpDef* FindOp(std::string_view name);
// All ops, sorted by name.
const std::vector<const OpDef*>& AllOps();

// Arity and required attributes of one node. OK for unknown ops.
Status CheckNode(const Node& node);
// The attribute's value or what stands in for it; nullptr-like nullopt when neither exists.
std::optional<Attr> EffectiveAttr(const Graph& graph, const Node& node, std::string_view name);

}  // namespace permafrost
