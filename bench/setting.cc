#include "bench/setting.h"

#include <utility>

namespace permafrost {
namespace {

// "", "1 thread", "4 threads"; only where there are several to tell apart.
void AddCount(const std::vector<int>& counts, int count, const std::string& what, std::string& name) {
  if (counts.size() < 2) return;
  if (!name.empty()) name += " ";
  name += count == 0 ? StrCat("all ", what, "s") : StrCat(count, " ", what, count == 1 ? "" : "s");
}

}  // namespace

std::vector<Setting> SettingsOf(const SettingLists& lists) {
  std::vector<Setting> settings;
  for (const std::string& backend : lists.backends) {
    for (const std::string& target : lists.targets) {
      for (const int threads : lists.threads) {
        Setting setting;
        setting.session.backend = backend;
        setting.session.target = target;
        setting.session.threads = threads;
        if (lists.backends.size() * lists.targets.size() > 1) setting.name = StrCat(backend, "/", target);
        AddCount(lists.threads, threads, "thread", setting.name);
        settings.push_back(std::move(setting));
      }
    }
  }
  return settings;
}

}  // namespace permafrost
