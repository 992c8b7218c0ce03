#!/usr/bin/env python3
"""Builds the big frozen graphs that time and memory are measured on, into build/models/big.

    scripts/python_env reference scripts/make_big_models.py [resnet50] [vgg16] [mobilenet]

resnet50/  ResNet-50, about 102 MB, as a case folder with references
vgg16/     VGG-16, about 553 MB, the graph alone
mobilenet/ MobileNet, about 17 MB, the graph alone

Architectures from tf.keras.applications with random weights (nothing can be downloaded, and time does not depend on them).
The batch norms get statistics away from mean 0 and variance 1: with fresh ones a wrong fold would go unseen.
A model that is there already is left alone; --force builds it anew.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIG = ROOT / "build" / "models" / "big"
SEED = 3
BUILDERS = {"resnet50": tf.keras.applications.ResNet50, "vgg16": tf.keras.applications.VGG16,
            "mobilenet": tf.keras.applications.MobileNet}


def patchy_picture(seed):
    """Flat noise would average out behind the pooling, whatever the network does; patches and slopes do not."""
    rng = np.random.default_rng(100 + seed)
    patches = np.kron(rng.normal(0, 1.5, (7, 7, 3)), np.ones((32, 32, 1)))
    slopes = np.linspace(-1, 1, 224)[:, None, None] * np.array([1.0, -0.5, 0.25]) + np.linspace(0, 1, 224)[None, :, None]
    return (patches + slopes + rng.normal(0, 0.1, patches.shape))[None].astype(np.float32)


def randomise_batch_norms(model, rng):
    """Statistics as a trained network has them: near those of its activations (so that the input still matters behind
    fifty layers), away from mean 0 and variance 1, different for every channel."""
    norms = [layer for layer in model.layers if isinstance(layer, tf.keras.layers.BatchNormalization)]
    for layer in norms:
        shape = layer.gamma.shape
        layer.gamma.assign(rng.uniform(0.5, 1.3, shape))
        layer.beta.assign(rng.normal(0, 0.3, shape))
        layer.momentum = 0.0  # one step in training mode sets them
    if norms:
        model(np.concatenate([patchy_picture(seed) for seed in range(4)]), training=True)
    for layer in norms:
        mean, variance = layer.moving_mean.numpy(), layer.moving_variance.numpy()
        layer.moving_mean.assign(mean + 0.2 * np.sqrt(variance) * rng.normal(0, 1, mean.shape))
        layer.moving_variance.assign(variance * rng.uniform(0.6, 1.6, variance.shape))


def freeze(model):
    function = tf.function(model).get_concrete_function(tf.TensorSpec([1, 224, 224, 3], tf.float32, name="x"))
    return convert_variables_to_constants_v2(function).graph.as_graph_def()


def build(name):
    tf.keras.utils.set_random_seed(SEED)
    # Logits, no softmax: with random weights a softmax could be saturated and hide errors.
    model = BUILDERS[name](weights=None, classifier_activation=None)
    randomise_batch_norms(model, np.random.default_rng(SEED))
    folder = BIG / name
    folder.mkdir(parents=True, exist_ok=True)
    graph_def = freeze(model)
    beside = folder / "graph.pb.part"
    beside.write_bytes(graph_def.SerializeToString(deterministic=True))
    beside.replace(folder / "graph.pb")
    print(f"{folder / 'graph.pb'}: {len(graph_def.node)} nodes, {(folder / 'graph.pb').stat().st_size / 1e6:.0f} MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *BUILDERS], help="default: all")
    parser.add_argument("--force", action="store_true", help="build again what is there")
    args = parser.parse_args()
    for name in args.names or BUILDERS:
        graph = BIG / name / "graph.pb"
        if args.force or not graph.exists():
            build(name)
        if name == "resnet50" and (args.force or not (graph.parent / "out0.npy").exists()):
            with tempfile.TemporaryDirectory() as temporary:
                given = pathlib.Path(temporary) / "in.npy"
                np.save(given, patchy_picture(SEED + 100))
                subprocess.run([sys.executable, str(ROOT / "scripts" / "make_reference.py"), str(graph), "-o", str(graph.parent),
                                "--inputs", "x", "--outputs", "Identity", "--in", str(given), "--strict"], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
