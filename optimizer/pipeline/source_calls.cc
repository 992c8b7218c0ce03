#include "optimizer/pipeline/source_calls.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

#include "optimizer/support/status.h"

namespace permafrost {
namespace {

constexpr std::array<std::string_view, 8> kCppEndings = {".cc", ".cpp", ".cxx", ".c++", ".h", ".hh", ".hpp", ".hxx"};
constexpr std::array<std::string_view, 2> kPythonEndings = {".py", ".pyx"};
constexpr std::array<std::string_view, 2> kFunctions = {"readNetFromTensorflow", "readNet"};

template <class Endings>
bool EndsWithOneOf(std::string_view path, const Endings& endings) {
  return std::any_of(endings.begin(), endings.end(), [&](std::string_view ending) { return path.ends_with(ending); });
}

bool IsWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Where what starts at `at` ends, if it is a comment or a string; else `at`.
struct Skipped {
  size_t end;
  std::optional<std::string> literal;
};
Skipped SkipAt(std::string_view source, size_t at, bool python) {
  const std::string_view rest = source.substr(at);
  const auto until = [&](std::string_view closing, size_t from) {
    const size_t end = rest.find(closing, from);
    return at + (end == std::string_view::npos ? rest.size() : end + closing.size());
  };
  if (python && rest.starts_with('#')) return {until("\n", 0), std::nullopt};
  if (!python && rest.starts_with("//")) return {until("\n", 0), std::nullopt};
  if (!python && rest.starts_with("/*")) return {until("*/", 2), std::nullopt};
  const char quote = rest.empty() ? '\0' : rest[0];
  if (quote != '"' && quote != '\'') return {at, std::nullopt};
  const std::string triple(3, quote);
  if (python && rest.starts_with(triple)) {
    const size_t end = until(triple, 3);
    return {end, std::string(source.substr(at + 3, std::max<size_t>(end, at + 6) - at - 6))};
  }
  // In C++ a quote between digits parts them.
  if (!python && quote == '\'' && at > 0 && IsWord(source[at - 1])) return {at + 1, std::nullopt};
  size_t end = at + 1;
  std::string literal;
  while (end < source.size() && source[end] != quote && source[end] != '\n') {
    if (source[end] == '\\' && end + 1 < source.size()) ++end;
    literal += source[end++];
  }
  return {std::min(end + 1, source.size()), literal};
}

std::vector<std::string_view> PartsOf(std::string_view path) {
  std::vector<std::string_view> parts;
  size_t begin = 0;
  while (begin <= path.size()) {
    const size_t end = std::min(path.find_first_of("/\\", begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (!part.empty() && part != "." && part != "..") parts.push_back(part);
    begin = end + 1;
  }
  return parts;
}

}  // namespace

bool IsPythonFile(std::string_view path) { return EndsWithOneOf(path, kPythonEndings); }
bool IsSourceFile(std::string_view path) { return IsPythonFile(path) || EndsWithOneOf(path, kCppEndings); }

std::vector<ModelCall> FindModelCalls(std::string_view file, std::string_view source) {
  const bool python = IsPythonFile(file);
  std::vector<ModelCall> calls;
  int line = 1;
  size_t counted = 0;
  const auto line_of = [&](size_t at) {
    line += static_cast<int>(std::count(source.begin() + static_cast<std::ptrdiff_t>(counted),
                                        source.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
    counted = at;
    return line;
  };
  for (size_t at = 0; at < source.size();) {
    if (const Skipped skipped = SkipAt(source, at, python); skipped.end > at) {
      at = skipped.end;
      continue;
    }
    if (!IsWord(source[at])) {
      ++at;
      continue;
    }
    size_t end = at;
    while (end < source.size() && IsWord(source[end])) ++end;
    const std::string_view word = source.substr(at, end - at);
    size_t open = end;
    while (open < source.size() && std::isspace(static_cast<unsigned char>(source[open])) != 0) ++open;
    const bool is_call = std::find(kFunctions.begin(), kFunctions.end(), word) != kFunctions.end() &&
                         open < source.size() && source[open] == '(';
    if (!is_call) {
      at = end;
      continue;
    }
    ModelCall call{std::string(file), line_of(at), std::string(word), "", {}};
    int depth = 0;
    size_t i = open;
    while (i < source.size()) {
      Skipped skipped = SkipAt(source, i, python);
      if (skipped.literal) call.literals.push_back(*std::move(skipped.literal));
      if (skipped.end > i) {
        i = skipped.end;
        continue;
      }
      depth += source[i] == '(' ? 1 : source[i] == ')' ? -1 : 0;
      ++i;
      if (depth == 0) break;
    }
    call.text = std::string(source.substr(at, i - at));
    calls.push_back(std::move(call));
    at = i;
  }
  return calls;
}

bool NamesModel(std::string_view literal, std::string_view path) {
  const auto asked = PartsOf(literal), own = PartsOf(path);
  if (asked.empty() || own.empty()) return false;
  return std::equal(asked.rbegin(), asked.rbegin() + static_cast<std::ptrdiff_t>(std::min(asked.size(), own.size())),
                    own.rbegin());
}

std::string AsOnnxCall(const ModelCall& call, std::string_view path, std::string_view onnx_path) {
  const auto name_of = [](std::string_view whole) { return whole.substr(whole.find_last_of('/') + 1); };
  std::string text = call.text;
  for (const std::string& literal : call.literals) {
    const size_t at = text.find(literal);
    if (at == std::string::npos || literal.empty()) continue;
    if (NamesModel(literal, path)) {
      const size_t name = literal.find_last_of("/\\") + 1;
      text.replace(at + name, literal.size() - name, name_of(onnx_path));
      // What follows describes the TensorFlow graph.
      const size_t quote = at + name + name_of(onnx_path).size();
      const size_t comma = text.find(',', quote), close = text.rfind(')');
      if (comma != std::string::npos && close != std::string::npos && comma < close) text.erase(comma, close - comma);
      break;
    }
  }
  if (call.function == "readNetFromTensorflow") text.replace(0, call.function.size(), "readNetFromONNX");
  return text;
}

}  // namespace permafrost
