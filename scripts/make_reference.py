#!/usr/bin/env python3
"""Records what TensorFlow answers, as a case folder under models/; or checks another file against such a case.

Record:  scripts/python_env reference scripts/make_reference.py MODEL -o CASE
             [--checkpoint PATH | --tags a,b --signature NAME]
             [--inputs name[:1x224x224x3][:float32],...] [--outputs name[:k],...] [--set name=value]...
             [--in FILE.npy]... [--seed N] [--range LOW,HIGH] [--model NAME]
Check:   scripts/python_env reference scripts/make_reference.py --check MODEL --case CASE [--tolerance T] [--json]

MODEL is whatever TensorFlow opens: a frozen .pb or .pbtxt, a graph with --checkpoint, a .meta beside its checkpoint, an
Estimator's training folder, a SavedModel folder, a Keras .h5 or .keras (Keras 3 files: scripts/python_env newest ...).
The inputs and outputs of a SavedModel go by their names in the signature, those of a Keras model by their layers.

A case folder holds the model, in.npy (or in0.npy, in1.npy, ...) as TensorFlow takes it (NHWC), out0.npy, out1.npy, ...
(always float32) and meta.json: kind, model, inputs, outputs, flags (placeholders that were fixed), shapes, out_shapes,
and for a model that needs them: checkpoint, tags, signature.

TensorFlow's own graph optimisers and oneDNN are off: the reference is the graph as the file says it. An output that
could not show a bug (saturated, mostly zero, constant, deaf to the input) is reported on stderr, noted in meta.json
under "mistrusted", and with --strict ends the command with exit code 1.
"""
import argparse
import json
import pathlib
import shutil
import sys

from tensorflow_models import ModelError, np, open_model, tf

ROOT = pathlib.Path(__file__).resolve().parent.parent


class UsageError(Exception):
    """The command line asks for something that cannot be; exit code 2."""


MODEL_NAMES = {"pb": ("*.pb", "*.pbtxt"), "meta": ("*.meta",), "saved_model": ("*/saved_model.pb",), "h5": ("*.h5", "*.hdf5"),
               "keras": ("*.keras",)}


def find_case_model(case, meta):
    """meta["model"] is looked up in the case folder first, then in build/models (what scripts/get_models installs); without
    it, the case holds one model of its kind."""
    if "model" not in meta:
        found = sorted(path for pattern in MODEL_NAMES.get(meta["kind"], ()) for path in case.glob(pattern))
        if not found:
            raise ModelError(f"{case} holds no model of the kind {meta['kind']}")
        return found[0]
    for folder in (case, ROOT / "build" / "models"):
        if (folder / meta["model"]).exists():
            return folder / meta["model"]
    raise ModelError(f"{meta['model']} is neither in {case} nor in build/models (scripts/get_models installs it)")


def case_options(case, meta):
    """What open_model needs to know of the case's own model."""
    options = {key: meta[key] for key in ("tags", "signature") if key in meta}
    if "checkpoint" in meta:
        options["checkpoint"] = case / meta["checkpoint"]
    return options


# --- command line ----------------------------------------------------------------------------------------------------


def parse_input(text):
    """name[:k][:1x224x224x3 | :[10]][:float32] -> (tensor name, shape or None, dtype or None)"""
    name, *rest = text.split(":")
    if rest and rest[0].isdigit():
        name += ":" + rest.pop(0)
    shape = dtype = None
    for part in rest:
        if part.startswith("[") and part.endswith("]"):
            shape = [None if d.strip() == "?" else int(d) for d in part[1:-1].split(",") if d.strip()]
        elif part[:1].isdigit() or part[:1] == "?":
            shape = [None if d == "?" else int(d) for d in part.split("x")]
        else:
            try:
                dtype = np.dtype(part)
            except TypeError as error:
                raise UsageError(f"--inputs {text}: {part} is neither a shape nor a dtype") from error
    return name, shape, dtype


def split_names(text):
    """Splits at commas that are not inside [...]."""
    parts, depth = [""], 0
    for char in text:
        depth += (char == "[") - (char == "]")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return [part for part in parts if part]


def parse_set(text):
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"--set {text}: expected name=value")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError as error:
        raise UsageError(f"--set {text}: the value must be true, false, a number or a JSON array") from error


# --- recording -------------------------------------------------------------------------------------------------------


def random_input(name, shape, dtype, low, high, rng):
    if shape is None or None in shape:
        raise UsageError(f"the graph does not fix the shape of {name} ({shape}); say --inputs {name}:1x224x224x3")
    if dtype == np.bool_:
        return rng.integers(0, 2, shape).astype(np.bool_)
    if dtype.kind in "iu":
        return rng.integers(int(low), max(int(high), int(low) + 2), shape).astype(dtype)
    if dtype.kind == "f":
        return (low + (high - low) * rng.random(shape)).astype(dtype)
    raise UsageError(f"cannot make up values of type {dtype} for {name}; give --in FILE.npy")


def disturbed(value, rng):
    """Another input of the same kind: values permuted, and scaled by up to 20 % where they are real numbers."""
    other = rng.permutation(value.reshape(-1)).reshape(value.shape)
    if value.dtype.kind == "f":
        other = (other * rng.uniform(0.8, 1.2, value.shape)).astype(value.dtype)
    return other


def relative_error(got, want):
    """max |got - want| / max |want|, the number every comparison of Permafrost prints."""
    if not np.all(np.isfinite(got)):
        return float("inf")
    scale = float(np.max(np.abs(want))) if want.size else 0.0
    worst = float(np.max(np.abs(got.astype(np.float64) - want.astype(np.float64)))) if want.size else 0.0
    return worst / scale if scale > 0 else worst


def why_mistrusted(out, out_for_other_input):
    """Why this reference could not show a bug, or None."""
    if out.size == 0:
        return "empty"
    if not np.all(np.isfinite(out)):
        return "not finite"
    zeros = float(np.mean(out == 0))
    if zeros > 0.9:
        return f"mostly zero ({100 * zeros:.0f} %)"
    spread = float(out.max() - out.min())
    if out.size > 1 and spread <= 1e-6 * float(np.abs(out).max()):
        return "constant"
    if 0 <= out.min() and out.max() <= 1:
        # Softmax and sigmoid outputs: where everything is 0 or 1, large errors in the logits stay invisible.
        if float(np.mean((out < 1e-3) | (out > 1 - 1e-3))) > 0.98:
            return "saturated (everything is 0 or 1)"
    elif out.size > 8 and min(np.mean(out == out.min()), np.mean(out == out.max())) > 0.4:
        return "saturated (two values only)"
    if out.dtype.kind == "f" and out_for_other_input is not None and out_for_other_input.shape == out.shape:
        if relative_error(out_for_other_input.astype(np.float32), out.astype(np.float32)) < 1e-3:
            return "deaf to the input (another input gives the same answer)"
    return None


def record(args):
    case = pathlib.Path(args.out)
    options = {key: value for key, value in (("checkpoint", args.checkpoint), ("tags", args.tags and args.tags.split(",")),
                                             ("signature", args.signature)) if value}
    model = open_model(args.model_path, **options)
    flags = dict(parse_set(text) for text in args.set or [])
    wanted = [parse_input(text) for text in split_names(args.inputs)] if args.inputs else \
        [(name, None, None) for name in model.inputs() if name not in flags]
    outputs = split_names(args.outputs) if args.outputs else model.outputs()
    if not wanted:
        raise UsageError("the graph has no placeholder; name the tensor to feed with --inputs")
    if not outputs:
        raise UsageError("no output found; name them with --outputs")
    low, high = (float(v) for v in args.range.split(","))
    rng = np.random.default_rng(args.seed)
    given = [np.load(path, allow_pickle=False) for path in args.infile or []]
    if given and len(given) != len(wanted):
        raise UsageError(f"{len(given)} --in files for {len(wanted)} inputs ({', '.join(name for name, _, _ in wanted)})")

    inputs = []
    for index, (name, shape, dtype) in enumerate(wanted):
        graph_dtype, graph_shape = model.fed_type(name)
        value = given[index] if given else random_input(name, shape or graph_shape, dtype or graph_dtype, low, high, rng)
        inputs.append(np.ascontiguousarray(value.astype(graph_dtype)))

    fixed = {name: np.asarray(value, dtype=model.fed_type(name)[0]) for name, value in flags.items()}
    feeds = {name: value for (name, _, _), value in zip(wanted, inputs)}
    answers = [np.asarray(a) for a in model.run({**feeds, **fixed}, outputs)]
    other = [np.asarray(a) for a in model.run({**{n: disturbed(v, rng) for n, v in feeds.items()}, **fixed}, outputs)]

    mistrusted = {}
    for index, name in enumerate(outputs):
        reason = why_mistrusted(answers[index], other[index])
        if reason:
            mistrusted[name] = reason
            print(f"make_reference: MISTRUSTED {name}: {reason}; this reference cannot show a bug, choose another input or output",
                  file=sys.stderr)

    case.mkdir(parents=True, exist_ok=True)
    source = pathlib.Path(args.model_path)
    if args.model:
        model_name = args.model
    else:
        model_name = source.name
        if source.resolve() != (case / source.name).resolve():
            copy = shutil.copytree if source.is_dir() else shutil.copyfile
            copy(source, case / source.name)
    for old in [case / "in.npy", *case.glob("in[0-9]*.npy"), *case.glob("out[0-9]*.npy")]:
        old.unlink(missing_ok=True)
    for index, value in enumerate(inputs):
        np.save(case / ("in.npy" if len(inputs) == 1 else f"in{index}.npy"), value)
    for index, value in enumerate(answers):
        np.save(case / f"out{index}.npy", np.ascontiguousarray(value.astype(np.float32)))
    meta_path = case / "meta.json"
    meta = json.loads(meta_path.read_text()) if meta_path.exists() else {}
    meta.pop("mistrusted", None)  # what others noted in meta.json stays, what this script says is said anew
    meta.update({
        "kind": model.kind, "model": model_name,
        "inputs": [name for name, _, _ in wanted], "outputs": outputs, "flags": flags,
        "shapes": [list(v.shape) for v in inputs], "out_shapes": [list(a.shape) for a in answers],
        "tensorflow": tf.__version__, **options,
    })
    if mistrusted:
        meta["mistrusted"] = mistrusted
    meta_path.write_text(format_meta(meta))
    print(f"{case}: {len(inputs)} input{'s' * (len(inputs) != 1)}, {len(outputs)} output{'s' * (len(outputs) != 1)}"
          f"{', ' + str(len(mistrusted)) + ' MISTRUSTED' if mistrusted else ''}")
    return 1 if mistrusted and args.strict else 0


def format_meta(meta):
    """One line for each key: short to read, short in a diff."""
    lines = []
    for key, value in meta.items():
        if isinstance(value, list) and value and all(isinstance(v, dict) for v in value):
            text = "[\n    " + ",\n    ".join(json.dumps(v) for v in value) + "\n  ]"
        else:
            text = json.dumps(value)
        lines.append(f"  {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


# --- checking --------------------------------------------------------------------------------------------------------


def check(args):
    case = pathlib.Path(args.case)
    try:
        meta = json.loads((case / "meta.json").read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise ModelError(f"{case / 'meta.json'}: {error}") from error
    options = {} if args.check else case_options(case, meta)
    model = open_model(args.check or find_case_model(case, meta), **options)
    names = meta["inputs"]
    files = ["in.npy"] if len(names) == 1 and (case / "in.npy").exists() else [f"in{i}.npy" for i in range(len(names))]
    feeds = {name: np.load(case / file) for name, file in zip(names, files)}
    for name in names:
        if not model.has(name):
            raise ModelError(f"{args.check}: the input {name} is gone; inputs: {', '.join(model.inputs()) or 'none'}")
        feeds[name] = feeds[name].astype(model.fed_type(name)[0])
    for name, value in meta.get("flags", {}).items():  # an optimized graph has none of them left
        if name != "signature" and model.is_placeholder(name):
            feeds[name] = np.asarray(value, dtype=model.fed_type(name)[0])
    missing = [name for name in meta["outputs"] if not model.has(name)]
    if missing:
        raise ModelError(f"{args.check}: outputs are gone: {', '.join(missing)}")
    answers = model.run(feeds, meta["outputs"])

    rows = []
    for index, name in enumerate(meta["outputs"]):
        want = np.load(case / f"out{index}.npy")
        got = np.asarray(answers[index]).astype(np.float32)
        row = {"output": name, "mistrusted": meta.get("mistrusted", {}).get(name)}
        if got.size != want.size:
            row.update(error=None, passed=False, note=f"shape {list(got.shape)}, expected {list(want.shape)}")
        else:
            row["error"] = relative_error(got.reshape(want.shape), want)
            row["passed"] = row["error"] <= args.tolerance
            if got.shape != want.shape:
                row["note"] = f"shape {list(got.shape)}, reference {list(want.shape)}"
        rows.append(row)
    if args.json:
        print(json.dumps({"case": case.name, "tolerance": args.tolerance, "outputs": rows}, indent=1))
    else:
        for row in rows:
            error = "-" if row["error"] is None else f"{row['error']:.2e}"
            notes = [n for n in (row.get("note"), row["mistrusted"] and f"MISTRUSTED reference: {row['mistrusted']}") if n]
            print(f"{'PASS' if row['passed'] else 'FAIL'}  {error:>9}  {case.name}  {row['output']}{'  (' + '; '.join(notes) + ')' if notes else ''}")
    return 0 if all(row["passed"] for row in rows) else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model_path", nargs="?", metavar="MODEL", help="the model to record")
    parser.add_argument("-o", "--out", metavar="CASE", help="the case folder to write")
    parser.add_argument("--checkpoint", metavar="PATH", help="where the variables of a graph have their values: prefix, file or folder")
    parser.add_argument("--tags", help="of the meta graph in a SavedModel, a,b (default: the only one, or serve)")
    parser.add_argument("--signature", help="of a SavedModel (default: serving_default, or the only one)")
    parser.add_argument("--inputs", help="tensors to feed: name[:shape][:dtype],... (default: every placeholder that is not --set)")
    parser.add_argument("--outputs", help="tensors to record (default: every result that nothing uses)")
    parser.add_argument("--set", action="append", metavar="NAME=VALUE", help="fix a placeholder; recorded under flags")
    parser.add_argument("--in", dest="infile", action="append", metavar="FILE.npy", help="what to feed, one for each input, in order")
    parser.add_argument("--seed", type=int, default=1, help="of the made-up inputs (default 1)")
    parser.add_argument("--range", default="-1,1", metavar="LOW,HIGH", help="of the made-up inputs (default -1,1)")
    parser.add_argument("--model", metavar="NAME", help="write this as the model's place instead of copying the model")
    parser.add_argument("--strict", action="store_true", help="exit code 1 when a reference is MISTRUSTED")
    parser.add_argument("--check", metavar="MODEL", help="run this model against the references of --case")
    parser.add_argument("--case", metavar="CASE", help="the case folder to check against (without --check: the case's own model)")
    parser.add_argument("--tolerance", type=float, default=1e-4, help="largest relative error that passes a check (default 1e-4)")
    parser.add_argument("--json", action="store_true", help="the check's result as JSON")
    args = parser.parse_args()
    try:
        if args.case:
            if args.model_path:
                raise UsageError("say --check MODEL --case CASE")
            return check(args)
        if args.check:
            raise UsageError("--check needs --case")
        if not args.model_path or not args.out:
            raise UsageError("needs MODEL and -o CASE (or --check MODEL --case CASE)")
        return record(args)
    except UsageError as error:
        print(f"make_reference: {error}", file=sys.stderr)
        return 2
    except (ModelError, OSError) as error:
        print(f"make_reference: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
