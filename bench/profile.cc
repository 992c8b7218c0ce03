#include "bench/profile.h"

#include <algorithm>
#include <map>
#include <utility>

namespace permafrost {
namespace {

bool Slower(const LayerTime& a, const LayerTime& b) { return a.ms > b.ms; }

}  // namespace

StatusOr<Profile> ProfileFile(const TimedFile& file, int forwards) {
  constexpr int kWarmUps = 3;
  ASSIGN_OR_RETURN(Session session, Session::Open(file.path, file.session));
  SetOpenCvThreads(file.session.threads);
  std::vector<std::vector<double>> samples;
  Profile profile;
  profile.forwards = forwards;
  for (int i = -kWarmUps; i < forwards; ++i) {
    RETURN_IF_ERROR(session.Run(file.inputs).status());
    if (i < 0) continue;
    ASSIGN_OR_RETURN(profile.layers, session.LayerTimes());
    samples.resize(profile.layers.size());
    for (size_t layer = 0; layer < samples.size(); ++layer) samples[layer].push_back(profile.layers[layer].ms);
  }
  for (size_t layer = 0; layer < samples.size(); ++layer) {
    profile.layers[layer].ms = StatisticsOf(std::move(samples[layer])).median;
    profile.total_ms += profile.layers[layer].ms;
  }
  return profile;
}

std::vector<LayerTime> TypesOf(const Profile& profile) {
  std::map<std::string, std::pair<size_t, double>> types;
  for (const LayerTime& layer : profile.layers) {
    auto& [count, ms] = types[layer.type];
    ++count;
    ms += layer.ms;
  }
  std::vector<LayerTime> sums;
  for (const auto& [type, sum] : types) sums.push_back({StrCat(sum.first), type, sum.second});
  std::stable_sort(sums.begin(), sums.end(), Slower);
  return sums;
}

std::vector<LayerTime> SlowestOf(const Profile& profile, size_t count) {
  std::vector<LayerTime> layers = profile.layers;
  std::stable_sort(layers.begin(), layers.end(), Slower);
  layers.resize(std::min(count, layers.size()));
  return layers;
}

}  // namespace permafrost
