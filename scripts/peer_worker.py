#!/usr/bin/env python3
"""One engine behind standard input and output, as scripts/turns.py wants it: loads FILE, checks what it answers on CASE, then runs
it as often as each line says. Run by scripts/compare_peers and scripts/gpu_check in the engine's own environment.

    peer_worker.py ENGINE FILE CASE [--threads N] [--tolerance R] [--device cpu|gpu] [--half]

tensorflow    the case's own model as users run it: graph optimizers, oneDNN and tf.function on (FILE is the case again)
onnxruntime   an ONNX file of ours; with the .json beside it inputs and outputs are TensorFlow's
openvino      the same, latency hint, float32
opencv        a .pb or .onnx of ours in the opencv-python wheel
tensorrt      an ONNX file: engine built, saved, loaded from the file; needs a GPU; --half: FP16
"""
import argparse
import json
import os
import pathlib
import resource
import sys
import tempfile
import time

try:
    import numpy as np
except ImportError as missing:
    print(json.dumps({"error": f"{sys.executable} has no {missing.name}", "verdict": "SKIPPED"}), flush=True)
    sys.exit(1)


class Skip(Exception):
    """This machine has no such engine."""


# --- checking, as bench/compare.cc has it ----------------------------------------------------------------------------


def mistrust(reference, zero_fraction):
    if not np.all(np.isfinite(reference)):
        return "the reference holds values that are not finite"
    if zero_fraction > 0.9:
        return f"the reference is {round(100 * zero_fraction)} % zeros"
    if np.all((np.abs(reference) < 1e-4) | (np.abs(reference - 1) < 1e-4)):
        return "the reference is saturated: every value is 0 or 1"
    if reference.size > 1 and np.ptp(reference) <= 1e-6 * np.abs(reference).max():
        return "all values of the reference are alike"
    return ""


def compare(name, actual, reference, tolerance):
    one = {"name": name, "verdict": "FAILED", "needed_rel": "inf", "max_abs": "inf", "cosine": 1.0, "zero_fraction": 0.0}
    if actual.shape != reference.shape:
        return {**one, "reason": f"shape {list(actual.shape)}, expected {list(reference.shape)}"}
    if reference.size == 0:
        return {**one, "verdict": "MISTRUSTED", "needed_rel": 0.0, "reason": "no values"}
    a, b = actual.astype(np.float64).ravel(), reference.astype(np.float64).ravel()
    with np.errstate(invalid="ignore"):
        worst = float(np.max(np.where(a == b, 0, np.abs(a - b))))
    scale = float(np.max(np.abs(b[np.isfinite(b)]), initial=0))
    if np.isfinite(worst):
        one["max_abs"] = worst
        if worst == 0 or scale > 0:
            one["needed_rel"] = worst / scale if worst else 0.0
    norms = float(np.sqrt(np.nansum(a * a) * np.nansum(b * b)))
    one["cosine"] = float(np.nansum(a * b)) / norms if norms else 1.0
    one["zero_fraction"] = float(np.mean(b == 0))
    shape = reference.shape
    if shape and shape[-1] > 1 and all(dim == 1 for dim in shape[1:-1]):
        rows = (actual.reshape(-1, shape[-1]), reference.reshape(-1, shape[-1]))
        one["top1"] = float(np.mean(rows[0].argmax(1) == rows[1].argmax(1)))
    if not np.all(np.isfinite(a)) and np.all(np.isfinite(b)):
        return {**one, "reason": "holds values that are not finite"}
    if one["needed_rel"] == "inf" or one["needed_rel"] > tolerance:
        return {**one, "reason": f"off by {one['needed_rel']:.3g} of the largest value, tolerance {tolerance:g}"
                if one["needed_rel"] != "inf" else "not comparable"}
    reason = mistrust(b, one["zero_fraction"])
    return {**one, "verdict": "MISTRUSTED", "reason": reason} if reason else {**one, "verdict": "PASSED"}


# --- files and cases -------------------------------------------------------------------------------------------------


class Case:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.meta = json.loads((self.folder / "meta.json").read_text())
        names = self.meta["inputs"]
        files = ["in.npy"] if len(names) == 1 and (self.folder / "in.npy").exists() else [f"in{i}.npy" for i in range(len(names))]
        self.inputs = {name: np.load(self.folder / file) for name, file in zip(names, files)}
        self.outputs = {name: np.load(self.folder / f"out{i}.npy") for i, name in enumerate(self.meta["outputs"])}


def turned(array, source, target):
    """From one order of axes to another, as the description names them; empty: as it is."""
    if not source or not target or source == target or array.ndim != len(source):
        return array
    return np.ascontiguousarray(array.transpose([source.index(axis) for axis in target]))


class Described:
    """Inputs and outputs of a file of ours: TensorFlow's name, the file's, and the order of axes in both."""

    def __init__(self, path):
        path = pathlib.Path(path)
        beside = path.with_name(path.name + ".json") if path.suffix == ".onnx" else path.with_suffix(".json")
        info = json.loads(beside.read_text())
        self.inputs, self.outputs = info["inputs"], info["outputs"]

    def feeds(self, case):
        """{the file's name: array}"""
        feeds = {}
        for one in self.inputs:
            given = [value for name, value in case.inputs.items() if name.removesuffix(":0") == one["name"].removesuffix(":0")]
            if not given:
                raise ValueError(f"the case has no input {one['name']}")
            value = given[0]
            if one["dtype"] == "float32":
                value = value.astype(np.float32)
            feeds[one["cv_name"]] = turned(value, one.get("layout"), one.get("cv_layout"))
        return feeds

    def answers(self, values):
        """From {the file's name: array} to TensorFlow's names and axes."""
        return {one["name"]: turned(np.asarray(values[one["cv_name"]]), one.get("cv_layout"), one.get("layout")) for one in self.outputs}


# --- engines ---------------------------------------------------------------------------------------------------------
# prepare(): load, and keep what a pass needs; run(): one pass, what a user would time; answers(): of the last pass.


class TensorFlow:
    def __init__(self, args, case):
        os.environ["PERMAFROST_TENSORFLOW"] = "as users run it"
        os.environ["PERMAFROST_THREADS"] = str(args.threads)
        if args.device == "cpu":
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        import make_reference
        import tensorflow_models
        self.tf, self.models, self.case = tensorflow_models.tf, tensorflow_models, case
        gpus = self.tf.config.list_physical_devices("GPU")
        if args.device == "gpu" and not gpus:
            raise Skip("TensorFlow sees no GPU")
        if args.threads:
            self.tf.config.threading.set_intra_op_parallelism_threads(args.threads)
            self.tf.config.threading.set_inter_op_parallelism_threads(args.threads)
        self.path = make_reference.find_case_model(case.folder, case.meta)
        self.options = make_reference.case_options(case.folder, case.meta)
        self.name = f"TensorFlow {self.tf.__version__} in Python" + (" on the GPU" if args.device == "gpu" else "")

    def load(self):
        model = self.models.open_model(self.path, **self.options)
        names = list(self.case.outputs)
        fixed = {name: np.asarray(value, dtype=model.fed_type(name)[0]) for name, value in self.case.meta.get("flags", {}).items()}
        feeds = {**self.case.inputs, **fixed}
        if hasattr(model, "session"):
            call = model.session.make_callable([model.tensor(name) for name in names], [model.tensor(name) for name in feeds])
            self.call = lambda: call(*feeds.values())
        elif hasattr(model, "model"):  # Keras: as a graph
            function = self.tf.function(lambda *values: model.model(list(values) if len(values) > 1 else values[0], training=False))
            values = [feeds[name] for name in model.inputs()]
            made = model.outputs()

            def run():
                answers = function(*[self.tf.constant(value) for value in values])
                answers = answers if isinstance(answers, (list, tuple)) else [answers]
                by_name = {name: answer for name, answer in zip(made, answers)}
                return [by_name[name].numpy() for name in names] if all(name in by_name for name in names) else [a.numpy() for a in answers]
            self.call = run
        else:
            self.call = lambda: model.run(feeds, names)
        self.names = names

    def run(self):
        self.last = self.call()

    def answers(self):
        return dict(zip(self.names, self.last))


class OnnxRuntime:
    def __init__(self, args, case):
        import onnxruntime
        self.ort, self.args, self.case = onnxruntime, args, case
        self.described = Described(args.file)
        self.name = f"ONNX Runtime {onnxruntime.__version__}"
        self.providers = ["CPUExecutionProvider"]
        if args.device == "gpu":
            if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
                raise Skip("this ONNX Runtime has no CUDA provider")
            self.providers.insert(0, "CUDAExecutionProvider")

    def load(self):
        options = self.ort.SessionOptions()
        options.intra_op_num_threads = self.args.threads
        options.log_severity_level = 3
        self.session = self.ort.InferenceSession(str(self.args.file), options, providers=self.providers)
        self.names = [output.name for output in self.session.get_outputs()]
        self.feeds = self.described.feeds(self.case)

    def run(self):
        self.last = self.session.run(self.names, self.feeds)

    def answers(self):
        return self.described.answers(dict(zip(self.names, self.last)))


class OpenVino:
    def __init__(self, args, case):
        import openvino
        self.openvino, self.args, self.case = openvino, args, case
        self.described = Described(args.file)
        self.name = f"OpenVINO {openvino.__version__.split('-')[0]}"

    def load(self):
        core = self.openvino.Core()
        settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        if self.args.threads:
            settings["INFERENCE_NUM_THREADS"] = self.args.threads
        model = core.read_model(str(self.args.file))
        feeds = self.described.feeds(self.case)
        model.reshape({name: list(value.shape) for name, value in feeds.items()})
        self.request = core.compile_model(model, "CPU", settings).create_infer_request()
        self.feeds = feeds

    def run(self):
        self.last = self.request.infer(self.feeds)

    def answers(self):
        values = {}
        for port, value in self.last.items():
            for name in port.get_names():
                values[name] = value
        return self.described.answers(values)


class OpenCv:
    def __init__(self, args, case):
        import cv2
        self.cv2, self.args, self.case = cv2, args, case
        self.described = Described(args.file)
        self.name = f"OpenCV {cv2.__version__} wheel in Python"
        if args.device == "gpu":
            raise Skip("the wheels of OpenCV have no CUDA")

    def load(self):
        if self.args.threads:
            self.cv2.setNumThreads(self.args.threads)
        path = str(self.args.file)
        self.net = self.cv2.dnn.readNetFromONNX(path) if path.endswith(".onnx") else self.cv2.dnn.readNetFromTensorflow(path)
        self.net.setPreferableBackend(self.cv2.dnn.DNN_BACKEND_OPENCV)
        self.feeds = self.described.feeds(self.case)
        self.names = [one["cv_name"] for one in self.described.outputs]

    def run(self):
        for name, value in self.feeds.items():
            self.net.setInput(value, name)
        self.last = self.net.forward(self.names)

    def answers(self):
        return self.described.answers(dict(zip(self.names, self.last)))


class TensorRt:
    def __init__(self, args, case):
        try:
            import tensorrt
        except ImportError as error:
            raise Skip("no Python package tensorrt") from error
        import cuda_runtime
        self.trt, self.args, self.case = tensorrt, args, case
        try:
            self.cuda = cuda_runtime.CudaRuntime()
        except cuda_runtime.NoGpu as error:
            raise Skip(str(error)) from error
        self.described = Described(args.file)
        self.name = f"TensorRT {tensorrt.__version__} {'FP16' if args.half else 'FP32'}"

    def build(self, feeds, plan_path):
        trt = self.trt
        builder = trt.Builder(self.logger)
        explicit = getattr(trt.NetworkDefinitionCreationFlag, "EXPLICIT_BATCH", None)
        network = builder.create_network(1 << int(explicit) if explicit is not None else 0)
        parser = trt.OnnxParser(network, self.logger)
        if not parser.parse(pathlib.Path(self.args.file).read_bytes()):
            raise ValueError("; ".join(str(parser.get_error(i)) for i in range(parser.num_errors)))
        config = builder.create_builder_config()
        if self.args.half:
            if not hasattr(trt.BuilderFlag, "FP16"):
                raise Skip(f"TensorRT {trt.__version__} takes FP16 from the types in the file only")
            config.set_flag(trt.BuilderFlag.FP16)
        elif hasattr(trt.BuilderFlag, "TF32"):
            config.clear_flag(trt.BuilderFlag.TF32)
        profile = builder.create_optimization_profile()
        for index in range(network.num_inputs):
            tensor = network.get_input(index)
            if any(dim < 0 for dim in tensor.shape):
                shape = feeds[tensor.name].shape
                profile.set_shape(tensor.name, shape, shape, shape)
        config.add_optimization_profile(profile)
        plan = builder.build_serialized_network(network, config)
        if plan is None:
            raise ValueError("TensorRT could not build an engine")
        plan_path.write_bytes(bytes(plan))

    def load(self):
        trt = self.trt
        self.logger = trt.Logger(trt.Logger.ERROR)
        feeds = self.described.feeds(self.case)
        with tempfile.TemporaryDirectory() as folder:
            plan = pathlib.Path(folder) / "engine.plan"
            start = time.perf_counter()
            self.build(feeds, plan)
            self.build_ms = 1000 * (time.perf_counter() - start)
            self.engine = trt.Runtime(self.logger).deserialize_cuda_engine(plan.read_bytes())
        if self.engine is None:
            raise ValueError("TensorRT does not take its own engine back")
        self.context = self.engine.create_execution_context()
        self.stream = self.cuda.stream()
        self.feeds, self.made, self.device = {}, {}, {}
        for index in range(self.engine.num_io_tensors):
            name = self.engine.get_tensor_name(index)
            if self.engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT:
                self.feeds[name] = np.ascontiguousarray(feeds[name].astype(trt.nptype(self.engine.get_tensor_dtype(name))))
                self.context.set_input_shape(name, feeds[name].shape)
        for index in range(self.engine.num_io_tensors):
            name = self.engine.get_tensor_name(index)
            if name not in self.feeds:
                self.made[name] = np.empty(tuple(self.context.get_tensor_shape(name)), trt.nptype(self.engine.get_tensor_dtype(name)))
            self.device[name] = self.cuda.allocate((self.feeds.get(name, self.made.get(name))).nbytes)
            self.context.set_tensor_address(name, self.device[name])

    def run(self):
        for name, value in self.feeds.items():
            self.cuda.copy_in(self.device[name], value, self.stream)
        if not self.context.execute_async_v3(self.stream):
            raise ValueError("TensorRT could not run")
        for name, value in self.made.items():
            self.cuda.copy_out(value, self.device[name], self.stream)
        self.cuda.wait(self.stream)

    def answers(self):
        return self.described.answers(self.made)


ENGINES = {"tensorflow": TensorFlow, "onnxruntime": OnnxRuntime, "openvino": OpenVino, "opencv": OpenCv, "tensorrt": TensorRt}


# --- the worker ------------------------------------------------------------------------------------------------------


def milliseconds(work):
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def say(content, stream):
    stream.write(json.dumps(content) + "\n")
    stream.flush()


def check(engine, case, tolerance):
    found = {name.removesuffix(":0"): value for name, value in engine.answers().items()}
    outputs = []
    for name, reference in case.outputs.items():
        wanted = name.removesuffix(":0")
        value = found.get(wanted, found.get(wanted.replace(":", "_")))
        if value is None:
            outputs.append({"name": name, "verdict": "FAILED", "needed_rel": "inf", "reason": "the engine gives no such output"})
            continue
        outputs.append(compare(name, np.asarray(value), reference, tolerance))
    for verdict in ("FAILED", "MISTRUSTED"):
        for output in outputs:
            if output["verdict"] == verdict:
                return verdict, f"{output['name']}: {output['reason']}", outputs
    return "PASSED", "", outputs


def work(args, stream):
    case = Case(args.case)
    engine = ENGINES[args.engine](args, case)
    load_ms = milliseconds(engine.load)
    first_ms = milliseconds(engine.run)
    verdict, reason, outputs = check(engine, case, args.tolerance)
    ready = {"engine": engine.name, "load_ms": load_ms, "first_ms": first_ms, "verdict": verdict, "reason": reason, "outputs": outputs}
    if hasattr(engine, "build_ms"):
        ready["build_ms"] = engine.build_ms
    say(ready, stream)
    if verdict == "FAILED":
        return
    for line in sys.stdin:
        say({"ms": [milliseconds(engine.run) for _ in range(int(line))]}, stream)
    say({"peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}, stream)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("file", help="what it loads")
    parser.add_argument("case", help="inputs and reference outputs")
    parser.add_argument("--threads", type=int, default=0, help="default: as the engine likes")
    parser.add_argument("--tolerance", type=float, default=1e-4, help="max|a-b| / max|b| that passes (default 1e-4)")
    parser.add_argument("--device", choices=["cpu", "gpu"], default="cpu")
    parser.add_argument("--half", action="store_true", help="tensorrt: FP16")
    args = parser.parse_args()
    stream = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what an engine prints is no answer
    try:
        work(args, stream)
    except Skip as reason:
        say({"error": str(reason), "verdict": "SKIPPED"}, stream)
        return 1
    except Exception as error:  # whatever an engine throws is its verdict
        say({"error": f"{type(error).__name__}: {str(error).strip()[:400]}"}, stream)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
