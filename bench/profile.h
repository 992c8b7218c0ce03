#pragma once

#include <string>
#include <vector>

#include "bench/timing.h"

namespace permafrost {

// Where the time of a network goes, layer by layer: medians over several warm forwards on the classic CPU backend.
struct Profile {
  int forwards = 0;
  double total_ms = 0;            // of all layers
  std::vector<LayerTime> layers;  // in the order of the net
};

// Errors: a file that does not run; an OpenCV or a backend that gives no times of layers.
StatusOr<Profile> ProfileFile(const TimedFile& file, int forwards = 11);

// The layers of each type together, the slowest first; `name` holds how many there are.
std::vector<LayerTime> TypesOf(const Profile& profile);
// The slowest layers first, at most `count`.
std::vector<LayerTime> SlowestOf(const Profile& profile, size_t count);

}  // namespace permafrost
