#pragma once

#include <string>
#include <vector>

#include "runner/session.h"

namespace permafrost {

// How a file is run, and what the tables call that: "" when there is only one way, else "opencv/cpu 2 threads".
struct Setting {
  std::string name;
  SessionOptions session;
};

struct SettingLists {
  std::vector<std::string> backends = {SessionOptions().backend}, targets = {SessionOptions().target};
  std::vector<int> threads = {0};  // 0: as OpenCV likes
};
// Every combination.
std::vector<Setting> SettingsOf(const SettingLists& lists);

}  // namespace permafrost
