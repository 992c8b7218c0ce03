#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "optimizer/support/status.h"
#include "runner/inputs/items.h"
#include "runner/preprocess.h"
#include "runner/results.h"
#include "runner/session.h"
#include "runner/writers/writer.h"

namespace permafrost {

struct ItemRunOptions {
  PictureOptions picture = {};
  DecodeOptions decode = {};
  int64_t batch = 1;
  int64_t decoders = 1;  // threads that read and prepare
  int64_t warm_up = 0;   // passes of each session before the first one that counts
  int64_t every = 1;     // takes each n-th frame of videos
  int64_t limit = -1;    // items at most, those that were skipped among them; below 0: all
  bool fail_fast = false;
};

// What comes of it.
struct RunStats {
  int64_t items = 0, failed = 0;
  double seconds = 0;                  // from the first item to the last
  std::vector<double> latencies = {};  // of each forward pass, in milliseconds
};

struct RunHooks {
  // Called for each of the first `skip` items, before any other is written; an error ends the run.
  std::function<Status(const std::string& name)> skipped;
  // Called for each item after it was written, in their order; an error ends the run.
  std::function<Status(const FinishedItem&)> written;
  const std::atomic<bool>* stop = nullptr;  // true: no further item is begun
};

// Reads, runs and writes items: reading threads, one thread for each session, and the calling thread, which writes,
// with bounded queues between them. Items are written in their order. The first `skip` of them are not run at all; it
// is an error if there are fewer. A failed item is handed to the writers with its error, and the run goes on; with
// fail_fast it ends there with the error. Other errors: those of writers and hooks; a batch that the network cannot
// take.
StatusOr<RunStats> RunItems(const std::vector<Item>& items, int64_t skip, std::vector<Session>& sessions,
                            const std::vector<std::unique_ptr<Writer>>& writers, const ItemRunOptions& options,
                            const RunHooks& hooks);

}  // namespace permafrost
