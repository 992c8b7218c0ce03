"""Engines that take turns: processes that each load a network, check its answer and run it on command, the statistics of
what they measured, and a report in the shape of permafrost-bench's --json.

A worker (permafrost-bench-worker, scripts/peer_worker.py) says one line of JSON when it is ready,
    {"engine": ..., "load_ms": ..., "first_ms": ..., "verdict": ..., "outputs": [...]}    or    {"error": ...}
then answers each line N with {"ms": [...]} of N passes, and the end of its input with {"peak_bytes": ...}.

Needs nothing but Python: it also runs on a GPU machine where little is installed.
"""
import json
import math
import os
import pathlib
import random
import select
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHON_ENV = ROOT / "scripts" / "python_env"


class Failure(Exception):
    """Nothing can be measured; one line says why."""


# --- statistics, as bench/statistics.cc has them ---------------------------------------------------------------------


def percentile(ordered, share):
    at = share * (len(ordered) - 1)
    below = int(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (at - below) * (ordered[above] - ordered[below])


def statistics_of(samples):
    ordered = sorted(samples)
    mean = sum(ordered) / len(ordered)
    spread = math.sqrt(sum((x - mean) ** 2 for x in ordered) / (len(ordered) - 1)) if len(ordered) > 1 else 0.0
    return {"count": len(ordered), "min": ordered[0], "median": percentile(ordered, 0.5), "p90": percentile(ordered, 0.9),
            "p95": percentile(ordered, 0.95), "p99": percentile(ordered, 0.99), "mean": mean,
            "variation": spread / mean if mean else 0.0}


def orders_by_u(n, m):
    """How many orders of n + m values have U = 0, 1, ... n * m."""
    orders = [1] + [0] * (n * m)
    for i in range(1, n + 1):
        for u in range(n * m, m + i - 1, -1):
            orders[u] -= orders[u - m - i]
        for u in range(i, n * m + 1):
            orders[u] += orders[u - i]
    return orders


def exact_test(u, n, m):
    """One-sided p, and how many ratios at each end lie outside of the 95 % interval."""
    orders = orders_by_u(n, m)
    total, below, outside = sum(orders), 0, 0
    for count in orders:
        below += count
        if below / total > 0.025:
            break
        outside += 1
    return sum(orders[: int(u) + 1]) / total, outside


def normal_test(u, n, m, values):
    """The same for ties and many values."""
    tied = sum(values.count(value) ** 3 - values.count(value) for value in set(values))
    deviation = math.sqrt(n * m / 12 * (n + m + 1 - tied / ((n + m) * (n + m - 1))))
    if deviation == 0:
        return 1.0, 0
    outside = math.floor(n * m / 2 - 1.959963984540054 * math.sqrt(n * m * (n + m + 1) / 12))
    return 0.5 * math.erfc((n * m / 2 - u - 0.5) / deviation / math.sqrt(2)), max(outside, 0)


def compare_times(a, b):
    """How many times smaller b is than a: the Hodges-Lehmann ratio with its 95 % interval and the two-sided Mann-Whitney U test."""
    ratios = sorted(x / y for x in a for y in b)
    u = sum((x > y) + 0.5 * (x == y) for x in a for y in b)
    smaller, both = min(u, len(ratios) - u), [*a, *b]
    exact = len(set(both)) == len(both) and max(len(a), len(b)) <= 40
    p, outside = exact_test(smaller, len(a), len(b)) if exact else normal_test(smaller, len(a), len(b), both)
    p, cut = min(1.0, 2 * p), max(outside - 1, 0)
    return {"ratio": percentile(ratios, 0.5), "low": ratios[cut], "high": ratios[-1 - cut], "p": p, "distinguishable": p < 0.05}


def median_interval(samples):
    """The 95 % interval of the median by order statistics; all that was seen where there are too few."""
    ordered, n = sorted(samples), len(samples)
    below, cut = 0.0, 0
    while cut < n // 2:
        below += math.comb(n, cut) / 2**n
        if below > 0.025:
            break
        cut += 1
    cut = max(cut - 1, 0)
    return ordered[cut], ordered[-1 - cut]


# --- engines ---------------------------------------------------------------------------------------------------------


class Engine:
    """One worker: started once, checked, then timed in turns."""

    def __init__(self, label, argv, setting="", environment=None, patience=600):
        self.label, self.argv, self.setting, self.environment, self.patience = label, [str(a) for a in argv], setting, environment, patience
        self.ready = {}
        self.verdict, self.reason = "SKIPPED", ""
        self.load, self.first, self.steady, self.medians = [], [], [], []
        self.peak_bytes = None
        self.process = None
        self.buffer = b""

    @classmethod
    def skipped(cls, label, reason, setting=""):
        engine = cls(label, [], setting)
        engine.reason = reason
        return engine

    def works(self):
        return self.verdict in ("PASSED", "MISTRUSTED")

    def start(self):
        """Loads, checks and runs once. A worker that fails stays out of the turns."""
        self.buffer = b""
        self.said = tempfile.TemporaryFile()
        try:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.said,
                                            env={**os.environ, **(self.environment or {})})
        except OSError as error:
            self.fail(f"{self.argv[0]}: {error.strerror}")
            return
        self.ready = self.hear()
        if self.process is None:
            return
        self.verdict, self.reason = self.ready.get("verdict", "FAILED"), self.ready.get("reason", "")
        if self.works():
            self.load.append(self.ready["load_ms"])
            self.first.append(self.ready["first_ms"])
        else:
            self.stop()

    def hear(self):
        """The next line of the worker; {} after a failure, which it notes."""
        end = time.monotonic() + self.patience
        while b"\n" not in self.buffer:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                self.fail(f"said nothing for {self.patience} s")
                return {}
            more = os.read(self.process.stdout.fileno(), 1 << 16)
            if not more:
                self.process.wait()
                self.said.seek(0)
                lines = self.said.read().decode(errors="replace").strip().splitlines()
                self.fail(" | ".join(lines[-3:]) or f"ended with {self.process.returncode}")
                return {}
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        try:
            said = json.loads(line)
        except ValueError:
            self.fail(f"said {line[:100]!r}")
            return {}
        if "error" in said:
            self.fail(said["error"], said.get("verdict", "FAILED"))
            return {}
        return said

    def fail(self, reason, verdict="FAILED"):
        self.verdict, self.reason = verdict, reason[:500]
        if self.process:
            self.process.kill()
            try:
                self.process.stdin.close()
            except OSError:
                pass
        self.forget()

    def forget(self):
        if self.process:
            self.process.stdout.close()
            self.process.wait()
        self.process = None
        self.said.close()

    def turn(self, passes):
        try:
            self.process.stdin.write(b"%d\n" % passes)
            self.process.stdin.flush()
        except OSError:
            pass  # it has ended: hear() says why
        return self.hear().get("ms", [])

    def stop(self):
        if self.process is None:
            return
        try:
            self.process.stdin.close()
        except OSError:
            pass
        if self.works():
            # Its input is closed: a worker that dies here has done its work.
            out = self.buffer + self.process.stdout.read()
            try:
                self.peak_bytes = json.loads(out).get("peak_bytes")
            except ValueError:
                pass
        self.forget()


def take_turns(engines, rounds, seconds, seed=1, say=lambda text: None):
    """Every working engine once in each round, in random order, for about `seconds` each; passes are counted out in advance, so
    that a turn's median does not depend on where it was cut. The first turns warm up and do not count."""
    order = random.Random(seed)
    passes = {}
    for engine in engines:
        if engine.works():
            for _ in range(2):
                times = engine.turn(3)
            if times:
                passes[engine] = max(3, min(2000, round(seconds * 1000 / max(statistics_of(times)["median"], 1e-3))))
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        running = [engine for engine in passes if engine.works()]
        order.shuffle(running)
        for engine in running:
            times = engine.turn(passes[engine])
            if times:
                engine.steady += times
                engine.medians.append(statistics_of(times)["median"])


def run_case(engines, rounds, seconds, starts=1, seed=1, say=lambda text: None):
    """Starts, checks, times and stops them. `starts`: processes in which loading and the first pass are measured."""
    for engine in engines:
        if not engine.argv:
            continue
        for number in range(starts):
            say(f"{engine.label}: loading and checking")
            engine.start()
            if number + 1 < starts and engine.works():
                engine.stop()
            if not engine.works():
                break
    try:
        take_turns(engines, rounds, seconds, seed, say)
    finally:
        for engine in engines:
            engine.stop()


# --- reports ---------------------------------------------------------------------------------------------------------


def file_report(engine, first):
    """One entry of "files" in permafrost-bench's JSON."""
    json_file = {"file": engine.label}
    if engine.setting:
        json_file["setting"] = engine.setting
    if "engine" in engine.ready:
        json_file["engine"] = engine.ready["engine"]
    json_file["verdict"] = engine.verdict
    if engine.reason:
        json_file["reason"] = engine.reason
    json_file["outputs"] = engine.ready.get("outputs", [])
    if engine.ready.get("cpu_layers"):
        json_file["cpu_layers"] = engine.ready["cpu_layers"]
    if engine.peak_bytes:
        json_file["process_peak_bytes"] = engine.peak_bytes
    if engine.medians:
        json_file["load_ms"] = {**statistics_of(engine.load), "medians": engine.load}
        json_file["first_ms"] = statistics_of(engine.first)
        json_file["steady_ms"] = {**statistics_of(engine.steady), "medians": engine.medians, "interval": median_interval(engine.medians)}
        if engine is not first:
            json_file["faster_by"] = compare_times(first.medians, engine.medians)
    return json_file


def case_report(name, engines, judge="TensorFlow"):
    timed = [engine for engine in engines if engine.medians]
    first = timed[0] if timed else None
    return {"name": name, "judge": judge, "files": [file_report(engine, first) for engine in engines]}


def needed_rel(file):
    worst = 0.0
    for output in file["outputs"]:
        worst = max(worst, float(output.get("needed_rel", "inf")))
    return worst


def table(cases):
    """What was measured, a line for each engine; the speed is against the first one of its case that was timed."""
    rows = [("case", "engine", "check", "needed", "load ms", "first ms", "median ms", "95 %", "speed (95 %)")]
    reasons = {}  # {verdict and reason: whose}; one that many engines share is said once
    for case in cases:
        for file in case["files"]:
            label = " ".join(filter(None, (file["file"], file.get("setting"))))
            row = [case["name"], label, file["verdict"], f"{needed_rel(file):.1e}" if file["outputs"] else "-"]
            if "steady_ms" in file:
                steady = file["steady_ms"]
                row += [f"{file['load_ms']['median']:.4g}", f"{file['first_ms']['median']:.4g}", f"{steady['median']:.4g}",
                        "{:.4g}-{:.4g}".format(*steady["interval"])]
                speed = file.get("faster_by")
                row.append("-" if speed is None else "{ratio:.3g} x ({low:.3g}-{high:.3g})".format(**speed) if speed["distinguishable"]
                           else "no difference")
            else:
                row += ["-"] * 5
            rows.append(row)
            if file.get("reason"):
                reasons.setdefault(f"{file['verdict']}: {file['reason']}", []).append((case["name"], label))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) if i < 3 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))) for row in rows]
    said = []
    for reason, whose in reasons.items():
        names, labels = (list(dict.fromkeys(part)) for part in zip(*whose))
        everywhere = len(whose) == len(names) * len(labels)
        said.append(f"{', '.join(names)} {', '.join(labels)}: {reason}" if everywhere else
                    f"{', '.join(' '.join(pair) for pair in whose)}: {reason}")
    return "\n".join(lines + ([""] + said if said else [])) + "\n"


def machine_facts():
    def field(path, key):
        try:
            for line in open(path, encoding="utf-8"):
                if line.startswith(key):
                    return line.split(":", 1)[1].strip()
        except OSError:
            pass
        return "unknown"
    system = os.uname()
    return {"cpu": field("/proc/cpuinfo", "model name"), "cores": str(os.cpu_count()), "memory": field("/proc/meminfo", "MemTotal"),
            "kernel": f"{system.sysname} {system.release} {system.machine}"}


def report_json(cases, machine, tolerance, more=None):
    """The whole file; `more`: further keys."""
    return {"format_version": 1, "machine": machine, "tolerance": tolerance, **(more or {}), "cases": cases}


def write_json(path, content):
    path = pathlib.Path(path)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(content, indent=1) + "\n")
    part.replace(path)


# --- what the sources offer ------------------------------------------------------------------------------------------


def environment_python(name, install=True):
    """The interpreter of an environment of scripts/python_env; None if it is not there and must not be installed."""
    venvs = pathlib.Path(os.environ.get("PERMAFROST_VENV_DIR", ROOT / "build" / "venv"))
    if not install and not (venvs / name / "requirements.installed").is_file():
        return None
    done = subprocess.run([str(PYTHON_ENV), name, "-c", "import sys; print(sys.executable)"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"scripts/python_env {name}: {(done.stderr.strip() or 'failed').splitlines()[-1]}")
    return done.stdout.strip()


def prepare_case(case, programs, folder, tolerance=1e-4, opencv_only=False, environment=None):
    """Optimizes the case's model, with layers that only OpenCV has if asked to, and writes it as ONNX, too:
    (machine facts, {"optimized" | "onnx": path}, what failed). `environment`: of the programs, in place of this one's."""
    bench = pathlib.Path(programs) / "permafrost-bench"
    if not os.access(bench, os.X_OK):
        raise Failure(f"{bench} does not exist; build it (cmake --preset release && cmake --build --preset release) or name its folder with --bin")
    case = pathlib.Path(case)
    report = pathlib.Path(folder) / f"{case.name}.report.json"
    done = subprocess.run([str(bench), str(case), "--check-only", "--onnx", "--tolerance", str(tolerance), "--keep", str(folder), "--json",
                           str(report), *["--opencv-only"] * opencv_only], capture_output=True, text=True, check=False, env=environment)
    if not report.is_file():
        raise Failure(f"{case}: {(done.stderr.strip() or 'permafrost-bench failed').splitlines()[-1]}")
    said = json.loads(report.read_text())
    one = said["cases"][0]
    if one.get("error"):
        raise Failure(f"{case}: {one['error']}")
    files = {"optimized": pathlib.Path(folder) / f"{case.name}.pb", "onnx": pathlib.Path(folder) / f"{case.name}.onnx"}
    reasons = {file["file"]: file.get("reason", "") for file in one["files"]}
    return said["machine"], {label: path for label, path in files.items() if path.is_file()}, reasons
