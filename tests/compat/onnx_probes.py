"""A small model for every row of the table of ops that runtimes of ONNX take (optimizer/backends/onnx/accepted_ops.inc).

    onnx_probes.py DIR      writes them below DIR (scripts/python_env onnx) and prints one line of JSON per row

Answers are ONNX Runtime's, or those of onnx's own evaluator where it takes no part.
"""
import json
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
import onnxruntime

FORMAT = {9: 4, 10: 5, 11: 6, 12: 7, 13: 7, 14: 7, 15: 8, 16: 8, 17: 8, 18: 8, 19: 9, 20: 9, 21: 10}
RANDOM = np.random.default_rng(7)
TYPES = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64, "float16": TensorProto.FLOAT16, "bool": TensorProto.BOOL}


def noise(*shape):
    return RANDOM.normal(size=shape).astype(np.float32)


def ints(*values):
    return np.array(values, dtype=np.int64)


def floats(*values):
    return np.array(values, dtype=np.float32)


X = noise(2, 3, 6, 8)
ROWS = []  # (op, form, opset, nodes, inputs, constants)


def row(op, opset, inputs=(X,), constants=(), form="", out=1, after=(), into=None, **attrs):
    """`inputs` are fed, `constants` are initializers behind them (None: left out); `after`: ops on the first output."""
    names = [f"x{i}" for i in range(len(inputs))] + ["" if c is None else f"c{i}" for i, c in enumerate(constants)]
    if into is not None:  # another order of the operands
        names = [names[i] for i in into]
    results = [f"y{i}" for i in range(out)]
    if op in ("Conv", "ConvTranspose"):  # OpenCV before 4.14 wants to hear it
        attrs["kernel_shape"] = [*inputs, *constants][1].shape[2:]
    nodes = [helper.make_node(op, names, results, **attrs)]
    for i, (name, more) in enumerate(after):
        nodes.append(helper.make_node(name, [results[0]], [f"z{i}"], **more))
        results[0] = f"z{i}"
    ROWS.append((op, form, opset, nodes, list(inputs), list(constants), results))


TO_FLOAT = (("Cast", {"to": 1}),)
for name in "Abs Atan Ceil Cos Cosh Elu Erf Exp Floor HardSigmoid Identity LeakyRelu Neg Relu Selu Sigmoid Sign Sin Sinh Softplus Softsign Tan".split():
    row(name, 10)
for name in ("Acos", "Asin", "Atanh"):
    row(name, 10, (np.clip(X, -0.9, 0.9),))
for name in ("Acosh", "Log", "Reciprocal", "Sqrt"):
    row(name, 10, (np.abs(X) + 1,))
row("Asinh", 10)
row("Tanh", 10)
row("Tanh", 10, (X * 60,), form="beyond 44")
row("Round", 11, (X * 4,))
row("HardSwish", 14)
row("Mish", 18)
row("Gelu", 20)
row("Gelu", 20, approximate="tanh", form="tanh")
row("Celu", 12)
row("PRelu", 10, constants=(noise(3, 1, 1),))
for name in ("Add", "Sub", "Mul", "Div"):
    row(name, 10, (X, noise(2, 3, 6, 8) + 3))
    row(name, 10, constants=(np.float32(2.5),), form="a number")
    row(name, 10, constants=(noise(3, 1, 1) + 3,), form="per channel")
    row(name, 10, constants=(noise(8) + 3,), form="along the last axis")
    row(name, 10, (noise(2, 7, 5),), (noise(5) + 3,), form="along the last of three axes")
    row(name, 10, (X, noise(2, 3, 1, 1) + 3), form="a live value per channel")
    row(name, 10, (X, noise(2, 1, 6, 1) + 3), form="a live value per row")
row("Sub", 10, constants=(np.float32(2.5),), form="from a number", into=(1, 0))
row("Div", 10, (np.abs(X) + 1,), (np.float32(2.5),), form="of a number", into=(1, 0))
for name in ("Max", "Min"):
    row(name, 10, (X, noise(2, 3, 6, 8)))
    row(name, 10, constants=(np.float32(0.5),), form="a number")
    row(name, 10, (X, noise(2, 3, 1, 1)), form="a live value per channel")
row("Pow", 10, (np.abs(X),), (np.float32(3),))
row("Pow", 10, (np.abs(X), np.abs(noise(2, 3, 6, 8))), form="live")
row("Mod", 10, (X * 9,), (np.float32(2.5),), fmod=1)
for name, since in (("Equal", 11), ("Less", 10), ("Greater", 10), ("LessOrEqual", 12), ("GreaterOrEqual", 12)):
    row(name, since, (np.round(X), np.round(noise(2, 3, 6, 8))), after=TO_FLOAT)
    row(name, since, (np.round(X),), (np.float32(1),), after=TO_FLOAT, form="a number")
row("IsNaN", 10, after=TO_FLOAT)
row("IsInf", 10, after=TO_FLOAT)
row("Not", 10, (X,), after=TO_FLOAT)
ROWS[-1][3].insert(0, helper.make_node("Greater", ["x0", "c0"], ["g"]))
ROWS[-1][3][1].input[0] = "g"
ROWS[-1][5].append(np.float32(0))
for name in ("And", "Or"):
    row(name, 10, (X, noise(2, 3, 6, 8)), (np.float32(0),), after=TO_FLOAT)
    ROWS[-1][3][0:0] = [helper.make_node("Greater", [f"x{i}", "c0"], [f"g{i}"]) for i in range(2)]
    del ROWS[-1][3][2].input[:]
    ROWS[-1][3][2].input.extend(["g0", "g1"])
row("Where", 10, (X, noise(2, 3, 6, 8)), (np.float32(0),))
ROWS[-1][3].insert(0, helper.make_node("Greater", ["x0", "c0"], ["g"]))
del ROWS[-1][3][1].input[:]
ROWS[-1][3][1].input.extend(["g", "x0", "x1"])
row("Clip", 10, min=-0.5, max=0.7, form="bounds as attributes")
row("Clip", 13, constants=(np.float32(-0.5), np.float32(0.7)), form="bounds as inputs")
row("Cast", 10, (X * 4,), to=7, after=TO_FLOAT)
row("Cast", 13, (noise(2, 3),), form="weights in half precision", to=1)
ROWS[-1][3][:] = [helper.make_node("Cast", ["c0"], ["w"], to=1), helper.make_node("MatMul", ["x0", "w"], ["y0"])]
ROWS[-1][5].append(noise(3, 4).astype(np.float16))

row("Conv", 10, constants=(noise(4, 3, 3, 3), noise(4)), pads=[1, 0, 1, 2], strides=[2, 1])
row("Conv", 10, constants=(noise(6, 1, 3, 3),), group=3, form="grouped")
row("Conv", 10, constants=(noise(4, 3, 3, 3),), dilations=[2, 2], form="dilated")
row("Conv", 10, (noise(2, 3, 7),), (noise(4, 3, 3),), form="1-D")
row("Conv", 10, (noise(1, 2, 4, 5, 6),), (noise(3, 2, 3, 3, 3),), form="3-D")
row("Conv", 10, (X, noise(4, 3, 3, 3)), form="a filter that is computed")
row("ConvTranspose", 10, constants=(noise(3, 4, 3, 3),), strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1])
row("ConvTranspose", 10, constants=(noise(3, 4, 3, 3),), strides=[2, 2], pads=[0, 0, 1, 1], form="uneven pads")
row("ConvTranspose", 10, constants=(noise(3, 4, 3, 3),), dilations=[2, 2], form="dilated")
row("ConvTranspose", 10, (noise(1, 2, 4, 5, 6),), (noise(2, 3, 2, 2, 2),), strides=[2, 2, 2], form="3-D")
for name in ("MaxPool", "AveragePool"):
    row(name, 10, kernel_shape=[3, 3], strides=[2, 2], pads=[0, 1, 1, 1])
    row(name, 10, (noise(1, 2, 4, 5, 6),), kernel_shape=[2, 2, 2], form="3-D")
row("GlobalAveragePool", 10)
row("LRN", 10, size=5, alpha=0.1, beta=0.7, bias=2.0)
row("BatchNormalization", 10, constants=(noise(3), noise(3), noise(3), np.abs(noise(3)) + 0.5), epsilon=1e-3)
row("InstanceNormalization", 10, constants=(noise(3), noise(3)), epsilon=1e-3)
row("LayerNormalization", 17, constants=(noise(8), noise(8)), axis=-1, epsilon=1e-3)
row("LayerNormalization", 17, (noise(2, 5, 8),), (noise(8), noise(8)), axis=-1, epsilon=1e-3, form="of three axes")
row("LayerNormalization", 17, constants=(noise(8),), axis=-1, epsilon=1e-3, form="without an offset")
row("GroupNormalization", 21, (noise(2, 4, 6, 8),), (noise(4), noise(4)), num_groups=2, epsilon=1e-3)
row("MeanVarianceNormalization", 13, axes=[2, 3])
row("MatMul", 10, (noise(4, 5),), (noise(5, 6),))
row("MatMul", 10, (noise(2, 4, 5),), (noise(5, 6),), form="on three axes")
row("MatMul", 10, (noise(2, 3, 4, 5), noise(2, 3, 5, 6)), form="live")
row("Gemm", 10, (noise(4, 5),), (noise(6, 5), noise(6)), transB=1)
row("Einsum", 12, (noise(2, 4, 3, 5), noise(2, 6, 3, 5)), equation="bthd,bshd->bhts")
for name in "ReduceMean ReduceMax ReduceMin ReduceProd ReduceSum ReduceL2 ReduceSumSquare".split():
    row(name, 10, axes=[2, 3], keepdims=1, form="axes as attribute")
    row(name, 10, axes=[3], keepdims=0, form="last axis as attribute, dropped")
row("ReduceMean", 10, axes=[1, 3], keepdims=1, form="axes that are no neighbours")
row("ReduceSum", 13, constants=(ints(2, 3),), keepdims=1, form="axes as input")
for name in ("ReduceMean", "ReduceMax"):
    row(name, 18, constants=(ints(2, 3),), keepdims=1, form="axes as input")
for name in ("ArgMax", "ArgMin"):
    row(name, 10, axis=1, keepdims=0, after=TO_FLOAT)
for name in ("Softmax", "LogSoftmax"):
    row(name, 10, axis=3)
    row(name, 13, axis=1, form="over channels")
row("TopK", 11, constants=(ints(3),), axis=-1, out=2)
row("CumSum", 11, constants=(np.int64(2),))
row("CumSum", 11, constants=(np.int64(2),), exclusive=1, reverse=1, form="exclusive, reverse")
row("Reshape", 10, constants=(ints(2, -1, 8),))
row("Flatten", 10, axis=1)
row("Transpose", 10, perm=[0, 2, 3, 1])
for name, shape in (("Squeeze", (2, 1, 5)), ("Unsqueeze", (2, 5))):
    row(name, 10, (noise(*shape),), axes=[1], form="axes as attribute")
    row(name, 13, (noise(*shape),), (ints(1),), form="axes as input")
row("Shape", 10, after=TO_FLOAT)
row("Expand", 10, (noise(2, 1, 8),), (ints(2, 5, 8),))
row("ConstantOfShape", 10, (X,))
ROWS[-1][3][:] = [helper.make_node("Shape", ["x0"], ["s"]), helper.make_node("ConstantOfShape", ["s"], ["f"]),
                  helper.make_node("Add", ["x0", "f"], ["y0"])]
row("Concat", 10, (X, noise(2, 4, 6, 8)), axis=1)
row("Concat", 10, constants=(noise(2, 4, 6, 8),), axis=1, form="with a constant")
row("Split", 10, axis=1, split=[1, 2], out=2, form="sizes as attribute")
row("Split", 13, constants=(ints(1, 2),), axis=1, out=2, form="sizes as input")
row("Slice", 10, constants=(ints(1, 2), ints(5, 7), ints(2, 3)))
row("Slice", 10, constants=(ints(0, 1), ints(6, 8), ints(2, 3), ints(2, 3)), form="steps")
row("Slice", 10, constants=(ints(-1), ints(-1000), ints(3), ints(-1)), form="backwards")
row("Gather", 10, constants=(np.int64(2),), axis=2, form="one")
row("Gather", 10, constants=(ints(5, 0, 3),), axis=2, form="several")
row("Gather", 10, (np.array([[1, 0, 4]], dtype=np.float32),), (noise(5, 6),), axis=0, form="computed indices", into=(1, 0))
ROWS[-1][3].insert(0, helper.make_node("Cast", ["x0"], ["i"], to=7))
ROWS[-1][3][1].input[1] = "i"
row("GatherElements", 11, constants=(RANDOM.integers(0, 6, (2, 3, 2, 8)),), axis=2)
row("GatherND", 11, constants=(RANDOM.integers(0, 2, (4, 2)),))
row("ScatterND", 11, constants=(ints(1, 0).reshape(2, 1), noise(2, 3, 6, 8)))
row("ScatterElements", 11, constants=(RANDOM.permutation(6)[:4].reshape(1, 1, 4, 1), noise(1, 1, 4, 1)), axis=2)
row("GridSample", 16, (X, np.clip(noise(2, 4, 5, 2) / 2, -1.2, 1.2)), mode="bilinear")
ROIS = np.array([[0, 0, 7, 5], [1, 2, 4, 4], [2, 0, 6, 3]], dtype=np.float32)
row("RoiAlign", 16, (X, ROIS), (ints(0, 1, 1),), output_height=2, output_width=3, sampling_ratio=2)
row("Tile", 10, constants=(ints(1, 2, 1, 3),))
row("Pad", 10, pads=[0, 0, 1, 2, 0, 0, 3, 1], mode="constant", value=1.5, form="pads as attribute")
row("Pad", 11, constants=(ints(0, 0, 1, 2, 0, 0, 3, 1), np.float32(1.5)), mode="constant", form="pads as input")
row("Pad", 11, constants=(ints(0, 0, 1, 2, 0, 0, 3, 1),), mode="reflect", form="reflect")
row("Pad", 11, constants=(ints(0, 1, 0, 0, 0, 2, 0, 0),), mode="reflect", form="reflect over channels")
row("OneHot", 11, (np.array([[1, 0, 4]], dtype=np.float32),), (ints(5), floats(0, 1)), axis=-1)
ROWS[-1][3].insert(0, helper.make_node("Cast", ["x0"], ["i"], to=7))
ROWS[-1][3][1].input[0] = "i"
row("Trilu", 14, (noise(2, 5, 5),), upper=1)
row("ReverseSequence", 10, (noise(5, 2, 3),), (ints(3, 5),), time_axis=0, batch_axis=1)
row("DepthToSpace", 10, (noise(1, 8, 3, 4),), blocksize=2)
row("SpaceToDepth", 10, blocksize=2)
UP = floats(1, 1, 2, 3)
row("Resize", 10, constants=(UP,), mode="nearest", form="nearest, by scales")
for mode in ("half_pixel", "align_corners", "asymmetric"):
    row("Resize", 11, constants=(floats(), UP), mode="linear", coordinate_transformation_mode=mode, form=f"linear, {mode}")
    row("Resize", 13, constants=(None, None, ints(2, 3, 4, 13)), mode="linear", coordinate_transformation_mode=mode,
        form=f"linear, {mode}, to a size")
    row("Resize", 13, constants=(None, None, ints(2, 3, 4, 13)), mode="nearest", coordinate_transformation_mode=mode,
        nearest_mode="floor" if mode == "asymmetric" else "round_prefer_ceil", form=f"nearest, {mode}, to a size")
row("Resize", 11, constants=(floats(), UP), mode="cubic", form="cubic")
BOXES = np.array([[[0, 0, 1, 1], [0, 0.1, 1, 1.1], [0, 10, 1, 11], [0, 10.1, 1, 11.1]]], dtype=np.float32)
row("NonMaxSuppression", 11, (BOXES, floats(0.9, 0.75, 0.6, 0.95).reshape(1, 1, 4)), (ints(3), floats(0.5), floats(0)), after=TO_FLOAT)
SEQUENCE = noise(5, 2, 3)
for name, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):  # all outputs: 5.0 takes a GRU's first for its second where it is alone
    ONE, TWO = [(noise(n, gates * 4, 3), noise(n, gates * 4, 4), noise(n, gates * 8)) for n in (1, 2)]
    STATES = [noise(1, 2, 4) for _ in range(2 if name == "LSTM" else 1)]
    ACTS = {"LSTM": ("HardSigmoid", "Relu", "Relu"), "GRU": ("HardSigmoid", "Relu"), "RNN": ("Relu",)}[name]
    LAYER = {"hidden_size": 4, "out": len(STATES) + 1}
    row(name, 10, (SEQUENCE,), ONE, **LAYER)
    row(name, 10, (SEQUENCE,), ONE, **LAYER, direction="reverse", form="reverse, last states")
    row(name, 10, (SEQUENCE,), ONE, **LAYER, direction="reverse", form="reverse")
    del ROWS[-1][6][1:]
    row(name, 10, (SEQUENCE,), TWO, **LAYER, direction="bidirectional", form="bidirectional")
    row(name, 10, (SEQUENCE, *STATES), (*ONE, None), **LAYER, form="initial states",
        into=[0, *range(len(STATES) + 1, len(STATES) + 5), *range(1, len(STATES) + 1)])
    row(name, 10, (SEQUENCE,), ONE, **LAYER, activations=ACTS, form="other activations")
    if name == "GRU":
        row(name, 10, (SEQUENCE,), ONE, **LAYER, linear_before_reset=1, form="reset after")
row("QuantizeLinear", 13, constants=(np.float32(0.05), np.uint8(128)), form="and back")
ROWS[-1][3].append(helper.make_node("DequantizeLinear", ["y0", "c0", "c1"], ["z0"]))
ROWS[-1][6][0] = "z0"
WEIGHTS = RANDOM.integers(-127, 128, (4, 3, 3, 3)).astype(np.int8)
row("DequantizeLinear", 13, form="weights per channel", axis=0)
ROWS[-1][3][:] = [helper.make_node("DequantizeLinear", ["c0", "c1", "c2"], ["w"], axis=0), helper.make_node("Conv", ["x0", "w"], ["y0"], kernel_shape=[3, 3])]
ROWS[-1][5].extend([WEIGHTS, np.abs(noise(4)) / 100, np.zeros(4, np.int8)])
row("DequantizeLinear", 13, form="weights by one scale")
ROWS[-1][3][:] = [helper.make_node("DequantizeLinear", ["c0", "c1", "c2"], ["w"]), helper.make_node("Conv", ["x0", "w"], ["y0"], kernel_shape=[3, 3])]
ROWS[-1][5].extend([WEIGHTS, np.float32(0.01), np.int8(0)])
# Late additions, with numbers of their own: those above stay what they are.
RANDOM = np.random.default_rng(8)
row("DequantizeLinear", 13, form="weights around a zero point")
ROWS[-1][3][:] = [helper.make_node("DequantizeLinear", ["c0", "c1", "c2"], ["w"]), helper.make_node("Conv", ["x0", "w"], ["y0"], kernel_shape=[3, 3])]
ROWS[-1][5].extend([RANDOM.integers(0, 256, (4, 3, 3, 3)).astype(np.uint8), np.float32(0.01), np.uint8(117)])
row("HardSigmoid", 10, (X, noise(2, 3, 6, 8)), form="with a slope of 1 / 6, times another value")
ROWS[-1][3][:] = [helper.make_node("HardSigmoid", ["x0"], ["h"], alpha=1 / 6, beta=0.5), helper.make_node("Mul", ["h", "x1"], ["y0"])]
for name in ("Sub", "Mul"):  # the second row of a matrix
    row(name, 10, (noise(3, 4),), (np.float32(0.25), ints(1), ints(2), ints(0)), form="a number and a value of one axis")
    ROWS[-1][3][:] = [helper.make_node("Slice", ["x0", "c1", "c2", "c3"], ["s"]), helper.make_node("Squeeze", ["s"], ["r"], axes=[0]),
                      helper.make_node(name, ["r", "c0"], ["y0"])]
row("Mul", 10, constants=(noise(2, 3, 6, 8),), form="another constant for each sample")

# What docs/operators.md of ONNX-TensorRT 10.1 does not let TensorRT 10 take; no runtime was asked.
NOT_IN_TENSORRT = {
    ("GroupNormalization", ""),  # opset 21; it reads 9 to 20
    ("Resize", "cubic"),
    ("QuantizeLinear", "and back"),  # around another point than zero
    ("DequantizeLinear", "weights around a zero point"),
}


def write(folder, opset, nodes, inputs, constants, results):
    folder.mkdir(parents=True)
    initializers = [numpy_helper.from_array(np.asarray(c), f"c{i}") for i, c in enumerate(constants) if c is not None]
    fed = [helper.make_tensor_value_info(f"x{i}", TYPES[str(x.dtype)], x.shape) for i, x in enumerate(inputs)]
    feeds = {f"x{i}": x for i, x in enumerate(inputs)}

    def model(shapes):
        given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in zip(results, shapes)]
        if results[-1] == "y1" and nodes[0].op_type == "TopK":
            given[1].type.tensor_type.elem_type = TensorProto.INT64
        made = helper.make_model(helper.make_graph(nodes, "probe", fed, given, initializers), opset_imports=[helper.make_opsetid("", opset)])
        made.ir_version = FORMAT[opset]
        return made

    file = str(folder / "probe.onnx")
    onnx.save(model([None] * len(results)), file)
    runs = True
    try:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        answers = onnxruntime.InferenceSession(file, options).run(results, feeds)
    except Exception:  # whatever it is, it does not take the op
        runs, answers = False, ReferenceEvaluator(file).run(results, feeds)
    onnx.save(model([answer.shape for answer in answers]), file)
    tensors = []
    for kind, named in (("in", feeds.items()), ("out", zip(results, answers))):
        for name, value in named:
            np.save(folder / f"{kind}.{name}.npy", value)
            tensors.append((kind, {"name": name, "cv_name": name, "npy": str(folder / f"{kind}.{name}.npy"), "layout": "", "cv_layout": "",
                                   "dtype": str(value.dtype)}))
    return runs, {"file": file, "inputs": [t for k, t in tensors if k == "in"], "outputs": [t for k, t in tensors if k == "out"]}


def main():
    for number, (op, form, opset, *parts) in enumerate(ROWS):
        runs, order = write(pathlib.Path(sys.argv[1]) / f"{number:03}", opset, *parts)
        print(json.dumps({"op": op, "form": form, "opset": opset, "onnxruntime": runs, "order": order,
                          "tensorrt": (op, form) not in NOT_IN_TENSORRT}), flush=True)


if __name__ == "__main__":
    main()
