#!/usr/bin/env python3
"""What scripts/measuring.py says of a program: its own memory, not that of who starts it, and how it ended."""
import os
import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
from measuring import Command, Failure, run, run_small  # noqa: E402


class Measuring(unittest.TestCase):
    def peak_of(self, code):
        with tempfile.TemporaryFile() as said:
            return run_small([sys.executable, "-I", "-S", "-c", code], said, dict(os.environ))

    def test_counts_the_program_and_not_what_starts_it(self):
        held = bytearray(200 << 20)
        held[::4096] = bytes(len(held[::4096]))  # every page
        _, small, code = self.peak_of("pass")
        _, large, _ = self.peak_of("x = bytearray(64 << 20); x[::4096] = bytes(len(x[::4096]))")
        self.assertEqual(code, 0)
        self.assertLess(small, 60 << 20)
        self.assertGreater(large, small + (60 << 20))
        self.assertEqual(len(held), 200 << 20)

    def test_times_the_program(self):
        seconds, _, _ = self.peak_of("import time; time.sleep(0.2)")
        self.assertGreaterEqual(seconds, 0.2)

    def test_names_a_program_that_fails(self):
        with tempfile.TemporaryDirectory() as folder:
            target = pathlib.Path(folder) / "out" / "file"
            command = Command("net", "tool", [sys.executable, "-c", "import sys; sys.exit('bad luck')"], [], target)
            with self.assertRaisesRegex(Failure, "tool on net ended with 1: bad luck"):
                run(command)
            command.argv = [str(pathlib.Path(folder) / "missing")]
            with self.assertRaisesRegex(Failure, "could not be started"):
                run(command)


if __name__ == "__main__":
    unittest.main()
