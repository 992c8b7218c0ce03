#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace permafrost {

// A call in C++ or Python source that gives a model to OpenCV.
struct ModelCall {
  std::string file;      // as it was named
  int line = 0;          // of the function's name, from 1
  std::string function;  // readNetFromTensorflow, readNet
  std::string text;      // from the function's name to the closing parenthesis
  std::vector<std::string> literals;  // the strings in it
};

// By the ending of its name.
bool IsSourceFile(std::string_view path);
bool IsPythonFile(std::string_view path);

// The calls in `source` in order. Comments are left out, strings are not looked into. A call that nothing closes ends
// with the file.
std::vector<ModelCall> FindModelCalls(std::string_view file, std::string_view source);

// Does a string that names a file, as code writes paths, mean the model at `path`? Compared from the end, folder by
// folder, as far as both go.
bool NamesModel(std::string_view literal, std::string_view path);

// The call with `path` given as ONNX: readNetFromONNX, and the name of the model's file replaced. A second argument, the
// description that only TensorFlow models have, goes.
std::string AsOnnxCall(const ModelCall& call, std::string_view path, std::string_view onnx_path);

}  // namespace permafrost
