#include "bench/timing.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "bench/machine.h"

namespace permafrost {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kWarmUps = 3;
constexpr int kColdIterations = 3;

// Milliseconds of single iterations, and where each call of a benchmark ended.
struct Samples {
  std::vector<double> ms;
  std::vector<size_t> ends;
};

// What one file needs over all its repetitions.
struct Subject {
  TimedFile file;
  std::optional<Session> warm;
  Samples load, first, steady;
  Status status;
};

// Times `work` as one iteration. False: it failed, and the benchmark stops.
bool TimeOne(benchmark::State& state, Subject& subject, Samples& samples, const std::function<Status()>& work) {
  const auto start = Clock::now();
  const Status status = work();
  const std::chrono::duration<double> seconds = Clock::now() - start;
  if (!status.ok()) {
    subject.status = status;
    state.SkipWithError(Message(status).c_str());
    return false;
  }
  state.SetIterationTime(seconds.count());
  samples.ms.push_back(seconds.count() * 1e3);
  return true;
}

void Count(benchmark::State& state, Samples& samples) {
  const size_t before = samples.ends.empty() ? 0 : samples.ends.back();
  const Statistics own =
      StatisticsOf(std::vector<double>(samples.ms.begin() + static_cast<std::ptrdiff_t>(before), samples.ms.end()));
  samples.ends.push_back(samples.ms.size());
  state.counters["median_ms"] = own.median;
  state.counters["p95_ms"] = own.p95;
  state.counters["variation"] = own.variation;
}

// Of each call. Google Benchmark's first calls only look for a number of iterations: short ones are left out.
std::vector<double> Medians(const Samples& samples) {
  size_t longest = 0, begin = 0;
  for (const size_t end : samples.ends) longest = std::max(longest, end - std::exchange(begin, end));
  std::vector<double> medians;
  begin = 0;
  for (const size_t end : samples.ends) {
    const auto first = samples.ms.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto last = samples.ms.begin() + static_cast<std::ptrdiff_t>(end);
    if (2 * (end - begin) >= longest && end > begin) medians.push_back(StatisticsOf({first, last}).median);
    begin = end;
  }
  return medians;
}

void TimeLoad(benchmark::State& state, Subject& subject) {
  SetOpenCvThreads(subject.file.session.threads);
  for (auto step : state) {
    (void)step;
    const bool good = TimeOne(state, subject, subject.load,
                              [&] { return Session::Open(subject.file.path, subject.file.session).status(); });
    if (!good) break;
  }
  Count(state, subject.load);
}

void TimeFirst(benchmark::State& state, Subject& subject) {
  SetOpenCvThreads(subject.file.session.threads);
  for (auto step : state) {
    (void)step;
    auto session = Session::Open(subject.file.path, subject.file.session);
    const bool good = TimeOne(state, subject, subject.first, [&]() -> Status {
      RETURN_IF_ERROR(session.status());
      return session->Run(subject.file.inputs).status();
    });
    if (!good) break;
  }
  Count(state, subject.first);
}

Status WarmUp(Subject& subject) {
  if (subject.warm) return OkStatus();
  ASSIGN_OR_RETURN(Session session, Session::Open(subject.file.path, subject.file.session));
  for (int i = 0; i < kWarmUps; ++i) RETURN_IF_ERROR(session.Run(subject.file.inputs).status());
  subject.warm = std::move(session);
  return OkStatus();
}

void TimeSteady(benchmark::State& state, Subject& subject) {
  SetOpenCvThreads(subject.file.session.threads);
  const Status warm = WarmUp(subject);
  for (auto step : state) {
    (void)step;
    const bool good = TimeOne(state, subject, subject.steady, [&]() -> Status {
      RETURN_IF_ERROR(warm);
      return subject.warm->Run(subject.file.inputs).status();
    });
    if (!good) break;
  }
  Count(state, subject.steady);
}

class QuietReporter : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>&) override {}
};

void Register(const std::string& name, Subject& subject, void (*run)(benchmark::State&, Subject&), int iterations) {
  auto* registered =
      benchmark::RegisterBenchmark(name.c_str(), [run, &subject](benchmark::State& state) { run(state, subject); });
  registered->UseManualTime()->Unit(benchmark::kMillisecond);
  if (iterations > 0) registered->Iterations(iterations);
}

// Google Benchmark keeps its context for the whole process.
void AddContextOnce() {
  static const bool kAdded = [] {
    for (const auto& [key, value] : MachineFacts()) benchmark::AddCustomContext(key, value);
    return true;
  }();
  (void)kAdded;
}

// Bytes of a line of /proc/self/status, which counts in kB.
std::optional<int64_t> StatusBytes(std::string_view key) {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind(key, 0) == 0) return std::strtoll(line.c_str() + key.size(), nullptr, 10) * 1024;
  }
  return std::nullopt;
}

}  // namespace

PeakMemory::PeakMemory() {
  constexpr std::string_view kResetPeak = "5";
  std::ofstream reset("/proc/self/clear_refs");
  if (reset << kResetPeak << std::flush) before_ = StatusBytes("VmRSS:");
}

std::optional<int64_t> PeakMemory::Bytes() const {
  const auto now = StatusBytes("VmHWM:");
  if (!before_ || !now) return std::nullopt;
  return std::max<int64_t>(0, *now - *before_);
}

StatusOr<std::vector<Timing>> TimeFiles(const std::vector<TimedFile>& files, const std::vector<std::string>& flags) {
  std::vector<std::string> args = {"permafrost-bench", "--benchmark_enable_random_interleaving=true",
                                   "--benchmark_repetitions=9", "--benchmark_min_time=0.1"};
  args.insert(args.end(), flags.begin(), flags.end());  // the last one of a kind counts
  std::vector<char*> argv;
  for (std::string& arg : args) argv.push_back(arg.data());
  int argc = static_cast<int>(argv.size());
  benchmark::Initialize(&argc, argv.data());
  if (argc > 1) return InvalidArgument("Google Benchmark does not know ", argv[1]);
  AddContextOnce();

  std::vector<std::unique_ptr<Subject>> subjects;
  for (const TimedFile& file : files) {
    subjects.push_back(std::make_unique<Subject>());
    Subject& subject = *subjects.back();
    subject.file = file;
    subject.file.session.check_hash = false;  // hashing is no part of loading; the check has done it
    subject.file.session.isolate = false;
    Register(file.name + "/load", subject, TimeLoad, kColdIterations);
    Register(file.name + "/first", subject, TimeFirst, kColdIterations);
    Register(file.name + "/steady", subject, TimeSteady, 0);
  }
  QuietReporter quiet;
  const bool show = std::any_of(flags.begin(), flags.end(),
                                [](const std::string& flag) { return flag.rfind("--benchmark_format", 0) == 0; });
  if (!files.empty()) benchmark::RunSpecifiedBenchmarks(show ? nullptr : &quiet);
  benchmark::ClearRegisteredBenchmarks();

  std::vector<Timing> timings;
  for (const auto& subject : subjects) {
    RETURN_IF_ERROR(subject->status);
    timings.push_back({StatisticsOf(subject->load.ms), StatisticsOf(subject->first.ms),
                       StatisticsOf(subject->steady.ms), Medians(subject->load), Medians(subject->steady)});
  }
  return timings;
}

}  // namespace permafrost
