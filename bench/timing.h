#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/statistics.h"
#include "optimizer/support/status.h"
#include "runner/session.h"

namespace permafrost {

// One file that may be timed: it has passed its check.
struct TimedFile {
  std::string name;  // "android_mnist/optimized"
  std::string path;
  SessionOptions session;
  std::vector<NamedArray> inputs;
};

// Milliseconds. Load is from the path to a network ready for its first input, with the file in the page cache; the
// first forward is the one that plans and allocates; steady state is what comes after three more.
struct Timing {
  Statistics load, first, steady;
  // The medians of the single repetitions, which are hundreds of milliseconds apart: what CompareTimes wants.
  std::vector<double> load_medians, steady_medians;
};

// Memory that a network takes: how much the peak of this process's resident set grows from here on. Nothing where the
// system does not tell (/proc/self/clear_refs and /proc/self/status, see proc(5)).
class PeakMemory {
 public:
  PeakMemory();
  std::optional<int64_t> Bytes() const;

 private:
  std::optional<int64_t> before_;
};

// Registers <name>/load, /first and /steady of each file with Google Benchmark and runs them, interleaved at random.
// `flags` are Google Benchmark's own ("--benchmark_repetitions=9", "--benchmark_out=x.json", ...); with
// --benchmark_format its table or JSON goes to stdout, else it prints nothing. The samples behind the statistics are
// single iterations of all repetitions. Errors: an unknown flag, a file that fails while it is timed.
StatusOr<std::vector<Timing>> TimeFiles(const std::vector<TimedFile>& files, const std::vector<std::string>& flags);

}  // namespace permafrost
