#include "shared_io/paths.h"

#include <cctype>

namespace permafrost {

namespace {

// Where the last dot of the name is; npos: it has none, or begins with it.
size_t DotOf(std::string_view path) {
  const size_t slash = path.rfind('/'), dot = path.rfind('.');
  const bool has_suffix = dot != std::string_view::npos && (slash == std::string_view::npos || dot > slash + 1);
  return has_suffix ? dot : std::string_view::npos;
}

}  // namespace

std::string SuffixOf(std::string_view path) {
  const size_t dot = DotOf(path);
  std::string suffix(dot == path.npos ? "" : path.substr(dot + 1));
  for (char& c : suffix) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return suffix;
}

bool IsOnnxPath(std::string_view path) { return SuffixOf(path) == "onnx"; }

std::string ModelInfoPath(std::string_view model_path) {
  if (IsOnnxPath(model_path)) return std::string(model_path) + ".json";  // a .pb of the same name may lie beside it
  return std::string(model_path.substr(0, DotOf(model_path))) + ".json";
}

}  // namespace permafrost
