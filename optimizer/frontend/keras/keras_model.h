#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "optimizer/ir/graph.h"

namespace permafrost {

// What a caller knows of a model's inputs, by name: it fills sizes that the file leaves open, such as a number of time
// steps. What the file says itself stays.
using InputShapes = std::map<std::string, Shape, std::less<>>;

struct KerasModel {
  Graph graph;
  std::vector<std::string> notes;  // what was decided and the user should hear of
};

}  // namespace permafrost
