// One network behind standard input and output, for scripts that let engines take turns: loads FILE, checks what it
// answers on CASE, then runs it as often as each line says.
//
//   permafrost-bench-worker FILE CASE [--backend B] [--target T] [--threads N] [--tolerance R]
//
//   out: {"engine": ..., "load_ms": 1.2, "first_ms": 3.4, "cpu_layers": [...], "verdict": "PASSED", "outputs": [...]}
//   in:  20                             out: {"ms": [2.1, ...]} of 20 passes
//   in:  end of file                    out: {"peak_bytes": ...}
//
// Loading and the first pass are those of a fresh process: on a GPU they hold its initialisation.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "bench/check.h"
#include "bench/report_json.h"

namespace permafrost {
namespace {

using Json = nlohmann::ordered_json;

void Say(const Json& json) {
  std::cout << json.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;  // flushed: someone waits
}

template <class Work>
double Milliseconds(const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

struct Flags {
  std::string file, folder;
  SessionOptions session;
  double tolerance = 1e-4;
  int64_t most_passes = 1'000'000;  // in a turn
};

Status Work(const Flags& flags) {
  ASSIGN_OR_RETURN(const ModelCase model, LoadModelCase(flags.folder, {}));
  const Check check = CheckFile(flags.file, model, flags.tolerance, flags.session);
  Json ready = {{"engine", StrCat("OpenCV ", OpenCvVersion(), " in C++")},
                {"verdict", VerdictName(check.verdict)},
                {"reason", check.reason},
                {"outputs", ToJson(check)}};
  if (check.verdict == Verdict::kFailed) {
    Say(ready);
    return OkStatus();
  }
  SessionOptions options = check.options;
  options.check_hash = false;  // hashing is no part of loading; the check has done it
  options.isolate = false;
  StatusOr<Session> session = Internal("not opened");
  const auto inputs = CaseInputs(model);
  ready["load_ms"] = Milliseconds([&] { session = Session::Open(flags.file, options); });
  RETURN_IF_ERROR(session.status());
  Status ran;
  ready["first_ms"] = Milliseconds([&] { ran = session->Run(inputs).status(); });
  RETURN_IF_ERROR(ran);
  ASSIGN_OR_RETURN(ready["cpu_layers"], session->CpuLayers());
  Say(ready);

  for (int64_t passes; std::cin >> passes;) {
    if (passes < 1 || passes > flags.most_passes) return InvalidArgument("expected a number of passes, found ", passes);
    Json times = Json::array();
    for (; passes > 0; --passes) {
      times.push_back(Milliseconds([&] { ran = session->Run(inputs).status(); }));
      RETURN_IF_ERROR(ran);
    }
    Say({{"ms", std::move(times)}});
  }
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  Say({{"peak_bytes", int64_t{usage.ru_maxrss} * 1024}});
  return OkStatus();
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("Loads a network, checks it against a case, then runs it as often as each line of standard input says.",
               "permafrost-bench-worker");
  app.add_option("FILE", flags.file, "the network")->required();
  app.add_option("CASE", flags.folder, "inputs and reference outputs")->required();
  app.add_option("--backend", flags.session.backend)->capture_default_str();
  app.add_option("--target", flags.session.target)->capture_default_str();
  app.add_option("--threads", flags.session.threads, "of OpenCV (default: all cores)")->check(CLI::NonNegativeNumber);
  app.add_option("--tolerance", flags.tolerance, "max|a-b| / max|b| that passes")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const Status status = Work(flags);
  if (!status.ok()) Say({{"error", Message(status)}});
  return ExitCode(status);
}

}  // namespace
}  // namespace permafrost

int main(int argc, char** argv) { return permafrost::Main(argc, argv); }
