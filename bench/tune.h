#pragma once

#include <string>
#include <vector>

#include "bench/bench.h"
#include "runner/devices.h"

namespace permafrost {

// The settings that are worth a try: every device with OpenCV's own choice of threads, 1, 2, 4, ... threads, and as many
// streams as leave no core idle; other devices than processors with one stream and two.
std::vector<Setting> TuneSettings(const std::vector<Device>& devices, int cores);

// The simplest of those that Mann-Whitney's test does not tell from the fastest, for each goal. Simple is what comes
// first by: device, streams, file (the optimized one, then in the report's order), threads (OpenCV's own choice, then few). None if nothing was
// timed.
std::vector<Advice> AdviseOn(const CaseReport& report);

std::string AdviceText(const std::string& case_name, const std::vector<Advice>& advice);

}  // namespace permafrost
