#!/usr/bin/env python3
"""Stores one small network in every way TensorFlow stores networks: the cases of models/formats, one folder a way.

    for release in 2.12 2.15 2.16; do scripts/python_env tf-$release scripts/make_format_cases.py; done
    scripts/python_env newest scripts/make_format_cases.py        [--out DIR] [--list] [WAY]...

Each release writes its own ways (scripts/format_cases; WAY: only these). The network is always the same: conv, norm, relu,
depthwise conv, norm, relu6, and from there a map (conv 1x1) and probabilities (dense, softmax), with given weights. What
TensorFlow answers is recorded from the stored file itself and has to agree with the network; a training graph, which
computes with the statistics of its batch, gets the answers of the inference graph with the same weights.
meta.json says how to open the case (as in every folder of models/), and under "way" what it is.
"""
import argparse
import importlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from tensorflow_models import ModelError, np, open_model, tf  # sets the environment first
from make_reference import case_options, format_meta, relative_error, why_mistrusted, disturbed
from format_cases.network import BATCH, WAYS, pictures

ROOT = pathlib.Path(__file__).resolve().parent.parent
RELEASE = ".".join(tf.__version__.split(".")[:2])


def answers_of(model, meta, value):
    feeds = {meta["inputs"][0]: value}
    feeds.update({name: np.asarray(flag) for name, flag in meta.get("flags", {}).items()})
    return [np.asarray(answer, dtype=np.float32) for answer in model.run(feeds, meta["outputs"])]


def record(way, folder, meta, twin):
    model = open_model(folder / meta["model"], **case_options(folder, meta))
    value = pictures()
    meta.setdefault("inputs", model.inputs())
    meta.setdefault("outputs", model.outputs())
    other = disturbed(value, np.random.default_rng(22))
    answers, moved = answers_of(model, meta, value), answers_of(model, meta, other)
    if answers[0].ndim == 2 and len(answers) == 2:  # the map comes first everywhere
        answers, moved, meta["outputs"] = answers[::-1], moved[::-1], meta["outputs"][::-1]
    with tempfile.TemporaryDirectory() as scratch:
        names = {"inputs": ["images"], "outputs": ["map/BiasAdd", "probabilities"][-len(answers):]}
        path = pathlib.Path(scratch) / "twin.pb"
        path.write_bytes(twin)
        network = open_model(path)
        want, want_moved = answers_of(network, names, value), answers_of(network, names, other)
    if way.training:
        if max(relative_error(got, expected) for got, expected in zip(answers, want)) < 1e-2:
            raise ModelError("a training graph that answers like the inference graph proves nothing")
        answers, moved = want, want_moved
    for name, answer, expected, other_answer in zip(meta["outputs"], answers, want, moved):
        error = relative_error(answer, expected)
        if error > 1e-5:
            raise ModelError(f"{name}: {error:.1e} away from the network")
        reason = why_mistrusted(answer, other_answer)
        if reason:
            raise ModelError(f"{name}: {reason}")
    np.save(folder / "in.npy", value)
    for index, answer in enumerate(answers):
        np.save(folder / f"out{index}.npy", answer)
    meta["shapes"], meta["out_shapes"] = [list(value.shape)], [list(answer.shape) for answer in answers]
    return model.kind


def make(way, out, twin):
    name = way.case_name(RELEASE)
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    said = way.make(folder)
    meta = {"kind": "", **{"flags": {}, **said}}
    if not way.refused:
        meta["kind"] = record(way, folder, meta, twin)
    else:
        del meta["kind"]
        meta["refused"] = way.refused
    meta["tensorflow"] = tf.__version__
    if "keras" in (way.api + way.format).lower():
        meta["keras"] = importlib.import_module("tf_keras" if "tf-keras" in way.api else "keras").__version__
    meta["way"] = {"format": way.format, "variables": way.variables, "api": way.api, "training_graph": way.training}
    (folder / "meta.json").write_text(format_meta(meta))
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{name:34} {size / 1000:7.1f} kB  {', '.join(meta.get('outputs', []))}", flush=True)


def wanted_ways(args):
    import format_cases.keras_ways
    import format_cases.tf2_ways
    if RELEASE == "2.15":
        import format_cases.tf1_ways
    known = [way for way in WAYS if RELEASE in way.releases]
    names = {way.name for way in known} | {way.case_name(RELEASE) for way in known}
    for name in args.ways:
        if name not in names:
            sys.exit(f"make_format_cases: TensorFlow {RELEASE} writes no way {name}; it writes: {', '.join(sorted(names))}")
    return [way for way in known if not args.ways or way.name in args.ways or way.case_name(RELEASE) in args.ways]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ways", nargs="*", metavar="WAY", help="only these")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "models" / "formats")
    parser.add_argument("--list", action="store_true", help="say what this release writes")
    parser.add_argument("--mode", choices=("tf1", "tf2"), help=argparse.SUPPRESS)  # which of its own processes this is
    args = parser.parse_args()
    if args.mode == "tf1":
        tf.compat.v1.disable_v2_behavior()
    ways = wanted_ways(args)
    if args.list:
        print("\n".join(way.case_name(RELEASE) for way in ways))
        return 0
    if args.mode is None:  # v2 behaviour is a matter of the whole process
        codes = [subprocess.run([sys.executable, __file__, *sys.argv[1:], "--mode", mode], check=False).returncode
                 for mode in ("tf1", "tf2") if any(way.mode == mode for way in ways)]
        return max(codes, default=0)
    twin_path = args.out / "frozen_graph" / "frozen.pb"
    if RELEASE == "2.15" and (args.mode == "tf1" or not twin_path.exists()):
        from format_cases.tf1_ways import write_twin
        with tempfile.TemporaryDirectory() as scratch:
            write_twin(pathlib.Path(scratch) / "twin.pb")
            twin = (pathlib.Path(scratch) / "twin.pb").read_bytes()
    elif twin_path.exists():
        twin = twin_path.read_bytes()
    else:
        sys.exit("make_format_cases: make the ways of TensorFlow 2.15 first: scripts/python_env tf-2.15 scripts/make_format_cases.py")
    failed = 0
    for way in ways:
        if way.mode == args.mode:
            try:
                make(way, args.out, twin)
            except Exception as error:  # the others are still worth making
                failed = 1
                if os.environ.get("PERMAFROST_TRACE"):
                    raise
                print(f"{way.case_name(RELEASE)}: FAILED: {type(error).__name__}: {' '.join(str(error).split())[:400]}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
