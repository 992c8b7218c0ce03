"""What check_formats and check_applications share: run the built programs on a model and compare with TensorFlow."""
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOLERANCE = 1e-4


def need_environment(name, module):
    """Starts the script again in scripts/python_env NAME unless it runs there (it has the module) already."""
    if importlib.util.find_spec(module) is None:
        os.execv(str(ROOT / "scripts" / "python_env"), ["python_env", name, *sys.argv])


class Refused(Exception):
    """permafrost-optimize or permafrost-run said no; the message is its last line."""


def program(name):
    folder = pathlib.Path(os.environ.get("PERMAFROST_BIN", ROOT / "build" / "release" / "bin"))
    if not (folder / name).exists():
        sys.exit(f"{pathlib.Path(sys.argv[0]).name}: no {folder / name}; build it (cmake --preset release && cmake --build --preset release), "
                 "or name its folder in PERMAFROST_BIN")
    return folder / name


def run(name, *arguments):
    begin = time.monotonic()
    try:
        done = subprocess.run([str(program(name)), *map(str, arguments)], capture_output=True, text=True, timeout=600, check=False)
    except subprocess.TimeoutExpired as error:
        raise Refused(f"{name}: longer than 600 s") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Refused(f"{name} ended with {done.returncode}: {said[-1] if said else 'without a word'}")
    return time.monotonic() - begin


def frozen_answers(model, value, folder, *arguments):
    """Freezes and optimizes the model for TensorFlow, which runs the result (--passes freeze would leave a training graph's
    dropout alive, as freeze_graph does). Gives the answers in the order of the outputs, and seconds."""
    from tensorflow_models import open_model
    target = folder / "frozen.pb"
    seconds = run("permafrost-optimize", model, "-o", target, "--target", "graphdef", *arguments)
    info = json.loads(target.with_suffix(".json").read_text())
    graph = open_model(target)
    answers = graph.run({info["inputs"][0]["name"]: value}, [tensor["name"] for tensor in info["outputs"]])
    graph.session.close()
    target.unlink()
    return answers, seconds


def opencv_answers(model, value, folder, *arguments):
    """Optimizes the model for OpenCV and runs it with permafrost-run."""
    import numpy as np
    target = folder / "model.pb"
    run("permafrost-optimize", model, "-o", target, *arguments)
    info = json.loads(target.with_suffix(".json").read_text())
    np.save(folder / "in.npy", value)
    (folder / "answers").mkdir(exist_ok=True)
    run("permafrost-run", target, folder / "in.npy", "--decode", "raw", "--save-npy", folder / "answers")
    target.unlink()
    return [np.load(folder / "answers" / f"in.{tensor['name'].replace('/', '_')}.npy") for tensor in info["outputs"]]


def compare(answer, *arguments, want):
    """answer(*arguments) against want: the largest relative error as text, or why there is none; and whether that is good."""
    from make_reference import relative_error
    try:
        got = answer(*arguments)
        got = got[0] if isinstance(got, tuple) else got
    except Refused as error:
        return str(error), False
    if [a.size for a in got] != [a.size for a in want]:
        return f"shapes {[list(a.shape) for a in got]}, expected {[list(a.shape) for a in want]}", False
    worst = max(relative_error(a.reshape(b.shape), b) for a, b in zip(got, want))
    return f"{worst:.1e}" + ("" if worst <= TOLERANCE else " WRONG"), worst <= TOLERANCE


def scratch():
    return tempfile.TemporaryDirectory(prefix="permafrost-", dir=os.environ.get("TMPDIR"))


def print_table(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")
        if row is rows[0]:
            print("|" + "---|" * len(row))
    sys.stdout.flush()
