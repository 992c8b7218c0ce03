#pragma once

#include <string_view>
#include <vector>

namespace permafrost {

// A transform of TensorFlow's deleted transform_graph that is no pass here.
struct RetiredTransform {
  std::string_view name;
  bool always_done;          // asking for it is fine: every file that is written is like that
  std::string_view instead;  // why, and what does its work
};

// Sorted by name. docs/transform_graph.md shows them beside those that exist; a test compares the two.
const std::vector<RetiredTransform>& RetiredTransforms();
const RetiredTransform* FindRetiredTransform(std::string_view name);

}  // namespace permafrost
