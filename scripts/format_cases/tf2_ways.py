"""SavedModels and frozen graphs as TensorFlow 2 programs write them, without Keras."""
import tensorflow as tf

from .network import EPSILON, FLAT, SHAPE, WEIGHTS, way

ALL = ("2.12", "2.15", "2.16", "2.21")
NAMES = {"inputs": ["images"], "outputs": ["map", "probabilities"]}
IMAGES = [tf.TensorSpec([None, *SHAPE], tf.float32, name="images")]


def normalized(net, part):
    return tf.nn.batch_normalization(net, part["moving_mean"], part["moving_variance"], part["beta"], part["gamma"], EPSILON)


class Net(tf.Module):
    """Variables in a dict of dicts: the object graph has levels."""

    def __init__(self):
        super().__init__(name="net")
        parts = {}
        for name, value in WEIGHTS.items():
            layer, part = name.split("/")
            parts.setdefault(layer, {})[part] = tf.Variable(value, name=part)
        self.parts = parts

    def features(self, images):
        net = tf.nn.conv2d(images, self.parts["conv"]["kernel"], 1, "SAME")
        net = tf.nn.relu(normalized(net, self.parts["norm"]))
        net = tf.nn.depthwise_conv2d(net, self.parts["depthwise"]["kernel"], [1, 2, 2, 1], "SAME")
        return tf.nn.relu6(normalized(net, self.parts["depthwise_norm"]))

    def head_map(self, net):
        return tf.nn.bias_add(tf.nn.conv2d(net, self.parts["map"]["kernel"], 1, "VALID"), self.parts["map"]["bias"])

    def head_probabilities(self, net):
        logits = tf.matmul(tf.reshape(net, [-1, FLAT]), self.parts["logits"]["kernel"]) + self.parts["logits"]["bias"]
        return tf.nn.softmax(logits)


@way("module_signatures", releases=ALL, mode="tf2", format="SavedModel, TF 2", variables="resource, captured",
     api="tf.Module, three signatures")
def module_signatures(folder):
    net = Net()

    @tf.function(input_signature=IMAGES)
    def both(images):
        features = net.features(images)
        return {"map": net.head_map(features), "probabilities": net.head_probabilities(features)}

    @tf.function(input_signature=IMAGES)
    def classify(images):
        return {"classes": tf.argmax(net.head_probabilities(net.features(images)), 1)}

    @tf.function(input_signature=IMAGES)
    def heat(images):
        return {"map": net.head_map(net.features(images))}

    tf.saved_model.save(net, str(folder / "model"), signatures={"serving_default": classify, "both": both, "heat": heat})
    return {"model": "model", **NAMES, "signature": "both"}


@way("module_functions", releases=ALL, mode="tf2", format="SavedModel, TF 2", variables="resource, captured",
     api="tf.Module with tf.functions, no signatures")
def module_functions(folder):
    class Called(Net):
        @tf.function(input_signature=IMAGES)
        def __call__(self, images):
            features = self.features(images)
            return {"map": self.head_map(features), "probabilities": self.head_probabilities(features)}

        @tf.function(input_signature=IMAGES)
        def heat(self, images):
            return self.head_map(self.features(images))

    tf.saved_model.save(Called(), str(folder / "model"))
    return {"model": "model", **NAMES}


@way("nested_functions", mode="tf2", format="SavedModel, TF 2", variables="resource, captured; a captured tensor",
     api="tf.function in tf.function, three levels")
def nested_functions(folder):
    net = Net()
    net.scale = tf.constant(1.0 / EPSILON)  # an eager tensor that a function captures

    @tf.function
    def deepest(value):
        return value * net.scale * EPSILON

    net.features = tf.function(net.features)
    head_map, head_probabilities = tf.function(net.head_map), tf.function(net.head_probabilities)

    @tf.function
    def heads(features):
        return head_map(features), head_probabilities(deepest(features))

    @tf.function(input_signature=IMAGES)
    def serve(images):
        heat, probabilities = heads(net.features(images))
        return {"map": heat, "probabilities": probabilities}

    tf.saved_model.save(net, str(folder / "model"), signatures=serve)
    return {"model": "model", **NAMES}


@way("polymorphic_function", mode="tf2", format="SavedModel, TF 2", variables="resource, captured",
     api="tf.function without a signature, a concrete function saved")
def polymorphic_function(folder):
    net = Net()

    @tf.function
    def serve(images, training):
        features = net.features(images)
        if training:  # Python decides: one concrete function for each value
            features = tf.nn.dropout(features, 0.5)
        return {"map": net.head_map(features), "probabilities": net.head_probabilities(features)}

    net.serve = serve
    serve.get_concrete_function(*IMAGES, training=True)
    tf.saved_model.save(net, str(folder / "model"), signatures=serve.get_concrete_function(*IMAGES, training=False))
    return {"model": "model", **NAMES}


@way("traced_cond", mode="tf2", format="SavedModel, TF 2", variables="resource, captured in branches",
     api="tf.function, tf.cond on a constant")
def traced_cond(folder):
    net = Net()

    @tf.function(input_signature=IMAGES)
    def serve(images):
        features = tf.cond(tf.constant(True), lambda: net.features(images), lambda: tf.zeros_like(net.features(images)))
        return {"map": net.head_map(features), "probabilities": net.head_probabilities(features)}

    tf.saved_model.save(net, str(folder / "model"), signatures=serve)
    return {"model": "model", **NAMES}


@way("frozen_function", releases=("2.15", "2.21"), mode="tf2", format="GraphDef", variables="constants",
     api="tf.function, convert_variables_to_constants_v2")
def frozen_function(folder):
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
    net = Net()

    @tf.function(input_signature=IMAGES)
    def serve(images):
        features = net.features(images)
        return tf.identity(net.head_map(features), "map"), tf.identity(net.head_probabilities(features), "probabilities")

    graph = convert_variables_to_constants_v2(serve.get_concrete_function()).graph
    (folder / "frozen.pb").write_bytes(graph.as_graph_def().SerializeToString(deterministic=True))
    return {"model": "frozen.pb", **NAMES}


@way("stored_table", mode="tf2", format="SavedModel, TF 2", variables="a lookup table", api="tf.lookup on the output",
     refused="HashTableV2")
def stored_table(folder):
    net = Net()
    net.table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(tf.range(5, dtype=tf.int64), tf.constant(["a", "b", "c", "d", "e"])), "?")

    @tf.function(input_signature=IMAGES)
    def serve(images):
        return {"label": net.table.lookup(tf.argmax(net.head_probabilities(net.features(images)), 1))}

    tf.saved_model.save(net, str(folder / "model"), signatures=serve)
    return {"model": "model", "inputs": ["images"], "outputs": ["label"]}
