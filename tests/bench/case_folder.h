#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "shared_io/npy.h"
#include "tests/runner/tiny_graph.h"
#include "tests/support/temporary_folder.h"

namespace permafrost {

// A folder of its own for a test, and in it cases around one tiny network: y = relu(x) * 3 over NHWC pictures.
class CaseFolderTest : public ::testing::Test {
 protected:
  static TinyGraph Network() {
    TinyGraph graph;
    graph.Placeholder("x", {1, 1, 2, 3});
    graph.Add("relu", "Relu", {"x"});
    graph.Const("three", {}, {3});
    graph.Add("y", "Mul", {"relu", "three"});
    return graph;
  }
  std::string Write(const std::string& path, const std::string& text) const {
    const std::string whole = root_ + "/" + path;
    std::filesystem::create_directories(std::filesystem::path(whole).parent_path());
    std::ofstream(whole, std::ios::binary) << text;
    return whole;
  }
  // The folder of a case that expects `expected` of Network().
  std::string WriteCase(const std::string& name, const std::vector<float>& expected) const {
    Write(name + "/model.pb", Network().Bytes());
    Write(name + "/meta.json",
          R"({"kind": "pb", "inputs": ["x"], "outputs": ["y"], "flags": {"rate": 0.0, "on": false}})");
    EXPECT_TRUE(WriteNpy(root_ + "/" + name + "/in.npy", FloatArray({1, 1, 2, 3}, {1, -2, 3, 4, -5, 6})).ok());
    EXPECT_TRUE(WriteNpy(root_ + "/" + name + "/out0.npy", FloatArray({1, 1, 2, 3}, expected)).ok());
    return root_ + "/" + name;
  }
  static std::vector<float> Right() { return {3, 0, 9, 12, 0, 18}; }

  const TemporaryFolder temporary_;
  const std::string root_ = temporary_.path();
};

}  // namespace permafrost
