#include "optimizer/support/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstring>
#include <string_view>

#include "optimizer/support/write_all.h"

namespace permafrost {
namespace {

// The sanitizers reserve terabytes. GCC says with macros that they are on, clang with __has_feature.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kLimitMemory = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kLimitMemory = false;
#else
constexpr bool kLimitMemory = true;
#endif
#else
constexpr bool kLimitMemory = true;
#endif

void Limit(int resource, rlim_t value) {
  const rlimit limit{value, value};
  ::setrlimit(resource, &limit);
}

// A crash in the child is an answer, not an event for the crash reporter of the program around us.
void ForgetSignalHandlers() {
  for (const int number : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGTRAP, SIGXCPU, SIGALRM, SIGTERM, SIGINT}) {
    ::signal(number, SIG_DFL);
  }
}

// The answer on the pipe: the status code's byte, then the message or the value.
[[noreturn]] void Child(int fd, const ChildLimits& limits, const std::function<StatusOr<std::string>()>& work) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ForgetSignalHandlers();
  Limit(RLIMIT_CORE, 0);
  Limit(RLIMIT_CPU, static_cast<rlim_t>(std::ceil(limits.seconds)) + 1);
  if (kLimitMemory) Limit(RLIMIT_AS, static_cast<rlim_t>(limits.memory_bytes));
  if (const int null = ::open("/dev/null", O_WRONLY); null >= 0) {
    ::dup2(null, STDOUT_FILENO);
    ::dup2(null, STDERR_FILENO);
  }
  const StatusOr<std::string> answer = work();
  const char code = static_cast<char>(answer.status().code());
  if (WriteAll(fd, std::string_view(&code, 1))) {
    if (answer.ok()) {  // no copy: it may be all weights of a model
      WriteAll(fd, *answer);
    } else {
      WriteAll(fd, Message(answer.status()));
    }
  }
  ::_exit(0);
}

// Everything the child writes until it closes its end. False: the time is over, or it is too much.
bool ReadUntil(int fd, std::chrono::steady_clock::time_point deadline, int64_t most, std::string& bytes) {
  char buffer[1 << 16];
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd poll_fd{fd, POLLIN, 0};
    if (::poll(&poll_fd, 1, static_cast<int>(left.count())) <= 0) continue;
    const ssize_t n = ::read(fd, buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return true;
    bytes.append(buffer, static_cast<size_t>(n));
    if (static_cast<int64_t>(bytes.size()) > most) return false;
  }
}

}  // namespace

StatusOr<std::string> RunInChild(std::string_view who, const ChildLimits& limits,
                                 const std::function<StatusOr<std::string>()>& work) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return ResourceExhausted("no pipe: ", std::strerror(errno));
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::close(ends[0]);
    Child(ends[1], limits, work);
  }
  ::close(ends[1]);
  if (pid < 0) {
    ::close(ends[0]);
    return ResourceExhausted("no child process: ", std::strerror(errno));
  }
  std::string bytes;
  const auto time =
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::duration<double>(limits.seconds));
  const bool in_time = ReadUntil(ends[0], std::chrono::steady_clock::now() + time, limits.answer_bytes, bytes);
  ::close(ends[0]);
  if (!in_time) ::kill(pid, SIGKILL);
  int state = 0;
  while (::waitpid(pid, &state, 0) < 0 && errno == EINTR) {
  }
  if (static_cast<int64_t>(bytes.size()) > limits.answer_bytes) {
    return ResourceExhausted(who, " answered with more than ", limits.answer_bytes, " bytes");
  }
  if (!in_time) return DataLoss(who, " did not end within ", limits.seconds, " s");
  if (WIFSIGNALED(state)) {
    return DataLoss(who, " crashed (signal ", WTERMSIG(state), ", ", ::strsignal(WTERMSIG(state)), ")");
  }
  if (WEXITSTATUS(state) != 0 || bytes.empty()) {
    return DataLoss(who, " crashed (ended with code ", WEXITSTATUS(state), " and no answer)");
  }
  const auto code = static_cast<absl::StatusCode>(bytes[0]);
  bytes.erase(0, 1);
  if (code != absl::StatusCode::kOk) return Status(code, bytes);
  return bytes;
}

}  // namespace permafrost
