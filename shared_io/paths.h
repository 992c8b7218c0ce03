#pragma once

#include <string>
#include <string_view>

namespace permafrost {

// The suffix after the last dot of the name, in small letters: "dir/Net.ONNX" -> "onnx"; "" where there is none.
std::string SuffixOf(std::string_view path);

bool IsOnnxPath(std::string_view path);

// Where the description of a model file lies: "dir/model.pb" -> "dir/model.json", "dir/model.onnx" ->
// "dir/model.onnx.json".
std::string ModelInfoPath(std::string_view model_path);

}  // namespace permafrost
