#!/usr/bin/env python3
"""Makes models/sizes: small nets whose placeholders leave batch, height and width open, with TensorFlow's answers at several
sizes, and a file of two nets that share nothing.

    scripts/python_env reference scripts/make_size_cases.py

models/sizes/<net>/graph.pb, meta.json (inputs, outputs, "sizes": [[n, h, w, c], ...]) and for every size k
in.<k>.npy and out<i>.<k>.npy.
"""
import json
import os
import pathlib
import shutil

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent / "models" / "sizes"
tf1 = tf.compat.v1
SIZES = ([1, 16, 16, 3], [1, 13, 18, 3], [2, 9, 7, 3])


def conv(x, channels, name, size=3, stride=1, padding="SAME"):
    shape = [size, size, x.shape[-1], channels]
    generator = np.random.default_rng(sum(map(ord, name)))
    weights = generator.normal(0, 1 / np.sqrt(np.prod(shape[:3])), shape).astype(np.float32)
    bias = generator.normal(0, 0.1, channels).astype(np.float32)
    x = tf.nn.conv2d(x, tf.constant(weights, name=name + "/w"), stride, padding, name=name)
    return tf.nn.bias_add(x, tf.constant(bias, name=name + "/b"), name=name + "/bias")


def deconv(x, like, channels, name, padding="SAME"):
    """To the size of `like`, or to twice x's."""
    size = tf.shape(like if like is not None else x)
    factor = 1 if like is not None else 2
    generator = np.random.default_rng(sum(map(ord, name)))
    weights = generator.normal(0, 0.3, [2, 2, channels, x.shape[-1]]).astype(np.float32)
    to = tf.stack([size[0], size[1] * factor, size[2] * factor, channels])
    return tf.nn.conv2d_transpose(x, tf.constant(weights), to, 2, padding, name=name)


def resize(x, size, nearest=False, name=None):
    op = tf1.image.resize_nearest_neighbor if nearest else tf1.image.resize_bilinear
    return op(x, size, name=name)


def upsampled_twice(x):
    """Every resize is a whole multiple: one file for all sizes."""
    a = tf.nn.relu(conv(x, 4, "a"))
    up = resize(a, tf.shape(a)[1:3] * 2, nearest=True)
    return [tf.identity(conv(up, 2, "b"), "y")]


def skip_of_the_same_size(x):
    """Resized to the size of something of its own size: no resize at all."""
    a = tf.nn.relu(conv(x, 4, "a"))
    b = conv(a, 4, "b")
    return [tf.concat([resize(b, tf.shape(a)[1:3]), a], 3, name="y")]


def fpn(x):
    """Down by stride 2 and up to the skip's size, which is odd where it may be."""
    a = tf.nn.relu(conv(x, 4, "a"))
    b = tf.nn.relu(conv(a, 4, "b", stride=2))
    return [tf.add(resize(b, tf.shape(a)[1:3]), a, name="y")]


def unet(x):
    """Down by stride 2, up by a transposed convolution to the skip's size."""
    a = tf.nn.relu(conv(x, 4, "a"))
    b = tf.nn.relu(conv(a, 6, "b", stride=2))
    return [tf.concat([deconv(b, a, 4, "up"), a], 3, name="y")]


def half_size(x):
    """Half the size, rounded down."""
    a = tf.nn.relu(conv(x, 4, "a"))
    return [tf.identity(resize(a, tf.shape(a)[1:3] // 2), "y")]


def pooled(x):
    """Down by strides and pools whose sizes do not divide, nothing up."""
    a = tf.nn.relu(conv(x, 4, "a", stride=2))
    b = tf.nn.max_pool2d(a, 3, 2, "SAME")
    c = tf.nn.relu(conv(b, 4, "c", stride=2, padding="SAME"))
    return [tf.identity(conv(c, 2, "d", size=1), "y"), tf.reduce_mean(c, [1, 2], name="mean")]


def psp(x):
    """The mean of the picture, spread over it again."""
    a = tf.nn.relu(conv(x, 4, "a"))
    mean = tf.reduce_mean(a, [1, 2], keepdims=True)
    return [tf.concat([resize(mean, tf.shape(a)[1:3]), a], 3, name="y")]


def deconv_twice(x):
    a = tf.nn.relu(conv(x, 4, "a"))
    return [tf.identity(deconv(a, None, 3, "up"), "y")]


def save(name, graph, inputs, outputs, feeds_of, sizes):
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with graph.as_default(), tf1.Session() as session:
        definition = tf1.graph_util.extract_sub_graph(graph.as_graph_def(), outputs)
        (folder / "graph.pb").write_bytes(definition.SerializeToString())
        for k, size in enumerate(sizes):
            feeds = feeds_of(k, size)
            for i, input_name in enumerate(inputs):
                suffix = "" if len(inputs) == 1 else str(i)
                np.save(folder / f"in{suffix}.{k}.npy", feeds[input_name + ":0"])
            for i, value in enumerate(session.run([o + ":0" for o in outputs], feeds)):
                np.save(folder / f"out{i}.{k}.npy", value)
    meta = {"kind": "sizes", "inputs": inputs, "outputs": outputs, "sizes": sizes, "tensorflow": tf.__version__}
    (folder / "sizes.json").write_text(json.dumps(meta, indent=1) + "\n")


def picture(k, size):
    return np.random.default_rng(k).normal(0, 1, size).astype(np.float32)


def main():
    for build in (upsampled_twice, skip_of_the_same_size, fpn, unet, half_size, pooled, psp, deconv_twice):
        graph = tf.Graph()
        with graph.as_default():
            x = tf1.placeholder(tf.float32, [None, None, None, 3], name="x")
            outputs = [t.op.name for t in build(x)]
        save(build.__name__, graph, ["x"], outputs, lambda k, size: {"x:0": picture(k, size)}, SIZES)
    graph = tf.Graph()
    with graph.as_default():
        x = tf1.placeholder(tf.float32, [None, None, None, 3], name="proposal/input")
        y = tf1.placeholder(tf.float32, [None, 8, 8, 3], name="refine/input")
        a = tf.nn.relu(conv(x, 4, "proposal/a", padding="VALID"))
        tf.nn.softmax(conv(a, 2, "proposal/score", size=1), name="proposal/prob")
        flat = tf.reshape(tf.nn.relu(conv(y, 4, "refine/a")), [-1, 256])
        weights = np.random.default_rng(9).normal(0, 0.1, [256, 2]).astype(np.float32)
        tf.nn.softmax(tf.matmul(flat, weights), name="refine/prob")
    save("two_nets", graph, ["proposal/input", "refine/input"], ["proposal/prob", "refine/prob"],
         lambda k, size: {"proposal/input:0": picture(k, size), "refine/input:0": picture(9 + k, [size[0], 8, 8, 3])},
         ([1, 16, 12, 3], [1, 9, 21, 3], [4, 10, 10, 3]))


main()
