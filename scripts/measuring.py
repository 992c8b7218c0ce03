"""What scripts/measure_speed and scripts/measure_freeze share: commands that take turns, and the table of what they took."""
import dataclasses
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHON_ENV = str(ROOT / "scripts" / "python_env")


class Failure(Exception):
    """Nothing can be measured; one line says why."""


@dataclasses.dataclass
class Command:
    """One command that takes its turn in every round, and what its runs measured."""

    model: str
    tool: str
    argv: list
    sources: list  # the files that are read
    target: pathlib.Path
    seconds: list = dataclasses.field(default_factory=list)
    peak_bytes: list = dataclasses.field(default_factory=list)

    def file_bytes(self):
        return sum(source.stat().st_size for source in self.sources)

    def best_s(self):
        return min(self.seconds)

    def peak(self):
        return max(self.peak_bytes)


def warm(path):
    with open(path, "rb", buffering=0) as stream:
        while stream.read(1 << 22):
            pass


# Linux counts what the parent holds when it starts a program towards the program's peak: this one holds next to nothing.
STARTER = """import os, sys, time
begin = time.perf_counter()
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
os.write(int(os.environ["PERMAFROST_REPORT_TO"]), f"{time.perf_counter() - begin} {usage.ru_maxrss * 1024} {os.waitstatus_to_exitcode(status)}".encode())
"""


def run_small(argv, said, environment):
    """Seconds from start to exit, the peak resident memory, and the exit code of a program that a small process starts."""
    read, write = os.pipe()
    try:
        process = subprocess.Popen([sys.executable, "-I", "-S", "-c", STARTER, *argv], stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                                   env={**environment, "PERMAFROST_REPORT_TO": str(write)}, pass_fds=[write])
    finally:
        os.close(write)
    with os.fdopen(read, "r") as stream:
        words = stream.read().split()
    process.wait()
    if len(words) != 3:
        raise Failure(f"{argv[0]} could not be started")
    return float(words[0]), int(words[1]), int(words[2])


def run(command):
    """One turn: seconds from start to exit, and the peak resident memory of that process."""
    shutil.rmtree(command.target.parent, ignore_errors=True)
    command.target.parent.mkdir(parents=True)
    for source in command.sources:
        warm(source)
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "2"}
    with tempfile.TemporaryFile() as said:
        seconds, peak, exit_code = run_small(command.argv, said, environment)
        if exit_code != 0 or not command.target.is_file():
            said.seek(0)
            tail = said.read().decode(errors="replace").strip().splitlines()[-3:]
            raise Failure(f"{command.tool} on {command.model} ended with {exit_code}: {' | '.join(tail) or 'no output file'}")
    return seconds, peak


def cpu_name():
    try:
        for line in open("/proc/cpuinfo", encoding="utf-8"):
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()

def take_turns(commands, rounds):
    """Every command once in every round."""
    for index in range(rounds):
        if sys.stderr.isatty():
            print(f"round {index + 1} of {rounds}\r", end="", file=sys.stderr, flush=True)
        for command in commands:
            seconds, peak = run(command)
            command.seconds.append(seconds)
            command.peak_bytes.append(peak)
            shutil.rmtree(command.target.parent)


def report(commands, limits, rounds, json_file):
    """Prints what was measured. `limits` holds (what, measured, limit). True if all hold."""
    print(f"{cpu_name()}, {os.cpu_count()} cores; best and worst of {rounds} interleaved rounds, warm cache\n")
    print(f"{'model':<10} {'tool':<24} {'best s':>8} {'worst s':>8} {'peak MB':>8} {'file MB':>8} {'peak/file':>9}")
    for command in sorted(commands, key=lambda c: (c.model, c.tool != "permafrost-optimize")):
        size = command.file_bytes()
        print(f"{command.model:<10} {command.tool:<24} {command.best_s():>8.3f} {max(command.seconds):>8.3f} "
              f"{command.peak() / 1e6:>8.0f} {size / 1e6:>8.0f} {command.peak() / size:>9.2f}")
    print()
    for what, measured, limit in limits:
        print(f"{'PASS' if measured <= limit else 'FAIL'}  {measured:6.3f}  (limit {limit:5.3f})  {what}")
    if json_file:
        pathlib.Path(json_file).write_text(json.dumps({
            "machine": {"cpu": cpu_name(), "cores": os.cpu_count(), "system": platform.platform()},
            "rounds": rounds,
            "commands": [{"model": c.model, "tool": c.tool, "seconds": c.seconds, "best_s": c.best_s(), "peak_bytes": c.peak(),
                          "file_bytes": c.file_bytes()} for c in commands],
            "limits": [{"what": what, "measured": measured, "limit": limit, "passed": measured <= limit} for what, measured, limit in limits],
        }, indent=1) + "\n")
    return all(measured <= limit for _, measured, limit in limits)


def arguments(parser):
    """The flags that measurements share."""
    parser.add_argument("--optimizer", default=str(ROOT / "build" / "release" / "bin" / "permafrost-optimize"), metavar="PATH",
                        help="the program to measure (default build/release/bin/permafrost-optimize)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each command; the best counts (default 5)")
    parser.add_argument("--json", metavar="FILE", help="also write every number to this file")
    parser.add_argument("--no-check", action="store_true", help="do not check the answer first (for stand-ins)")
    args = parser.parse_args()
    if args.rounds < 1:
        parser.error("--rounds must be at least 1")
    return args


def need_optimizer(path):
    if not os.access(path, os.X_OK):
        raise Failure(f"{path} does not exist; build it (cmake --preset release && cmake --build --preset release) or name it with --optimizer")


def python_of_reference():
    """The interpreter itself, so that the wrapper's time is not TensorFlow's."""
    return subprocess.run([PYTHON_ENV, "reference", "-c", "import sys; print(sys.executable)"],
                          check=True, capture_output=True, text=True).stdout.strip()
