#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "permafrost/graph.pb.h"

namespace permafrost {

// Writes small frozen graphs for the tests of what loads them.
class TinyGraph {
 public:
  tf::NodeDef& Add(std::string_view name, std::string_view op, const std::vector<std::string>& inputs) {
    tf::NodeDef& node = *graph_.add_node();
    node.set_name(std::string(name));
    node.set_op(std::string(op));
    for (const std::string& input : inputs) node.add_input(input);
    (*node.mutable_attr())["T"].set_type(tf::DT_FLOAT);
    return node;
  }
  void Placeholder(std::string_view name, const std::vector<int64_t>& dims) {
    tf::NodeDef& node = *graph_.add_node();
    node.set_name(std::string(name));
    node.set_op("Placeholder");
    (*node.mutable_attr())["dtype"].set_type(tf::DT_FLOAT);
    for (const int64_t dim : dims) (*node.mutable_attr())["shape"].mutable_shape()->add_dim()->set_size(dim);
  }
  void Const(std::string_view name, const std::vector<int64_t>& dims, const std::vector<float>& values) {
    tf::NodeDef& node = *graph_.add_node();
    node.set_name(std::string(name));
    node.set_op("Const");
    (*node.mutable_attr())["dtype"].set_type(tf::DT_FLOAT);
    tf::TensorProto& tensor = *(*node.mutable_attr())["value"].mutable_tensor();
    tensor.set_dtype(tf::DT_FLOAT);
    tf::TensorShapeProto& shape = *tensor.mutable_tensor_shape();  // there even for a scalar, as TensorFlow writes it
    for (const int64_t dim : dims) shape.add_dim()->set_size(dim);
    tensor.set_tensor_content(values.data(), values.size() * sizeof(float));
  }
  void IntConst(std::string_view name, int32_t value) {
    tf::NodeDef& node = *graph_.add_node();
    node.set_name(std::string(name));
    node.set_op("Const");
    (*node.mutable_attr())["dtype"].set_type(tf::DT_INT32);
    tf::TensorProto& tensor = *(*node.mutable_attr())["value"].mutable_tensor();
    tensor.set_dtype(tf::DT_INT32);
    tensor.mutable_tensor_shape()->add_dim()->set_size(1);
    tensor.set_tensor_content(&value, sizeof(value));
  }
  // Its kernel is [height,width,in,out].
  void Convolve(std::string_view name, std::string_view input, std::string_view kernel, int stride = 1) {
    auto& attr = *Add(name, "Conv2D", {std::string(input), std::string(kernel)}).mutable_attr();
    for (int i = 0; i < 4; ++i) attr["strides"].mutable_list()->add_i(i == 1 || i == 2 ? stride : 1);
    attr["padding"].set_s("SAME");
    attr["data_format"].set_s("NHWC");
  }
  std::string Bytes() const { return graph_.SerializeAsString(); }
  std::string Save(const std::string& path) const {
    std::ofstream(path, std::ios::binary) << Bytes();
    return path;
  }

 private:
  tf::GraphDef graph_;
};

}  // namespace permafrost
