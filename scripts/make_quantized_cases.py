#!/usr/bin/env python3
"""Makes the cases of models/quantized/: graphs whose ops compute in 8 bits, and what TensorFlow answers to them.

Run:  scripts/python_env reference scripts/make_quantized_cases.py [-o models/quantized]

Each case is a folder with graph.pb, in.npy, out0.npy, ... and meta.json. `exact` has whole numbers on whole levels, so
that eight bits lose nothing; `by_the_data` takes its ranges from the data as transform_graph's quantize_nodes wrote
them; `round_trips` holds QuantizeAndDequantize in its forms.
"""
import argparse
import json
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import tensorflow as tf

tf1 = tf.compat.v1
raw = tf.raw_ops
MODE = "MIN_FIRST"


def levels(shape, seed, low=0, high=255):
    """A constant of whole levels; with the range (low, high) each stands for itself."""
    proto = tf.make_tensor_proto(np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8))
    proto.dtype = tf.quint8.as_datatype_enum
    file = tf1.GraphDef()
    node = file.node.add(name=f"levels{seed}", op="Const")
    node.attr["dtype"].type = proto.dtype
    node.attr["value"].tensor.CopyFrom(proto)
    (value,) = tf.import_graph_def(file, return_elements=[f"levels{seed}:0"], name="")
    return value, tf.constant(float(low)), tf.constant(float(high))


def dequantize(node, name):
    return raw.Dequantize(input=node[0], min_range=node[1], max_range=node[2], mode=MODE, name=name)


def with_ranges(op, *pairs, **rest):
    """op(a, b, a_min, a_max, b_min, b_max) in the names that the op gives them."""
    named = dict(rest)
    for (value, low, high), (name, low_name, high_name) in pairs:
        named.update({name: value, low_name: low, high_name: high})
    return op(**named)


def two(op, x, y, **rest):
    return with_ranges(op, (x, ("x", "min_x", "max_x")), (y, ("y", "min_y", "max_y")), Toutput=tf.qint32, **rest)


def exact(x):
    """Whole numbers from 0 to 255, and a kernel with zero inside its range."""
    q = tuple(raw.QuantizeV2(input=x, min_range=0.0, max_range=255.0, T=tf.quint8, mode=MODE))
    wide = tuple(raw.QuantizeV2(input=x - 100.0, min_range=-100.0, max_range=155.0, T=tf.quint8, mode=MODE))
    convolution = with_ranges(raw.QuantizedConv2D, (wide, ("input", "min_input", "max_input")),
                              (levels([3, 3, 3, 4], 1, -128, 127), ("filter", "min_filter", "max_filter")),
                              strides=[1, 2, 2, 1], padding="SAME", out_type=tf.qint32)
    yield dequantize(convolution, "convolution")
    rows = raw.QuantizedReshape(tensor=wide[0], shape=[2, -1], input_min=wide[1], input_max=wide[2])
    product = with_ranges(raw.QuantizedMatMul, (rows, ("a", "min_a", "max_a")),
                          (levels([5, 36], 2, -55, 200), ("b", "min_b", "max_b")), transpose_b=True, Toutput=tf.qint32)
    yield dequantize(product, "product")
    yield dequantize(two(raw.QuantizedAdd, q, levels([3], 4, -128, 127)), "sum")
    yield dequantize(two(raw.QuantizedMul, wide, levels([3], 5, -128, 127)), "scaled")
    ends = {"min_features": wide[1], "max_features": wide[2]}
    yield dequantize(raw.QuantizedRelu(features=wide[0], out_type=tf.quint8, **ends), "relu")
    yield dequantize(raw.QuantizedRelu6(features=wide[0], out_type=tf.quint8, **ends), "relu6")
    pool = {"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1], "padding": "VALID"}
    yield dequantize(raw.QuantizedMaxPool(input=wide[0], min_input=wide[1], max_input=wide[2], **pool), "largest")
    yield dequantize(raw.QuantizedConcat(concat_dim=3, values=[q[0], q[0]], input_mins=[q[1], q[1]],
                                         input_maxes=[q[2], q[2]]), "joined")


def by_the_data(x):
    """convolution -> batch norm -> relu6 -> average pool, resize -> instance norm, with ranges found at run time."""

    def quantize(value):
        flat = tf.reshape(value, [-1])
        return tuple(raw.QuantizeV2(input=value, min_range=tf.reduce_min(flat, 0), max_range=tf.reduce_max(flat, 0),
                                    T=tf.quint8, mode=MODE))

    def shrink(node):
        low, high = raw.RequantizationRange(input=node[0], input_min=node[1], input_max=node[2])
        return tuple(raw.Requantize(input=node[0], input_min=node[1], input_max=node[2], requested_output_min=low,
                                    requested_output_max=high, out_type=tf.quint8))

    def numbers(shape, seed, low, high):
        values = np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)
        return tuple(raw.QuantizeV2(input=values, min_range=float(low), max_range=float(high), T=tf.quint8, mode=MODE))

    convolution = shrink(with_ranges(raw.QuantizedConv2D, (quantize(x / 100.0), ("input", "min_input", "max_input")),
                                     (numbers([3, 3, 3, 8], 6, -1, 1), ("filter", "min_filter", "max_filter")),
                                     strides=[1, 1, 1, 1], padding="SAME", out_type=tf.qint32))
    parts = {"t": convolution, "m": numbers([8], 7, -1, 1), "v": numbers([8], 8, 0, 4), "beta": numbers([8], 9, -1, 1),
             "gamma": numbers([8], 10, -2, 2)}
    named = {name + end: value for name, part in parts.items() for end, value in zip(["", "_min", "_max"], part)}
    norm = shrink(raw.QuantizedBatchNormWithGlobalNormalization(
        **named, out_type=tf.qint32, variance_epsilon=0.01, scale_after_normalization=True))
    yield dequantize(norm, "batch_norm")
    relu = raw.QuantizedRelu6(features=norm[0], min_features=norm[1], max_features=norm[2], out_type=tf.quint8)
    pool = raw.QuantizedAvgPool(input=relu[0], min_input=relu[1], max_input=relu[2], ksize=[1, 2, 2, 1],
                                strides=[1, 2, 2, 1], padding="SAME")
    yield dequantize(pool, "average")
    bias = with_ranges(raw.QuantizedBiasAdd, (relu, ("input", "min_input", "max_input")),
                       (numbers([8], 3, -5, 4), ("bias", "min_bias", "max_bias")), out_type=tf.qint32)
    yield dequantize(bias, "bias")
    large = raw.QuantizedResizeBilinear(images=pool[0], size=[8, 12], min=pool[1], max=pool[2])
    yield dequantize(large, "resized")
    instance = raw.QuantizedInstanceNorm(x=convolution[0], x_min=convolution[1], x_max=convolution[2],
                                         variance_epsilon=0.1, min_separation=0.001)
    yield dequantize(instance, "instance_norm")
    given = raw.QuantizedInstanceNorm(x=convolution[0], x_min=convolution[1], x_max=convolution[2],
                                      output_range_given=True, given_y_min=-1.5, given_y_max=1.0, variance_epsilon=0.1)
    yield dequantize(given, "instance_norm_of_a_range")


def round_trips(x):
    yield raw.QuantizeAndDequantizeV2(input=x, input_min=-30.0, input_max=200.0, range_given=True, name="signed")
    yield raw.QuantizeAndDequantizeV2(input=x, input_min=0.0, input_max=130.0, range_given=True, signed_input=False,
                                      num_bits=5, name="unsigned")
    yield raw.QuantizeAndDequantizeV3(input=x - 100.0, input_min=-90.0, input_max=50.0, num_bits=7, range_given=True,
                                      narrow_range=True, name="narrow")
    yield raw.QuantizeAndDequantizeV4(input=x, input_min=-10.0, input_max=99.0, num_bits=6, range_given=True,
                                      round_mode="HALF_UP", name="half_up")
    for mode in ["MIN_FIRST", "MIN_COMBINED", "SCALED"]:
        for dtype in [tf.quint8, tf.qint8]:
            q = raw.QuantizeV2(input=x - 60.0, min_range=-50.0, max_range=150.0, T=dtype, mode=mode)
            yield raw.Dequantize(input=q[0], min_range=q[1], max_range=q[2], mode=mode,
                                 name=f"{mode.lower()}_{dtype.name}")


CASES = {"exact": (exact, True, 0), "by_the_data": (by_the_data, False, 0.05), "round_trips": (round_trips, False, 0)}


def make(folder, build, whole, tolerance):
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(11)
    shape = [1, 4, 6, 3]
    feed = random.integers(0, 256, shape).astype(np.float32) if whole else random.uniform(0, 255, shape).astype(np.float32)
    with tf1.Graph().as_default() as graph:
        x = tf1.placeholder(tf.float32, shape, "x")
        outputs = list(build(x))
        names = [output.op.name for output in outputs]
        with tf1.Session() as session:
            answers = session.run(outputs, {x: feed})
    (folder / "graph.pb").write_bytes(graph.as_graph_def().SerializeToString(deterministic=True))
    np.save(folder / "in.npy", feed)
    for i, answer in enumerate(answers):
        np.save(folder / f"out{i}.npy", answer)
    meta = {"kind": "pb", "inputs": ["x"], "outputs": names, "flags": {}, "shapes": [shape],
            "out_shapes": [list(answer.shape) for answer in answers]}
    if tolerance:
        meta["tolerance"] = tolerance
    (folder / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=pathlib.Path, default=pathlib.Path("models/quantized"))
    args = parser.parse_args()
    for name, case in CASES.items():
        make(args.output / name, *case)
        print(name)


if __name__ == "__main__":
    main()
