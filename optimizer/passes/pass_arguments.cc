#include "optimizer/passes/pass_arguments.h"

#include <algorithm>
#include <charconv>

namespace permafrost {
namespace {

std::optional<int64_t> ParseInt(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// What is wrong with the value, else empty.
std::string WhyNot(const PassOption& option, std::string_view value) {
  switch (option.kind) {
    case PassOption::Kind::kText:
      return value.empty() ? "has no value" : "";
    case PassOption::Kind::kInt:
      if (const auto number = ParseInt(value); !number || *number < option.least || *number > option.most) {
        return StrCat("expected a whole number from ", option.least, " to ", option.most);
      }
      return "";
    case PassOption::Kind::kBool:
      return value == "true" || value == "false" ? "" : "expected true or false";
    case PassOption::Kind::kDType:
      if (const auto dtype = ParseDType(value); dtype && *dtype != DType::kInvalid) return "";
      return "expected a type, such as float, int32 or uint8";
    case PassOption::Kind::kShape:
      return ParseShapeArgument(value) ? "" : "expected dimensions, such as \"1,224,224,3\"";
  }
  return "";
}

std::string NamesOf(const std::vector<PassOption>& options) {
  std::string names;
  for (const PassOption& option : options) names += StrCat(names.empty() ? "" : ", ", option.name);
  return names.empty() ? "it takes none but ignore_errors" : StrCat("it takes ", names);
}

}  // namespace

std::vector<std::string> PassArguments::All(std::string_view name) const {
  std::vector<std::string> values;
  for (const PassArgument& argument : all_) {
    if (argument.name == name) values.push_back(argument.value);
  }
  return values;
}

std::string PassArguments::Text(std::string_view name, std::string_view fallback) const {
  const std::vector<std::string> values = All(name);
  return values.empty() ? std::string(fallback) : values.front();
}

int64_t PassArguments::Int(std::string_view name, int64_t fallback) const {
  return ParseInt(Text(name)).value_or(fallback);
}

bool PassArguments::Bool(std::string_view name, bool fallback) const {
  return Has(name) ? Text(name) == "true" : fallback;
}

std::string PassArguments::ToString() const {
  std::string text;
  for (const PassArgument& argument : all_) {
    const bool plain = argument.value.find_first_of(",()\"' \t\n") == std::string::npos && !argument.value.empty();
    const char* quote = plain ? "" : argument.value.find('"') == std::string::npos ? "\"" : "'";
    text += StrCat(text.empty() ? "(" : ", ", argument.name, "=", quote, argument.value, quote);
  }
  return text.empty() ? text : text + ")";
}

std::optional<Shape> ParseShapeArgument(std::string_view text) {
  std::vector<int64_t> dims;
  while (!text.empty()) {
    const size_t end = std::min(text.size(), text.find_first_of(",x"));
    std::string_view piece = text.substr(0, end);
    while (!piece.empty() && piece.front() == ' ') piece.remove_prefix(1);
    while (!piece.empty() && piece.back() == ' ') piece.remove_suffix(1);
    const std::optional<int64_t> dim = piece == "?" ? -1 : ParseInt(piece);
    if (!dim || *dim < -1 || dims.size() >= 32) return std::nullopt;
    dims.push_back(*dim < 0 ? kUnknownDim : *dim);
    if (end + 1 == text.size()) return std::nullopt;  // nothing after the comma
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return Shape(std::move(dims));
}

Status CheckArguments(const PassArguments& arguments, const std::vector<PassOption>& options) {
  for (const PassArgument& argument : arguments.all()) {
    const auto option = std::find_if(options.begin(), options.end(),
                                     [&](const PassOption& one) { return one.name == argument.name; });
    if (option == options.end()) {
      return InvalidArgument("there is no option '", argument.name, "' (", NamesOf(options), ")");
    }
    if (!option->repeated && arguments.All(option->name).size() > 1) {
      return InvalidArgument(option->name, " is given twice");
    }
    if (const std::string why = WhyNot(*option, argument.value); !why.empty()) {
      return InvalidArgument(option->name, "=", argument.value, ": ", why);
    }
  }
  for (const PassOption& option : options) {
    if (option.required && !arguments.Has(option.name)) return InvalidArgument("needs ", option.name, "=...");
  }
  return OkStatus();
}

}  // namespace permafrost
