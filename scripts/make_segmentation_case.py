#!/usr/bin/env python3
"""A small segmentation network built like DeepLab, and TensorFlow's answers: tests/data/segmentation/deeplab_miniature.

    scripts/python_env reference scripts/make_segmentation_case.py

Strided and dilated convolutions, a branch of the whole picture's mean, joined, brought to the size of the picture with
align_corners, softmax. Random weights, but the classes follow the colours of the picture, which is smooth noise.
"""
import json
import pathlib

import numpy as np
import tensorflow as tf

PLACE = pathlib.Path(__file__).resolve().parent.parent / "tests/data/segmentation/deeplab_miniature"
SIDE, CLASSES = 65, 4


def network(bias):
    random = np.random.default_rng(11)

    def weights(*shape):
        return tf.constant(random.normal(0, (2.0 / np.prod(shape[:-1])) ** 0.5, shape).astype(np.float32))

    graph = tf.Graph()
    with graph.as_default():
        image = tf.compat.v1.placeholder(tf.float32, [1, SIDE, SIDE, 3], name="ImageTensor")
        x = tf.nn.relu6(tf.nn.conv2d(image / 127.5 - 1.0, weights(3, 3, 3, 8), 2, "SAME"))
        x = tf.nn.relu6(tf.nn.conv2d(x, weights(3, 3, 8, 12), 2, "SAME"))
        kernel = tf.constant(random.normal(0, 0.4, (3, 3, 12, 1)).astype(np.float32))
        near = tf.nn.relu(tf.nn.depthwise_conv2d(x, kernel, [1, 1, 1, 1], "SAME", dilations=[2, 2]))
        near = tf.nn.relu(tf.nn.conv2d(near, weights(1, 1, 12, 8), 1, "SAME"))
        whole = tf.nn.relu(tf.nn.conv2d(tf.reduce_mean(x, [1, 2], keepdims=True), weights(1, 1, 12, 4), 1, "SAME"))
        whole = tf.compat.v1.image.resize_bilinear(whole, [17, 17], align_corners=True)
        logits = tf.nn.conv2d(tf.concat([near, whole], 3), 3 * weights(1, 1, 12, CLASSES), 1, "SAME")
        logits -= tf.constant(bias, tf.float32)
        logits = tf.compat.v1.image.resize_bilinear(logits, [SIDE, SIDE], align_corners=True, name="logits")
        tf.nn.softmax(logits, name="probabilities")
    return graph


def run(graph, output, picture):
    with tf.compat.v1.Session(graph=graph) as session:
        return session.run(output + ":0", {"ImageTensor:0": picture})


def main():
    random = np.random.default_rng(12)
    PLACE.mkdir(parents=True, exist_ok=True)
    coarse = random.uniform(0, 255, (1, 6, 6, 3)).astype(np.float32)
    picture = np.round(tf.image.resize(coarse, [SIDE, SIDE], "bicubic").numpy()).clip(0, 255).astype(np.uint8).astype(np.float32)
    # No class is everywhere: the mean of each is taken off.
    graph = network(run(network(np.zeros(CLASSES)), "logits", picture).mean((0, 1, 2)))
    answer = run(graph, "probabilities", picture)
    (PLACE / "model.pb").write_bytes(graph.as_graph_def().SerializeToString(deterministic=True))
    np.save(PLACE / "in.npy", picture.astype(np.uint8))
    np.save(PLACE / "out0.npy", answer)
    (PLACE / "meta.json").write_text(json.dumps(
        {"kind": "pb", "model": "model.pb", "inputs": ["ImageTensor"], "outputs": ["probabilities"]}) + "\n")
    print("shares of the classes:", np.bincount(answer.argmax(-1).ravel(), minlength=CLASSES) / SIDE ** 2)


if __name__ == "__main__":
    main()
