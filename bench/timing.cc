#include "bench/timing.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>

#include "bench/machine.h"

namespace permafrost {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kWarmUps = 3;
constexpr int kColdIterations = 3;

// A call of a benchmark: its samples are those up to `end`.
struct Call {
  size_t end = 0;
  double wall_ms = 0;
};

// Milliseconds of single iterations.
struct Samples {
  std::vector<double> ms;
  std::vector<Call> calls;
};

// Warm networks of one file on one device, for all its settings: they never run at the same time.
using WarmNets = std::vector<Session>;

// What one file needs over all its repetitions.
struct Subject {
  TimedFile file;
  WarmNets* warm = nullptr;  // at least one a stream, once warmed up
  Samples load, first, steady;
  std::vector<RunTimes> first_parts, steady_parts;
  std::vector<std::string> cpu_layers;
  Status status;
};

StatusOr<double> MillisecondsOf(const std::function<Status()>& work) {
  const auto start = Clock::now();
  RETURN_IF_ERROR(work());
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// Times `work` as one iteration. False: it failed, and the benchmark stops.
bool TimeOne(benchmark::State& state, Subject& subject, Samples& samples, const std::function<Status()>& work) {
  const auto ms = MillisecondsOf(work);
  if (!ms.ok()) {
    subject.status = ms.status();
    state.SkipWithError(Message(ms.status()).c_str());
    return false;
  }
  state.SetIterationTime(*ms / 1e3);
  samples.ms.push_back(*ms);
  return true;
}

std::vector<double> Between(const std::vector<double>& values, size_t begin, size_t end) {
  return {values.begin() + static_cast<std::ptrdiff_t>(begin), values.begin() + static_cast<std::ptrdiff_t>(end)};
}

// Ends a call that took `wall_ms`; nothing: as long as its samples.
void Count(benchmark::State& state, Samples& samples, std::optional<double> wall_ms = std::nullopt) {
  const size_t before = samples.calls.empty() ? 0 : samples.calls.back().end;
  const std::vector<double> values = Between(samples.ms, before, samples.ms.size());
  const Statistics own = StatisticsOf(values);
  samples.calls.push_back({samples.ms.size(), wall_ms.value_or(std::accumulate(values.begin(), values.end(), 0.0))});
  state.counters["median_ms"] = own.median;
  state.counters["p95_ms"] = own.p95;
  state.counters["variation"] = own.variation;
}

// Of each call: the median of its samples, and its milliseconds an item. Google Benchmark's first calls only look for a
// number of iterations: short ones are left out.
struct CallTimes {
  std::vector<double> medians, item_ms;
};
CallTimes CallTimesOf(const Samples& samples, const TimedFile& file) {
  size_t longest = 0, begin = 0;
  for (const Call& call : samples.calls) longest = std::max(longest, call.end - std::exchange(begin, call.end));
  CallTimes times;
  begin = 0;
  for (const Call& call : samples.calls) {
    const size_t count = call.end - begin;
    if (2 * count >= longest && count > 0) {
      times.medians.push_back(StatisticsOf(Between(samples.ms, begin, call.end)).median);
      times.item_ms.push_back(call.wall_ms / static_cast<double>(count) / static_cast<double>(file.items));
    }
    begin = call.end;
  }
  return times;
}

RunTimes MediansOf(const std::vector<RunTimes>& all) {
  const auto median = [&](double RunTimes::* part) {
    std::vector<double> values;
    for (const RunTimes& one : all) values.push_back(one.*part);
    return StatisticsOf(std::move(values)).median;
  };
  return {median(&RunTimes::in_ms), median(&RunTimes::net_ms), median(&RunTimes::out_ms)};
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
    subject.first_parts.push_back(session->LastTimes());
  }
  Count(state, subject.first);
}

Status WarmUp(Subject& subject) {
  const TimedFile& file = subject.file;
  const size_t wanted = static_cast<size_t>(file.streams), there = subject.warm->size();
  if (there < wanted) {
    ASSIGN_OR_RETURN(std::vector<Session> more, Session::OpenSeveral(file.path, file.session, wanted - there));
    SetOpenCvThreads(file.session.threads);
    for (Session& session : more) {
      for (int i = 0; i < kWarmUps; ++i) RETURN_IF_ERROR(session.Run(file.inputs).status());
      subject.warm->push_back(std::move(session));
    }
  }
  ASSIGN_OR_RETURN(subject.cpu_layers, subject.warm->front().CpuLayers());
  return OkStatus();
}

void TimeSteady(benchmark::State& state, Subject& subject) {
  SetOpenCvThreads(subject.file.session.threads);
  const Status warm = WarmUp(subject);
  for (auto step : state) {
    (void)step;
    const bool good = TimeOne(state, subject, subject.steady, [&]() -> Status {
      RETURN_IF_ERROR(warm);
      return subject.warm->front().Run(subject.file.inputs).status();
    });
    if (!good) break;
    subject.steady_parts.push_back(subject.warm->front().LastTimes());
  }
  Count(state, subject.steady);
}

// What one stream does while the others run, too.
struct Stream {
  std::vector<double> ms;
  std::vector<RunTimes> parts;
  Status status;

  void Run(Session& session, const std::vector<NamedArray>& inputs, benchmark::IterationCount forwards) {
    for (benchmark::IterationCount i = 0; i < forwards && status.ok(); ++i) {
      const auto one = MillisecondsOf([&] { return session.Run(inputs).status(); });
      status = one.status();
      if (!one.ok()) return;
      ms.push_back(*one);
      parts.push_back(session.LastTimes());
    }
  }
};

// Each stream runs all iterations of the call, without waiting for the others.
void TimeStreams(benchmark::State& state, Subject& subject) {
  SetOpenCvThreads(subject.file.session.threads);
  if (const Status warm = WarmUp(subject); !warm.ok()) subject.status = warm;
  double wall_ms = 0;
  while (state.KeepRunningBatch(state.max_iterations)) {
    std::vector<Stream> streams(static_cast<size_t>(subject.file.streams));
    const auto wall = MillisecondsOf([&]() -> Status {
      RETURN_IF_ERROR(subject.status);
      std::vector<std::thread> threads;
      for (size_t i = 0; i < streams.size(); ++i) {
        threads.emplace_back([&streams, &subject, &state, i] {
          streams[i].Run((*subject.warm)[i], subject.file.inputs, state.max_iterations);
        });
      }
      for (std::thread& thread : threads) thread.join();
      for (const Stream& stream : streams) RETURN_IF_ERROR(stream.status);
      return OkStatus();
    });
    if (!wall.ok()) {
      subject.status = wall.status();
      state.SkipWithError(Message(wall.status()).c_str());
      break;
    }
    wall_ms += *wall;
    state.SetIterationTime(*wall / 1e3);
    for (const Stream& stream : streams) {
      subject.steady.ms.insert(subject.steady.ms.end(), stream.ms.begin(), stream.ms.end());
    }
    subject.steady_parts.insert(subject.steady_parts.end(), streams[0].parts.begin(), streams[0].parts.end());
  }
  Count(state, subject.steady, wall_ms);
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

double Timing::ItemsPerSecond() const { return item_ms.empty() ? 0 : 1e3 / StatisticsOf(item_ms).median; }

Speedup SpeedupOf(const Timing& a, const Timing& b) {
  if (a.streams != b.streams) return CompareTimes(a.item_ms, b.item_ms);
  const auto of_items = [](const Timing& timing) {
    std::vector<double> values = timing.steady_medians;
    for (double& value : values) value /= static_cast<double>(timing.items);
    return values;
  };
  return CompareTimes(of_items(a), of_items(b));
}

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
  std::map<std::tuple<std::string, std::string, std::string, int64_t>, WarmNets> nets;
  for (const TimedFile& file : files) {
    subjects.push_back(std::make_unique<Subject>());
    Subject& subject = *subjects.back();
    subject.file = file;
    subject.file.session.check_hash = false;  // hashing is no part of loading; the check has done it
    subject.file.session.isolate = false;
    subject.file.streams = std::max(file.streams, 1);
    subject.warm = &nets[{file.path, file.session.backend, file.session.target, file.items}];
    Register(file.name + "/load", subject, TimeLoad, kColdIterations);
    Register(file.name + "/first", subject, TimeFirst, kColdIterations);
    Register(file.name + "/steady", subject, file.streams > 1 ? TimeStreams : TimeSteady, 0);
  }
  QuietReporter quiet;
  const bool show = std::any_of(flags.begin(), flags.end(),
                                [](const std::string& flag) { return flag.rfind("--benchmark_format", 0) == 0; });
  if (!files.empty()) benchmark::RunSpecifiedBenchmarks(show ? nullptr : &quiet);
  benchmark::ClearRegisteredBenchmarks();

  std::vector<Timing> timings;
  for (const auto& subject : subjects) {
    RETURN_IF_ERROR(subject->status);
    const CallTimes steady = CallTimesOf(subject->steady, subject->file);
    timings.push_back({StatisticsOf(subject->load.ms), StatisticsOf(subject->first.ms), StatisticsOf(subject->steady.ms),
                       MediansOf(subject->first_parts), MediansOf(subject->steady_parts),
                       CallTimesOf(subject->load, subject->file).medians, steady.medians, steady.item_ms,
                       subject->file.items, subject->file.streams, std::move(subject->cpu_layers)});
  }
  return timings;
}

}  // namespace permafrost
