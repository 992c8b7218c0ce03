"""Case folders (meta.json, a model, in*.npy, out*.npy): finding them, optimizing them, and what a release has to be told.

Nets of open size have sizes.json instead, and arrays for several sizes: in.0.npy, in.1.npy, ...
"""
import ast
import json
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MODEL_NAMES = {"pb": ("*.pb", "*.pbtxt"), "h5": ("*.h5", "*.hdf5"), "keras": ("*.keras",), "meta": ("*.meta",), "onnx": ("*.onnx",),
               "saved_model": ("*/saved_model.pb", "saved_model.pb")}
OPTIMIZE_LIMIT_S = 300


class Failure(Exception):
    """This case cannot be tried; one line says why."""


class Case:
    """A folder below `group`; its name says where, as in "keras3/gelu". With a number: one of its sizes."""

    def __init__(self, folder, group, size=None):
        self.folder, self.size = folder, size
        self.name = folder.name if folder == group else str(folder.relative_to(group))
        meta = self.meta = json.loads((folder / ("meta.json" if size is None else "sizes.json")).read_text())
        if size is not None:
            meta = self.meta = {**meta, "kind": "pb", "model": "graph.pb"}
        self.inputs, self.outputs = meta["inputs"], meta["outputs"]
        self.input_files = self._arrays("in", len(self.inputs))
        self.output_files = self._arrays("out", len(self.outputs))
        self.model, self.kind = self._model()
        self.shapes = meta.get("shapes") or [npy_shape(path) for path in self.input_files]
        self.out_shapes = meta.get("out_shapes") or [npy_shape(path) for path in self.output_files]

    def _arrays(self, prefix, count):
        end = ".npy" if self.size is None else f".{self.size}.npy"
        single = self.folder / f"{prefix}{end}"
        return [single] if count == 1 and single.exists() else [self.folder / f"{prefix}{index}{end}" for index in range(count)]

    def _model(self):
        """The model's path and kind. Cases that name neither hold one file that a kind fits."""
        if "model" in self.meta:
            for folder in (self.folder, ROOT / "build" / "models"):
                if (folder / self.meta["model"]).exists():
                    return folder / self.meta["model"], self.meta.get("kind", "")
            raise Failure(f"{self.meta['model']} is not installed (scripts/get_models)")
        for kind in [self.meta["kind"]] if "kind" in self.meta else sorted(MODEL_NAMES):
            for pattern in MODEL_NAMES.get(kind, ()):
                for path in sorted(self.folder.glob(pattern)):
                    return path.parent if kind == "saved_model" else path, kind
        raise Failure(f"{self.folder} holds no model")

    def arguments(self, outputs):
        """What permafrost-optimize has to be told; no inputs or outputs: those that the model names itself."""
        meta = self.meta
        command = []
        if self.inputs:
            command += ["--inputs", ",".join(f"{name}:{shape_text(shape)}" for name, shape in zip(self.inputs, self.shapes))]
        if outputs:
            command += ["--outputs", ",".join(outputs)]
        for name, value in meta.get("flags", {}).items():
            if name != "signature":  # older cases of SavedModels name it there
                command += ["--set", f"{name}={json.dumps(value)}"]
        if "checkpoint" in meta:
            command += ["--checkpoint", str(self.folder / meta["checkpoint"])]
        for option in ("signature", "tags"):
            if option in meta:
                command += [f"--{option}", meta[option] if isinstance(meta[option], str) else ",".join(meta[option])]
        return command + [str(argument) for argument in meta.get("arguments", [])]


def npy_shape(path):
    """From the header alone: no numpy is needed here."""
    with open(path, "rb") as stream:
        head = stream.read(10)
        size = int.from_bytes(head[8:10], "little")
        return list(ast.literal_eval(stream.read(size).decode("latin1"))["shape"])


def shape_text(shape):
    return "x".join(map(str, shape)) if len(shape) > 1 else json.dumps(list(shape))


def find_cases(group):
    """The cases in a folder, however deep; those that permafrost-optimize must refuse are none."""
    group = pathlib.Path(group)
    cases = []
    for path in sorted([*group.glob("**/meta.json"), *group.glob("**/sizes.json")]):
        meta = json.loads(path.read_text())
        if "refused" not in meta and "inputs" in meta:
            cases.append(path.parent)
    if not cases:
        raise Failure(f"{group} holds no case (a folder with meta.json)")
    return [(folder, group) for folder in cases]


def description_of(target):
    return target.with_name(target.name + ".json") if target.suffix == ".onnx" else target.with_suffix(".json")


def optimize(optimizer, case, target, outputs, more=()):
    """Writes target and returns its model.json."""
    command = [str(optimizer), str(case.model), "-o", str(target), *case.arguments(outputs), *more]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=OPTIMIZE_LIMIT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise Failure(f"permafrost-optimize: longer than {OPTIMIZE_LIMIT_S} s") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines() or [f"ended with {done.returncode} without a word"]
        raise Failure("permafrost-optimize: " + said[-1].split(f"{case.model}: ", 1)[-1].split("; cut the graph", 1)[0])
    return json.loads(description_of(target).read_text())


def optimize_what_goes(optimizer, case, target):
    """Optimizes the case. Returns {index of an output: its name in model.json} and the refusals by name.

    Keras numbers tensors anew whenever it loads a file, so inputs and outputs of a Keras model whose names are not in the file go
    by their order. Of a Keras model with many outputs, those that are not refused are written.
    """
    by_name = {index: name.removesuffix(":0").replace(":", "_") for index, name in enumerate(case.outputs)}
    try:
        return by_name, optimize(optimizer, case, target, case.outputs), {}
    except Failure:
        if case.kind not in ("h5", "keras"):
            raise
    given, case.inputs = case.inputs, []
    plain = optimize(optimizer, case, target, [], ["--target", "graphdef"])
    inputs, names = ([tensor["name"] for tensor in plain[kind]] for kind in ("inputs", "outputs"))
    if (len(inputs), len(names)) != (len(given), len(case.outputs)):
        raise Failure(f"the model has {len(inputs)} inputs and {len(names)} outputs, the case {len(given)} and {len(case.outputs)}")
    case.inputs = given if set(given) == set(inputs) else inputs
    try:
        return dict(enumerate(names)), optimize(optimizer, case, target, names), {}
    except Failure:
        if len(names) < 2:
            raise
    kept, refused = {}, {}
    for index, name in enumerate(names):
        try:
            optimize(optimizer, case, target, [name])
            kept[index] = name
        except Failure as error:
            refused[case.outputs[index]] = str(error)
    if not kept:
        raise Failure(f"all {len(refused)} outputs are refused, the first: {next(iter(refused.values()))}")
    return kept, optimize(optimizer, case, target, list(kept.values())), refused


def open_sizes(folder, group):
    """The case at each of its sizes."""
    count = len(json.loads((folder / "sizes.json").read_text())["sizes"])
    return [Case(folder, group, size) for size in range(count)]


def optimize_open(optimizer, case, target):
    """One file for all sizes."""
    inputs, case.inputs = case.inputs, []
    try:
        return optimize(optimizer, case, target, case.outputs)
    finally:
        case.inputs = inputs


def order_for_release(case, file, outputs, info):
    """Files, names and layouts. model.json knows; without one (info empty), 4-D is NHWC outside and NCHW inside."""

    def row(tensors, name, shape, path):
        known = [tensor for tensor in tensors if tensor["name"] == name]
        layouts = ("NHWC", "NCHW") if len(shape) == 4 else ("", "")
        about = known[0] if known else {"layout": layouts[0], "cv_layout": layouts[1], "cv_name": name}
        return {"name": name, "npy": str(path), **{key: about[key] for key in ("layout", "cv_layout", "cv_name")}}

    def needed(name):  # an input that no output needs is not in the file
        return not info or any(tensor["name"] == name for tensor in info["inputs"])

    names = [name.removesuffix(":0") for name in case.inputs]  # references may spell it out, files do not
    return {
        "file": str(file),
        "inputs": [row(info.get("inputs", []), *tensor) for tensor in zip(names, case.shapes, case.input_files) if needed(tensor[0])],
        "outputs": [row(info.get("outputs", []), name, case.out_shapes[index], case.output_files[index])
                    for index, name in outputs.items()],
    }
