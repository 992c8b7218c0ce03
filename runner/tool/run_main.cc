#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "optimizer/support/version.h"
#include "runner/pipeline/progress.h"
#include "runner/pipeline/resume.h"
#include "runner/pipeline/run_cascade.h"
#include "runner/pipeline/run_items.h"
#include "runner/tool/keep_inputs.h"
#include "runner/tool/run_flags.h"
#include "runner/writers/writer.h"

namespace permafrost {
namespace {

std::atomic<bool> stop = false, interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free, "set by a signal");

// The first Ctrl-C lets the items that were begun end, the second one ends the program.
void EndOnSignals() {
  ::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of who writes it
  struct sigaction action = {};
  action.sa_handler = [](int) { stop = interrupted = true; };
  action.sa_flags = SA_RESETHAND;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

StatusOr<std::unique_ptr<Sink>> OpenSink(const RunFlags& flags, const std::optional<Resume>& resume) {
  if (resume) return GrowingFileSink(flags.out, resume->before().bytes);
  if (!flags.out.empty()) return FileSink(flags.out);
  return StreamSink(std::cout);
}

StatusOr<std::vector<std::unique_ptr<Writer>>> OpenWriters(const RunFlags& flags, const std::vector<Item>& items,
                                                           const std::optional<Resume>& resume, Sink& sink) {
  std::vector<std::unique_ptr<Writer>> writers;
  const DecodeOptions& decode = flags.run.decode;
  const auto add = [&](StatusOr<std::unique_ptr<Writer>> writer) -> Status {
    RETURN_IF_ERROR(writer.status());
    writers.push_back(std::move(writer).value());
    return OkStatus();
  };
  if (!flags.save_npy.empty()) RETURN_IF_ERROR(add(MakeNpyWriter(flags.save_npy)));
  if (!flags.save_npz.empty()) RETURN_IF_ERROR(add(MakeNpzWriter(flags.save_npz)));
  if (IsVideo(flags.draw)) {
    RETURN_IF_ERROR(add(resume ? MakeGrowingVideoWriter(flags.draw, flags.fps, resume->before().items, decode)
                               : MakeVideoWriter(flags.draw, flags.fps, decode)));
  } else if (!flags.draw.empty()) {
    const bool several = items.size() > 1 || (items.size() == 1 && items[0].kind == ItemKind::kVideo);
    RETURN_IF_ERROR(add(MakePictureWriter(flags.draw, several, decode)));
  }
  if (flags.show) RETURN_IF_ERROR(add(MakeWindowWriter(decode, stop)));
  // Last: a line says that the files of its item are there.
  writers.push_back(flags.format == LineFormat::kJsonLines ? MakeJsonLinesWriter(sink, decode)
                    : flags.format == LineFormat::kCsv     ? MakeCsvWriter(sink, decode)
                                                           : MakeTextWriter(sink, decode));
  return writers;
}

// Items of the whole list, or fewer: unknown with videos.
int64_t CountOf(const std::vector<Item>& items, const ItemRunOptions& options) {
  const bool known =
      std::none_of(items.begin(), items.end(), [](const Item& item) { return item.kind == ItemKind::kVideo; });
  const int64_t count = static_cast<int64_t>(items.size());
  if (!known) return options.limit;
  return options.limit >= 0 ? std::min(count, options.limit) : count;
}

bool IsLive(const Item& item) {
  const auto is_live = [](const std::string& path) {
    return path.rfind("camera:", 0) == 0 || path.find("://") != path.npos;
  };
  return item.kind == ItemKind::kVideo && is_live(item.files[0].second);
}

void TellCpuLayers(const Session& session) {
  const auto layers = session.CpuLayers();
  if (!layers.ok() || layers->empty()) return;
  std::cerr << "permafrost-run: " << layers->size() << " layers run on the CPU, which this backend does not know:";
  for (const std::string& layer : *layers) std::cerr << " " << layer;
  std::cerr << "\n";
}

void TellTiming(const RunFlags& flags, RunStats stats) {
  if (stats.latencies.empty()) return;
  std::sort(stats.latencies.begin(), stats.latencies.end());
  const auto part = [&](double share) {
    return stats.latencies[static_cast<size_t>(share * static_cast<double>(stats.latencies.size() - 1))];
  };
  std::cerr << "streams " << flags.streams << "  batch " << flags.run.batch << "  items " << stats.items << "  "
            << static_cast<double>(stats.items) / std::max(stats.seconds, 1e-9) << " items/s  pass median " << part(0.5)
            << " ms  p95 " << part(0.95) << " ms\n";
}

std::string Reason(const FinishedItem& item) {
  const std::string message = Message(item.status);
  return message.rfind(item.name, 0) == 0 ? message : item.name + ": " + message;
}

Status RunAll(const CLI::App& app, RunFlags& flags) {
  RETURN_IF_ERROR(ReadFlagFiles(app, flags));
  // Before threads begin: a file without model.json is tried in a forked child.
  std::vector<Session> sessions;
  std::optional<Cascade> cascade;
  std::vector<TensorInfo> inputs(1);  // a cascade's: a picture
  if (flags.model.ends_with(".json")) {
    ASSIGN_OR_RETURN(cascade, Cascade::Open(flags.model, flags.session));
    if (flags.run.decode.parts.empty()) flags.run.decode.parts = {"left eye", "right eye", "nose", "mouth left", "mouth right"};
    if (flags.run.decode.labels.empty()) flags.run.decode.labels = {"face"};
    for (const Session& session : cascade->sessions()) TellCpuLayers(session);
  } else {
    ASSIGN_OR_RETURN(sessions, Session::OpenSeveral(flags.model, flags.session, static_cast<size_t>(flags.streams)));
    TellCpuLayers(sessions[0]);
    const bool described = sessions[0].info() && sessions[0].info()->detector;
    if (described && flags.decoder.empty()) flags.run.decode.detector = sessions[0].info()->detector;
    inputs = sessions[0].inputs();
  }
  ASSIGN_OR_RETURN(std::vector<Item> items, ListItems(flags.items, inputs));
  RETURN_IF_ERROR(KeepShard(items, flags.shard, flags.shards));
  RETURN_IF_ERROR(KeepInputs(flags, items));
  std::optional<Resume> resume;
  if (flags.resume) {
    if (std::any_of(items.begin(), items.end(), IsLive)) return InvalidArgument("--resume: a camera cannot go on");
    ASSIGN_OR_RETURN(const std::string digest, ResultsDigest(flags));
    ASSIGN_OR_RETURN(resume, Resume::Open(flags.out, digest));
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<Sink> sink, OpenSink(flags, resume));
  ASSIGN_OR_RETURN(const auto writers, OpenWriters(flags, items, resume, *sink));

  int64_t done = resume ? resume->before().items : 0, failed = resume ? resume->before().failed : 0;
  const bool visible = ::isatty(STDERR_FILENO) == 1 && (!flags.out.empty() || ::isatty(STDOUT_FILENO) != 1);
  Progress progress(std::cerr, visible, CountOf(items, flags.run), done);
  EndOnSignals();
  RunHooks hooks;
  hooks.stop = &stop;
  hooks.skipped = [&](const std::string& name) { return resume ? resume->Skipped(name) : OkStatus(); };
  hooks.written = [&](const FinishedItem& item) -> Status {
    ++done;
    if (!item.status.ok()) {
      ++failed;
      progress.Clear();
      std::cerr << "permafrost-run: " << Reason(item) << "\n";
    }
    progress.Show(done, failed);
    return resume ? resume->Written(item, *sink, writers) : OkStatus();
  };
  auto stats = cascade ? RunCascade(items, done, *cascade, writers, flags.run, hooks)
                       : RunItems(items, done, sessions, writers, flags.run, hooks);
  progress.Clear();
  if (!stats.ok() && !resume) return stats.status();
  // What finishing takes away may not be asked for again: all is counted first.
  if (resume) RETURN_IF_ERROR(resume->Commit(*sink, writers));
  const bool goes_on = resume && (interrupted || !stats.ok());
  for (const auto& writer : writers) RETURN_IF_ERROR(goes_on ? writer->Sync() : writer->Finish());
  if (resume) RETURN_IF_ERROR(resume->Commit(*sink, writers));
  RETURN_IF_ERROR(sink->Finish());
  RETURN_IF_ERROR(stats.status());
  if (flags.timing) TellTiming(flags, std::move(stats).value());
  const bool endless = std::any_of(items.begin(), items.end(), IsLive);
  if (interrupted && !endless) {
    return FailedCheck("interrupted after ", done, " inputs", resume ? "; the same command goes on from here" : "");
  }
  if (failed > 0) return FailedCheck(failed, " of ", done, " inputs failed");
  return OkStatus();
}

int Main(int argc, char** argv) {
  RunFlags flags;
  CLI::App app("Runs a network in OpenCV on pictures, videos or arrays and tells what it finds.", "permafrost-run");
  app.set_version_flag("--version", std::string(Version()));
  AddFlags(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (const Status status = ReadFlags(app, flags); !status.ok()) {
    std::cerr << "permafrost-run: " << Message(status) << "\n";
    return 2;
  }
  const Status status = RunAll(app, flags);
  if (!status.ok()) std::cerr << "permafrost-run: " << Message(status) << "\n";
  return ExitCode(status);
}

}  // namespace
}  // namespace permafrost

int main(int argc, char** argv) { return permafrost::Main(argc, argv); }
