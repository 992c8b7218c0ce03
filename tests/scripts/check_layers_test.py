#!/usr/bin/env python3
"""Plants one violation of each kind into a small house and expects scripts/check_layers to name it."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

CLEAN = {
    "optimizer/support/status.h": '#include "absl/status/status.h"\n',
    "optimizer/ir/graph.h": '#include <string>\n#include "optimizer/support/status.h"\n',
    "optimizer/passes/fold.cc": '#include "optimizer/ir/graph.h"\n// printf("never") is only a comment\n',
    "optimizer/frontend/read.cc": '#include "permafrost/graph.pb.h"\n#include <google/protobuf/io/coded_stream.h>\n',
    "optimizer/pipeline/optimize.h": '#include "optimizer/passes/fold.h"\n#include "shared_io/npy.h"\n',
    "optimizer/tool/main.cc": '#include "optimizer/pipeline/optimize.h"\nint main() { std::cout << 1; }\n',
    "shared_io/npy.h": '#include "optimizer/support/status.h"\n',
    "runner/guard.cc": "#include <opencv2/dnn.hpp>\nvoid f() { try { g(); } catch (const std::exception&) {} }\n",
    "bench/check.cc": '#include "optimizer/pipeline/optimize.h"\n#include "runner/session.h"\n',
}


def check(files):
    """What check_layers says about a folder with these files: (exit code, lines)."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = pathlib.Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        done = subprocess.run([sys.executable, str(ROOT / "scripts" / "check_layers"), folder], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout.splitlines(), done.stderr


class CheckLayers(unittest.TestCase):
    def expect_violation(self, path, text, said):
        code, lines, complaint = check({**CLEAN, path: text})
        self.assertEqual(code, 1, complaint)
        self.assertEqual(len(lines), 1, lines)
        self.assertTrue(lines[0].startswith(path + ":"), lines[0])
        self.assertIn(said, lines[0])

    def test_accepts_a_clean_house(self):
        self.assertEqual(check(CLEAN), (0, [], ""))

    def test_refuses_an_empty_folder(self):
        self.assertEqual(check({})[0], 1)

    def test_names_an_include_against_the_table(self):
        self.expect_violation("optimizer/ir/shape.cc", '#include "optimizer/ops/op.h"\n', "optimizer/ir may not include optimizer/ops/op.h")
        self.expect_violation("optimizer/passes/x.cc", '\n#include "optimizer/backends/b.h"\n', "optimizer/passes may not include")
        self.expect_violation("runner/x.h", '#include "optimizer/ir/graph.h"\n', "runner may not include")
        self.expect_violation("bench/x.h", '#include "optimizer/pipeline/catalog.h"\n', "bench may not include")
        self.expect_violation("shared_io/x.h", '#include "optimizer/ir/tensor.h"\n', "shared_io may not include")

    def test_names_an_include_from_a_program_or_a_test(self):
        self.expect_violation("optimizer/pipeline/x.cc", '#include "optimizer/tool/flags.h"\n', "nothing includes optimizer/tool")
        self.expect_violation("optimizer/ir/x.cc", '#include "tests/support/graph_testing.h"\n', "nothing includes tests/support")

    def test_names_an_include_without_its_folder(self):
        self.expect_violation("optimizer/ir/x.cc", '#include "graph.h"\n', "named from the project's root")

    def test_names_opencv_in_the_optimizer_and_shared_io(self):
        self.expect_violation("optimizer/backends/x.cc", "#include <opencv2/dnn.hpp>\n", "OpenCV")
        self.expect_violation("shared_io/x.cc", "#include <opencv2/core.hpp>\n", "OpenCV")

    def test_names_protobuf_in_the_passes(self):
        self.expect_violation("optimizer/passes/x.cc", '#include "permafrost/graph.pb.h"\n', "protobuf")
        self.expect_violation("optimizer/pipeline/x.cc", "#include <google/protobuf/message.h>\n", "protobuf")

    def test_names_a_second_door_to_absl_status(self):
        self.expect_violation("optimizer/ir/x.cc", '#include "absl/status/statusor.h"\n', "only optimizer/support/status.h")

    def test_names_a_catch_outside_the_one_file(self):
        text = "void f() { try { g(); } catch (...) {} }\n"
        self.expect_violation("optimizer/ir/x.cc", text, "catch")
        self.expect_violation("runner/second.cc", text, "runner/guard.cc catches already")

    def test_names_printing_in_a_library(self):
        self.expect_violation("optimizer/ir/x.cc", 'void f() { std::cout << "x"; }\n', "prints nothing")
        self.expect_violation("runner/x.cc", 'void f() { printf("x"); }\n', "prints nothing")
        self.expect_violation("bench/x.cc", 'void f() { std::fprintf(stderr, "x"); }\n', "prints nothing")

    def test_names_a_type_that_two_headers_define(self):
        there = {"optimizer/ir/a.h": "namespace permafrost {\nstruct Options { int a; };\n}\n"}
        same = {"runner/b.h": "namespace permafrost {\nstruct Options {\n};\n}\n"}
        code, lines, _ = check({**CLEAN, **there, **same})
        self.assertEqual(code, 1)
        self.assertEqual(len(lines), 1, lines)
        self.assertIn("runner/b.h:2: permafrost::Options is a type of optimizer/ir/a.h too", lines[0])
        code, lines, _ = check({**CLEAN, **there, "tests/support/b.h": "namespace permafrost {\nclass Options {\n};\n}\n"})
        self.assertIn("tests/support/b.h:2: permafrost::Options is a type of optimizer/ir/a.h too", lines[0])
        other = {"runner/b.h": "namespace permafrost::other {\nstruct Options {\n};\n}\n"}
        self.assertEqual(check({**CLEAN, **there, **other})[0], 0)
        self.assertEqual(check({**CLEAN, **there, "runner/b.h": "namespace permafrost {\nstruct Options;\n}\n"})[0], 0)

    def test_names_a_folder_without_a_row(self):
        self.expect_violation("optimizer/extra/x.cc", "int x;\n", "no folder of the table")


if __name__ == "__main__":
    unittest.main()
