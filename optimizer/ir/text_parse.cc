#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>

#include "optimizer/ir/graph_editor.h"
#include "optimizer/ir/text.h"

namespace permafrost {
namespace {

constexpr size_t kMaxTextBytes = size_t{64} << 20;
constexpr int64_t kMaxElements = int64_t{1} << 24;  // of a constant that is more than one repeated value
constexpr int64_t kMaxStrings = int64_t{1} << 20;
constexpr int kMaxDepth = 8;  // functions inside functions
constexpr int64_t kMaxPort = 65535;

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Pseudo-random float number `index` in [-1, 1) of a seed: splitmix64, 24 bits.
float RandomValue(uint64_t seed, uint64_t index) {
  uint64_t z = seed * 0xd1342543de82ef95u + (index + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  z ^= z >> 31;
  return static_cast<float>(z >> 40) * 0x1p-23f - 1.0f;
}

template <class T>
std::string BytesOf(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
}

struct Operand {
  enum class Kind { kValue, kConst, kControl } kind = Kind::kValue;
  size_t at = 0;
  std::string name;
  int port = 0;
  Tensor tensor;
};

struct Statement {
  size_t at = 0;
  std::string name, op;
  std::vector<Operand> operands;
  AttrMap attrs;
};

struct Output {
  std::string name;
  Operand value;
};

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  StatusOr<Graph> ParseGraph(int depth) {
    std::vector<Statement> statements;
    std::vector<Operand> inputs;
    std::vector<Output> outputs;
    std::map<std::string, std::shared_ptr<const Graph>, std::less<>> functions;
    while (true) {
      SkipStatementEnds();
      if (at_ == text_.size()) {
        if (depth > 0) return Error("the end of the text", "'}'");
        break;
      }
      if (text_[at_] == '}' && depth > 0) break;
      const size_t start = at_;
      const bool quoted = text_[at_] == '"';
      ASSIGN_OR_RETURN(const std::string word, ParseName("a statement"));
      SkipBlank();
      if (!quoted && word == "in") {
        RETURN_IF_ERROR(ParseInputs(statements, inputs));
      } else if (!quoted && word == "inputs") {
        inputs.clear();
        do {
          SkipBlank();
          Operand input{Operand::Kind::kValue, at_, {}, 0, {}};
          ASSIGN_OR_RETURN(input.name, ParseName("the name of an input"));
          inputs.push_back(std::move(input));
          SkipBlank();
        } while (Take(','));
      } else if (!quoted && word == "out") {
        RETURN_IF_ERROR(ParseOutputs(outputs));
      } else if (!quoted && word == "func") {
        if (depth >= kMaxDepth) return ErrorAt(start, "functions nested deeper than the limit", "at most 8 levels");
        ASSIGN_OR_RETURN(const std::string name, ParseName("the name of a function"));
        RETURN_IF_ERROR(Expect('{'));
        ASSIGN_OR_RETURN(Graph body, ParseGraph(depth + 1));
        RETURN_IF_ERROR(Expect('}'));
        if (!functions.emplace(name, std::make_shared<const Graph>(std::move(body))).second) {
          return ErrorAt(start, StrCat("function '", name, "' again"), "one function of a name");
        }
      } else {
        Statement statement;
        statement.at = start;
        statement.name = word;
        RETURN_IF_ERROR(Expect('='));
        RETURN_IF_ERROR(ParseDefinition(statement));
        statements.push_back(std::move(statement));
      }
      SkipBlank();
      if (at_ < text_.size() && text_[at_] != ';' && text_[at_] != '\n' && !(text_[at_] == '}' && depth > 0)) {
        return Error(Here(), "';' or a new line");
      }
    }
    return Build(std::move(statements), inputs, outputs, std::move(functions));
  }

 private:
  // ---- characters ----
  void SkipBlank() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      } else if (c == ' ' || c == '\t' || c == '\r' || (c == '\n' && nesting_ > 0)) {
        ++at_;
      } else {
        return;
      }
    }
  }
  void SkipStatementEnds() {
    SkipBlank();
    while (at_ < text_.size() && (text_[at_] == ';' || text_[at_] == '\n')) {
      ++at_;
      SkipBlank();
    }
  }
  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool Take(char c) {
    SkipBlank();
    if (Peek() != c || at_ == text_.size()) return false;
    ++at_;
    return true;
  }
  Status Expect(char c) { return Take(c) ? OkStatus() : Error(Here(), StrCat("'", c, "'")); }
  std::string Here() const {
    if (at_ >= text_.size()) return "the end of the text";
    if (text_[at_] == '\n') return "the end of the line";
    const auto byte = static_cast<unsigned char>(text_[at_]);
    if (byte < 0x20 || byte >= 0x7f) return StrCat("byte ", static_cast<int>(byte));
    return StrCat("'", text_[at_], "'");
  }
  Status Error(std::string_view found, std::string_view expected) const { return ErrorAt(at_, found, expected); }
  Status ErrorAt(size_t at, std::string_view found, std::string_view expected) const {
    const std::string_view before = text_.substr(0, std::min(at, text_.size()));
    const size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
    return InvalidArgument("line ", std::count(before.begin(), before.end(), '\n') + 1, ", column ",
                           before.size() - line_start + 1, ": found ", found, ", expected ", expected);
  }

  // ---- words ----
  std::string_view TakePlain() {
    const size_t start = at_;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (!IsLetter(c) && !(at_ > start && (IsDigit(c) || c == '.' || c == '/' || c == '-'))) break;
      ++at_;
    }
    return text_.substr(start, at_ - start);
  }

  StatusOr<std::string> ParseName(std::string_view what) {
    SkipBlank();
    if (Peek() == '"') {
      const size_t start = at_;
      ASSIGN_OR_RETURN(std::string name, ParseString());
      if (name.empty()) return ErrorAt(start, "an empty name", what);
      return name;
    }
    if (!IsLetter(Peek())) return Error(Here(), what);
    return std::string(TakePlain());
  }

  StatusOr<std::string> ParseString() {
    if (Peek() != '"') return Error(Here(), "a string in double quotes");
    ++at_;
    std::string value;
    while (true) {
      if (at_ >= text_.size() || text_[at_] == '\n') return Error(Here(), "'\"' at the end of the string");
      const char c = text_[at_++];
      if (c == '"') return value;
      if (c != '\\') {
        value += c;
        continue;
      }
      const char escaped = Peek();
      if (escaped == '"' || escaped == '\\') {
        value += escaped;
        ++at_;
        continue;
      }
      int byte = 0;
      const std::string_view hex = text_.substr(std::min(at_ + 1, text_.size()), 2);
      const auto parsed = std::from_chars(hex.data(), hex.data() + hex.size(), byte, 16);
      if (escaped != 'x' || hex.size() != 2 || parsed.ptr != hex.data() + 2) {
        return Error(Here(), "'\\\\', '\\\"' or '\\xNN' after a backslash");
      }
      value += static_cast<char>(byte);
      at_ += 3;
    }
  }

  template <class T>
  StatusOr<T> ParseNumber(std::string_view what) {
    SkipBlank();
    const size_t start = at_;
    T value{};
    const auto parsed = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (parsed.ec == std::errc::result_out_of_range) return Error("a number out of range", what);
    if (parsed.ec != std::errc()) return Error(Here(), what);
    at_ = static_cast<size_t>(parsed.ptr - text_.data());
    if (at_ < text_.size() && (IsLetter(text_[at_]) || text_[at_] == '.')) {
      return ErrorAt(start, StrCat("'", text_.substr(start, at_ + 1 - start), "'"), what);
    }
    return value;
  }

  // "[1,?,3]" or "?".
  StatusOr<Shape> ParseShape() {
    if (Take('?')) return Shape();
    RETURN_IF_ERROR(Expect('['));
    ++nesting_;
    std::vector<int64_t> dims;
    if (!Take(']')) {
      do {
        if (Take('?')) {
          dims.push_back(kUnknownDim);
          continue;
        }
        SkipBlank();
        const size_t start = at_;
        ASSIGN_OR_RETURN(const int64_t dim, ParseNumber<int64_t>("a dim or '?'"));
        if (dim < 0) return ErrorAt(start, StrCat(dim), "a dim that is not negative, or '?'");
        dims.push_back(dim);
      } while (Take(','));
      RETURN_IF_ERROR(Expect(']'));
    }
    --nesting_;
    return Shape(std::move(dims));
  }

  // ---- constants ----
  template <class T>
  StatusOr<std::string> ParseInteger() {
    const size_t start = at_;
    using Wide = std::conditional_t<std::is_same_v<T, uint64_t>, uint64_t, int64_t>;
    ASSIGN_OR_RETURN(const Wide value, ParseNumber<Wide>("an integer"));
    if constexpr (!std::is_same_v<T, Wide>) {
      if (value < static_cast<Wide>(std::numeric_limits<T>::min()) ||
          value > static_cast<Wide>(std::numeric_limits<T>::max())) {
        return ErrorAt(start, StrCat(value), "an integer that the dtype can hold");
      }
    }
    return BytesOf(static_cast<T>(value));
  }

  StatusOr<std::string> ParseElement(DType dtype) {
    SkipBlank();
    switch (dtype) {
      case DType::kFloat32: {
        ASSIGN_OR_RETURN(const float value, ParseNumber<float>("a number"));
        return BytesOf(value);
      }
      case DType::kHalf:
      case DType::kBFloat16: {
        ASSIGN_OR_RETURN(const float value, ParseNumber<float>("a number"));
        return std::string(Tensor::Scalar(value).Cast(dtype).Dense().DenseBytes());
      }
      case DType::kFloat64: {
        ASSIGN_OR_RETURN(const double value, ParseNumber<double>("a number"));
        return BytesOf(value);
      }
      case DType::kBool: {
        const size_t start = at_;
        const std::string_view word = TakePlain();
        if (word != "true" && word != "false") {
          return ErrorAt(start, StrCat("'", word, "'"), "true or false");
        }
        return std::string(1, word == "true" ? '\1' : '\0');
      }
      case DType::kInt8:
      case DType::kQInt8:
        return ParseInteger<int8_t>();
      case DType::kUint8:
      case DType::kQUint8:
        return ParseInteger<uint8_t>();
      case DType::kInt16:
      case DType::kQInt16:
        return ParseInteger<int16_t>();
      case DType::kUint16:
      case DType::kQUint16:
        return ParseInteger<uint16_t>();
      case DType::kInt32:
      case DType::kQInt32:
        return ParseInteger<int32_t>();
      case DType::kUint32:
        return ParseInteger<uint32_t>();
      case DType::kInt64:
        return ParseInteger<int64_t>();
      case DType::kUint64:
        return ParseInteger<uint64_t>();
      case DType::kString:
        return ParseString();
      default:
        return Error(StrCat("a constant of type ", NameOf(dtype)), "a type that text can hold");
    }
  }

  // After the dtype: "[2,2]{1,2,3,4}" or "[2,2]~7".
  StatusOr<Tensor> ParseTensor(DType dtype) {
    const size_t start = at_;
    ASSIGN_OR_RETURN(const Shape shape, ParseShape());
    const int64_t elements = shape.Elements();
    if (elements < 0 || (SizeOf(dtype) > 0 && elements > std::numeric_limits<int64_t>::max() / SizeOf(dtype))) {
      return ErrorAt(start, StrCat("shape ", shape.ToString()), "known dims whose product fits");
    }
    if (Take('~')) return ParseRandom(dtype, shape.dims(), elements, start);
    RETURN_IF_ERROR(Expect('{'));
    ++nesting_;
    std::string bytes;
    std::vector<std::string> strings;
    int64_t count = 0;
    if (!Take('}')) {
      do {
        SkipBlank();
        if (text_.substr(at_, 3) == "...")
          return Error("a shortened constant", "all its values: it cannot be read back");
        ASSIGN_OR_RETURN(std::string element, ParseElement(dtype));
        ++count;
        if (dtype == DType::kString) {
          strings.push_back(std::move(element));
        } else {
          bytes += element;
        }
      } while (Take(','));
      RETURN_IF_ERROR(Expect('}'));
    }
    --nesting_;
    if (count != elements && (count != 1 || elements == 0)) {
      return ErrorAt(start, StrCat(count, " values"), StrCat(elements, elements > 1 ? " or 1" : ""));
    }
    if (dtype == DType::kString) {
      if (elements > kMaxStrings) return ErrorAt(start, StrCat(elements, " strings"), "at most 2^20");
      if (count == 1) strings.resize(static_cast<size_t>(elements), strings[0]);
      return Tensor::Strings(shape.dims(), std::move(strings));
    }
    if (count == 1 && elements > 1) return Tensor::Splat(dtype, shape.dims(), std::move(bytes));
    return Tensor::Buffer(dtype, shape.dims(), std::move(bytes));
  }

  StatusOr<Tensor> ParseRandom(DType dtype, const std::vector<int64_t>& dims, int64_t elements, size_t start) {
    ASSIGN_OR_RETURN(const int64_t seed, ParseNumber<int64_t>("a seed"));
    if (!IsFloating(dtype)) return ErrorAt(start, StrCat("random values of type ", NameOf(dtype)), "a floating type");
    if (elements > kMaxElements) return ErrorAt(start, StrCat(elements, " random values"), "at most 2^24");
    std::vector<float> values(static_cast<size_t>(elements));
    for (size_t i = 0; i < values.size(); ++i) values[i] = RandomValue(static_cast<uint64_t>(seed), i);
    return Tensor::Of(dims, values).Cast(dtype).Dense();
  }

  // ---- attributes ----
  StatusOr<Attr> ParseAttr(bool in_list) {
    SkipBlank();
    const size_t start = at_;
    if (Peek() == '"') {
      ASSIGN_OR_RETURN(std::string value, ParseString());
      return Attr(std::move(value));
    }
    if (Take('@')) {
      ASSIGN_OR_RETURN(std::string name, ParseName("the name of a function"));
      return Attr(FunctionName{std::move(name)});
    }
    if (Take('?')) return Attr(DType::kInvalid);
    if (Peek() == '[' && !in_list) return ParseList();
    if (IsLetter(Peek())) {
      const std::string_view word = TakePlain();
      if (word == "true" || word == "false") return Attr(word == "true");
      if (word == "inf") return Attr(std::numeric_limits<float>::infinity());
      if (word == "nan") return Attr(std::numeric_limits<float>::quiet_NaN());
      if (word == "shape") {
        ASSIGN_OR_RETURN(Shape shape, ParseShape());
        return Attr(std::move(shape));
      }
      if (word == "opaque") {
        ASSIGN_OR_RETURN(std::string wire, ParseString());
        return Attr(OpaqueAttr{std::move(wire)});
      }
      const std::optional<DType> dtype = ParseDType(word);
      if (!dtype.has_value()) return ErrorAt(start, StrCat("'", word, "'"), "the value of an attribute");
      if (Peek() != '[') return Attr(*dtype);
      ASSIGN_OR_RETURN(Tensor tensor, ParseTensor(*dtype));
      return Attr(std::move(tensor));
    }
    size_t end = at_;
    while (end < text_.size() && (IsDigit(text_[end]) || text_[end] == '-')) ++end;
    const bool integer = end == text_.size() || (text_[end] != '.' && !IsLetter(text_[end]));
    if (integer) {
      ASSIGN_OR_RETURN(const int64_t value, ParseNumber<int64_t>("the value of an attribute"));
      return Attr(value);
    }
    ASSIGN_OR_RETURN(const float value, ParseNumber<float>("the value of an attribute"));
    return Attr(value);
  }

  StatusOr<Attr> ParseList() {
    const size_t start = at_;
    RETURN_IF_ERROR(Expect('['));
    ++nesting_;
    std::vector<Attr> items;
    if (!Take(']')) {
      do {
        ASSIGN_OR_RETURN(Attr item, ParseAttr(/*in_list=*/true));
        items.push_back(std::move(item));
      } while (Take(','));
      RETURN_IF_ERROR(Expect(']'));
    }
    --nesting_;
    if (items.empty()) return Attr(std::vector<int64_t>());
    return std::visit(
        [&](const auto& first) -> StatusOr<Attr> {
          using T = std::decay_t<decltype(first)>;
          if constexpr (std::is_constructible_v<Attr, std::in_place_type_t<std::vector<T>>>) {
            std::vector<T> list;
            for (const Attr& item : items) {
              const T* value = std::get_if<T>(&item);
              if (value == nullptr) return ErrorAt(start, "a list of several kinds", "one kind of value in a list");
              list.push_back(*value);
            }
            return Attr(std::move(list));
          } else {
            return ErrorAt(start, "a list of tensors or opaque values", "a list of a kind that attributes have");
          }
        },
        items[0]);
  }

  Status ParseAttrs(AttrMap& attrs) {
    if (!Take('{')) return OkStatus();
    ++nesting_;
    do {
      SkipBlank();
      const size_t start = at_;
      ASSIGN_OR_RETURN(const std::string name, ParseName("the name of an attribute"));
      RETURN_IF_ERROR(Expect('='));
      ASSIGN_OR_RETURN(Attr value, ParseAttr(/*in_list=*/false));
      if (!given_.insert(name).second) return ErrorAt(start, StrCat("attribute '", name, "' again"), "one of a name");
      attrs.insert_or_assign(name, std::move(value));
    } while (Take(','));
    given_.clear();
    RETURN_IF_ERROR(Expect('}'));
    --nesting_;
    return OkStatus();
  }

  // ---- statements ----
  Status ParseInputs(std::vector<Statement>& statements, std::vector<Operand>& inputs) {
    do {
      SkipBlank();
      Statement statement;
      statement.at = at_;
      statement.op = "Placeholder";
      ASSIGN_OR_RETURN(statement.name, ParseName("the name of an input"));
      RETURN_IF_ERROR(Expect(':'));
      ASSIGN_OR_RETURN(const DType dtype, ParseTypeName());
      ASSIGN_OR_RETURN(Shape shape, ParseShape());
      statement.attrs["dtype"] = dtype;
      statement.attrs["shape"] = std::move(shape);
      RETURN_IF_ERROR(ParseAttrs(statement.attrs));
      inputs.push_back({Operand::Kind::kValue, statement.at, statement.name, 0, {}});
      statements.push_back(std::move(statement));
    } while (Take(','));
    return OkStatus();
  }

  StatusOr<DType> ParseTypeName() {
    SkipBlank();
    const size_t start = at_;
    const std::string_view word = TakePlain();
    const std::optional<DType> dtype = ParseDType(word);
    if (!dtype.has_value()) {
      return ErrorAt(start, word.empty() ? Here() : StrCat("'", word, "'"), "a dtype such as float32");
    }
    return *dtype;
  }

  Status ParseOutputs(std::vector<Output>& outputs) {
    do {
      SkipBlank();
      Output output;
      output.value.at = at_;
      ASSIGN_OR_RETURN(output.name, ParseName("the name of an output"));
      if (Take('=')) {
        RETURN_IF_ERROR(ParseReference(output.value));
      } else {
        output.value.name = output.name;
      }
      outputs.push_back(std::move(output));
    } while (Take(','));
    return OkStatus();
  }

  Status ParseReference(Operand& operand) {
    SkipBlank();
    operand.at = at_;
    ASSIGN_OR_RETURN(operand.name, ParseName("the name of a node"));
    if (Peek() != ':') return OkStatus();
    ++at_;
    const size_t start = at_;
    ASSIGN_OR_RETURN(const int64_t port, ParseNumber<int64_t>("a port"));
    if (port < 0 || port > kMaxPort) return ErrorAt(start, StrCat("port ", port), "0 to 65535");
    operand.port = static_cast<int>(port);
    return OkStatus();
  }

  // "float32[2]{1,2}" or "1.5"; false when something else is there.
  StatusOr<bool> ParseLiteral(Tensor& tensor) {
    SkipBlank();
    const char c = Peek();
    if (IsDigit(c) || c == '-' || c == '.') {
      ASSIGN_OR_RETURN(const float value, ParseNumber<float>("a number"));
      tensor = Tensor::Scalar(value);
      return true;
    }
    const size_t start = at_;
    const std::optional<DType> dtype = ParseDType(TakePlain());
    if (!dtype.has_value() || Peek() != '[') {
      at_ = start;
      return false;
    }
    ASSIGN_OR_RETURN(tensor, ParseTensor(*dtype));
    return true;
  }

  Status ParseDefinition(Statement& statement) {
    Tensor value;
    ASSIGN_OR_RETURN(const bool literal, ParseLiteral(value));
    if (literal) {
      statement.op = "Const";
      statement.attrs["dtype"] = value.dtype();
      statement.attrs["value"] = std::move(value);
      return ParseAttrs(statement.attrs);
    }
    ASSIGN_OR_RETURN(statement.op, ParseName("an op or a constant"));
    if (text_.substr(at_, 2) == "::") {
      at_ += 2;
      ASSIGN_OR_RETURN(const std::string rest, ParseName("the name of an op"));
      statement.op += "::" + rest;
    }
    RETURN_IF_ERROR(Expect('('));
    ++nesting_;
    if (!Take(')')) {
      do {
        Operand operand;
        SkipBlank();
        operand.at = at_;
        if (Take('^')) {
          operand.kind = Operand::Kind::kControl;
          ASSIGN_OR_RETURN(operand.name, ParseName("the name of a node"));
        } else {
          ASSIGN_OR_RETURN(const bool constant, ParseLiteral(operand.tensor));
          if (constant) {
            operand.kind = Operand::Kind::kConst;
          } else {
            RETURN_IF_ERROR(ParseReference(operand));
          }
        }
        statement.operands.push_back(std::move(operand));
      } while (Take(','));
      RETURN_IF_ERROR(Expect(')'));
    }
    --nesting_;
    return ParseAttrs(statement.attrs);
  }

  // ---- the graph ----
  StatusOr<Graph> Build(std::vector<Statement> statements, const std::vector<Operand>& inputs,
                        const std::vector<Output>& outputs,
                        std::map<std::string, std::shared_ptr<const Graph>, std::less<>> functions) const {
    std::set<std::string> names;
    for (const Statement& statement : statements) {
      if (!names.insert(statement.name).second) {
        return ErrorAt(statement.at, StrCat("node '", statement.name, "' again"), "one node of a name");
      }
    }
    Graph graph;
    GraphEditor editor(graph);
    // All nodes first: a use may come before its definition. The constants of a node lie right before it.
    std::vector<std::vector<NodeId>> constants(statements.size());
    for (size_t i = 0; i < statements.size(); ++i) {
      Statement& statement = statements[i];
      for (const Operand& operand : statement.operands) {
        if (operand.kind != Operand::Kind::kConst) continue;
        std::string name = statement.name + "/const";
        for (int n = 1; !names.insert(name).second; ++n) name = StrCat(statement.name, "/const_", n);
        constants[i].push_back(editor.AddConst(name, operand.tensor));
      }
      Node node;
      node.name = statement.name;
      node.op = std::move(statement.op);
      node.attrs = std::move(statement.attrs);
      editor.AddNode(std::move(node));
    }
    const auto find = [&](const Operand& operand) -> StatusOr<Value> {
      const std::optional<NodeId> id = graph.Find(operand.name);
      if (!id.has_value() || !names.contains(operand.name)) {
        return ErrorAt(operand.at, StrCat("'", operand.name, "'"), "the name of a node of this graph");
      }
      return Value{*id, operand.port};
    };
    for (size_t i = 0; i < statements.size(); ++i) {
      const NodeId id = *graph.Find(statements[i].name);
      std::vector<Value> values;
      std::vector<NodeId> controls;
      size_t constant = 0;
      for (const Operand& operand : statements[i].operands) {
        if (operand.kind == Operand::Kind::kConst) {
          values.push_back({constants[i][constant++], 0});
          continue;
        }
        ASSIGN_OR_RETURN(const Value value, find(operand));
        if (operand.kind == Operand::Kind::kControl) {
          controls.push_back(value.node);
        } else {
          values.push_back(value);
        }
      }
      editor.SetInputs(id, std::move(values));
      editor.SetControls(id, std::move(controls));
    }
    std::vector<NodeId> graph_inputs;
    for (const Operand& input : inputs) {
      ASSIGN_OR_RETURN(const Value value, find(input));
      if (graph.node(value.node).op != "Placeholder") {
        return ErrorAt(input.at, StrCat("'", input.name, "', a ", graph.node(value.node).op), "a Placeholder");
      }
      if (std::find(graph_inputs.begin(), graph_inputs.end(), value.node) != graph_inputs.end()) {
        return ErrorAt(input.at, StrCat("input '", input.name, "' again"), "each input once");
      }
      graph_inputs.push_back(value.node);
    }
    editor.SetGraphInputs(std::move(graph_inputs));
    std::vector<GraphOutput> graph_outputs;
    std::set<std::string_view> output_names;
    for (const Output& output : outputs) {
      ASSIGN_OR_RETURN(const Value value, find(output.value));
      if (!output_names.insert(output.name).second) {
        return ErrorAt(output.value.at, StrCat("output '", output.name, "' again"), "one output of a name");
      }
      graph_outputs.push_back({output.name, value});
    }
    editor.SetGraphOutputs(std::move(graph_outputs));
    for (auto& [name, body] : functions) editor.SetFunction(name, std::move(body));
    return graph;
  }

  std::string_view text_;
  size_t at_ = 0;
  int nesting_ = 0;
  std::set<std::string> given_;  // attribute names of the node being read
};

}  // namespace

StatusOr<Graph> ParseText(std::string_view text) {
  if (text.size() > kMaxTextBytes) {
    return ResourceExhausted("the text has ", text.size(), " bytes, expected at most ", kMaxTextBytes);
  }
  return Parser(text).ParseGraph(0);
}

}  // namespace permafrost
