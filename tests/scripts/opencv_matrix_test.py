#!/usr/bin/env python3
"""What tests/compat/opencv_matrix relies on: a crash is a cell, known defects are told from new ones, the page's tables are replaced."""
import json
import os
import pathlib
import sys
import tempfile
import time
import unittest

COMPAT = pathlib.Path(__file__).resolve().parent.parent / "compat"
sys.path.insert(0, str(COMPAT))

from cases import Case, Failure, find_cases, order_for_release
from fork_server import Server
from tables import END, MARK, Known, is_good, write_page

WORKER = """
import os, sys, time
sys.path.insert(0, {compat!r})
from fork_server import serve
def work(order):
    if order == "crash": os.abort()
    if order == "hang": time.sleep(60)
    if order == "error": raise ValueError("so it is")
    return {{"twice": 2 * order}}
serve(work, 1)
"""


class ForkServerTest(unittest.TestCase):
    def test_goes_on_after_a_crash_a_hang_and_an_error(self):
        server = Server([sys.executable, "-c", WORKER.format(compat=str(COMPAT))])
        self.assertEqual(server.ask(4), {"twice": 8})
        self.assertEqual(server.ask("crash"), {"message": "crashes (SIGABRT)"})
        begin = time.monotonic()
        self.assertEqual(server.ask("hang"), {"message": "hangs (longer than 1 s)"})
        self.assertLess(time.monotonic() - begin, 20)
        self.assertEqual(server.ask("error"), {"message": "ValueError: so it is"})
        self.assertEqual(server.ask(5), {"twice": 10})
        server.close()

    def test_says_when_a_release_cannot_even_start(self):
        server = Server([sys.executable, "-c", "raise SystemExit(1)"])
        self.assertIsNone(server.started)
        server.close()


def row(case, **cells):
    answers = {"good": {"passed": True, "error": 1e-6, "outputs": []}, "wrong": {"passed": False, "error": 0.5, "outputs": [
        {"output": "y", "error": 0.5}]}, "crash": {"passed": False, "message": "crashes (SIGSEGV)"}}
    cells = {release: answers[what] for release, what in cells.items()}
    return {"group": "group", "case": case, "tolerance": 1e-4, "cells": cells, "refused": {}, "releases": list(cells)}


class TablesTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)

    def known(self, text):
        file = self.path / "known.txt"
        file.write_text(text)
        return Known(file)

    def test_a_known_defect_is_no_failure_and_a_cell_that_passes_unexpectedly_is(self):
        known = self.known("# comment\ngroup/a: r2: OpenCV forgets it: always\n")
        self.assertEqual(known.reason(row("a", r1="good", r2="crash"), "r2"), "OpenCV forgets it: always")
        self.assertTrue(is_good(row("a", r1="good", r2="crash"), known))
        self.assertFalse(is_good(row("a", r1="good", r2="good"), known))
        self.assertFalse(is_good(row("a", r1="wrong", r2="crash"), known))
        self.assertFalse(is_good(row("b", r1="good", r2="crash"), known))

    def test_a_refused_case_is_a_failure_unless_known(self):
        refused = {"group": "group", "case": "a", "cells": {}, "refused": {}, "releases": ["r1"], "message": "refused"}
        self.assertFalse(is_good(refused, self.known("")))
        self.assertTrue(is_good(refused, self.known("group/a: *: not an OpenCV thing")))

    def test_replaces_the_table_between_the_marks_of_its_group_only(self):
        page = self.path / "page.md"
        page.write_text(f"before\n{MARK.format('group')}\nold\n{END}\nmiddle\n{MARK.format('other')}\nkept\n{END}\nafter\n")
        write_page(page, [row("a", r1="good", r2="wrong")], ["r1", "r2"], self.known(""))
        text = page.read_text()
        self.assertNotIn("old", text)
        self.assertIn("| a | 1.0e-06 | !5.0e-01 |", text)
        self.assertIn("| **match, of 1 cases** | 1 | 0 |", text)
        self.assertIn("- a: [r2] wrong: y 5.0e-01", text)
        self.assertIn("kept", text)
        self.assertTrue(text.startswith("before\n") and text.endswith("after\n"))


def npy(shape):
    head = (str({"descr": "<f4", "fortran_order": False, "shape": shape}) + "\n").encode()
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head


class CasesTest(unittest.TestCase):
    def test_a_case_without_shapes_takes_them_from_its_arrays(self):
        with tempfile.TemporaryDirectory() as temporary:
            folder = pathlib.Path(temporary) / "deep" / "case"
            folder.mkdir(parents=True)
            (folder / "meta.json").write_text(json.dumps({"inputs": ["x"], "outputs": ["y"]}))
            (folder / "model.h5").write_bytes(b"")
            (folder / "in0.npy").write_bytes(npy((2, 3)))
            (folder / "out0.npy").write_bytes(npy((2, 5, 7, 3)))
            found = find_cases(temporary)
            self.assertEqual([path for path, _ in found], [folder])
            case = Case(*found[0])
            self.assertEqual((case.name, case.kind, case.shapes), (os.path.join("deep", "case"), "h5", [[2, 3]]))
            self.assertEqual(case.arguments(["y"]), ["--inputs", "x:2x3", "--outputs", "y"])
            order = order_for_release(case, "model.pb", {0: "y"}, {})
            self.assertEqual((order["outputs"][0]["layout"], order["outputs"][0]["cv_layout"]), ("NHWC", "NCHW"))
            with self.assertRaises(Failure):
                find_cases(folder / "none")


if __name__ == "__main__":
    unittest.main()
