#pragma once

#include <string>
#include <string_view>

namespace permafrost {

bool IsOnnxPath(std::string_view path);

// Where the description of a model file lies: "dir/model.pb" -> "dir/model.json", "dir/model.onnx" ->
// "dir/model.onnx.json".
std::string ModelInfoPath(std::string_view model_path);

}  // namespace permafrost
