#include "runner/session_pool.h"

#include <condition_variable>
#include <mutex>
#include <utility>

namespace permafrost {

struct SessionPool::Impl {
  std::vector<Session> sessions;
  std::vector<size_t> free;  // the last one is taken first: its weights are the warmest
  std::mutex mutex;
  std::condition_variable freed;
};

SessionPool::SessionPool(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SessionPool::SessionPool(SessionPool&&) noexcept = default;
SessionPool& SessionPool::operator=(SessionPool&&) noexcept = default;
SessionPool::~SessionPool() = default;

StatusOr<SessionPool> SessionPool::Open(const std::string& model_path, const SessionOptions& options, size_t sessions) {
  auto impl = std::make_unique<Impl>();
  ASSIGN_OR_RETURN(impl->sessions, Session::OpenSeveral(model_path, options, sessions));
  for (size_t i = sessions; i-- > 0;) impl->free.push_back(i);
  return SessionPool(std::move(impl));
}

const std::vector<TensorInfo>& SessionPool::inputs() const { return impl_->sessions[0].inputs(); }
const std::vector<TensorInfo>& SessionPool::outputs() const { return impl_->sessions[0].outputs(); }
size_t SessionPool::size() const { return impl_->sessions.size(); }

StatusOr<std::vector<NamedArray>> SessionPool::Run(const std::vector<NamedArray>& inputs) {
  size_t taken = 0;
  {
    std::unique_lock lock(impl_->mutex);
    impl_->freed.wait(lock, [&] { return !impl_->free.empty(); });
    taken = impl_->free.back();
    impl_->free.pop_back();
  }
  auto outputs = impl_->sessions[taken].Run(inputs);
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->free.push_back(taken);
  }
  impl_->freed.notify_one();
  return outputs;
}

}  // namespace permafrost
