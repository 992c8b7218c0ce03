#include "optimizer/pipeline/specs.h"

#include <algorithm>
#include <charconv>
#include <cctype>
#include <nlohmann/json.hpp>

namespace permafrost {
namespace {

std::string_view Trim(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) text.remove_suffix(1);
  return text;
}

// Pieces between separators that stand outside brackets.
std::vector<std::string_view> Split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> pieces;
  int depth = 0;
  size_t start = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    const bool end = i == text.size();
    if (!end && (text[i] == '[' || text[i] == '(')) ++depth;
    if (!end && (text[i] == ']' || text[i] == ')')) --depth;
    if (!end && (depth > 0 || separators.find(text[i]) == std::string_view::npos)) continue;
    const std::string_view piece = Trim(text.substr(start, i - start));
    if (!piece.empty()) pieces.push_back(piece);
    start = i + 1;
  }
  return pieces;
}

bool ParseInt(std::string_view text, int64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// "1x224x?x3", "[10]", "[]", "[1,2]"; nullopt when it is no shape at all.
std::optional<Shape> ParseDims(std::string_view text) {
  std::string_view separators = "x";
  if (text.starts_with('[') && text.ends_with(']')) {
    text = Trim(text.substr(1, text.size() - 2));
    separators = "x,";
    if (text.empty()) return Shape(std::vector<int64_t>{});
  } else if (text.find('x') == std::string_view::npos) {
    return std::nullopt;
  }
  std::vector<int64_t> dims;
  for (size_t start = 0; start <= text.size();) {
    const size_t end = std::min(text.size(), text.find_first_of(separators, start));
    const std::string_view piece = Trim(text.substr(start, end - start));
    int64_t dim = kUnknownDim;
    if (piece != "?" && piece != "-1" && (!ParseInt(piece, dim) || dim < 0)) return std::nullopt;
    dims.push_back(dim);
    start = end + 1;
  }
  return Shape(std::move(dims));
}

StatusOr<TensorName> ParseTensorName(std::string_view text) {
  TensorName name;
  const size_t colon = text.rfind(':');
  name.node = std::string(text.substr(0, colon));
  if (colon != std::string_view::npos) {
    int64_t port = 0;
    if (!ParseInt(text.substr(colon + 1), port) || port < 0 || port > 1'000'000) {
      return InvalidArgument("'", text, "': expected a port number after ':'");
    }
    name.port = static_cast<int>(port);
  }
  if (name.node.empty()) return InvalidArgument("'", text, "': expected a tensor's name");
  return name;
}

// Flattens a JSON value into numbers; dims are found on the way down the first elements, then checked.
Status Flatten(const nlohmann::json& json, size_t depth, std::vector<int64_t>& dims, std::vector<double>& values,
               bool& all_bool) {
  if (json.is_array()) {
    if (depth == dims.size()) {
      if (!values.empty() || depth > 8) return InvalidArgument("the array is ragged or too deep");
      dims.push_back(static_cast<int64_t>(json.size()));
    }
    if (depth >= dims.size() || dims[depth] != static_cast<int64_t>(json.size())) return InvalidArgument("the array is ragged");
    for (const auto& element : json) RETURN_IF_ERROR(Flatten(element, depth + 1, dims, values, all_bool));
    return OkStatus();
  }
  if (depth != dims.size()) return InvalidArgument("the array is ragged");
  if (json.is_boolean()) {
    values.push_back(json.get<bool>() ? 1 : 0);
  } else if (json.is_number()) {
    values.push_back(json.get<double>());
    all_bool = false;
  } else {
    return InvalidArgument("expected true, false, a number or a JSON array of them");
  }
  return OkStatus();
}

class PassScanner {
 public:
  explicit PassScanner(std::string_view text) : rest_(text) {}

  // Past separators; false at the end.
  bool SkipTo(std::string_view separators) {
    rest_.remove_prefix(std::min(rest_.size(), rest_.find_first_not_of(separators)));
    return !rest_.empty();
  }

  StatusOr<PassCall> TakeCall() {
    PassCall call;
    call.name = std::string(TakeName("-_"));
    if (call.name.empty()) return InvalidArgument("expected the name of a pass, found ", Next());
    if (!Take('(')) return call;
    for (;;) {
      if (!SkipTo(", \t\r\n")) return InvalidArgument(call.name, ": expected a closing bracket");
      if (Take(')')) return call;
      ASSIGN_OR_RETURN(PassArgument argument, TakeArgument(call.name));
      if (argument.name != "ignore_errors") {
        call.arguments.push_back(std::move(argument));
      } else if (argument.value == "true" || argument.value == "false") {
        call.ignore_errors = argument.value == "true";
      } else {
        return InvalidArgument(call.name, ": ignore_errors=", argument.value, ": expected true or false");
      }
    }
  }

 private:
  StatusOr<PassArgument> TakeArgument(const std::string& pass) {
    PassArgument argument;
    argument.name = std::string(TakeName("_"));
    if (argument.name.empty()) return InvalidArgument(pass, ": expected the name of an option, found ", Next());
    SkipTo(" ");
    if (!Take('=')) return InvalidArgument(pass, ": expected '=' and a value after '", argument.name, "', found ", Next());
    SkipTo(" ");
    if (!rest_.empty() && (rest_[0] == '"' || rest_[0] == '\'')) {
      const size_t end = rest_.find(rest_[0], 1);
      if (end == std::string_view::npos) return InvalidArgument(pass, ": the value of ", argument.name, " lacks its closing quote");
      argument.value = std::string(rest_.substr(1, end - 1));
      rest_.remove_prefix(end + 1);
      return argument;
    }
    const std::string_view value = rest_.substr(0, rest_.find_first_of(",() \t\r\n\"'"));
    if (value.empty()) return InvalidArgument(pass, ": option ", argument.name, " has no value");
    rest_.remove_prefix(value.size());
    argument.value = std::string(value);
    return argument;
  }

  std::string_view TakeName(std::string_view others) {
    size_t size = 0;
    while (size < rest_.size() && (std::isalnum(static_cast<unsigned char>(rest_[size])) != 0 ||
                                   others.find(rest_[size]) != std::string_view::npos)) {
      ++size;
    }
    const std::string_view name = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return name;
  }

  bool Take(char c) {
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::string Next() const { return rest_.empty() ? "the end" : StrCat("'", rest_.substr(0, 20), "'"); }

  std::string_view rest_;
};

}  // namespace

StatusOr<std::vector<InputSpec>> ParseInputSpecs(std::string_view text) {
  std::vector<InputSpec> specs;
  for (std::string_view piece : Split(text, ",")) {
    InputSpec spec;
    std::string_view rest = piece;
    if (const size_t colon = rest.rfind(':'); colon != std::string_view::npos) {
      if (const auto dtype = ParseDType(rest.substr(colon + 1)); dtype && *dtype != DType::kInvalid) {
        spec.dtype = dtype;
        rest = rest.substr(0, colon);
      }
    }
    if (const size_t colon = rest.rfind(':'); colon != std::string_view::npos) {
      if (const auto shape = ParseDims(rest.substr(colon + 1))) {
        spec.shape = shape;
        rest = rest.substr(0, colon);
      }
    }
    auto name = ParseTensorName(rest);
    if (!name.ok()) {
      return InvalidArgument("input '", piece, "': expected name[:port][:1x224x224x3][:float32] (", Message(name.status()), ")");
    }
    spec.tensor = *name;
    specs.push_back(std::move(spec));
  }
  return specs;
}

StatusOr<std::vector<TensorName>> ParseOutputSpecs(std::string_view text) {
  std::vector<TensorName> names;
  for (std::string_view piece : Split(text, ",")) {
    ASSIGN_OR_RETURN(names.emplace_back(), ParseTensorName(piece));
  }
  return names;
}

StatusOr<SetSpec> ParseSetSpec(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return InvalidArgument("--set '", text, "': expected name=value");
  }
  SetSpec spec;
  spec.name = std::string(Trim(text.substr(0, equals)));
  if (spec.name.ends_with(":0")) spec.name.resize(spec.name.size() - 2);
  const nlohmann::json json = nlohmann::json::parse(text.substr(equals + 1), nullptr, /*allow_exceptions=*/false);
  std::vector<int64_t> dims;
  std::vector<double> values;
  bool all_bool = true;
  const Status status = json.is_discarded() ? InvalidArgument("expected true, false, a number or a JSON array of them")
                                            : Flatten(json, 0, dims, values, all_bool);
  if (!status.ok()) return WithContext(status, StrCat("--set '", text, "'"));
  if (all_bool) {
    spec.value = Tensor::Of<bool>(dims, std::vector<bool>(values.begin(), values.end()));
  } else {
    spec.value = Tensor::Of<double>(dims, values);
  }
  return spec;
}

StatusOr<std::vector<PassCall>> ParsePasses(std::string_view text, std::string_view flag) {
  PassScanner scanner(text);
  std::vector<PassCall> calls;
  while (scanner.SkipTo(", \t\r\n")) {
    auto call = scanner.TakeCall();
    if (!call.ok()) return WithContext(call.status(), StrCat(flag, " '", text, "'"));
    if (call->name != "freeze") calls.push_back(*std::move(call));  // lowering, which always runs, is all of it
  }
  return calls;
}

}  // namespace permafrost
