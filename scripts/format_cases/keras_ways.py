"""The network as a Keras model, in every format that Keras has had since TensorFlow 2."""
import contextlib
import sys

import tensorflow as tf

from .network import EPSILON, SHAPE, WEIGHTS, way

KERAS_2, KERAS_3 = ("2.12", "2.15"), ("2.16", "2.21")
ALL = KERAS_2 + KERAS_3


def keras():
    tf.keras.backend.clear_session()
    return tf.keras


def backbone(k, images):
    net = k.layers.Conv2D(8, 3, padding="same", use_bias=False, name="conv")(images)
    net = k.layers.ReLU(name="relu")(k.layers.BatchNormalization(epsilon=EPSILON, name="norm")(net))
    net = k.layers.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False, name="depthwise")(net)
    return k.layers.ReLU(6.0, name="relu6")(k.layers.BatchNormalization(epsilon=EPSILON, name="depthwise_norm")(net))


def heads(k, net):
    heat = k.layers.Conv2D(2, 1, name="map")(net)
    return [heat, k.layers.Dense(5, activation="softmax", name="logits")(k.layers.Flatten(name="flatten")(net))]


def set_values(model):
    for layer in model.layers:
        if getattr(layer, "layers", None):
            set_values(layer)
        elif layer.weights:
            parts = ("gamma", "beta", "moving_mean", "moving_variance") if "norm" in layer.name else ("kernel", "bias")
            layer.set_weights([WEIGHTS[f"{layer.name}/{part}"] for part in parts if f"{layer.name}/{part}" in WEIGHTS])
    return model


def functional(k, compiled=True):
    images = k.layers.Input(SHAPE, name="images")
    model = k.Model(images, heads(k, backbone(k, images)), name="net")
    if compiled:
        model.compile(optimizer="sgd", loss=k.losses.MeanSquaredError())
    return set_values(model)


def nested(k):
    """A backbone that is a model of its own."""
    images = k.layers.Input(SHAPE, name="images")
    inner = k.layers.Input(SHAPE, name="inner_images")
    net = k.Model(inner, backbone(k, inner), name="backbone")(images)
    return set_values(k.Model(images, heads(k, net), name="net"))


def sequential(k):
    layers = [k.Input(SHAPE, name="images"),
              k.layers.Conv2D(8, 3, padding="same", use_bias=False, name="conv"),
              k.layers.BatchNormalization(epsilon=EPSILON, name="norm"), k.layers.Activation("relu", name="relu"),
              k.layers.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False, name="depthwise"),
              k.layers.BatchNormalization(epsilon=EPSILON, name="depthwise_norm"), k.layers.ReLU(6.0, name="relu6"),
              k.layers.Flatten(name="flatten"), k.layers.Dropout(0.5, name="dropout"),
              k.layers.Dense(5, activation="softmax", name="logits")]
    return set_values(k.Sequential(layers, name="net"))


# What the files' tensors are called: their layers.
NAMES = {"inputs": ["images"], "outputs": ["map", "logits"]}
SEQUENTIAL_NAMES = {"inputs": ["images"], "outputs": ["logits"]}


def file_ways(kind, suffix, format, releases):
    @way(f"{kind}_functional", releases=releases, mode="tf2", format=format, variables="by layer", api="functional, compiled")
    def functional_file(folder):
        functional(keras()).save(str(folder / f"net{suffix}"))
        return {"model": f"net{suffix}", **NAMES}

    @way(f"{kind}_sequential", releases=("2.15", "2.21"), mode="tf2", format=format, variables="by layer", api="Sequential")
    def sequential_file(folder):
        sequential(keras()).save(str(folder / f"net{suffix}"))
        return {"model": f"net{suffix}", **SEQUENTIAL_NAMES}

    @way(f"{kind}_nested", releases=("2.15", "2.21"), mode="tf2", format=format, variables="by layer", api="functional, a model as a layer")
    def nested_file(folder):
        nested(keras()).save(str(folder / f"net{suffix}"))
        return {"model": f"net{suffix}", **NAMES}


file_ways("h5", ".h5", "Keras .h5", ALL)
file_ways("keras", ".keras", "Keras .keras", ("2.15", *KERAS_3))


@way("keras_first", releases=("2.12",), mode="tf2", format="Keras .keras", variables="by layer", api="functional, save_format keras_v3: the first layout")
def keras_first(folder):
    model = functional(keras())
    for name in ("relu", "relu6"):  # it writes their numbers as numpy's, and no Keras reads them again
        layer = model.get_layer(name)
        layer.negative_slope, layer.threshold = 0.0, 0.0
        layer.max_value = layer.max_value and float(layer.max_value)
    model.save(str(folder / "net.keras"), save_format="keras_v3")
    return {"model": "net.keras", **NAMES}


@way("keras_is_h5", releases=("2.12",), mode="tf2", format="Keras .h5 named .keras", variables="by layer", api="functional, save(net.keras) of Keras 2.12")
def keras_is_h5(folder):
    functional(keras()).save(str(folder / "net.keras"))
    return {"model": "net.keras", **NAMES}


@way("h5_weights_only", releases=("2.15", "2.21"), mode="tf2", format="Keras .h5", variables="by layer",
     api="save_weights: no architecture in the file", refused="weights")
def h5_weights_only(folder):
    functional(keras()).save_weights(str(folder / "net.weights.h5"))
    return {"model": "net.weights.h5", **NAMES}


@way("keras_lambda", releases=("2.15", "2.21"), mode="tf2", format="Keras .keras", variables="by layer", api="a Lambda layer", refused="Lambda")
def keras_lambda(folder):
    k = keras()
    images = k.layers.Input(SHAPE, name="images")
    doubled = k.layers.Lambda(lambda x: x * 2, name="doubled", output_shape=SHAPE)(images)
    set_values(k.Model(images, heads(k, backbone(k, doubled)))).save(str(folder / "net.keras"))
    return {"model": "net.keras", **NAMES}


# --- SavedModels of Keras models -------------------------------------------------------------------------------------


@way("saved_model_keras", releases=KERAS_2, mode="tf2", format="SavedModel, TF 2", variables="resource, captured",
     api="Keras 2, model.save")
def saved_model_keras(folder):
    functional(keras()).save(str(folder / "model"), save_format="tf")
    return {"model": "model", **NAMES}


@way("saved_model_sequential", mode="tf2", format="SavedModel, TF 2", variables="resource, captured", api="Keras 2, Sequential, tf.saved_model.save")
def saved_model_sequential(folder):
    tf.saved_model.save(sequential(keras()), str(folder / "model"))
    return {"model": "model", **SEQUENTIAL_NAMES}


@way("saved_model_subclass", mode="tf2", format="SavedModel, TF 2", variables="resource, captured", api="Keras 2, subclassed model")
def saved_model_subclass(folder):
    k = keras()
    inner = functional(k, compiled=False)

    class Net(k.Model):
        def __init__(self):
            super().__init__(name="subclassed")
            self.net = inner

        def call(self, images, training=False):
            heat, probabilities = self.net(images, training=training)
            return {"map": heat, "logits": probabilities}

    model = Net()
    model._set_save_spec(tf.TensorSpec([None, *SHAPE], tf.float32, name="images"))
    model.save(str(folder / "model"), save_format="tf")
    return {"model": "model", **NAMES}


@way("saved_model_export", releases=("2.15", *KERAS_3), mode="tf2", format="SavedModel, TF 2", variables="resource, captured", api="Keras, model.export")
def saved_model_export(folder):
    model = functional(keras())
    with contextlib.redirect_stdout(sys.stderr):  # it prints what it exports
        model.export(str(folder / "model"))
    return {"model": "model"}


@way("saved_model_of_keras_3", releases=KERAS_3, mode="tf2", format="SavedModel, TF 2", variables="resource, captured", api="Keras 3, tf.saved_model.save")
def saved_model_of_keras_3(folder):
    tf.saved_model.save(functional(keras()), str(folder / "model"))
    return {"model": "model"}


@way("saved_model_tf_keras", releases=("2.16",), mode="tf2", format="SavedModel, TF 2", variables="resource, captured", api="tf-keras, model.save")
def saved_model_tf_keras(folder):
    import tf_keras
    tf_keras.backend.clear_session()
    functional(tf_keras).save(str(folder / "model"), save_format="tf")
    return {"model": "model", **NAMES}


@way("frozen_keras", releases=("2.15", "2.21"), mode="tf2", format="GraphDef", variables="constants", api="Keras, convert_variables_to_constants_v2")
def frozen_keras(folder):
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
    model = functional(keras(), compiled=False)
    concrete = tf.function(lambda images: model(images, training=False)).get_concrete_function(
        tf.TensorSpec([None, *SHAPE], tf.float32, name="images"))
    graph = convert_variables_to_constants_v2(concrete).graph
    (folder / "frozen.pb").write_bytes(graph.as_graph_def().SerializeToString(deterministic=True))
    return {"model": "frozen.pb", "inputs": ["images"], "outputs": ["Identity", "Identity_1"]}
