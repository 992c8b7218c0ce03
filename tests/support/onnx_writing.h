#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/wire_writing.h"

// ONNX models by hand, the damaged ones too.
namespace permafrost::wire {

constexpr int kOnnxFloat = 1, kOnnxInt64 = 7;

inline std::string OnnxTensor(std::string_view name, const std::vector<int64_t>& dims, std::string_view rest,
                              int type = kOnnxFloat) {
  std::string bytes;
  for (const int64_t dim : dims) bytes += Number(1, static_cast<uint64_t>(dim));
  return bytes + Number(2, static_cast<uint64_t>(type)) + Bytes(8, name) + std::string(rest);
}
inline std::string OnnxFloats(std::string_view name, const std::vector<int64_t>& dims, const std::vector<float>& values) {
  std::string raw;
  for (const float value : values) raw += Raw(value);
  return OnnxTensor(name, dims, Bytes(9, raw));
}
inline std::string OnnxInts(std::string_view name, const std::vector<int64_t>& dims, const std::vector<int64_t>& values) {
  std::string raw;
  for (const int64_t value : values) raw += Raw(value);
  return OnnxTensor(name, dims, Bytes(9, raw), kOnnxInt64);
}
inline std::string OnnxIntAttr(std::string_view name, int64_t value) {
  return Bytes(1, name) + Number(3, static_cast<uint64_t>(value)) + Number(20, 2);
}
inline std::string OnnxNode(std::string_view op, const std::vector<std::string>& inputs,
                            const std::vector<std::string>& outputs, const std::vector<std::string>& attrs = {},
                            std::string_view domain = "") {
  std::string bytes;
  for (const std::string& input : inputs) bytes += Bytes(1, input);
  for (const std::string& output : outputs) bytes += Bytes(2, output);
  bytes += Bytes(4, op);
  for (const std::string& attr : attrs) bytes += Bytes(5, attr);
  return domain.empty() ? bytes : bytes + Bytes(7, domain);
}
// A dim below 0 is the symbol "n".
inline std::string OnnxValue(std::string_view name, const std::vector<int64_t>& dims) {
  std::string shape;
  for (const int64_t dim : dims) shape += Bytes(1, dim < 0 ? Bytes(2, "n") : Number(1, static_cast<uint64_t>(dim)));
  return Bytes(1, name) + Bytes(2, Bytes(1, Number(1, kOnnxFloat) + Bytes(2, shape)));
}

struct OnnxParts {
  std::vector<std::string> nodes, initializers, inputs, outputs;
};
inline std::string OnnxGraphBytes(const OnnxParts& parts) {
  std::string bytes;
  for (const std::string& node : parts.nodes) bytes += Bytes(1, node);
  for (const std::string& tensor : parts.initializers) bytes += Bytes(5, tensor);
  for (const std::string& input : parts.inputs) bytes += Bytes(11, input);
  for (const std::string& output : parts.outputs) bytes += Bytes(12, output);
  return bytes;
}
inline std::string OnnxModelBytes(const OnnxParts& parts, uint64_t opset = 13, uint64_t ir_version = 8) {
  return Number(1, ir_version) + Bytes(2, "test") + Bytes(7, OnnxGraphBytes(parts)) + Bytes(8, Number(2, opset));
}

}  // namespace permafrost::wire
