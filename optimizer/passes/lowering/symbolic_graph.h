#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "optimizer/ir/graph_editor.h"
#include "optimizer/passes/lowering/constant_cone.h"

namespace permafrost {

struct TensorList;
struct TensorArray;
struct Nothing {};  // on a branch that is not taken; an element that nobody set
struct Part {       // element `index` of `count` along the first axis of `whole`; no node yet
  Value whole;
  int64_t index, count;
};

// What stands for a value while loops are unrolled: a node's output, a number known now, a list, an array.
using Symbol = std::variant<Nothing, Value, Tensor, Part, std::shared_ptr<const TensorList>, std::shared_ptr<TensorArray>>;
using Symbols = std::vector<Symbol>;

// Values never change, so a list is copied when one of its elements is set.
struct TensorList {
  DType dtype = DType::kInvalid;
  Shape element_shape;
  Symbols items;
};
// TensorArrays are written in place; the flow values between their ops keep the order.
struct TensorArray {
  DType dtype = DType::kInvalid;
  Shape element_shape;
  bool dynamic = false;
  Symbols items;
};

inline bool IsNothing(const Symbol& symbol) { return std::holds_alternative<Nothing>(symbol); }

// Adds nodes to a graph, and only where the result is not known at once. Counts what it does against a budget.
class SymbolicGraph {
 public:
  SymbolicGraph(GraphEditor& editor, int64_t max_nodes) : editor_(editor), cone_(editor.graph()), max_nodes_(max_nodes) {}
  const Graph& graph() const { return editor_.graph(); }
  GraphEditor& editor() { return editor_; }

  std::optional<Tensor> Known(const Symbol& symbol);
  ValueType TypeOf(const Symbol& symbol) const;
  // Elements of a small integer symbol, kUnknownInt where unknown.
  std::optional<std::vector<int64_t>> Ints(const Symbol& symbol);

  // The symbol as a node's output. Errors: a list, an array, nothing.
  StatusOr<Value> Materialise(const Symbol& symbol, std::string_view name);
  // What `node` (its inputs replaced by these) gives: numbers where they can be worked out now, else a new node's
  // outputs. A node that is given the same inputs again is not made again; `same` tells nodes apart, null: never equal.
  StatusOr<Symbols> Emit(const Node& node, const Symbols& inputs, const Node* same = nullptr);
  StatusOr<Symbol> EmitOne(std::string_view op, std::string_view name, const Symbols& inputs, AttrMap attrs = {});

  StatusOr<Symbol> ElementOf(const Part& part, std::string_view name);
  StatusOr<Symbol> Stack(const Symbols& items, std::string_view name);  // at least one item

  // Steps are what is looked at, whether a node comes of it or not. Errors: the budget is used up.
  Status Spend(int64_t steps);
  int64_t added() const { return added_; }

 private:
  struct Remembered {
    std::vector<Value> inputs;
    Symbols outputs;
  };
  Status AddedOne();
  std::optional<Symbols> WorkOut(const Node& node, const Symbols& inputs);

  GraphEditor& editor_;
  ConstantCone cone_;
  int64_t max_nodes_, added_ = 0, steps_ = 0;
  std::map<std::string, Value> constants_;
  std::unordered_map<const Node*, Remembered> remembered_;
  std::map<std::pair<Value, int64_t>, Symbol> elements_;
};

}  // namespace permafrost
