#!/usr/bin/env python3
"""Trains models/classic_tf1: a small digit classifier written and frozen the way TensorFlow 1 tutorials did it.

    scripts/python_env reference scripts/train_classic_tf1.py [--out models/classic_tf1]

The graph is a training graph: tf.data iterator, is_training placeholder, dropout, loss, accuracy, gradients, summaries
and saver all live in it, and all that a file without variables can still hold is kept when it is frozen. Turning it into
a clean inference graph is the optimizer's work. The same seeds give the same file on the same machine.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import tensorflow as tf
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

tf1 = tf.compat.v1
tf1.logging.set_verbosity(tf1.logging.ERROR)
warnings.filterwarnings("ignore", category=UserWarning)  # tf.layers is deprecated: that is the point
tf1.disable_v2_behavior()  # reference variables and Switch/Merge, as in the files people have

SIDE = 28
BATCH = 64
EPOCHS = 12
SEED = 7
ROOT = pathlib.Path(__file__).resolve().parent.parent


def digits():
    """scikit-learn's 8x8 digits (0..16) as 28x28 pictures with grey values 0..255."""
    data = load_digits()
    grown = np.stack([
        np.asarray(Image.fromarray(np.round(image * 255 / 16).astype(np.uint8)).resize((SIDE, SIDE), Image.BILINEAR))
        for image in data.images])
    return train_test_split(grown[..., None].astype(np.float32), data.target.astype(np.int64),
                            test_size=0.25, random_state=SEED, stratify=data.target)


def build():
    """The graph; returns the names that training needs."""
    tf1.set_random_seed(SEED)
    features = tf1.placeholder(tf.float32, [None, SIDE, SIDE, 1], name="features")
    targets = tf1.placeholder(tf.int64, [None], name="targets")
    dataset = tf1.data.Dataset.from_tensor_slices((features, targets))
    dataset = dataset.shuffle(2000, seed=SEED).map(lambda x, y: (tf.clip_by_value(x, 0.0, 255.0), y)).batch(BATCH)
    iterator = tf1.data.make_initializable_iterator(dataset)
    images, labels = iterator.get_next()
    is_training = tf1.placeholder(tf.bool, shape=(), name="is_training")

    net = images / 255.0
    net = tf1.layers.conv2d(net, 12, 3, padding="same", name="conv1")
    net = tf1.layers.batch_normalization(net, training=is_training, momentum=0.9, name="bn1")
    net = tf.nn.relu6(net, name="relu1")
    net = tf1.layers.average_pooling2d(net, 2, 2, name="pool1")

    with tf1.variable_scope("depthwise2"):
        kernel = tf1.get_variable("kernel", [3, 3, 12, 1], initializer=tf1.truncated_normal_initializer(stddev=0.3))
        bias = tf1.get_variable("bias", [12], initializer=tf1.constant_initializer(0.1))
        net = tf.nn.bias_add(tf1.nn.depthwise_conv2d(net, kernel, [1, 1, 1, 1], "SAME"), bias)
    # Not fused: the norm is written out as Rsqrt, Mul, Sub and Add.
    net = tf1.layers.batch_normalization(net, training=is_training, momentum=0.9, fused=False, name="bn2")
    net = tf.nn.relu6(net, name="relu2")

    net = tf1.layers.conv2d(net, 12, 1, use_bias=True, name="conv3")
    net = tf.nn.relu6(net, name="relu3")
    net = tf1.layers.average_pooling2d(net, 2, 2, name="pool3")

    with tf.name_scope("flatten"):  # by the shape the batch has when it runs, as tf.contrib.layers.flatten wrote it
        net = tf.reshape(net, [tf.shape(net)[0], (SIDE // 4) ** 2 * 12])
    net = tf1.layers.dropout(net, rate=0.4, training=is_training, name="dropout")
    logits = tf1.layers.dense(net, 10, name="logits")
    probabilities = tf.nn.softmax(logits, name="softmax")
    classes = tf.argmax(probabilities, axis=1, name="classes")

    # Smoothed labels: an answer of 0.9 instead of 1.0 still shows when a number in front of it is wrong.
    loss = tf1.losses.softmax_cross_entropy(tf.one_hot(labels, 10), logits, label_smoothing=0.1)
    accuracy = tf.reduce_mean(tf.cast(tf.equal(classes, labels), tf.float32), name="accuracy")
    global_step = tf1.train.get_or_create_global_step()
    rate = tf1.train.exponential_decay(2e-3, global_step, 100, 0.9, name="learning_rate")
    optimizer = tf1.train.AdamOptimizer(rate)
    gradients = optimizer.compute_gradients(loss)
    with tf.control_dependencies(tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)):
        train = optimizer.apply_gradients(gradients, global_step=global_step, name="train")
    tf1.summary.scalar("loss", loss)
    tf1.summary.scalar("accuracy", accuracy)
    tf1.summary.histogram("logits", logits)
    tf1.summary.merge_all(name="summaries")
    saver = tf1.train.Saver(tf1.global_variables())
    return features, targets, iterator, is_training, train, accuracy, saver


def frozen(session):
    """The graph with every variable as a constant, and without the ops that only make sense on a variable.

    Gradients, summaries, the iterator with its dataset, both branches of every switch, the writing half of the saver and
    the random initial values stay; assignments (optimizer, initialisers, restore, moving averages) cannot: a constant is
    nothing to assign to.
    """
    graph_def = session.graph.as_graph_def()
    variables = [node.name for node in graph_def.node if node.op == "VariableV2"]
    values = dict(zip(variables, session.run([name + ":0" for name in variables])))

    gone = {op.name for op in session.graph.get_operations() if any(arg.is_ref for arg in op.op_def.input_arg)}
    grown = True
    while grown:  # and whatever needs the result of one of them
        grown = False
        for node in graph_def.node:
            if node.name not in gone and any(name.lstrip("^").split(":")[0] in gone for name in node.input):
                gone.add(node.name)
                grown = True

    result = tf1.GraphDef(versions=graph_def.versions, library=graph_def.library)
    for node in graph_def.node:
        if node.name in values:
            value = values[node.name]
            constant = result.node.add(name=node.name, op="Const")
            constant.attr["dtype"].type = tf.as_dtype(value.dtype).as_datatype_enum
            constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
        elif node.name not in gone:
            kept = result.node.add()
            kept.CopyFrom(node)
            if kept.op == "Identity" and kept.input[0] in values:  # the colocation names a reference, which is no more
                kept.attr.pop("_class", None)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "models" / "classic_tf1")
    parser.add_argument("--batch1-out", type=pathlib.Path, default=None, help="default: OUT_batch1")
    args = parser.parse_args()
    out = args.out.resolve()
    out_batch1 = (args.batch1_out or out.parent / (out.name + "_batch1")).resolve()
    out.mkdir(parents=True, exist_ok=True)

    train_images, test_images, train_labels, test_labels = digits()
    features, targets, iterator, is_training, train, accuracy, _ = build()
    config = tf1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    with tf1.Session(config=config) as session:
        session.run(tf1.global_variables_initializer())
        for _ in range(EPOCHS):
            session.run(iterator.initializer, {features: train_images, targets: train_labels})
            while True:
                try:
                    session.run(train, {is_training: True})
                except tf.errors.OutOfRangeError:
                    break
        images, labels = "IteratorGetNext:0", "IteratorGetNext:1"
        feed = {images: test_images, labels: test_labels, is_training: False}
        right, answers, probabilities = session.run([accuracy, "classes:0", "softmax:0"], feed)
        graph_def = frozen(session)

    print(f"test accuracy {right:.4f} on {len(test_labels)} digits; {len(graph_def.node)} nodes")
    if right < 0.95:
        return "train_classic_tf1: the network did not learn, nothing was written"
    (out / "graph.pb").write_bytes(graph_def.SerializeToString(deterministic=True))
    (out / "labels.txt").write_text("".join(f"{digit}\n" for digit in range(10)))

    # For each digit the first test picture that the network names rightly and is not overly sure of.
    sure = probabilities.max(axis=1)
    chosen = [next(i for i in range(len(test_labels)) if test_labels[i] == digit and answers[i] == digit and 0.6 < sure[i] < 0.97)
              for digit in range(10)]
    (out / "digits").mkdir(exist_ok=True)
    for digit, index in enumerate(chosen):
        Image.fromarray(test_images[index, :, :, 0].astype(np.uint8)).save(out / "digits" / f"{digit}.png", optimize=True)

    expected = [int(test_labels[i]) for i in chosen]
    for folder, batch, model in ((out, chosen[2:6], None), (out_batch1, chosen[7:8], f"../{out.name}/graph.pb")):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as temporary:
            given = pathlib.Path(temporary) / "digits.npy"
            np.save(given, test_images[batch])
            command = [sys.executable, str(ROOT / "scripts" / "make_reference.py"), str(out / "graph.pb"), "-o", str(folder),
                       "--inputs", "IteratorGetNext", "--outputs", "logits/BiasAdd,softmax", "--set", "is_training=false",
                       "--in", str(given), "--strict"]
            done = subprocess.run(command + (["--model", model] if model else []), check=False)
        if done.returncode != 0:
            return "train_classic_tf1: the references are not usable"
        meta_path = folder / "meta.json"
        meta = json.loads(meta_path.read_text())
        meta["expected_classes"] = [int(test_labels[i]) for i in batch]
        meta_path.write_text("{\n" + ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in meta.items()) + "\n}\n")
    print(f"{out}: digits {expected}, least sure {sure[chosen].min():.2f}, surest {sure[chosen].max():.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
