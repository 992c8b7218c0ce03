#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "optimizer/ir/attr.h"

namespace permafrost {

// What an ONNX file holds, one to one. Values are numbered; a node refers to them by number.
struct OnnxValue {
  std::string name;
  DType dtype = DType::kInvalid;
  Shape shape;      // written for inputs and outputs
  Tensor constant;  // valid: an initializer
};

struct OnnxNode {
  static constexpr int kAbsent = -1;  // an optional input that is left out
  std::string op, name;
  std::vector<int> inputs, outputs;
  AttrMap attrs;  // int64_t, float, std::string, Tensor, and vectors of the first three
};

struct OnnxGraph {
  int opset = 10;
  std::vector<OnnxValue> values;
  std::vector<OnnxNode> nodes;  // producers first
  std::vector<int> inputs, outputs;

  const OnnxValue& value(int id) const { return values[static_cast<size_t>(id)]; }
  OnnxValue& value(int id) { return values[static_cast<size_t>(id)]; }
  bool IsConstant(int id) const { return id >= 0 && value(id).constant.valid(); }

  // Drops nodes that no output needs, and constants that no node uses.
  void RemoveUnused();
  // Initializers that a node or an output refers to, in order of first use.
  std::vector<int> Constants() const;
};

}  // namespace permafrost
