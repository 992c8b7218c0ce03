#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace permafrost {

// A folder of its own for a test, gone with it.
class TemporaryFolder {
 public:
  TemporaryFolder() : path_(testing::TempDir() + "permafrost-XXXXXX") {
    EXPECT_NE(::mkdtemp(path_.data()), nullptr) << "cannot make " << path_;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string File(std::string_view name) const { return path_ + "/" + std::string(name); }
  std::string Write(std::string_view name, std::string_view bytes) const {
    std::ofstream(File(name), std::ios::binary) << bytes;
    return File(name);
  }
  std::string Read(std::string_view name) const {
    std::ifstream file(File(name), std::ios::binary);
    EXPECT_TRUE(file.good()) << File(name) << " is missing";
    std::ostringstream bytes;
    bytes << file.rdbuf();
    return bytes.str();
  }
  // Names in it, sorted.
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  std::string path_;
};

}  // namespace permafrost
