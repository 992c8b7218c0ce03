#include "shared_io/paths.h"

namespace permafrost {

bool IsOnnxPath(std::string_view path) { return path.ends_with(".onnx"); }

std::string ModelInfoPath(std::string_view model_path) {
  if (IsOnnxPath(model_path)) return std::string(model_path) + ".json";  // a .pb of the same name may lie beside it
  const size_t slash = model_path.rfind('/');
  const size_t dot = model_path.rfind('.');
  const bool has_suffix = dot != std::string_view::npos && (slash == std::string_view::npos || dot > slash + 1);
  return std::string(has_suffix ? model_path.substr(0, dot) : model_path) + ".json";
}

}  // namespace permafrost
