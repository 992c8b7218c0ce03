#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "optimizer/ir/text.h"

namespace permafrost {
namespace {

constexpr int64_t kLongConst = 16;  // elements a constant may have to be printed in full
constexpr int kMaxDepth = 8;        // functions inside functions

bool IsPlainName(std::string_view name) {
  static constexpr std::string_view kKeywords[] = {"in", "inputs", "out", "func"};
  if (name.empty() || std::find(std::begin(kKeywords), std::end(kKeywords), name) != std::end(kKeywords)) return false;
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return letter(name[0]) && std::all_of(name.begin(), name.end(), [&](char c) {
           return letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '/' || c == '-';
         });
}

std::string Quoted(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string quoted = "\"";
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (byte >= 0x20 && byte < 0x7f) {
      quoted += c;
    } else {
      quoted += "\\x";
      quoted += kHex[byte >> 4];
      quoted += kHex[byte & 15];
    }
  }
  return quoted + '"';
}

std::string NameText(std::string_view name) { return IsPlainName(name) ? std::string(name) : Quoted(name); }

// "cv::Crop" is plain in the place of an op.
std::string OpText(std::string_view op) {
  const size_t colons = op.find("::");
  if (colons == std::string_view::npos) return NameText(op);
  const std::string_view dialect = op.substr(0, colons), name = op.substr(colons + 2);
  return IsPlainName(dialect) && IsPlainName(name) ? std::string(op) : Quoted(op);
}

template <class T>
std::string Digits(T value) {
  char digits[64];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  return std::string(digits, end);
}

std::string FloatText(float value) {
  std::string text = Digits(value);
  if (std::isfinite(value) && text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

bool HasNumbers(DType dtype) { return SizeOf(dtype) > 0 && dtype != DType::kComplex64 && dtype != DType::kComplex128; }

std::string ElementText(const Tensor& tensor, int64_t index) {
  if (tensor.dtype() == DType::kString) return Quoted(tensor.strings()[static_cast<size_t>(index)]);
  alignas(8) char bytes[16];
  tensor.Read(index, 1, bytes);
  switch (tensor.dtype()) {
    case DType::kFloat64: {
      double value;
      std::memcpy(&value, bytes, sizeof(value));
      return Digits(value);
    }
    case DType::kUint64: {
      uint64_t value;
      std::memcpy(&value, bytes, sizeof(value));
      return Digits(value);
    }
    case DType::kBool:
      return bytes[0] != 0 ? "true" : "false";
    default:
      break;
  }
  const Tensor element =
      Tensor::Buffer(tensor.dtype(), {}, std::string(bytes, static_cast<size_t>(SizeOf(tensor.dtype()))));
  const DType dtype = tensor.dtype();
  const bool floating = dtype == DType::kFloat32 || dtype == DType::kHalf || dtype == DType::kBFloat16;
  return floating ? Digits(element.Values<float>()[0]) : Digits(element.Values<int64_t>()[0]);
}

// Whether all elements have the same bits. Stops at the first that differs.
bool IsUniform(const Tensor& tensor) {
  if (tensor.elements() <= 1 || tensor.is_splat()) return true;
  if (tensor.dtype() == DType::kString) {
    const std::vector<std::string>& strings = tensor.strings();
    return std::all_of(strings.begin(), strings.end(), [&](const std::string& s) { return s == strings[0]; });
  }
  const auto size = static_cast<size_t>(SizeOf(tensor.dtype()));
  std::string first(size, '\0');
  tensor.Read(0, 1, first.data());
  std::string element(size, '\0');
  for (int64_t i = 1; i < std::min<int64_t>(tensor.elements(), kLongConst); ++i) {
    tensor.Read(i, 1, element.data());
    if (element != first) return false;
  }
  return tensor
      .ForEachChunk([&](std::string_view chunk) {
        for (size_t i = 0; i < chunk.size(); i += size) {
          if (chunk.compare(i, size, first) != 0) return FailedCheck("differs");
        }
        return OkStatus();
      })
      .ok();
}

// FNV-1a, 64 bits: tells tensors apart, proves nothing.
std::string HashText(const Tensor& tensor) {
  uint64_t hash = 14695981039346656037u;
  const auto add = [&](std::string_view bytes) {
    for (char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
    return OkStatus();
  };
  if (tensor.dtype() == DType::kString) {
    for (const std::string& text : tensor.strings()) (void)add(text + '\0').ok();
  } else {
    (void)tensor.ForEachChunk(add).ok();
  }
  std::ostringstream out;
  out << std::hex << hash;
  return out.str();
}

std::string TensorText(const Tensor& tensor) {
  if (!tensor.valid()) return "?";
  std::string text = StrCat(NameOf(tensor.dtype()), tensor.shape().ToString(), "{");
  const int64_t elements = tensor.elements();
  const bool readable = HasNumbers(tensor.dtype()) || tensor.dtype() == DType::kString;
  if (elements > 0 && readable && IsUniform(tensor)) {
    text += ElementText(tensor, 0);
  } else if (elements > 0 && readable) {
    const int64_t shown = elements <= kLongConst ? elements : 4;
    for (int64_t i = 0; i < shown; ++i) text += StrCat(i > 0 ? "," : "", ElementText(tensor, i));
    if (shown < elements) text += StrCat(", ... #", HashText(tensor));
  } else if (elements > 0) {
    text += StrCat("... #", HashText(tensor));
  }
  return text + "}";
}

template <class T>
std::string AttrText(const T& value) {
  if constexpr (std::is_same_v<T, int64_t>) {
    return Digits(value);
  } else if constexpr (std::is_same_v<T, float>) {
    return FloatText(value);
  } else if constexpr (std::is_same_v<T, bool>) {
    return value ? "true" : "false";
  } else if constexpr (std::is_same_v<T, std::string>) {
    return Quoted(value);
  } else if constexpr (std::is_same_v<T, DType>) {
    return std::string(NameOf(value));
  } else if constexpr (std::is_same_v<T, Shape>) {
    return "shape" + value.ToString();
  } else if constexpr (std::is_same_v<T, Tensor>) {
    return TensorText(value);
  } else if constexpr (std::is_same_v<T, FunctionName>) {
    return "@" + NameText(value.name);
  } else if constexpr (std::is_same_v<T, OpaqueAttr>) {
    return "opaque" + Quoted(value.wire);
  } else {
    std::string text = "[";
    for (size_t i = 0; i < value.size(); ++i) {
      text += i > 0 ? "," : "";
      text += AttrText<typename T::value_type>(value[i]);
    }
    return text + "]";
  }
}

class Printer {
 public:
  Printer(const Graph& graph, int depth) : graph_(graph), indent_(static_cast<size_t>(2 * depth), ' '), depth_(depth) {
    std::map<NodeId, int> uses;
    for (NodeId id : graph_.NodeIds()) {
      for (Value input : graph_.node(id).inputs) uses[input.node] += input.port == 0 ? 1 : 2;
      for (NodeId control : graph_.node(id).controls) uses[control] += 2;
    }
    for (const GraphOutput& output : graph_.outputs()) uses[output.value.node] += 2;
    for (const auto& [id, count] : uses) {
      if (count == 1 && graph_.IsLive(id) && IsLiteral(graph_.node(id)) && IsShort(graph_.node(id))) inline_.insert(id);
    }
  }

  std::string Print() {
    std::vector<NodeId> inputs;
    for (const auto& [name, body] : graph_.functions()) {
      if (depth_ >= kMaxDepth || body == nullptr) continue;
      text_ += StrCat(indent_, "func ", NameText(name), " {\n", Printer(*body, depth_ + 1).Print(), indent_, "}\n");
    }
    const std::set<NodeId> graph_inputs(graph_.inputs().begin(), graph_.inputs().end());
    for (NodeId id : graph_.NodeIds()) {
      if (inline_.contains(id)) continue;
      const Node& node = graph_.node(id);
      text_ += indent_;
      if (graph_inputs.contains(id) && IsInput(node)) {
        inputs.push_back(id);
        text_ += StrCat("in ", NameText(node.name), ":", NameOf(*node.attr<DType>("dtype")),
                        node.attr_or("shape", Shape()).ToString(), AttrsText(node, {"dtype", "shape"}));
      } else if (IsLiteral(node)) {
        text_ += StrCat(NameText(node.name), " = ", ConstText(node));
      } else {
        text_ += StrCat(NameText(node.name), " = ", OpText(node.op), "(", OperandsText(node), ")", AttrsText(node, {}));
      }
      text_ += '\n';
    }
    if (inputs != graph_.inputs()) {
      text_ += indent_ + "inputs ";
      for (size_t i = 0; i < graph_.inputs().size(); ++i) {
        text_ += StrCat(i > 0 ? ", " : "", NameText(graph_.node(graph_.inputs()[i]).name));
      }
      text_ += '\n';
    }
    if (!graph_.outputs().empty()) text_ += indent_ + "out ";
    for (size_t i = 0; i < graph_.outputs().size(); ++i) {
      const GraphOutput& output = graph_.outputs()[i];
      const bool by_name = output.value.port == 0 && graph_.node(output.value.node).name == output.name;
      text_ += StrCat(i > 0 ? ", " : "", NameText(output.name), by_name ? "" : "=" + ValueText(output.value));
    }
    if (!graph_.outputs().empty()) text_ += '\n';
    return std::move(text_);
  }

 private:
  // A Const that a literal says in full, attributes aside.
  static bool IsLiteral(const Node& node) {
    const Tensor* value = node.attr<Tensor>("value");
    return node.IsConst() && value != nullptr && value->valid() && node.inputs.empty() && node.controls.empty();
  }
  static bool IsShort(const Node& node) {
    const Tensor& value = *node.attr<Tensor>("value");
    const bool readable = HasNumbers(value.dtype()) || value.dtype() == DType::kString;
    return value.elements() <= kLongConst && readable && ConstAttrsText(node).empty();
  }
  static bool IsInput(const Node& node) {
    const DType* dtype = node.attr<DType>("dtype");
    return node.op == "Placeholder" && dtype != nullptr && *dtype != DType::kInvalid && node.inputs.empty() &&
           node.controls.empty() && (node.attr<Shape>("shape") != nullptr || !node.attrs.contains("shape"));
  }

  static std::string AttrsText(const Node& node, const std::set<std::string_view>& skip) {
    std::string text;
    for (const auto& [name, attr] : node.attrs) {
      if (skip.contains(name)) continue;
      text += StrCat(text.empty() ? " {" : ", ", NameText(name), "=",
                     std::visit([](const auto& value) { return AttrText(value); }, attr));
    }
    return text.empty() ? text : text + "}";
  }
  static std::string ConstAttrsText(const Node& node) {
    const DType* dtype = node.attr<DType>("dtype");
    if (dtype != nullptr && *dtype == node.attr<Tensor>("value")->dtype()) return AttrsText(node, {"dtype", "value"});
    return AttrsText(node, {"value"});
  }
  static std::string ConstText(const Node& node) {
    return TensorText(*node.attr<Tensor>("value")) + ConstAttrsText(node);
  }

  std::string ValueText(Value value) const {
    if (!graph_.IsLive(value.node)) return "?";
    const Node& node = graph_.node(value.node);
    if (inline_.contains(value.node)) {
      const Tensor& tensor = *node.attr<Tensor>("value");
      if (tensor.dtype() == DType::kFloat32 && tensor.rank() == 0 && std::isfinite(*tensor.SingleValue())) {
        return ElementText(tensor, 0);
      }
      return TensorText(tensor);
    }
    return value.port == 0 ? NameText(node.name) : StrCat(NameText(node.name), ":", value.port);
  }
  std::string OperandsText(const Node& node) const {
    std::string text;
    for (Value input : node.inputs) text += (text.empty() ? "" : ", ") + ValueText(input);
    for (NodeId control : node.controls) text += (text.empty() ? "^" : ", ^") + NameText(graph_.node(control).name);
    return text;
  }

  const Graph& graph_;
  const std::string indent_;
  const int depth_;
  std::set<NodeId> inline_;
  std::string text_;
};

}  // namespace

std::string PrintText(const Graph& graph) { return Printer(graph, 0).Print(); }

}  // namespace permafrost
