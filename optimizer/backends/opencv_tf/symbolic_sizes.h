#pragma once

#include <vector>

#include "optimizer/ir/graph.h"

namespace permafrost {

// An integer that a graph works out from shapes: scale * dim `axis` of `source` + offset; a plain number (offset) when
// scale is 0. Where `source` is itself a FloorMod of sizes, `axis` is its element.
struct SymbolicSize {
  bool known = false;
  Value source;
  int axis = 0;
  int64_t scale = 0, offset = 0;
  bool IsNumber(int64_t number) const { return known && scale == 0 && offset == number; }
  bool IsDimOf(Value value, int dim) const { return known && scale != 0 && source == value && axis == dim; }
};

// The elements of a small integer value, row-major, followed through Shape, slices, Pack, Concat, casts and arithmetic
// with constants. Empty when even their number is unknown.
std::vector<SymbolicSize> SymbolicSizes(const Graph& graph, Value value);

}  // namespace permafrost
