#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "optimizer/ir/dtype.h"
#include "optimizer/ir/shape.h"
#include "optimizer/support/status.h"

namespace permafrost {

// What a pass takes in brackets, as data: quantize-weights(minimum_size=4).
struct PassOption {
  enum class Kind { kText, kInt, kBool, kDType, kShape };
  std::string_view name;
  Kind kind = Kind::kText;
  std::string_view fallback = "";  // what holds when it is not given; empty: nothing
  bool required = false;
  bool repeated = false;  // may be given several times
  int64_t least = 0, most = INT32_MAX;  // of a kInt
};

struct PassArgument {
  std::string name, value;
  bool operator==(const PassArgument&) const = default;
};

// What was written in the brackets, in that order. CheckArguments has held it against the options before a pass sees it.
class PassArguments {
 public:
  PassArguments() = default;
  explicit PassArguments(std::vector<PassArgument> all) : all_(std::move(all)) {}
  bool empty() const { return all_.empty(); }
  bool Has(std::string_view name) const { return !All(name).empty(); }
  std::vector<std::string> All(std::string_view name) const;
  std::string Text(std::string_view name, std::string_view fallback = "") const;
  int64_t Int(std::string_view name, int64_t fallback) const;
  bool Bool(std::string_view name, bool fallback) const;
  // "(minimum_size=4)"; nothing without arguments. ParsePasses reads it back.
  std::string ToString() const;
  const std::vector<PassArgument>& all() const { return all_; }

 private:
  std::vector<PassArgument> all_;
};

// "1,224,224,3", "1x224x224x3", "-1" and "?" for unknown; "" is a scalar. nullopt when it is no shape.
std::optional<Shape> ParseShapeArgument(std::string_view text);

// Errors: an option that the pass does not have (those it has are listed), one that is missing or given twice, a value
// of another kind or out of range.
Status CheckArguments(const PassArguments& arguments, const std::vector<PassOption>& options);

}  // namespace permafrost
