#pragma once

#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/places.h"

namespace permafrost {

struct Ended {
  int code;  // 128 + signal if it was killed
  std::string out, err;
};

inline std::string TextOf(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// Runs one of our programs; what it writes goes through files in `folder`.
inline Ended RunProgram(const std::string& folder, const std::string& name, const std::vector<std::string>& args) {
  std::string command = "'" + BinaryDir() + "/bin/" + name + "'";
  for (const std::string& arg : args) command += " '" + arg + "'";
  command += " >'" + folder + "/stdout' 2>'" + folder + "/stderr'";
  const int state = std::system(command.c_str());
  const int code = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
  return {code, TextOf(folder + "/stdout"), TextOf(folder + "/stderr")};
}

}  // namespace permafrost
