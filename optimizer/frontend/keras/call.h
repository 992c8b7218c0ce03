#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "optimizer/frontend/keras/config.h"
#include "optimizer/ir/graph.h"

namespace permafrost::keras {

// One argument of a layer's call: a tensor, a list of arguments, or anything else as the file wrote it.
struct Argument {
  std::optional<Value> tensor;
  std::optional<std::vector<Argument>> list;
  Json json;  // null for None, and when one of the above is set
  bool IsNone() const { return !tensor && !list && json.is_null(); }
};

// layer(*args, **kwargs)
struct Call {
  std::vector<Argument> args;
  std::map<std::string, Argument, std::less<>> kwargs;
};

// The tensors of an argument, in order, lists opened.
std::vector<Value> TensorsOf(const Argument& argument);
Argument ArgumentOf(Value tensor);
Argument ArgumentOf(const std::vector<Value>& tensors);  // a list
Call CallOf(Value tensor);

}  // namespace permafrost::keras
