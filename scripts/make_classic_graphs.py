#!/usr/bin/env python3
"""Makes the cases of models/classic_graphs: small graphs written the way TensorFlow 1 projects wrote them, frozen as they were.

    scripts/python_env reference scripts/make_classic_graphs.py [NAME]...

Each case is a folder with graph.pb, its inputs, TensorFlow's answers and meta.json. Nothing is simplified before freezing: shapes
are worked out in the graph, batch norms are spelled out, pictures come as bytes. Weights are seeded; norm statistics are off (0, 1).
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
CASES = pathlib.Path(__file__).resolve().parent.parent / "models" / "classic_graphs"
GRAPHS = {}


def graph(function):
    GRAPHS[function.__name__] = function
    return function


class Weights:
    """Seeded variables; those of a convolution keep the size of what goes through."""

    def __init__(self):
        self.random = np.random.default_rng(11)

    def kernel(self, *shape):
        fan_in = np.prod(shape[:-1])
        return self.constant(self.random.normal(0, np.sqrt(2 / fan_in), shape))

    def vector(self, size, low=-0.3, high=0.3):
        return self.constant(self.random.uniform(low, high, size))

    def constant(self, value):
        return tf1.get_variable(f"v{len(tf1.global_variables())}", initializer=np.asarray(value, np.float32))


def picture(height, width, channels=3, batch=1, name="input", dtype=tf.float32, size_known=True):
    shape = [None, height, width, channels] if size_known else [None, None, None, channels]
    value = np.random.default_rng(5).uniform(-1, 1, (batch, height, width, channels))
    if dtype == tf.uint8:
        value = np.random.default_rng(5).integers(0, 256, (batch, height, width, channels))
    return tf1.placeholder(dtype, shape, name=name), value.astype(dtype.as_numpy_dtype)


def conv(w, x, channels, size=3, stride=1, padding="SAME"):
    x = tf.nn.conv2d(x, w.kernel(size, size, int(x.shape[3]), channels), [1, stride, stride, 1], padding)
    return tf.nn.bias_add(x, w.vector(channels))


def depthwise(w, x, multiplier=1, stride=1):
    return tf1.nn.depthwise_conv2d(x, w.kernel(3, 3, int(x.shape[3]), multiplier), [1, stride, stride, 1], "SAME")


def dense(w, x, size):
    return tf.nn.bias_add(tf.matmul(x, w.kernel(int(x.shape[1]), size)), w.vector(size))


def prelu(w, x):
    """As MTCNN's authors spell it."""
    alphas = w.vector(int(x.shape[-1]), 0.1, 0.4)
    return tf.nn.relu(x) + tf.multiply(alphas, (x - tf.abs(x))) * 0.5


def old_norm(w, x):
    """tf.nn.batch_normalization with moving statistics."""
    size = int(x.shape[-1])
    return tf.nn.batch_normalization(x, w.vector(size), w.vector(size, 0.5, 2), w.vector(size), w.vector(size, 0.7, 1.5), 1e-3)


# --- each graph: w -> ({placeholder: value}, [outputs], {placeholder's name: value that is fixed}) ----------------------


@graph
def mtcnn(w):
    """Three nets that share nothing, three inputs, seven outputs; softmax over the channels of a picture."""
    p, p_value = picture(16, 20, name="pnet/input", size_known=False)
    x = prelu(w, conv(w, p, 10, padding="VALID"))
    x = tf1.nn.max_pool(x, [1, 2, 2, 1], [1, 2, 2, 1], "SAME")
    x = prelu(w, conv(w, prelu(w, conv(w, x, 16, padding="VALID")), 12, padding="VALID"))
    logits = conv(w, x, 2, 1)
    highest = tf.reduce_max(logits, 3, keepdims=True)
    exponents = tf.exp(logits - highest)
    outputs = [tf.divide(exponents, tf.reduce_sum(exponents, 3, keepdims=True), name="pnet/prob"),
               tf.identity(conv(w, x, 4, 1), "pnet/box")]
    feeds = {p: p_value}
    for name, size, heads in (("rnet", 12, (2, 4)), ("onet", 24, (2, 4, 10))):
        x, feeds_value = picture(size, size, batch=1, name=f"{name}/input")
        feeds[x] = feeds_value
        x = prelu(w, conv(w, x, 4, padding="VALID"))
        x = tf1.nn.max_pool(x, [1, 3, 3, 1], [1, 2, 2, 1], "SAME")
        x = tf.reshape(x, [-1, int(np.prod(x.shape[1:]))])
        x = prelu(w, dense(w, x, 16))
        for part, count in zip(("prob", "box", "points"), heads):
            out = dense(w, x, count)
            outputs.append(tf.nn.softmax(out, name=f"{name}/{part}") if part == "prob" else tf.identity(out, f"{name}/{part}"))
    return feeds, outputs, {}


@graph
def transposed_convolutions(w):
    """A U-Net whose output shapes are worked out from the input's."""
    x, value = picture(16, 24, 2, batch=2)
    down = tf.nn.elu(conv(w, x, 6))
    low = tf.nn.elu(conv(w, tf1.nn.max_pool(down, 2, 2, "VALID"), 8))
    shape = tf.shape(low)
    wide = tf1.nn.conv2d_transpose(low, w.kernel(3, 3, 6, 8), tf.stack([shape[0], shape[1] * 2, shape[2] * 2, 6]), [1, 2, 2, 1], "SAME")
    joined = tf.concat([wide, down], 3)
    last = tf1.nn.conv2d_transpose(joined, w.kernel(2, 2, 3, 12), tf.stack([tf.shape(x)[0], 32, 48, 3]), [1, 2, 2, 1], "VALID")
    return {x: value}, [tf.nn.sigmoid(last, name="mask")], {}


@graph
def dilated_resize(w):
    """DeepLab's head: dilated convolutions side by side with a pooled picture that is resized back to a shape of the graph."""
    x, value = picture(18, 26)
    x0 = tf.nn.relu(old_norm(w, conv(w, x, 8, stride=2)))
    branches = [tf.nn.relu(conv(w, x0, 6, 1))]
    for rate in (2, 3):
        branches.append(tf.nn.relu(tf1.nn.atrous_conv2d(x0, w.kernel(3, 3, 8, 6), rate, "SAME")))
    pooled = tf.nn.relu(conv(w, tf.reduce_mean(x0, [1, 2], keepdims=True), 6, 1))
    branches.append(tf1.image.resize_bilinear(pooled, tf.shape(x0)[1:3], align_corners=True))
    logits = conv(w, tf.concat(branches, 3), 5, 1)
    logits = tf1.image.resize_bilinear(logits, tf.shape(x)[1:3], align_corners=True)
    return {x: value}, [tf.identity(logits, "logits"), tf.argmax(logits, 3, name="classes")], {}


@graph
def swish(w):
    """Inverted bottlenecks with swish, hard swish and squeeze-and-excite."""
    x, value = picture(17, 17)
    x = old_norm(w, conv(w, x, 8, stride=2))
    x = x * tf.sigmoid(x)
    wide = tf.nn.swish(old_norm(w, conv(w, x, 16, 1)))
    wide = old_norm(w, depthwise(w, wide))
    wide = wide * tf.nn.relu6(wide + 3.0) / 6.0
    squeezed = conv(w, tf.reduce_mean(wide, [1, 2], keepdims=True), 4, 1)
    excited = tf.nn.sigmoid(conv(w, tf.nn.relu(squeezed), 16, 1))
    x = old_norm(w, conv(w, wide * excited, 8, 1)) + x
    return {x.graph.get_tensor_by_name("input:0"): value}, [tf.identity(dense(w, tf.reduce_mean(x, [1, 2]), 7), "logits")], {}


@graph
def bytes_preprocessed(w):
    """A picture of bytes: cast, resized, channels turned round, mean taken off, scaled."""
    x, value = picture(20, 30, dtype=tf.uint8)
    scaled = tf1.image.resize_bilinear(tf.cast(x, tf.float32), [16, 16])
    red, green, blue = tf.split(scaled, 3, 3)
    bgr = tf.concat([blue - 103.94, green - 116.78, red - 123.68], 3) * 0.017
    y = tf.nn.relu(conv(w, bgr, 8, stride=2, padding="VALID"))
    return {x: value}, [tf.nn.softmax(dense(w, tf.reshape(y, [-1, 7 * 7 * 8]), 5), name="probabilities")], {}


@graph
def old_batch_norm(w):
    """The first fused op beside norms spelled out, before and after the activation."""
    x, value = picture(12, 14, batch=2)
    x1 = conv(w, x, 6)
    norm = tf.raw_ops.FusedBatchNorm(x=x1, scale=w.vector(6, 0.5, 1.5), offset=w.vector(6), mean=w.vector(6), variance=w.vector(6, 0.6, 1.6),
                                     epsilon=1e-3, is_training=False).y
    y = old_norm(w, tf.nn.relu(norm))
    y = (y - w.vector(6)) * tf1.rsqrt(w.vector(6, 0.5, 1.5) + 1e-5) + w.vector(6)
    return {x: value}, [tf.identity(conv(w, y, 4), "out")], {}


@graph
def training_inception(w):
    """is_training and keep_prob are fed; LRN, pools of stride 1, joins, loss and accuracy behind."""
    x, value = picture(16, 16, batch=2)
    training, keep = tf1.placeholder(tf.bool, [], name="is_training"), tf1.placeholder(tf.float32, [], name="keep_prob")
    labels = tf1.placeholder(tf.int64, [None], name="labels")
    x1 = tf.nn.local_response_normalization(tf.nn.relu(conv(w, x, 8, 5, 2)), 4, 1.0, 0.001 / 9.0, 0.75)
    joined = tf.concat([tf.nn.relu(conv(w, x1, 4, 1)), tf.nn.relu(conv(w, x1, 6)),
                        conv(w, tf1.nn.avg_pool(x1, 3, 1, "SAME"), 4, 1), tf1.nn.max_pool(x1, 3, 1, "SAME")], 3)
    mean, variance = tf1.cond(training, lambda: tf.nn.moments(joined, [0, 1, 2]), lambda: (w.vector(22), w.vector(22, 0.6, 1.6)))
    y = tf.nn.batch_normalization(joined, mean, variance, w.vector(22), w.vector(22, 0.5, 1.5), 1e-3)
    flat = tf1.nn.dropout(tf1.layers.flatten(tf.nn.relu(y)), keep_prob=keep)
    logits = dense(w, flat, 5)
    loss = tf.reduce_mean(tf1.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, 1), labels), tf.float32), name="accuracy")
    tf.identity(loss, "loss")
    return {x: value}, [tf.identity(logits, "logits")], {"is_training": False, "keep_prob": 1.0}


@graph
def channel_shuffle(w):
    """ShuffleNet: channels are split, one half goes through a depthwise block, both are shuffled by Reshape and Transpose."""
    x, value = picture(14, 10)
    x = tf.nn.relu(conv(w, x, 8, stride=2))
    for _ in range(2):
        left, right = tf.split(x, 2, 3)
        right = tf.nn.relu(conv(w, depthwise(w, tf.nn.relu(conv(w, right, 4, 1))), 4, 1))
        joined = tf.stack([left, right], 4)
        joined = tf.transpose(joined, [0, 1, 2, 4, 3])
        x = tf.reshape(joined, [-1, 7, 5, 8])
    return {x.graph.get_tensor_by_name("input:0"): value}, [tf.identity(tf.reduce_max(x, [1, 2]), "features")], {}


@graph
def style_transfer(w):
    """Mirrored borders, instance norms from moments, nearest resizes to shapes of the graph, tanh stretched to pixels."""
    x, value = picture(20, 16)
    def norm(y):
        mean, variance = tf.nn.moments(y, [1, 2], keepdims=True)
        return w.vector(int(y.shape[3]), 0.5, 1.5) * (y - mean) / tf.sqrt(variance + 1e-3) + w.vector(int(y.shape[3]))
    y = tf.pad(x, [[0, 0], [2, 2], [2, 2], [0, 0]], "REFLECT")
    y = tf.nn.relu(norm(conv(w, y, 6, 5, padding="VALID")))
    y = tf.nn.relu(norm(conv(w, y, 8, stride=2)))
    y = y + norm(conv(w, tf.nn.relu(norm(conv(w, y, 8))), 8))
    y = tf1.image.resize_nearest_neighbor(y, [tf.shape(y)[1] * 2, tf.shape(y)[2] * 2])
    y = conv(w, tf.pad(tf.nn.relu(norm(conv(w, y, 6))), [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC"), 3, padding="VALID")
    return {x: value}, [tf.add(tf.nn.tanh(y) * 150, 255.0 / 2, name="pixels")], {}


@graph
def yolo(w):
    """Leaky activations as Maximum, a passthrough by space_to_depth, boxes by sigmoid, exp and a grid."""
    x, value = picture(16, 24)
    leaky = lambda y: tf.maximum(0.1 * y, y)
    fine = leaky(old_norm(w, conv(w, x, 6)))
    fine = leaky(conv(w, tf1.nn.max_pool(fine, 2, 2, "SAME"), 6))
    coarse = leaky(conv(w, tf1.nn.max_pool(fine, 2, 2, "SAME"), 8))
    out = conv(w, tf.concat([tf1.space_to_depth(fine, 2), coarse], 3), 2 * 8, 1)
    cells = tf.reshape(out, [-1, 4, 6, 2, 8])
    grid = np.stack(np.meshgrid(np.arange(6), np.arange(4)), -1).reshape(1, 4, 6, 1, 2).astype(np.float32)
    centres = (tf.sigmoid(cells[..., :2]) + grid) / np.array([6.0, 4.0], np.float32)
    sizes = tf.exp(cells[..., 2:4]) * np.array([[0.3, 0.2], [0.1, 0.4]], np.float32)
    scores = tf.sigmoid(cells[..., 4:5]) * tf.nn.softmax(cells[..., 5:])
    boxes = tf.concat([centres - sizes / 2, centres + sizes / 2], 4)
    return {x: value}, [tf.reshape(boxes, [-1, 48, 4], name="boxes"), tf.reshape(scores, [-1, 48, 3], name="scores")], {}


def write(name):
    with tf1.Graph().as_default(), tf1.Session() as session:
        tf1.set_random_seed(3)
        feeds, outputs, flags = GRAPHS[name](Weights())
        session.run(tf1.global_variables_initializer())
        fixed = {f"{flag}:0": value for flag, value in flags.items()}
        answers = session.run(outputs, {**feeds, **fixed})
        keep = [tensor.op.name for tensor in outputs] + [node for node in ("loss", "accuracy") if f"{node}" in {o.name for o in session.graph.get_operations()}]
        frozen = tf1.graph_util.convert_variables_to_constants(session, session.graph_def, keep)
    folder = CASES / name
    folder.mkdir(parents=True, exist_ok=True)
    for node in frozen.node:  # marks of whoever traced it, with paths
        node.ClearField("experimental_debug_info")
        node.attr.pop("_class", None)
    (folder / "graph.pb").write_bytes(frozen.SerializeToString(deterministic=True))
    for index, value in enumerate(feeds.values()):
        np.save(folder / (f"in{index}.npy" if len(feeds) > 1 else "in.npy"), value)
    for index, value in enumerate(answers):
        if np.issubdtype(value.dtype, np.floating):
            assert np.isfinite(value).all() and np.abs(value - value.mean()).max() > 1e-3, f"{name}: {outputs[index].name} proves nothing"
        np.save(folder / f"out{index}.npy", value.astype(np.float32))
    meta = {"kind": "pb", "model": "graph.pb", "inputs": [tensor.op.name for tensor in feeds],
            "outputs": [tensor.op.name for tensor in outputs], "flags": flags,
            "shapes": [list(value.shape) for value in feeds.values()], "out_shapes": [list(value.shape) for value in answers],
            "tensorflow": tf.__version__}
    (folder / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")
    return sum(path.stat().st_size for path in folder.iterdir())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(GRAPHS))
    args = parser.parse_args()
    if unknown := set(args.names) - set(GRAPHS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(GRAPHS)}")
    for name in args.names or GRAPHS:
        print(f"{name}: {write(name):,} bytes", flush=True)


if __name__ == "__main__":
    main()
