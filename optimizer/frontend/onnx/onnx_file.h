#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "optimizer/ir/dtype.h"
#include "optimizer/ir/shape.h"
#include "optimizer/support/limits.h"
#include "optimizer/support/status.h"

// An ONNX file as it is written: names and structure, nothing understood yet. All views lie in the file's bytes.
namespace permafrost::from_onnx {

struct FileAttr {
  enum class Kind { kNone, kFloat, kInt, kString, kTensor, kGraph, kFloats, kInts, kStrings, kOther };
  Kind kind = Kind::kNone;
  float f = 0;
  int64_t i = 0;
  std::string_view bytes;  // of a string; a serialised TensorProto or GraphProto
  std::vector<float> floats;
  std::vector<int64_t> ints;
  std::vector<std::string_view> strings;
};

struct FileNode {
  std::string_view name, op, domain;
  std::vector<std::string_view> inputs, outputs;  // names of values; "" is left out
  std::map<std::string_view, FileAttr> attrs;
};

// An input or output of the graph.
struct FileValue {
  std::string_view name;
  DType dtype = DType::kInvalid;
  Shape shape;  // a dim that has a symbol is unknown
};

struct FileGraph {
  std::vector<FileNode> nodes;  // producers first
  std::vector<std::pair<std::string_view, std::string_view>> initializers;  // name, serialised TensorProto
  std::vector<FileValue> inputs, outputs;                                   // inputs without initializers among them
};

struct OnnxFile {
  int64_t ir_version = 0;
  std::string_view producer;
  std::map<std::string_view, int64_t> opsets;  // by domain; "" is ONNX's own
  FileGraph graph;
};

// Element types as ONNX numbers them; kInvalid for what we cannot hold (strings can, int4 and float8 cannot).
DType DTypeFromOnnx(int64_t number);

// Does the file begin as an ONNX model does?
bool IsOnnx(std::string_view bytes);

// Errors: damage, no graph, versions that we do not read, a value that two nodes give, one that none gives, nodes that
// hang on themselves, limits.
StatusOr<OnnxFile> ReadOnnxFile(std::string_view bytes, const Limits& limits);
// The same of a graph inside an attribute. `outside` names the values that it may use of the graph around it.
StatusOr<FileGraph> ReadFileGraph(std::string_view bytes, const Limits& limits,
                                  const std::vector<std::string_view>& outside);

// How messages call a node.
std::string Where(const FileNode& node);

}  // namespace permafrost::from_onnx
