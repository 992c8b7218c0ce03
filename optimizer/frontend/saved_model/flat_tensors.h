#pragma once

#include <string>
#include <vector>

#include "optimizer/frontend/signature.h"
#include "permafrost/saved_object_graph.pb.h"

namespace permafrost {

// One tensor of the nested lists and dicts that a function takes or gives, in TensorFlow's order.
struct FlatTensor {
  std::string path;  // "scores", "0", "boxes_1"; empty where there is nothing but the tensor
  DType dtype = DType::kInvalid;
  Shape shape;
  int parts = 1;  // plain tensors that it consists of: several for a sparse or ragged one, 0 when that is not said
};
std::vector<FlatTensor> FlatTensorsOf(const tf::StructuredValue& value);
// How many arguments are the constant True: `training` among them.
int CountTrue(const tf::StructuredValue& value);

// Says the number of parts that is not said, if it is one, so that there are `total` in all. False: they cannot be.
bool SettleParts(std::vector<FlatTensor>& tensors, int64_t total);

}  // namespace permafrost
