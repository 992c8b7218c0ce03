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
  int streams = 1;    // networks that run at the same time, each on a thread of its own
  int64_t items = 1;  // of one forward pass: the batch
};

// Milliseconds. Load is from the path to a network ready for its first input, with the file in the page cache; the
// first forward is the one that plans and allocates; steady state is what comes after three more. With several streams
// all but the steady state is that of one alone, and latencies are those of each while all run.
struct Timing {
  Statistics load, first, steady;
  RunTimes first_parts, steady_parts;  // medians; with several streams the steady ones of the first stream
  // The medians of the single repetitions, which are hundreds of milliseconds apart: what CompareTimes wants.
  std::vector<double> load_medians, steady_medians;
  // Milliseconds that an item takes, of the same repetitions: all their time over all their items.
  std::vector<double> item_ms;
  int64_t items = 1;  // of one forward pass
  int streams = 1;
  // "NAME (TYPE)" of layers that run on the CPU because the backend does not know them.
  std::vector<std::string> cpu_layers;

  double ItemsPerSecond() const;
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

// How many times faster `b` is than `a`: by the latency of an item; by throughput if they have unlike numbers of streams.
Speedup SpeedupOf(const Timing& a, const Timing& b);

// Registers <name>/load, /first and /steady of each file with Google Benchmark and runs them, interleaved at random.
// `flags` are Google Benchmark's own ("--benchmark_repetitions=9", "--benchmark_out=x.json", ...); with
// --benchmark_format its table or JSON goes to stdout, else it prints nothing. The samples behind the statistics are
// single iterations of all repetitions. Errors: an unknown flag, a file that fails while it is timed.
StatusOr<std::vector<Timing>> TimeFiles(const std::vector<TimedFile>& files, const std::vector<std::string>& flags);

}  // namespace permafrost
