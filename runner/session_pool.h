#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "optimizer/support/status.h"
#include "runner/session.h"

namespace permafrost {

// Several Sessions of one model behind one Run that any number of threads may call at the same time. The file is read
// once. Each Run takes a free Session, or waits for one.
//
//   auto pool = permafrost::SessionPool::Open("model.pb", {.threads = 1}, 4);
//   if (!pool.ok()) return pool.status();
//   // on any thread:
//   auto outputs = pool->Run({{"", image}});
//
// OpenCV's threads are those of the process: with as many sessions as cores, one thread each is usually the fastest.
class SessionPool {
 public:
  // Errors: those of Session::Open, no session asked for.
  static StatusOr<SessionPool> Open(const std::string& model_path, const SessionOptions& options, size_t sessions);
  SessionPool(SessionPool&&) noexcept;
  SessionPool& operator=(SessionPool&&) noexcept;
  ~SessionPool();  // nobody may be in Run any more

  const std::vector<TensorInfo>& inputs() const;
  const std::vector<TensorInfo>& outputs() const;
  size_t size() const;

  // As Session::Run.
  StatusOr<std::vector<NamedArray>> Run(const std::vector<NamedArray>& inputs);

 private:
  struct Impl;
  explicit SessionPool(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace permafrost
