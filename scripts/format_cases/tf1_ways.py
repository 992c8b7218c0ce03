"""Graphs and checkpoints as TensorFlow 1 programs write them."""
import contextlib
import pathlib
import re
import shutil
import tempfile

import numpy as np
import tensorflow as tf

from .network import BATCH, EPSILON, FLAT, SHAPE, WEIGHTS, way
from .slim import tf_slim

tf1 = tf.compat.v1
OUTPUTS = ["map/BiasAdd", "probabilities"]
NAMES = {"inputs": ["images"], "outputs": OUTPUTS}


# --- the network in several dialects ---------------------------------------------------------------------------------


def depthwise(net):
    kernel = tf1.get_variable("depthwise/kernel", [3, 3, 8, 1])
    return tf1.nn.depthwise_conv2d(net, kernel, [1, 2, 2, 1], "SAME", name="depthwise")


def layers_net(images, training=False, fused=True, momentum=0.9):
    """tf.layers."""
    norm = dict(training=training, fused=fused, momentum=momentum, epsilon=EPSILON)
    net = tf1.layers.conv2d(images, 8, 3, padding="same", use_bias=False, name="conv")
    net = tf.nn.relu(tf1.layers.batch_normalization(net, name="norm", **norm))
    net = tf.nn.relu6(tf1.layers.batch_normalization(depthwise(net), name="depthwise_norm", **norm))
    tf1.layers.conv2d(net, 2, 1, name="map")
    logits = tf1.layers.dense(tf1.layers.flatten(net), 5, name="logits")
    return logits, tf.nn.softmax(logits, name="probabilities")


def slim_net(images, training=False):
    """tf-slim's argument scopes; its own names for variables."""
    slim = tf_slim()
    norm = {"is_training": training, "decay": 0.9, "epsilon": EPSILON, "scale": True}
    with slim.arg_scope([slim.conv2d, slim.separable_conv2d], normalizer_fn=slim.batch_norm, normalizer_params=norm):
        net = slim.conv2d(images, 8, [3, 3], scope="conv")
        net = slim.separable_conv2d(net, None, [3, 3], 1, stride=2, activation_fn=tf.nn.relu6, scope="depthwise")
    slim.conv2d(net, 2, [1, 1], activation_fn=None, scope="map")
    logits = slim.fully_connected(slim.flatten(net), 5, activation_fn=None, scope="logits")
    return logits, slim.softmax(logits, scope="predictions")


def hand_norm(net, name, training):
    """The norm of countless tutorials: moments, an ExponentialMovingAverage of them, a cond."""
    with tf1.variable_scope(name):
        beta = tf1.get_variable("beta", [8])
        gamma = tf1.get_variable("gamma", [8])
        mean, variance = tf.nn.moments(net, [0, 1, 2], name="moments")
        average = tf1.train.ExponentialMovingAverage(decay=0.5)

        def updated():
            with tf.control_dependencies([average.apply([mean, variance])]):
                return tf.identity(mean), tf.identity(variance)

        mean, variance = tf.cond(training, updated, lambda: (average.average(mean), average.average(variance)))
        return tf.nn.batch_normalization(net, mean, variance, beta, gamma, EPSILON)


def hand_net(images, training):
    """tf.Variable and tf.nn."""
    def variable(name):
        return tf1.get_variable(name, WEIGHTS[name].shape)

    net = tf.nn.conv2d(images, variable("conv/kernel"), [1, 1, 1, 1], "SAME")
    net = tf.nn.relu(hand_norm(net, "norm", training))
    net = tf.nn.relu6(hand_norm(depthwise(net), "depthwise_norm", training))
    tf.nn.bias_add(tf.nn.conv2d(net, variable("map/kernel"), [1, 1, 1, 1], "VALID"), variable("map/bias"), name="map/BiasAdd")
    logits = tf1.nn.xw_plus_b(tf.reshape(net, [-1, FLAT]), variable("logits/kernel"), variable("logits/bias"))
    return logits, tf.nn.softmax(logits, name="probabilities")


def train(logits, optimizer=None):
    """The rest of a training graph: loss, gradients, updates of the moving averages, summaries."""
    loss = tf1.losses.sparse_softmax_cross_entropy(tf.zeros(tf.shape(logits)[:1], tf.int64), logits)
    step = tf1.train.get_or_create_global_step()
    with tf.control_dependencies(tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)):
        trained = (optimizer or tf1.train.GradientDescentOptimizer(0.1)).minimize(loss, step)
    tf1.summary.scalar("loss", loss)
    tf1.summary.merge_all()
    return loss, trained


def images_placeholder():
    return tf1.placeholder(tf.float32, [None, *SHAPE], name="images")


# --- values ----------------------------------------------------------------------------------------------------------

SPELLINGS = [(r"/weights$", "/kernel"), (r"/biases$", "/bias"), (r"^conv/BatchNorm/", "norm/"),
             (r"^depthwise/BatchNorm/", "depthwise_norm/"), (r"depthwise_weights$|depthwise_kernel$", "kernel"),
             (r"/moments/Squeeze/ExponentialMovingAverage$", "/moving_mean"),
             (r"/moments/Squeeze_1/ExponentialMovingAverage$", "/moving_variance"), (r"/part_\d+$", "")]


def value_of(variable):
    """What the network has under the variable's name, its slice of it, or None (a step, an optimizer's slot)."""
    name = variable.op.name
    for pattern, canonical in SPELLINGS:
        name = re.sub(pattern, canonical, re.sub(r"^(norm|depthwise_norm)/\1/", r"\1/", name))
    value = WEIGHTS.get(name)
    part = getattr(variable, "_get_save_slice_info", lambda: None)()
    if value is not None and part is not None:
        value = value[tuple(slice(begin, begin + size) for begin, size in zip(part.var_offset, part.var_shape))]
    return value


def set_values(session, variables=None):
    session.run(tf1.global_variables_initializer())
    seen = 0
    for variable in variables or tf1.global_variables():
        value = value_of(variable)
        if value is not None:
            session.run(variable.initializer, {variable.initializer.inputs[1]: value})
            seen += value.size
    if seen != sum(value.size for value in WEIGHTS.values()):
        raise RuntimeError(f"{seen} values set: {[variable.op.name for variable in tf1.global_variables()]}")


@contextlib.contextmanager
def graph(resource=False, partitioner=None, devices=1):
    """A fresh graph with a session."""
    config = tf1.ConfigProto(device_count={"CPU": devices}, intra_op_parallelism_threads=1)
    with tf.Graph().as_default(), tf1.Session(config=config) as session:
        tf1.set_random_seed(1)
        with tf1.variable_scope("", use_resource=resource, partitioner=partitioner):
            yield session


def save(session, folder, name="model.ckpt", step=20, write_meta=True, **saver):
    """A checkpoint, and a state file that names the place where it was trained."""
    tf1.train.Saver(tf1.global_variables(), **saver).save(session, str(folder / name), step, write_meta_graph=write_meta)
    text = (folder / "checkpoint").read_text()
    (folder / "checkpoint").write_text(text.replace(str(folder), "/home/somebody/training"))
    return f"{name}-{step}"


# --- frozen graphs ---------------------------------------------------------------------------------------------------


def frozen(session):
    return tf1.graph_util.convert_variables_to_constants(session, session.graph.as_graph_def(), [n.split(":")[0] for n in OUTPUTS])


def write_twin(path):
    """The inference twin that answers for the training graphs."""
    with graph() as session:
        layers_net(images_placeholder())
        set_values(session)
        path.write_bytes(frozen(session).SerializeToString(deterministic=True))


@way("frozen_graph", format="GraphDef", variables="constants", api="tf.layers, convert_variables_to_constants")
def frozen_graph(folder):
    write_twin(folder / "frozen.pb")
    return {"model": "frozen.pb", **NAMES}


@way("frozen_text", format="GraphDef, text", variables="constants", api="tf.layers, write_graph(as_text)")
def frozen_text(folder):
    with graph() as session:
        layers_net(images_placeholder())
        set_values(session)
        tf.io.write_graph(frozen(session), str(folder), "frozen.pbtxt", as_text=True)
    return {"model": "frozen.pbtxt", **NAMES}


# --- checkpoints -----------------------------------------------------------------------------------------------------


def checkpoint_way(name, format, variables, api, build=layers_net, resource=False, partitioner=None, devices=1, training=False,
                   names=None, **saver):
    """A .meta beside its checkpoint."""
    @way(name, format=format, variables=variables, api=api, training=training)
    def make(folder):
        with graph(resource, partitioner, devices) as session:
            build(images_placeholder())
            set_values(session)
            prefix = save(session, folder, **saver)
        return {"model": prefix + ".meta", **(names or NAMES)}


def on_two_devices(images):
    turn = iter(range(1000))
    with tf1.device(lambda op: f"/cpu:{next(turn) % 2}" if op.type == "VariableV2" else "/cpu:0"):
        return layers_net(images)


V1 = tf1.train.SaverDef.V1
SLIM_NAMES = {"inputs": ["images"], "outputs": ["map/BiasAdd", "predictions/Softmax"]}
checkpoint_way("checkpoint_v2", "MetaGraph + checkpoint V2", "ref", "tf.layers, Saver")
checkpoint_way("checkpoint_v2_resource", "MetaGraph + checkpoint V2", "resource", "tf.layers, Saver", resource=True)
checkpoint_way("checkpoint_v1", "MetaGraph + checkpoint V1", "ref", "tf.layers, Saver(V1)", write_version=V1)
checkpoint_way("checkpoint_v1_sharded", "MetaGraph + checkpoint V1, 2 shards", "ref", "tf.layers, Saver(V1, sharded)",
               build=on_two_devices, devices=2, write_version=V1, sharded=True)
checkpoint_way("checkpoint_v2_sharded", "MetaGraph + checkpoint V2, 2 shards", "ref", "tf.layers, Saver(sharded)",
               build=on_two_devices, devices=2, sharded=True)
checkpoint_way("partitioned", "MetaGraph + checkpoint V2", "ref, partitioned in 3", "tf.layers, fixed_size_partitioner",
               partitioner=tf1.fixed_size_partitioner(3))
checkpoint_way("partitioned_resource", "MetaGraph + checkpoint V2", "resource, partitioned in 2", "tf.layers, fixed_size_partitioner",
               resource=True, partitioner=tf1.fixed_size_partitioner(2))
checkpoint_way("partitioned_v1", "MetaGraph + checkpoint V1", "ref, partitioned in 3", "tf.layers, Saver(V1)",
               partitioner=tf1.fixed_size_partitioner(3), write_version=V1)
checkpoint_way("slim_inference", "MetaGraph + checkpoint V2", "ref", "tf-slim", build=slim_net, names=SLIM_NAMES)
checkpoint_way("slim_training", "MetaGraph + checkpoint V2", "ref", "tf-slim, training graph with is_training=True", training=True,
               build=lambda images: train(slim_net(images, True)[0]), names=SLIM_NAMES)
checkpoint_way("training_fused", "MetaGraph + checkpoint V2", "ref", "tf.layers, training=True, fused norms", training=True,
               build=lambda images: train(layers_net(images, True)[0]))
checkpoint_way("training_fused_resource", "MetaGraph + checkpoint V2", "resource", "tf.layers, training=True, fused norms, Adam",
               training=True, resource=True,
               build=lambda images: train(layers_net(images, True)[0], tf1.train.AdamOptimizer()))
checkpoint_way("training_unfused", "MetaGraph + checkpoint V2", "ref", "tf.layers, training=True, norms written out", training=True,
               build=lambda images: train(layers_net(images, True, fused=False)[0]))
checkpoint_way("training_unfused_resource", "MetaGraph + checkpoint V2", "resource", "tf.layers, training=True, norms written out",
               training=True, resource=True, build=lambda images: train(layers_net(images, True, fused=False)[0]))


def switched_way(name, variables, api, build, resource=False, control_flow_v2=False, names=None):
    """A training graph with a placeholder that turns it into an inference graph."""
    @way(name, format="MetaGraph + checkpoint V2", variables=variables, api=api)
    def make(folder):
        (tf1.enable_control_flow_v2 if control_flow_v2 else tf1.disable_control_flow_v2)()
        with graph(resource) as session:
            images = images_placeholder()
            is_training = tf1.placeholder(tf.bool, [], name="is_training")
            train(build(images, is_training)[0])
            set_values(session)
            prefix = save(session, folder)
        tf1.disable_control_flow_v2()
        return {"model": prefix + ".meta", **(names or NAMES), "flags": {"is_training": False}}


switched_way("is_training_switch", "ref", "tf.layers, is_training placeholder, Switch and Merge", layers_net)
switched_way("is_training_if", "resource", "tf.layers, is_training placeholder, control flow v2", layers_net, resource=True,
             control_flow_v2=True)
switched_way("is_training_slim", "ref", "tf-slim, is_training placeholder", slim_net, names=SLIM_NAMES)
switched_way("is_training_by_hand", "ref", "tf.nn, norms of moments, ExponentialMovingAverage and cond", hand_net)


@way("meta_text", format="MetaGraph, text + checkpoint V2", variables="ref", api="tf.layers, export_meta_graph(as_text)")
def meta_text(folder):
    with graph() as session:
        layers_net(images_placeholder())
        set_values(session)
        saver = tf1.train.Saver()
        saver.save(session, str(folder / "weights"), write_meta_graph=False, write_state=False)
        saver.export_meta_graph(str(folder / "graph.meta.txt"), as_text=True)
    return {"model": "graph.meta.txt", "checkpoint": "weights", **NAMES}


@way("graph_and_checkpoint", format="GraphDef, text + checkpoint V2", variables="ref", api="tf.layers, write_graph, Saver")
def graph_and_checkpoint(folder):
    (folder / "train").mkdir()
    with graph() as session:
        layers_net(images_placeholder())
        set_values(session)
        save(session, folder / "train", write_meta=False)
        tf.io.write_graph(session.graph_def, str(folder), "graph.pbtxt", as_text=True)
    return {"model": "graph.pbtxt", "checkpoint": "train", **NAMES}


@way("graph_and_checkpoint_v1", format="GraphDef + checkpoint V1", variables="ref", api="tf.layers, write_graph, Saver(V1)")
def graph_and_checkpoint_v1(folder):
    with graph() as session:
        layers_net(images_placeholder())
        set_values(session)
        prefix = save(session, folder, write_meta=False, write_version=V1)
        tf.io.write_graph(session.graph_def, str(folder), "graph.pb", as_text=False)
    return {"model": "graph.pb", "checkpoint": prefix, **NAMES}


@way("moving_average", format="MetaGraph + checkpoint V2", variables="ref, averaged", training=True,
     api="tf.layers, ExponentialMovingAverage; the raw values are wrong")
def moving_average(folder):
    with graph() as session:
        logits, _ = layers_net(images_placeholder())
        train(logits)
        average = tf1.train.ExponentialMovingAverage(0.99)
        average.apply(tf1.trainable_variables())
        averaged = {average.average_name(v).removesuffix("/ExponentialMovingAverage"): average.average(v)
                    for v in tf1.trainable_variables()}
        session.run(tf1.global_variables_initializer())
        for variable in tf1.global_variables():
            value = value_of(variable)
            if value is None:
                continue
            # Norm statistics are not trained and have no average.
            target = averaged.get(variable.op.name, variable)
            session.run(target.initializer, {target.initializer.inputs[1]: value})
            if target is not variable:
                session.run(variable.initializer, {variable.initializer.inputs[1]: value[::-1] * 0.7})
        prefix = save(session, folder)
    return {"model": prefix + ".meta", **NAMES, "arguments": ["--ema"]}


@way("queue_input", format="MetaGraph + checkpoint V2", variables="ref", api="tf.train.string_input_producer, tf.train.batch", training=True)
def queue_input(folder):
    with graph() as session:
        files = tf1.train.string_input_producer(["a.bin", "b.bin"])
        _, content = tf1.FixedLengthRecordReader(4 * int(np.prod(SHAPE))).read(files)
        picture = tf.reshape(tf.io.decode_raw(content, tf.float32), SHAPE)
        images = tf1.train.batch([picture], BATCH)
        train(layers_net(images, training=True)[0])
        set_values(session)
        prefix = save(session, folder)
    return {"model": prefix + ".meta", "inputs": ["batch"], "outputs": OUTPUTS}


@way("iterator_input", format="MetaGraph + checkpoint V2", variables="resource", api="tf.data one-shot iterator")
def iterator_input(folder):
    with graph(resource=True) as session:
        data = tf1.data.Dataset.from_tensor_slices(tf.zeros([4, *SHAPE])).map(lambda x: x + 1.0).repeat().batch(BATCH)
        images = tf1.data.make_one_shot_iterator(data).get_next()
        layers_net(images)
        set_values(session)
        prefix = save(session, folder)
    return {"model": prefix + ".meta", "inputs": ["IteratorGetNext"], "outputs": OUTPUTS}


@way("keras_session", format="MetaGraph + checkpoint V2", variables="resource", api="tf.compat.v1.keras in a session, Saver")
def keras_session(folder):
    keras = tf1.keras
    with graph() as session:
        keras.backend.set_session(session)
        images = keras.layers.Input(SHAPE, name="images")
        net = keras.layers.Conv2D(8, 3, padding="same", use_bias=False, name="conv")(images)
        net = keras.layers.ReLU()(keras.layers.BatchNormalization(epsilon=EPSILON, name="norm")(net))
        net = keras.layers.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False, name="depthwise")(net)
        net = keras.layers.ReLU(6.0)(keras.layers.BatchNormalization(epsilon=EPSILON, name="depthwise_norm")(net))
        heat = keras.layers.Conv2D(2, 1, name="map")(net)
        answer = keras.layers.Dense(5, activation="softmax", name="logits")(keras.layers.Flatten()(net))
        model = keras.Model(images, [heat, answer])
        set_values(session)
        prefix = save(session, folder)
        outputs = [tensor.op.name for tensor in model.outputs]
    return {"model": prefix + ".meta", "inputs": ["images"], "outputs": outputs}


# --- SavedModels -----------------------------------------------------------------------------------------------------

SIGNATURE_NAMES = {"inputs": ["images"], "outputs": ["map", "probabilities"]}


def tensors(session):
    found = session.graph.get_tensor_by_name
    return found("images:0"), found("map/BiasAdd:0"), found("probabilities:0")


def simple_save_way(name, resource):
    @way(name, format="SavedModel, TF 1", variables="resource" if resource else "ref", api="tf.layers, simple_save")
    def make(folder):
        with graph(resource) as session:
            layers_net(images_placeholder())
            set_values(session)
            images, heat, probabilities = tensors(session)
            tf1.saved_model.simple_save(session, str(folder / "model"), {"images": images}, {"map": heat, "probabilities": probabilities})
        return {"model": "model", **SIGNATURE_NAMES}


simple_save_way("simple_save", resource=False)
simple_save_way("simple_save_resource", resource=True)


@way("builder_two_graphs", format="SavedModel, TF 1", variables="ref", api="SavedModelBuilder, tags train and serve, two signatures")
def builder_two_graphs(folder, training=True, as_text=False):
    builder = tf1.saved_model.Builder(str(folder / "model"))
    signature = tf1.saved_model.signature_def_utils.predict_signature_def
    if training:
        with graph() as session:
            train(layers_net(images_placeholder(), training=True)[0])
            set_values(session)
            images, _, probabilities = tensors(session)
            builder.add_meta_graph_and_variables(session, ["train"], {"train": signature({"images": images}, {"probabilities": probabilities})})
    with graph() as session:
        layers_net(images_placeholder())
        set_values(session)
        images, heat, probabilities = tensors(session)
        signatures = {"serving_default": signature({"images": images}, {"classes": tf.argmax(probabilities, 1)}),
                      "both": signature({"images": images}, {"map": heat, "probabilities": probabilities})}
        if training:
            builder.add_meta_graph(["serve"], signatures)
        else:
            builder.add_meta_graph_and_variables(session, ["serve"], signatures)
    builder.save(as_text=as_text)
    return {"model": "model", **SIGNATURE_NAMES, "signature": "both"}


@way("builder_text", format="SavedModel, TF 1, text", variables="ref", api="SavedModelBuilder.save(as_text), two signatures")
def builder_text(folder):
    return builder_two_graphs(folder, training=False, as_text=True)


# --- Estimators ------------------------------------------------------------------------------------------------------


class SetValues(tf1.train.SessionRunHook):
    """Gives the variables the network's values once the first checkpoint, with other values, is written."""

    def after_run(self, run_context, run_values):
        for variable in tf1.global_variables():
            value = value_of(variable)
            if value is not None:
                run_context.session.run(variable.initializer, {variable.initializer.inputs[1]: value})


def estimator_model(features, labels, mode):
    del labels
    images = tf.identity(features["images"], name="images") if isinstance(features, dict) else features
    training = mode == tf.estimator.ModeKeys.TRAIN
    logits, probabilities = layers_net(images, training, momentum=0.9)
    heat = tf1.get_default_graph().get_tensor_by_name("map/BiasAdd:0")
    if training:
        loss, trained = train(logits)
        return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=trained)
    answers = {"map": heat, "probabilities": probabilities}
    outputs = {"serving_default": tf.estimator.export.PredictOutput(answers)}
    return tf.estimator.EstimatorSpec(mode, predictions=answers, export_outputs=outputs)


def trained_estimator(folder):
    config = tf.estimator.RunConfig(tf_random_seed=1, save_summary_steps=None, log_step_count_steps=None)
    estimator = tf.estimator.Estimator(estimator_model, str(folder), config=config)

    def data():
        return tf1.data.Dataset.from_tensors(({"images": tf.zeros([BATCH, *SHAPE])}, tf.zeros([BATCH], tf.int64))).repeat()

    estimator.train(data, steps=2, hooks=[SetValues()])
    return estimator


@way("estimator_folder", mode="tf2", format="Estimator's training folder", variables="resource", training=True,
     api="tf.estimator.Estimator, graph.pbtxt and two steps")
def estimator_folder(folder):
    with tempfile.TemporaryDirectory() as scratch:
        trained_estimator(scratch)
        target = folder / "train"
        target.mkdir()
        for path in sorted(pathlib.Path(scratch).iterdir()):
            if path.name == "graph.pbtxt" or re.match(r"model\.ckpt-\d+\.(index|data)", path.name):
                shutil.copyfile(path, target / path.name)
        text = (pathlib.Path(scratch) / "checkpoint").read_text()
        (target / "checkpoint").write_text(text.replace(scratch, "/home/somebody/training"))
    return {"model": "train", "inputs": ["IteratorGetNext"], "outputs": OUTPUTS}


def export_way(name, receiver, inputs, api):
    @way(name, mode="tf2", format="SavedModel, TF 1, timestamped", variables="resource", api=api)
    def make(folder):
        with tempfile.TemporaryDirectory() as scratch:
            written = trained_estimator(scratch).export_saved_model(str(pathlib.Path(scratch) / "export"), receiver())
            shutil.copytree(written.decode(), folder / "export" / "1700000000")
        return {"model": "export", "inputs": inputs, "outputs": ["map", "probabilities"]}


def raw_receiver():
    with tf.Graph().as_default():
        return tf.estimator.export.build_raw_serving_input_receiver_fn({"images": tf1.placeholder(tf.float32, [None, *SHAPE], name="images")})


def parsing_receiver():
    return tf.estimator.export.build_parsing_serving_input_receiver_fn({"images": tf1.FixedLenFeature(SHAPE, tf.float32)})


export_way("estimator_export", raw_receiver, ["images"], "Estimator.export_saved_model, raw input")
export_way("estimator_export_parsing", parsing_receiver, ["ParseExample/ParseExampleV2"],
           "Estimator.export_saved_model, tf.Example parsing")
