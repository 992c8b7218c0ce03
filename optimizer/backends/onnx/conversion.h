#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "optimizer/backends/onnx/accepted_ops.h"
#include "optimizer/backends/onnx/onnx_graph.h"
#include "optimizer/ir/graph_editor.h"
#include "optimizer/support/status.h"

namespace permafrost {

// In which order a value lies: axes[i] is TensorFlow's axis at ONNX's axis i.
using AxisOrder = std::vector<int>;
AxisOrder PlainOrder(int rank);                // 0 1 2 3
AxisOrder PlanarOrder(int rank);               // 0 3 1 2: the channels, TensorFlow's last axis, in front of space
Tensor ChannelsInFront(const Tensor& tensor);  // the last axis becomes the first
bool IsPlainOrder(const AxisOrder& order);
// Where an axis went.
int PositionOf(const AxisOrder& order, int axis);

struct OnnxOptions {
  int opset = 10;              // at least; ops that need a later one raise it
  bool may_raise = true;       // false: such ops are an error
  bool channels_first = true;  // 4-D and 5-D inputs and outputs as blobFromImage makes them, where they are pictures
  OnnxRuntime runtime;
};

// The TensorFlow graph on its way to ONNX. Every value remembers the order or orders in which it lies, so that data
// stay channels-first from convolution to convolution; a Transpose is put in only where an op cannot do without.
//
// A builder (see op_table.h) takes the inputs of its node with In(), adds nodes with Emit() and says with Set() what
// the node's outputs are.
class OnnxConversion {
 public:
  OnnxConversion(const Graph& graph, const GraphEditor& users, const OnnxOptions& options);

  const Graph& graph() const { return graph_; }
  const OnnxOptions& options() const { return options_; }
  const OnnxRuntime& runtime() const { return options_.runtime; }
  int opset() const { return options_.opset; }
  // The node cannot be said in an opset below this one: the conversion starts again there.
  void Need(int opset) { needed_ = std::max(needed_, opset); }
  int needed_opset() const { return needed_; }

  // --- what is known of TensorFlow's values
  const ValueType& type(Value value) const { return graph_.type(value); }
  const Shape& shape(Value value) const { return graph_.type(value).shape; }
  int rank(Value value) const { return shape(value).rank(); }
  // Also weights that the graph stores in half precision or as levels and widens.
  const Tensor* constant(Value value) const;
  // Elements of a constant or of an integer value that shape inference knows in full.
  std::optional<std::vector<int64_t>> Ints(Value value) const;
  bool HasOneUse(Value value) const { return users_.HasOneUse(value); }
  const std::vector<Use>& Users(NodeId id) const { return users_.Users(id); }
  bool WantsChannelsFirst(Value value) const;  // by the first op below that cares

  // --- inputs of the node at hand
  int Plain(Value value) { return In(value, PlainOrder(rank(value))); }
  int In(Value value, const AxisOrder& order);
  // As an operand of an elementwise op on data of `order`, whose rank may be higher. `against`: the other operand's
  // shape (TensorFlow's axes), where a constant meets it.
  int Operand(Value value, const AxisOrder& order, const Shape* against = nullptr);
  // The order it lies in already. Plain for constants and unknown ranks.
  AxisOrder OrderOf(Value value) const;
  // The order in which an elementwise op with these operands costs least.
  AxisOrder CommonOrder(const std::vector<Value>& values, int rank) const;
  // Planar data flattened without moving them; the dims that were joined, as TensorFlow orders them.
  struct Flattened {
    int id;
    std::vector<int64_t> dims;
    int planar = OnnxNode::kAbsent;  // what was flattened, if nothing happened since
  };
  const Flattened* FlattenedIn(Value value) const;
  // An integer value as int64.
  int AsInt64(int id);

  // --- new ONNX values
  int Constant(const Tensor& tensor);
  int Copied(int id);  // a constant of its own
  int Ints64(const std::vector<int64_t>& values) { return Constant(Tensor::Vector<int64_t>(values)); }
  int Number(DType dtype, double value);  // a scalar
  // dtype kInvalid: that of the first input.
  int Emit(std::string_view op, std::vector<int> inputs, AttrMap attrs = {}, DType dtype = DType::kInvalid);
  std::vector<int> EmitMany(std::string_view op, std::vector<int> inputs, size_t outputs, AttrMap attrs = {});
  int Transpose(int id, const AxisOrder& permutation);
  int Reshape(int id, const std::vector<int64_t>& dims);
  int Cast(int id, DType dtype);  // itself if it has the dtype
  int Unsqueeze(int id, const std::vector<int64_t>& axes);
  int Squeeze(int id, const std::vector<int64_t>& axes);
  // `id` brought to the shape of `as` by a product with ones, for runtimes that add values of one shape only.
  int SpreadOver(int id, int as);
  bool IsConstant(int id) const { return out_.IsConstant(id); }
  const Tensor& ConstantOf(int id) const { return out_.value(id).constant; }
  DType dtype(int id) const { return out_.value(id).dtype; }
  void SetDType(int id, DType dtype) { out_.value(id).dtype = dtype; }
  // The node that gives the value, to add to it; null for inputs and constants.
  OnnxNode* Producer(int id);

  // --- outputs of the node at hand
  void Set(Value value, int id, const AxisOrder& order);
  void SetPlain(Value value, int id) { Set(value, id, PlainOrder(rank(value))); }
  void SetFlattened(Value value, Flattened flat);
  void SetSame(Value value, Value as);  // an op that only passes its input on

  // --- the driver
  void Begin(NodeId id) { current_ = id; }
  const Status& status() const { return status_; }  // an input that could not be had
  void AddInput(NodeId id, const AxisOrder& order);
  void AddOutput(const GraphOutput& output, bool channels_first);
  OnnxGraph Take();
  AxisOrder output_order(size_t index) const { return output_orders_[index]; }

 private:
  struct Rendering {
    std::vector<std::pair<AxisOrder, int>> forms;  // the first is how it was made
    std::optional<Flattened> flat;
  };
  int NewValue(std::string_view name, DType dtype);
  void MakeNamesUnique();
  const Graph& graph_;
  const GraphEditor& users_;
  const OnnxOptions options_;
  int needed_ = 0;
  NodeId current_ = kNoNode;
  Status status_;
  OnnxGraph out_;
  mutable std::map<NodeId, std::optional<Tensor>> widened_;
  std::map<Value, Rendering> renderings_;
  std::map<std::tuple<DType, std::vector<int64_t>, std::string>, int> small_constants_;
  std::map<std::pair<Value, AxisOrder>, int> operands_;
  std::map<int, size_t> producers_;
  std::vector<AxisOrder> output_orders_;
};

}  // namespace permafrost
