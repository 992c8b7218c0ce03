// One model, many threads: each asks the pool, which has a net for as many as may run at the same time.
//
//   pool MODEL ARRAY.npy
#include <atomic>
#include <iostream>
#include <thread>
#include <vector>

#include "runner/session_pool.h"
#include "shared_io/npy.h"

namespace {

constexpr int kThreads = 4, kRequests = 25;

permafrost::Status AskFromManyThreads(const std::string& model, const std::string& array_path) {
  ASSIGN_OR_RETURN(const permafrost::Array array, permafrost::ReadNpy(array_path));
  ASSIGN_OR_RETURN(permafrost::SessionPool pool, permafrost::SessionPool::Open(model, {.threads = 1}, 2));
  ASSIGN_OR_RETURN(const auto expected, pool.Run({{pool.inputs()[0].name, array}}));
  std::atomic<int> same = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int request = 0; request < kRequests; ++request) {
        const auto outputs = pool.Run({{pool.inputs()[0].name, array}});
        same += outputs.ok() && (*outputs)[0].array.bytes == expected[0].array.bytes ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::cout << same << " of " << kThreads * kRequests << " answers are the same\n";
  return permafrost::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: pool MODEL ARRAY.npy\n";
    return 2;
  }
  const permafrost::Status status = AskFromManyThreads(argv[1], argv[2]);
  if (!status.ok()) std::cerr << permafrost::Message(status) << "\n";
  return permafrost::ExitCode(status);
}
