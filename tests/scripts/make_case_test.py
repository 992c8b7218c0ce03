#!/usr/bin/env python3
"""scripts/make_case on small models, with TensorFlow where its environment is installed.

    make_case_test.py BIN    BIN: the folder of our programs
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
import turns  # noqa: E402

BIN = pathlib.Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else ROOT / "build" / "release" / "bin"
FORMATS = ROOT / "models" / "formats"
DIGITS = ROOT / "models" / "classic_tf1"


@unittest.skipUnless(turns.environment_python("reference", install=False), "the environment reference is not installed (scripts/python_env reference)")
@unittest.skipUnless((BIN / "permafrost-bench").is_file(), f"{BIN} holds no permafrost-bench")
class MakeCase(unittest.TestCase):
    def make(self, *arguments):
        """The case and what was said; permafrost-bench must find our answer equal to what was recorded."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        case = pathlib.Path(folder.name) / "case"
        done = subprocess.run([str(ROOT / "scripts" / "make_case"), *map(str, arguments), "-o", str(case), "--optimizer",
                               str(BIN / "permafrost-optimize")], capture_output=True, text=True, check=False, cwd=folder.name)
        return case, done

    def judge(self, case):
        done = subprocess.run([str(BIN / "permafrost-bench"), str(case), "--check-only"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("optimized", done.stdout)

    def test_takes_all_pictures_where_the_model_takes_any_batch(self):
        case, done = self.make(DIGITS / "graph.pb", "--inputs", DIGITS / "digits", "--set", "is_training=false", "--scale", 1 / 255, "--count", 6,
                               "--labels", DIGITS / "labels.txt")
        self.assertEqual(done.returncode, 0, done.stderr)
        meta = json.loads((case / "meta.json").read_text())
        self.assertEqual((meta["inputs"], meta["shapes"]), (["IteratorGetNext"], [[6, 28, 28, 1]]))
        self.assertEqual(meta["outputs"], ["softmax"])
        self.assertEqual(meta["preprocessing"]["scale"], 1 / 255)
        self.assertTrue((case / "labels.txt").is_file())
        self.judge(case)

    def test_records_checkpoints_and_keras_files(self):
        for model, inputs in (("checkpoint_v2/model.ckpt-20.meta", "checkpoint_v2/in.npy"), ("h5_functional_tf2_15/net.h5", "h5_functional_tf2_15/in.npy")):
            case, done = self.make(FORMATS / model, "--inputs", FORMATS / inputs)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertNotIn("frozen_from", json.loads((case / "meta.json").read_text()))
            self.judge(case)

    def test_freezes_what_this_tensorflow_does_not_open(self):
        case, done = self.make(FORMATS / "keras_functional_tf2_21" / "net.keras", "--inputs", FORMATS / "keras_functional_tf2_21" / "in.npy")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("TensorFlow does not open it", done.stderr)
        self.assertEqual(json.loads((case / "meta.json").read_text())["frozen_from"], "net.keras")
        self.judge(case)

    def test_freezes_a_graph_with_a_checkpoint_and_compares(self):
        folder = FORMATS / "graph_and_checkpoint"
        case, done = self.make(folder / "graph.pbtxt", "--checkpoint", folder / "train", "--inputs", folder / "in.npy")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads((case / "meta.json").read_text())["frozen_from"], "graph.pbtxt")
        self.judge(case)

    def test_says_what_it_cannot_do(self):
        for arguments, said in (((DIGITS / "graph.pb", "--inputs", "/no/pictures"), "/no/pictures does not exist"),
                                ((DIGITS / "graph.pb", "--inputs", DIGITS / "labels.txt"), "neither a picture nor a .npy file"),
                                ((DIGITS / "labels.txt", "--inputs", DIGITS / "digits"), "permafrost-optimize does not freeze it either"),
                                ((DIGITS / "graph.pb", "--inputs", f"nothing={DIGITS / 'digits'}"), "no input nothing")):
            _, done = self.make(*arguments)
            self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
            self.assertIn(said, done.stderr.splitlines()[-1])


if __name__ == "__main__":
    unittest.main()
