#pragma once

#include <map>
#include <vector>

#include "optimizer/ir/graph_editor.h"

namespace permafrost {

struct BatchChange {
  std::vector<NodeId> inputs;   // graph inputs whose first dim is the batch
  int64_t from = 1;             // the batch that they have
  int64_t to = 1;               // the batch that they get; kUnknownDim: any
  bool by_sample = false;       // where the batch of one is dropped (x[0]), one copy of what follows per sample
  int64_t max_nodes = 100'000;  // copies may add
};

// Where the rows of a batch lie in a value: its elements, row-major, are [outer, rows, inner], and dim `axis` holds
// them. outer counts the elements before that dim, times `before`.
struct BatchAxis {
  int axis = -1;  // unknown where shapes are
  int64_t before = 1;
  bool added = false;  // the value before the change had no such dim
};

struct BatchReport {
  std::map<Value, BatchAxis> values;          // those that hold rows, after the change
  std::map<Value, Value> origins;             // values that the change added: the value before it that says the same
  bool dropped = false;                       // a batch of one was dropped somewhere: `by_sample` is another way
  std::vector<std::vector<ValueType>> types;  // of all nodes before the change
};

// A probe stands for an unknown batch while sizes are worked out; the inputs still have it afterwards.
int64_t ProbeBatch(const BatchChange& change);

// Gives a flat graph another batch, also where the old one is a number: targets of Reshape and BroadcastTo, ends of
// slices, sizes of deconvolutions, states that start as [1, units], loops over the samples that stand one after the
// other. What depends on the batch is what inference says changes with it. Types must be inferred, and are afterwards.
//   before:  in x:float32[1,2,3]; r = Reshape(x, [1,-1])       after:  in x:float32[4,2,3]; r = Reshape(x, [4,-1])
// Errors name the node that takes rows together. It may still be wrong where numbers do what shapes do not show: judge
// the result by running it.
StatusOr<BatchReport> SetBatch(GraphEditor& editor, const BatchChange& change);

}  // namespace permafrost
