#!/usr/bin/env python3
"""Writes the SavedModels of tests/data/saved_model with TensorFlow.

usage: make_saved_models.py tests/data/saved_model [case ...]      (scripts/python_env tf-2.15: TensorFlow 2.15)
       make_saved_models.py tests/data/saved_model keras3          (scripts/python_env newest)

A case is a folder: model/ (or another path that meta.json names), and what TensorFlow answers: in_<alias>.npy and
out_<alias>.npy. meta.json: model, signature (may be empty), checkpoint (may be missing).
"""
import json
import os
import shutil
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
F32 = tf.float32


def numbers(*shape, seed=3):
    return np.random.default_rng(seed).normal(0.5, 1.0, shape).astype(np.float32)


def record(folder, inputs, outputs, model="model", signature="", **more):
    for kind, tensors in (("in", inputs), ("out", outputs)):
        for alias, value in tensors.items():
            np.save(os.path.join(folder, f"{kind}_{alias}.npy"), np.asarray(value, np.float32))
    with open(os.path.join(folder, "meta.json"), "w") as out:
        json.dump({"model": model, "signature": signature, **more}, out)
        out.write("\n")


def record_signature(folder, inputs, signature="serving_default", model="model", asked=""):
    loaded = tf.saved_model.load(os.path.join(folder, model))
    outputs = loaded.signatures[signature](**{k: tf.constant(v) for k, v in inputs.items()})
    record(folder, inputs, outputs, model, asked)


# --- TensorFlow 2 -------------------------------------------------------------------------------------------------

def keras(folder):
    """A layer with statistics and two outputs, as model.save writes them."""
    x = tf.keras.Input([6, 6, 3], name="image")
    y = tf.keras.layers.Conv2D(4, 3, name="conv")(x)
    y = tf.keras.layers.BatchNormalization(name="norm")(y)
    y = tf.keras.layers.Flatten(name="flat")(y)
    model = tf.keras.Model(x, [tf.keras.layers.Dense(2, name="box")(y), tf.keras.layers.Dense(3, name="score")(y)])
    for i, weight in enumerate(model.weights):
        weight.assign(np.abs(numbers(*weight.shape, seed=i)) + 0.1)
    model.save(os.path.join(folder, "model"))
    record_signature(folder, {"image": numbers(2, 6, 6, 3)})


class Towers(tf.Module):
    """Functions that call functions, with variables and constants captured on the way; conditions that are constant."""

    def __init__(self):
        super().__init__()
        self.weights = [tf.Variable(numbers(4, 4, seed=1), name="w"), tf.Variable(numbers(4, 4, seed=2), name="w")]
        self.table = tf.Variable(numbers(5, 4, seed=4), name="table")
        self.shift = tf.constant(numbers(4, seed=5))
        self.training = tf.Variable(False, trainable=False, name="training")

    @tf.function
    def layer(self, x, i):
        return tf.nn.relu(tf.matmul(x, self.weights[i])) + self.shift

    @tf.function
    def both(self, x):
        return self.layer(self.layer(x, 0), 1)

    @tf.function(input_signature=[tf.TensorSpec([None, 4], F32, "x")])
    def encode(self, x):
        kept = tf.cond(self.training, lambda: tf.nn.dropout(x, 0.5), lambda: tf.identity(x))
        return {"code": self.both(kept), "sum": tf.reduce_sum(x, axis=1, keepdims=True)}

    @tf.function(input_signature=[tf.TensorSpec([None, 4], F32, "left"), tf.TensorSpec([None, 4], F32, "right")])
    def compare(self, left, right):
        rows = tf.gather(self.table, [0, 2, 3])
        return {"x": tf.matmul(self.both(left) - self.both(right), rows, transpose_b=True), "left": left * 2.0}


def signatures(folder):
    """Two signatures; the second has an output with the name of an input."""
    module = Towers()
    tf.saved_model.save(module, os.path.join(folder, "model"), {"encode": module.encode, "compare": module.compare})
    record_signature(folder, {"x": numbers(2, 4)}, "encode", asked="encode")


def same_names(folder):
    module = Towers()
    tf.saved_model.save(module, os.path.join(folder, "model"), {"serving_default": module.compare})
    record_signature(folder, {"left": numbers(2, 4), "right": numbers(2, 4, seed=9)})


def one_function(folder):
    """A module saved without signatures whose only function TensorFlow makes one of."""
    module = tf.Module()
    module.w = tf.Variable(numbers(4, 2))
    module.f = tf.function(lambda x: tf.matmul(x, module.w), input_signature=[tf.TensorSpec([None, 4], F32, "x")])
    tf.saved_model.save(module, os.path.join(folder, "model"))
    record_signature(folder, {"x": numbers(2, 4)})


def no_signature(folder):
    """Several functions and no signature: they stand for it. Two variables have one name."""
    module = Towers()
    tf.saved_model.save(module, os.path.join(folder, "model"))
    x = numbers(2, 4)
    record(folder, {"x": x}, module.encode(tf.constant(x)), signature="encode")


class Scale(tf.Module):
    def __init__(self, seed):
        super().__init__()
        self.factor = tf.Variable(numbers(4, seed=seed), name=f"factor{seed}")

    @tf.function
    def __call__(self, x):
        return x * self.factor


class Chain(tf.Module):
    """Called itself, with several traces; parts have functions too."""

    def __init__(self):
        super().__init__()
        self.parts = [Scale(1), Scale(2)]
        self.shift = tf.constant(numbers(4, seed=5))

    @tf.function
    def __call__(self, x, training=False):
        y = self.parts[1](self.parts[0](x)) + self.shift
        return [-y, {"doubled": y * 2.0, "first": y[:, :1]}] if not training else [y]

    @tf.function(input_signature=[tf.SparseTensorSpec([None, 4], F32), tf.TensorSpec([None, 4], F32, "dense")])
    def sparse(self, sparse, dense):
        return tf.sparse.to_dense(sparse) + dense

    @tf.function(input_signature=[tf.TensorSpec([None, 4], F32, "x")])
    def ragged(self, x):
        return {"rows": tf.RaggedTensor.from_tensor(x), "sum": tf.reduce_sum(x, axis=1) + self.shift[0]}


def called(folder):
    module = Chain()
    x = numbers(2, 4)
    module(tf.constant(x), training=True)
    module(tf.constant(x[:1]))
    outputs = module(tf.constant(x))
    module.__call__.get_concrete_function(tf.TensorSpec([None, 4], F32, "x"))
    tf.saved_model.save(module, os.path.join(folder, "model"))
    record(folder, {"x": x},
           {"output_0": outputs[0], "1_doubled": outputs[1]["doubled"], "1_first": outputs[1]["first"]})


def called_below(folder):
    """Functions of a part only; variables that the checkpoint alone can tell apart."""
    module = tf.Module()
    module.part = Towers()
    tf.saved_model.save(module, os.path.join(folder, "model"))
    x, y = numbers(2, 4), numbers(2, 4, seed=9)
    outputs = module.part.compare(tf.constant(x), tf.constant(y))
    record(folder, {"left": x, "right": y}, outputs, signature="part/compare")


def no_function(folder):
    module = tf.Module()
    module.w = tf.Variable(numbers(4, 2))
    tf.saved_model.save(module, os.path.join(folder, "model"))
    record(folder, {}, {})


def steps(folder):
    """A loop over time that is as long as the input."""
    module = tf.Module()
    module.w = tf.Variable(numbers(4, 4) * 0.3)

    @tf.function(input_signature=[tf.TensorSpec([None, None, 4], F32, "x")])
    def run(x):
        state = tf.zeros_like(x[:, 0])
        for i in tf.range(tf.shape(x)[1]):
            state = tf.tanh(x[:, i] + tf.matmul(state, module.w))
        return {"state": state}

    module.run = run
    tf.saved_model.save(module, os.path.join(folder, "model"))
    x = numbers(2, 3, 4)
    record(folder, {"x": x}, run(tf.constant(x)), shape=[2, 3, 4])


def text(folder):
    """saved_model.pbtxt."""
    one_function(folder)
    from tensorflow.core.protobuf import saved_model_pb2
    from google.protobuf import text_format
    path = os.path.join(folder, "model", "saved_model.pb")
    proto = saved_model_pb2.SavedModel.FromString(open(path, "rb").read())
    open(path + "txt", "w").write(text_format.MessageToString(proto))
    os.remove(path)


def example(folder):
    """A signature that parses tf.Examples: TensorFlow is asked for what follows the parsing."""
    module = tf.Module()
    module.w = tf.Variable(numbers(4, 2))
    features = {"pixels": tf.io.FixedLenFeature([4], F32), "unused": tf.io.FixedLenFeature([1], tf.int64)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve(examples):
        return {"scores": tf.matmul(tf.io.parse_example(examples, features)["pixels"], module.w)}

    tf.saved_model.save(module, os.path.join(folder, "model"), {"serving_default": serve})
    x = numbers(2, 4)
    record(folder, {"pixels": x}, {"scores": x @ module.w.numpy()})


def table(folder):
    """A vocabulary: nothing without strings and tables can compute it."""
    vocabulary = os.path.join(folder, "words.txt")
    open(vocabulary, "w").write("a\nb\nc\n")
    module = tf.Module()
    module.w = tf.Variable(numbers(4, 2))
    module.table = tf.lookup.StaticHashTable(
        tf.lookup.TextFileInitializer(vocabulary, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64,
                                      tf.lookup.TextFileIndex.LINE_NUMBER), -1)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "words"), tf.TensorSpec([None, 4], F32, "x")])
    def serve(words, x):
        return {"ids": tf.one_hot(module.table.lookup(words), 3), "scores": tf.matmul(x, module.w)}

    tf.saved_model.save(module, os.path.join(folder, "model"), {"serving_default": serve})
    os.remove(vocabulary)
    x = numbers(2, 4)
    record(folder, {"x": x}, {"scores": x @ module.w.numpy()})


def keras3(folder):
    """model.export of Keras 3."""
    model = tf.keras.Sequential([tf.keras.Input([6, 6, 3], name="image"), tf.keras.layers.Conv2D(4, 3),
                                 tf.keras.layers.BatchNormalization(), tf.keras.layers.GlobalAveragePooling2D(),
                                 tf.keras.layers.Dense(3, activation="softmax")])
    for i, weight in enumerate(model.weights):
        weight.assign(np.abs(numbers(*weight.shape, seed=i)) + 0.1)
    model.export(os.path.join(folder, "model"), verbose=False)
    loaded = tf.saved_model.load(os.path.join(folder, "model"))
    alias = list(loaded.signatures["serving_default"].structured_input_signature[1])[0]
    record_signature(folder, {alias: numbers(2, 6, 6, 3)})


def object_checkpoint(folder):
    """A plain GraphDef whose variables lie in the object-based checkpoint of TensorFlow 2."""
    variables = {"net/w": numbers(4, 4, seed=1), "net/b": numbers(4, seed=2)}
    layer = tf.Module()
    layer.kernel, layer.bias = (tf.Variable(value, name=name) for name, value in variables.items())
    root = tf.train.Checkpoint(model=layer, step=tf.Variable(7, name="step"))
    root.write(os.path.join(folder, "ckpt"))
    x = numbers(2, 4)
    with tf.Graph().as_default() as graph, v1.Session() as session:
        w, b = (v1.get_variable(n, initializer=v.shape and tf.zeros(v.shape), use_resource=True)
                for n, v in variables.items())
        tf.nn.relu(tf.matmul(v1.placeholder(F32, [None, 4], name="x"), w) + b, name="y")
        tf.io.write_graph(graph, folder, "graph.pb", as_text=False)
    record(folder, {"x": x}, {"y": np.maximum(x @ variables["net/w"] + variables["net/b"], 0)}, "graph.pb",
           checkpoint="ckpt")


# --- TensorFlow 1 -------------------------------------------------------------------------------------------------

def simple_save(folder):
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(F32, [None, 4], name="in/x")
        keep = v1.placeholder(F32, [], name="keep_prob")
        w = v1.get_variable("w", initializer=numbers(4, 3), use_resource=False)
        y = tf.matmul(v1.nn.dropout(x, keep_prob=keep), w, name="out/y")
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, os.path.join(folder, "model"), {"images": x, "keep": keep},
                                   {"scores": y, "w": y})
        data = numbers(2, 4)
        record(folder, {"images": data}, {"scores": session.run(y, {x: data, keep: 1.0})})


def tag_sets(folder):
    """Two graphs with different tags, none of them serve."""
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(F32, [None, 4], name="x")
        y = tf.matmul(x, v1.get_variable("w", initializer=numbers(4, 3), use_resource=True), name="y")
        session.run(v1.global_variables_initializer())
        signature = v1.saved_model.predict_signature_def({"x": x}, {"y": y})
        builder = v1.saved_model.Builder(os.path.join(folder, "model"))
        builder.add_meta_graph_and_variables(session, ["a", "gpu"], {"predict": signature})
        builder.add_meta_graph(["b"], {"predict": signature})
        builder.save()
        data = numbers(2, 4)
        record(folder, {"x": data}, {"y": session.run(y, {x: data})}, tags="gpu,a")


def estimator(folder):
    """DNNClassifier's export: serialised examples, classes as strings, several signatures."""
    column = tf.feature_column.numeric_column("pixels", shape=[4])
    classifier = tf.estimator.DNNClassifier([5], [column], n_classes=3, model_dir=os.path.join(folder, "run"))
    data = lambda: tf.data.Dataset.from_tensors(({"pixels": numbers(6, 4)}, np.arange(6) % 3)).repeat(2)
    classifier.train(data)
    parse = tf.estimator.export.build_parsing_serving_input_receiver_fn(
        tf.feature_column.make_parse_example_spec([column]))
    path = classifier.export_saved_model(folder, parse).decode()
    os.rename(path, os.path.join(folder, "model"))
    x = numbers(2, 4)
    predictions = list(classifier.predict(lambda: tf.data.Dataset.from_tensors({"pixels": x})))
    shutil.rmtree(os.path.join(folder, "run"))
    record(folder, {"pixels": x}, {"probabilities": np.stack([p["probabilities"] for p in predictions]),
                                   "logits": np.stack([p["logits"] for p in predictions])}, signature="predict")


CASES = [keras, signatures, same_names, one_function, no_signature, called,
         called_below, no_function, steps, text, example, table, object_checkpoint, simple_save,
         tag_sets, estimator]


def main():
    root, wanted = sys.argv[1], sys.argv[2:]
    for case in CASES + [keras3]:
        if case.__name__ not in (wanted or [c.__name__ for c in CASES]):
            continue
        folder = os.path.join(root, case.__name__)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        case(folder)
        for name in ("fingerprint.pb", "keras_metadata.pb"):
            if os.path.exists(os.path.join(folder, "model", name)) and case is not keras:
                os.remove(os.path.join(folder, "model", name))
        size = sum(os.path.getsize(os.path.join(at, f)) for at, _, files in os.walk(folder) for f in files)
        print(case.__name__, size, "bytes", flush=True)


if __name__ == "__main__":
    main()
