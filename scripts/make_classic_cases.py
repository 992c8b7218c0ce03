#!/usr/bin/env python3
"""Builds the networks that everybody compares, as case folders with references, into build/models/classic.

    scripts/python_env reference scripts/make_classic_cases.py [NAME...]

mobilenet, resnet50, inception_v3, efficientnet_b0    tf.keras.applications, logits
ssd_mobilenet    the MobileNet body with SSD's six box heads at 300x300: boxes [1,1917,4] and scores [1,1917,21], without NMS
segmentation     the MobileNetV2 body with DeepLab v3+'s atrous pyramid and decoder at 256x256: logits of 21 classes

Random weights (nothing can be downloaded, and time does not depend on them) of 32 values in each kernel, so that a pack of them is small.
The batch norms' statistics are near those of the activations and away from them. What is there already is left alone; --force
builds it anew.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import application_models as applications
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

ROOT = pathlib.Path(__file__).resolve().parent.parent
CLASSIC = ROOT / "build" / "models" / "classic"
LEVELS = 32
layers = tf.keras.layers


def application(name):
    return lambda: getattr(tf.keras.applications, name)(weights=None, classifier_activation=None)


def block(x, filters, size=1, strides=1, dilation=1):
    x = layers.Conv2D(filters, size, strides, "same", dilation_rate=dilation, use_bias=False)(x)
    return layers.ReLU(6.0)(layers.BatchNormalization()(x))


def ssd_mobilenet():
    body = tf.keras.applications.MobileNet(input_shape=(300, 300, 3), include_top=False, weights=None)
    maps = [body.get_layer("conv_pw_11_relu").output, body.output]
    for filters in (512, 256, 256, 128):
        maps.append(block(block(maps[-1], filters // 2), filters, 3, 2))
    boxes, scores = [], []
    for index, features in enumerate(maps):
        anchors = 3 if index == 0 else 6
        boxes.append(layers.Reshape((-1, 4))(layers.Conv2D(anchors * 4, 3, padding="same")(features)))
        scores.append(layers.Reshape((-1, 21))(layers.Conv2D(anchors * 21, 3, padding="same")(features)))
    joined = [layers.Concatenate(axis=1, name="boxes")(boxes), layers.Activation("sigmoid", name="scores")(layers.Concatenate(axis=1)(scores))]
    return tf.keras.Model(body.input, joined)


def segmentation():
    body = tf.keras.applications.MobileNetV2(input_shape=(256, 256, 3), include_top=False, weights=None)
    deep, shallow = body.get_layer("block_13_expand_relu").output, body.get_layer("block_3_expand_relu").output  # 16x16, 64x64
    pooled = block(layers.GlobalAveragePooling2D(keepdims=True)(deep), 128)
    pyramid = [block(deep, 128), *(block(deep, 128, 3, dilation=rate) for rate in (3, 6, 9)),
               layers.UpSampling2D(16, interpolation="bilinear")(pooled)]
    x = layers.UpSampling2D(4, interpolation="bilinear")(block(layers.Concatenate()(pyramid), 128))
    x = block(layers.Concatenate()([x, block(shallow, 48)]), 128, 3)
    x = layers.UpSampling2D(4, interpolation="bilinear")(layers.Conv2D(21, 1)(x))
    return tf.keras.Model(body.input, x)


# case: (name for application_models.scaled, builder)
NETWORKS = {
    "mobilenet": ("MobileNet", application("MobileNet")), "resnet50": ("ResNet50", application("ResNet50")),
    "inception_v3": ("InceptionV3", application("InceptionV3")), "efficientnet_b0": ("EfficientNetB0", application("EfficientNetB0")),
    "ssd_mobilenet": ("MobileNet", ssd_mobilenet), "segmentation": ("MobileNetV2", segmentation),
}


def round_kernels(model):
    for layer in applications.layers_of(model):
        for variable in layer.weights:
            if len(variable.shape) > 1:
                value = np.array(variable)
                step = 2 * np.abs(value).max() / (LEVELS - 1)
                variable.assign((np.rint(value / step - 0.5) + 0.5) * step)  # no value is zero


def build(name, force):
    folder = CLASSIC / name
    if not force and (folder / "meta.json").is_file():
        return
    kind, builder = NETWORKS[name]
    tf.keras.backend.clear_session()
    tf.keras.utils.set_random_seed(5)
    model = builder()
    applications.spread(model, kind, np.random.default_rng(6))
    round_kernels(model)
    shape = applications.shape_of(model)
    function = tf.function(model).get_concrete_function(tf.TensorSpec([1, *shape], tf.float32, name="x"))
    graph_def = convert_variables_to_constants_v2(function).graph.as_graph_def()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "graph.pb").write_bytes(graph_def.SerializeToString(deterministic=True))
    outputs = ["Identity"] + [f"Identity_{i}" for i in range(1, len(model.outputs))]
    with tempfile.TemporaryDirectory() as temporary:
        given = pathlib.Path(temporary) / "in.npy"
        np.save(given, applications.scaled(kind, applications.pictures(shape, 1, 8)))
        subprocess.run([sys.executable, str(ROOT / "scripts" / "make_reference.py"), str(folder / "graph.pb"), "-o", str(folder), "--inputs", "x",
                        "--outputs", ",".join(outputs), "--in", str(given), "--strict"], check=True)
    print(f"{folder}: {len(graph_def.node)} nodes, {(folder / 'graph.pb').stat().st_size / 1e6:.0f} MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *NETWORKS], help="default: all")
    parser.add_argument("--force", action="store_true", help="build again what is there")
    args = parser.parse_args()
    for name in args.names or NETWORKS:
        build(name, args.force)
    return 0


if __name__ == "__main__":
    sys.exit(main())
