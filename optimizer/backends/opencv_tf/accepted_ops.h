#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "optimizer/ir/graph.h"

namespace permafrost {

// What cv::dnn's TensorFlow importer takes, as data. Checked against the real importer, one small graph per row, by
// tests/runner/accepted_ops_test.cc.
struct AcceptedOp {
  std::string_view op;
  int since = 40505;           // first release: 10000 major + 100 minor + patch
  std::vector<int> constants;  // inputs that must be constants; -1 is the last
  std::string (*check)(const Graph& graph, const Node& node) = nullptr;  // a reason, or empty
};
const std::vector<AcceptedOp>& OpsAcceptedByOpenCv();

struct Refusal {
  std::string node, op, reason;
};
// Nodes of a flat graph that the importer of this release would refuse or get wrong, by position.
std::vector<Refusal> RefusedByOpenCv(const Graph& graph, int opencv_version);

}  // namespace permafrost
