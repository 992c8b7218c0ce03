#!/usr/bin/env python3
"""Writes tests/data/keras: small Keras models that between them use every layer and structure that Permafrost reads from
.h5 and .keras files, with the answers of the Keras that wrote them.

    scripts/python_env reference scripts/make_keras_cases.py     Keras 2.15: <case>.k2.h5, <case>.k2.keras, <case>.k2.json
    scripts/python_env newest    scripts/make_keras_cases.py     Keras 3:    <case>.k3.h5, <case>.k3.keras, <case>.k3.json

The .json holds inputs and outputs by name. Weights are seeded and far from what a layer starts with.
"""
import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np

L = keras.layers
KERAS3 = keras.__version__.startswith("3")
FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests", "data", "keras")
CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def conv_model():
    x = keras.Input((9, 8, 4), name="image")
    outputs = [
        L.Conv2D(3, 3, strides=2, padding="same", activation="relu", name="same")(x),
        L.Conv2D(3, (2, 3), dilation_rate=2, use_bias=False, name="dilated")(x),
        L.Conv2D(6, 3, groups=2, name="grouped")(x),
        L.DepthwiseConv2D(3, depth_multiplier=2, strides=2, padding="same", name="depthwise")(x),
        L.SeparableConv2D(5, 3, depth_multiplier=2, activation="tanh", name="separable")(x),
        L.Conv2DTranspose(3, 3, strides=2, padding="same", name="up_same")(x),
        L.Conv2DTranspose(2, (2, 3), strides=(3, 2), name="up_valid")(x),
        L.Conv2DTranspose(2, 3, strides=2, padding="same", output_padding=1, name="up_padded")(x),
    ]
    return keras.Model(x, outputs)


@case
def convolutions():
    return conv_model()


@case
def convolutions_1d():
    x = keras.Input((10, 4), name="series")
    return keras.Model(x, [
        L.Conv1D(3, 3, padding="causal", dilation_rate=2, name="causal")(x),
        L.Conv1D(4, 4, strides=2, padding="same", groups=2, name="same")(x),
        L.Conv1DTranspose(3, 3, strides=2, name="up")(x),
        L.DepthwiseConv1D(3, strides=2, depth_multiplier=2, padding="same", name="depthwise")(x),
        L.SeparableConv1D(5, 3, strides=2, name="separable")(x),
    ])


@case
def volumes():
    x = keras.Input((5, 6, 4, 3), name="volume")
    return keras.Model(x, [
        L.Conv3D(4, 3, strides=(1, 2, 1), padding="same", name="conv")(x),
        L.Conv3DTranspose(2, 2, strides=2, name="up")(x),
        L.MaxPooling3D(2, name="max")(x),
        L.AveragePooling3D((2, 3, 2), padding="same", name="average")(x),
        L.UpSampling3D((2, 1, 3), name="larger")(x),
        L.ZeroPadding3D(((1, 0), (0, 2), (1, 1)), name="padded")(x),
        L.Cropping3D(((1, 0), (2, 2), (0, 1)), name="cropped")(x),
        L.GlobalAveragePooling3D(name="mean")(x),
        L.GlobalMaxPooling3D(keepdims=True, name="most")(x),
        L.BatchNormalization(name="norm")(x),
    ])


@case
def pooling():
    x, s = keras.Input((7, 6, 3), name="image"), keras.Input((9, 4), name="series")
    return keras.Model([x, s], [
        L.MaxPooling2D(name="max")(x),
        L.MaxPooling2D((3, 2), strides=1, padding="same", name="max_same")(x),
        L.AveragePooling2D(3, strides=2, padding="same", name="average_same")(x),
        L.GlobalAveragePooling2D(name="mean")(x),
        L.GlobalAveragePooling2D(keepdims=True, name="mean_kept")(x),
        L.GlobalMaxPooling2D(name="most")(x),
        L.MaxPooling1D(3, padding="same", name="max_1d")(s),
        L.AveragePooling1D(2, strides=1, name="average_1d")(s),
        L.GlobalAveragePooling1D(name="mean_1d")(s),
        L.GlobalMaxPooling1D(name="most_1d")(s),
    ])


@case
def activations():
    x, image = keras.Input((24,), name="row"), keras.Input((4, 3, 5), name="image")
    names = ["elu", "exponential", "gelu", "hard_sigmoid", "linear", "mish", "relu", "selu", "sigmoid", "softmax", "softplus",
             "softsign", "swish", "tanh"]
    if KERAS3:
        names += ["celu", "glu", "hard_shrink", "hard_silu", "hard_tanh", "leaky_relu", "log_sigmoid", "log_softmax", "relu6",
                  "silu", "soft_shrink", "sparse_plus", "sparse_sigmoid", "squareplus", "tanh_shrink"]
    outputs = [L.Activation(name, name="is_" + name)(x) for name in names]
    slope = {"negative_slope": 0.2} if KERAS3 else {"alpha": 0.2}
    outputs += [
        L.ReLU(max_value=1.5, negative_slope=0.1, threshold=0.3, name="relu_all")(x),
        L.ReLU(max_value=1.5, name="relu_capped")(x),
        L.ReLU(6.0, name="relu_six")(x),
        L.LeakyReLU(name="leaky_default")(x),
        L.LeakyReLU(name="leaky", **slope)(x),
        L.PReLU(name="prelu")(image),
        L.PReLU(shared_axes=[1, 2], name="prelu_shared")(image),
        L.ELU(0.7, name="elu_layer")(x),
        L.Softmax(name="softmax_last")(image),
        L.Softmax(axis=1, name="softmax_first")(image),
        L.Softmax(axis=[1, 2], name="softmax_two")(image),
        L.Dense(4, activation="swish", name="dense")(x),
        L.Dense(4, name="dense_map")(image),
    ]
    if not KERAS3:
        outputs.append(L.ThresholdedReLU(0.4, name="thresholded")(x))
    return keras.Model([x, image], outputs)


@case
def normalizations():
    x, s, v = keras.Input((4, 5, 3), name="image"), keras.Input((6, 3), name="series"), keras.Input((7,), name="row")
    adapted = L.Normalization(name="adapted")
    adapted.adapt(np.random.RandomState(3).normal(2, 3, (50, 4, 5, 3)).astype("float32"))
    return keras.Model([x, s, v], [
        L.BatchNormalization(epsilon=0.01, name="fused")(x),
        L.BatchNormalization(axis=1, name="rows")(x),
        L.BatchNormalization(axis=2, name="columns")(x),
        L.BatchNormalization(scale=False, name="without_scale")(x),
        L.BatchNormalization(center=False, name="without_center")(x),
        L.BatchNormalization(name="of_series")(s),
        L.BatchNormalization(name="of_row", scale=False)(v),
        L.Rescaling(1 / 127.5, offset=-1, name="rescaled")(x),
        L.Rescaling([0.5, 2, 3], name="rescaled_each")(x),
        adapted(x),
        L.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 5.0, 6.0], name="given")(x),
        L.Normalization(axis=None, mean=1.0, variance=4.0, invert=True, name="inverted")(v),
    ])


@case
def reshaping():
    x, s, v = keras.Input((4, 6, 3), name="image"), keras.Input((5, 3), name="series"), keras.Input((6,), name="row")
    return keras.Model([x, s, v], [
        L.Flatten(name="flat")(x),
        L.Reshape((6, -1, 2), name="reshaped")(x),
        L.Permute((3, 1, 2), name="permuted")(x),
        L.RepeatVector(3, name="repeated")(v),
        L.ZeroPadding1D((1, 2), name="padded_1d")(s),
        L.ZeroPadding2D(((1, 0), (2, 3)), name="padded")(x),
        L.ZeroPadding2D(2, name="padded_evenly")(x),
        L.Cropping1D((1, 2), name="cropped_1d")(s),
        L.Cropping2D(((1, 0), (2, 1)), name="cropped")(x),
        L.UpSampling1D(3, name="up_1d")(s),
        L.UpSampling2D((2, 3), name="up")(x),
        L.UpSampling2D(2, interpolation="bilinear", name="up_bilinear")(x),
        L.Dropout(0.5, name="dropped")(x),
        L.Masking(name="masked")(s),
    ])


@case
def merging():
    a, b, c = (keras.Input((4, 3), name=name) for name in "abc")
    row = keras.Input((4,), name="row")
    return keras.Model([a, b, c, row], [
        L.Add(name="sum")([a, b, c]),
        L.Subtract(name="difference")([a, b]),
        L.Multiply(name="product")([a, b, c]),
        L.Average(name="mean")([a, b, c]),
        L.Maximum(name="most")([a, b]),
        L.Minimum(name="least")([a, b]),
        L.Concatenate(name="joined")([a, b]),
        L.Concatenate(axis=1, name="stacked")([a, b, c]),
        L.Dot(axes=2, name="dot")([a, b]),
        L.Dot(axes=(1, 1), normalize=True, name="cosine")([a, b]),
        L.Dot(axes=1, name="row_dot")([row, a]),
        L.Dot(axes=1, name="rows_dot")([row, row]),
    ])


def block(name, channels, frozen=False):
    layers = [L.BatchNormalization(), L.Conv2D(channels, 3, padding="same"), L.BatchNormalization(), L.ReLU(),
              L.Conv2D(channels, 1)]
    model = keras.Sequential(layers, name=name)
    if frozen:
        layers[1].trainable = layers[2].trainable = False
    return model


@case
def nested():
    """Models in models, called more than once, with frozen layers and names that come twice."""
    inner_in = keras.Input((6, 5, 4), name="inner_in")
    inner_block = block("deep", 4)
    inner = keras.Model(inner_in, [inner_block(inner_in), L.Conv2D(2, 1, name="conv")(inner_in)], name="two_outputs")
    x, y = keras.Input((6, 5, 4), name="first"), keras.Input((6, 5, 4), name="second")
    shared = block("shared", 4, frozen=True)
    conv = L.Conv2D(4, 1, name="conv")
    a, b = shared(conv(x)), shared(conv(y))
    deep, side = inner(L.Add(name="add")([a, b]))
    return keras.Model([x, y], [L.Conv2D(1, 1, name="last")(deep), side, shared(a)])


@case
def sequential():
    model = keras.Sequential(name="net")
    model.add(keras.Input((8, 8, 2), name="picture"))
    model.add(L.Conv2D(3, 3, activation="relu", name="conv"))
    model.add(keras.Sequential([L.Conv2D(2, 3, name="conv_inside"), L.Flatten(name="flat")], name="inner"))
    model.add(L.Dense(4, activation="softmax", name="answer"))
    model.compile("adam", "mse")
    model.fit(np.zeros((2, 8, 8, 2), "float32"), np.zeros((2, 4), "float32"), verbose=0)  # weights of the optimizer
    return model


@case
def sequential_built():
    model = keras.Sequential([L.Conv2D(3, 3, name="conv"), L.GlobalAveragePooling2D(name="mean")])
    model.build((None, 8, 8, 2))
    return model


@case
def half_policy():
    policy = keras.mixed_precision.Policy("mixed_float16") if not KERAS3 else "mixed_float16"
    x = keras.Input((6, 6, 2), name="image")
    y = L.Conv2D(3, 3, name="conv", dtype=policy)(x)
    return keras.Model(x, L.Dense(2, name="answer", dtype="float64" if KERAS3 else "float32")(L.Flatten()(y)))


@case
def operators():
    """Operators between layers; one has the name of a layer."""
    x, y = keras.Input((6,), name="first"), keras.Input((6,), name="second")
    return keras.Model([x, y], [L.Dense(3, name="sum")(x + y), L.Dense(3, name="scaled")(x * 2.0 - 1.0)])


def randomize(model):
    random = np.random.RandomState(7)
    adapted = {id(weight) for layer in model.layers if isinstance(layer, L.Normalization) for weight in layer.weights}
    for weight in model.weights:
        name = weight.path if KERAS3 else weight.name
        if "seed" in name or "count" in name or id(weight) in adapted:
            continue
        low, high = (0.5, 2) if "variance" in name or "gamma" in name else (-0.7, 0.8)
        weight.assign(random.uniform(low, high, tuple(weight.shape)))


def channels_first(model, inputs, outputs):
    """The same network with its channels in front, which TensorFlow cannot run on a CPU: its answers are the other's."""
    config = json.loads(model.to_json())

    def change(node):
        if isinstance(node, dict):
            if "data_format" in node:
                node["data_format"] = "channels_first"
            for key in ("batch_shape", "batch_input_shape"):
                if isinstance(node.get(key), list) and len(node[key]) == 4:
                    node[key] = [node[key][0], node[key][3], node[key][1], node[key][2]]
            node.pop("build_config", None)
        for item in node.values() if isinstance(node, dict) else node if isinstance(node, list) else []:
            change(item)

    change(config)
    other = keras.models.model_from_json(json.dumps(config))
    other.set_weights(model.get_weights())
    turn = lambda array: array.transpose(0, 3, 1, 2) if array.ndim == 4 else array
    return other, [turn(array) for array in inputs], [turn(array) for array in outputs]


def write(name, model, inputs, outputs):
    version = "k3" if KERAS3 else "k2"
    base = os.path.join(FOLDER, f"{name}.{version}")
    model.save(base + ".h5")
    model.save(base + ".keras")
    array = lambda values: {"shape": list(values.shape), "values": [float(f"{v:.8g}") for v in values.reshape(-1)]}
    with open(base + ".json", "w") as file:
        json.dump({"keras": keras.__version__, "inputs": [array(a) for a in inputs], "outputs": [array(a) for a in outputs]},
                  file)
    print(name, os.path.getsize(base + ".h5"), os.path.getsize(base + ".keras"), os.path.getsize(base + ".json"), flush=True)


def main():
    wanted = sys.argv[1:] or list(CASES)
    for name in wanted:
        keras.backend.clear_session()
        keras.utils.set_random_seed(5)
        model = CASES[name]()
        randomize(model)
        random = np.random.RandomState(11)
        inputs = [random.uniform(-2, 2, (2, *x.shape[1:])).astype("float32") for x in model.inputs]
        outputs = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
        outputs = [np.asarray(y, "float32") for y in (outputs if isinstance(outputs, (list, tuple)) else [outputs])]
        write(name, model, inputs, outputs)
        if name == "convolutions":
            write("channels_first", *channels_first(model, inputs, outputs))


main()
