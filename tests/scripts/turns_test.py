#!/usr/bin/env python3
"""scripts/turns.py and scripts/compare_peers: statistics, workers that misbehave, and a whole comparison.

    turns_test.py BIN    BIN: the folder of our programs
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
import turns  # noqa: E402

BIN = pathlib.Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else ROOT / "build" / "release" / "bin"

WORKER = """
import json, sys
print(json.dumps({"engine": "fake", "verdict": "PASSED", "reason": "", "load_ms": 1.0, "first_ms": 2.0, "outputs": []}), flush=True)
for number, line in enumerate(sys.stdin):
    if number == int(sys.argv[2]):
        sys.exit("lost its way")
    print(json.dumps({"ms": [float(sys.argv[1]) + 0.001 * number + 0.0001 * i for i in range(int(line))]}), flush=True)
print(json.dumps({"peak_bytes": 4096}), flush=True)
"""


def fake(label, ms, dies_at=-1):
    return turns.Engine(label, [sys.executable, "-c", WORKER, ms, dies_at])


def python(label, code, patience=30):
    return turns.Engine(label, [sys.executable, "-c", code], patience=patience)


class Statistics(unittest.TestCase):
    """The numbers of tests/bench/statistics_test.cc."""

    def test_are_those_of_the_sorted_samples(self):
        out = turns.statistics_of([5, 1, 3, 2, 4])
        self.assertEqual([out["count"], out["min"], out["median"], out["mean"]], [5, 1, 3, 3])
        self.assertAlmostEqual(out["p90"], 4.6)
        self.assertAlmostEqual(out["p99"], 4.96)
        self.assertAlmostEqual(out["variation"], 2.5**0.5 / 3)

    def test_agree_with_scipy(self):
        out = turns.compare_times([12.1, 13.4, 11.9, 12.8, 14.2], [10.1, 9.7, 12.0, 10.9, 11.2])
        self.assertAlmostEqual(out["p"], 0.015873015873)
        self.assertTrue(1 < out["low"] < out["ratio"] < out["high"])
        self.assertAlmostEqual(turns.compare_times([1, 2, 2, 3, 4, 4, 5, 6], [2, 3, 3, 4, 7, 7, 8, 9])["p"], 0.152277403579)

    def test_see_no_difference_in_too_few_samples(self):
        self.assertFalse(turns.compare_times([10, 11, 12], [1, 2, 3])["distinguishable"])
        self.assertTrue(turns.compare_times([10, 11, 12, 13], [1, 2, 3, 4])["distinguishable"])
        self.assertFalse(turns.compare_times([3, 3, 3, 3], [3, 3, 3, 3])["distinguishable"])

    def test_give_the_interval_of_the_median(self):
        self.assertEqual(turns.median_interval([3, 1, 2]), (1, 3))
        self.assertEqual(turns.median_interval(range(1, 13)), (3, 10))  # P(fewer than 3 of 12 below the median) = 0.019


class Turns(unittest.TestCase):
    def test_tell_which_engine_is_faster(self):
        engines = [fake("slow", 2.0), fake("fast", 1.0)]
        turns.run_case(engines, rounds=5, seconds=0.02, starts=2)
        slow, fast = turns.case_report("case", engines)["files"]
        self.assertEqual(slow["load_ms"]["count"], 2)
        self.assertEqual(len(fast["steady_ms"]["medians"]), 5)
        self.assertNotIn("faster_by", slow)
        self.assertTrue(fast["faster_by"]["distinguishable"])
        self.assertAlmostEqual(fast["faster_by"]["ratio"], 2, delta=0.05)
        self.assertEqual(fast["process_peak_bytes"], 4096)

    def test_go_on_without_an_engine_that_dies(self):
        engines = [fake("dies", 1.0, dies_at=4), fake("lives", 1.0)]
        turns.run_case(engines, rounds=6, seconds=0.01)
        self.assertEqual((engines[0].verdict, engines[0].reason), ("FAILED", "lost its way"))
        self.assertEqual(len(engines[1].medians), 6)

    def test_say_what_is_wrong_with_a_worker(self):
        engines = [python("crash", "import os; os.abort()"), python("words", "print('hello')"),
                   python("mute", "import time; time.sleep(60)", patience=0.5), turns.Engine("gone", ["/no/such/program"]),
                   python("skips", """print('{"error": "no GPU", "verdict": "SKIPPED"}')"""),
                   python("wrong", """print('{"verdict": "FAILED", "reason": "off by 1", "outputs": []}')""")]
        turns.run_case(engines, rounds=1, seconds=0.01)
        said = {engine.label: (engine.verdict, engine.reason) for engine in engines}
        self.assertEqual(said["crash"], ("FAILED", "ended with -6"))
        self.assertEqual(said["words"], ("FAILED", "said b'hello'"))
        self.assertEqual(said["mute"], ("FAILED", "said nothing for 0.5 s"))
        self.assertEqual(said["gone"], ("FAILED", "/no/such/program: No such file or directory"))
        self.assertEqual(said["skips"], ("SKIPPED", "no GPU"))
        self.assertEqual(said["wrong"], ("FAILED", "off by 1"))
        self.assertIn("skips: SKIPPED: no GPU", turns.table([turns.case_report("case", engines)]))


@unittest.skipUnless((BIN / "permafrost-bench-worker").is_file(), f"{BIN} holds no permafrost-bench-worker")
class ComparePeers(unittest.TestCase):
    def compare(self, *flags, **environment):
        with tempfile.TemporaryDirectory() as folder:
            report = pathlib.Path(folder) / "report.json"
            done = subprocess.run([sys.executable, str(ROOT / "scripts" / "compare_peers"), str(ROOT / "models" / "classic_tf1"), "--bin", str(BIN),
                                   "--threads", "1", "--rounds", "4", "--seconds", "0.02", "--starts", "1", "--installed", "--json", str(report), *flags],
                                  capture_output=True, text=True, check=False, env={**os.environ, **environment})
            self.assertTrue(report.is_file(), done.stderr)
            return done, {file["file"]: file for file in json.loads(report.read_text())["cases"][0]["files"]}

    def test_times_both_files_and_says_what_is_not_installed(self):
        with tempfile.TemporaryDirectory() as empty:
            done, files = self.compare("--with", "opencv-onnx,tensorflow", PERMAFROST_VENV_DIR=empty)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(files["tensorflow"]["reason"], "the environment reference is not installed")
        for name in ("optimized", "opencv-onnx"):
            self.assertEqual(files[name]["verdict"], "PASSED", files[name])
            self.assertEqual(len(files[name]["steady_ms"]["medians"]), 4)
            self.assertEqual([output["name"] for output in files[name]["outputs"]], ["logits/BiasAdd", "softmax"])
        self.assertIn("classic_tf1  tensorflow 1 thread", done.stdout)

    def test_lets_every_installed_peer_give_the_same_answer(self):
        peers = {"tensorflow": "reference", "onnxruntime": "onnx", "openvino": "openvino", "opencv-4.10": "opencv-4.10"}
        there = [peer for peer, environment in peers.items() if turns.environment_python(environment, install=False)]
        if not there:
            self.skipTest("none of the environments " + ", ".join(peers.values()) + " is installed (scripts/python_env NAME)")
        done, files = self.compare("--with", ",".join(there))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for peer in there:
            self.assertEqual(files[peer]["verdict"], "PASSED", files[peer])
            self.assertTrue(all(output["top1"] == 1 for output in files[peer]["outputs"]))

    def test_says_what_no_case_is(self):
        done = subprocess.run([sys.executable, str(ROOT / "scripts" / "compare_peers"), "/no/case", "--bin", str(BIN)], capture_output=True,
                              text=True, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("compare_peers: /no/case: ", done.stderr)


if __name__ == "__main__":
    unittest.main()
