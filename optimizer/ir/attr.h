#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "optimizer/ir/dtype.h"
#include "optimizer/ir/shape.h"
#include "optimizer/ir/tensor.h"

namespace permafrost {

// The name of a function in Graph::functions().
struct FunctionName {
  std::string name;
  bool operator==(const FunctionName&) const = default;
};

// An attribute kind we do not model, kept as its AttrValue wire bytes so that it can be written back.
struct OpaqueAttr {
  std::string wire;
  bool operator==(const OpaqueAttr&) const = default;
};

using Attr = std::variant<int64_t, float, bool, std::string, DType, Shape, Tensor, FunctionName, OpaqueAttr,
                          std::vector<int64_t>, std::vector<float>, std::vector<bool>, std::vector<std::string>,
                          std::vector<DType>, std::vector<Shape>, std::vector<FunctionName>>;

using AttrMap = std::map<std::string, Attr, std::less<>>;  // ordered: output is deterministic

// The attribute if it is there and has type T, else null.
template <class T>
const T* GetAttr(const AttrMap& attrs, std::string_view name) {
  const auto found = attrs.find(name);
  return found == attrs.end() ? nullptr : std::get_if<T>(&found->second);
}

template <class T>
T AttrOr(const AttrMap& attrs, std::string_view name, T fallback) {
  const T* found = GetAttr<T>(attrs, name);
  return found != nullptr ? *found : fallback;
}

bool SameAttr(const Attr& a, const Attr& b);
bool SameAttrs(const AttrMap& a, const AttrMap& b);

}  // namespace permafrost
