#include "optimizer/frontend/keras/call.h"

namespace permafrost::keras {

std::vector<Value> TensorsOf(const Argument& argument) {
  if (argument.tensor) return {*argument.tensor};
  std::vector<Value> tensors;
  if (!argument.list) return tensors;
  for (const Argument& item : *argument.list) {
    for (const Value tensor : TensorsOf(item)) tensors.push_back(tensor);
  }
  return tensors;
}

Argument ArgumentOf(Value tensor) {
  Argument argument;
  argument.tensor = tensor;
  return argument;
}

Argument ArgumentOf(const std::vector<Value>& tensors) {
  Argument argument;
  argument.list.emplace();
  for (const Value tensor : tensors) argument.list->push_back(ArgumentOf(tensor));
  return argument;
}

Call CallOf(Value tensor) { return Call{{ArgumentOf(tensor)}, {}}; }

}  // namespace permafrost::keras
