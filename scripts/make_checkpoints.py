#!/usr/bin/env python3
"""Writes the checkpoints and training graphs of tests/data/checkpoint with TensorFlow.

usage: make_checkpoints.py tests/data/checkpoint [case ...]      (scripts/python_env tf-2.15: TensorFlow 2.15, tf_slim 1.1)

values_*: every dtype a checkpoint can hold, in one saver's format each; expected.txt has a line per tensor: name, dtype,
dims, bytes in hex (strings: each in hex, separated by commas).
Others: a small network whose training graph lies in model.meta, its checkpoint, in.npy, and out.npy: what TensorFlow's
inference graph of the same network answers with the same checkpoint. Its output is called "y".
"""
import os
import shutil
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saver_pb2

from tensorflow.python.framework import ops
ops.Tensor = tf.Tensor  # where tf_slim looks for it
import tf_slim as slim

v1 = tf.compat.v1
v1.disable_eager_execution()
SHAPE = [2, 6, 6, 3]


# --- values -------------------------------------------------------------------------------------------------------

def numbers(dtype, shape):
    count = int(np.prod(shape))
    raw = np.arange(count) * 7 - 11
    kind = tf.as_dtype(dtype)
    if kind == tf.bool:
        return (raw % 3 == 0).reshape(shape)
    if kind.is_complex:
        return (raw + 1j * (raw + 0.5)).astype(kind.as_numpy_dtype).reshape(shape)
    if kind.is_floating:
        return (raw / 4).astype(kind.as_numpy_dtype).reshape(shape)
    if kind.is_unsigned:
        raw = np.abs(raw)
    return raw.astype(kind.as_numpy_dtype).reshape(shape)


def write_values(folder, version):
    # V1 stores fewer kinds: its TensorProto knows no unsigned 32 and 64 bit numbers there, and the saver no bfloat16.
    kinds = "float32 float64 int32 uint8 int16 int8 int64 bool complex64 qint8 quint8 qint32 half uint16"
    if version == saver_pb2.SaverDef.V2:
        kinds += " bfloat16 complex128 uint32 uint64 qint16 quint16"
    with v1.Graph().as_default(), v1.Session() as session:
        tensors = {}
        for kind in kinds.split():
            dtype = tf.as_dtype("float16" if kind == "half" else kind)
            base = dtype.name.lstrip("q") if dtype.is_quantized else dtype
            if dtype.is_quantized:
                constant = tf.bitcast(tf.constant(numbers(base, [2, 3])), dtype)
            else:
                constant = tf.constant(numbers(dtype, [2, 3]), dtype)
            tensors["kind/" + kind] = constant
        tensors["shape/scalar"] = tf.constant(2.5)
        tensors["shape/empty"] = tf.zeros([0, 3])
        tensors["shape/long"] = tf.constant(numbers(tf.float32, [300]))
        if version == saver_pb2.SaverDef.V2:
            tensors["strings"] = tf.constant([[b"", b"a"], [b"two words", b"\x00\xff" * 70]])
        names = sorted(tensors)
        values = session.run([tf.bitcast(tensors[n], tensors[n].dtype.name.lstrip("q"))
                              if tensors[n].dtype.is_quantized else tensors[n] for n in names])
        path = os.path.join(folder, "model.ckpt")
        if version == saver_pb2.SaverDef.V2:
            save = tf.raw_ops.SaveV2(prefix=path, tensor_names=names, shape_and_slices=[""] * len(names),
                                     tensors=[tensors[n] for n in names])
        else:
            save = tf.raw_ops.Save(filename=path, tensor_names=names, data=[tensors[n] for n in names])
        session.run(save)
    with open(os.path.join(folder, "expected.txt"), "w") as lines:
        for name, value in zip(names, values):
            dims = ",".join(str(d) for d in value.shape)
            kind = name.split("/")[1] if name.startswith("kind/") else "string" if name == "strings" else "float32"
            content = (",".join(s.hex() for s in value.ravel()) if kind == "string" else value.tobytes().hex())
            lines.write("%s %s [%s] %s\n" % (name, kind, dims, content))


def values_v2(folder):
    write_values(folder, saver_pb2.SaverDef.V2)


def values_v1(folder):
    write_values(folder, saver_pb2.SaverDef.V1)


# --- networks -----------------------------------------------------------------------------------------------------

def conv(x, channels, name):
    with v1.variable_scope(name):
        shape = [3, 3, int(x.shape[-1]), channels]
        w = v1.get_variable("w", shape, initializer=v1.truncated_normal_initializer(stddev=0.3))
        return tf.nn.conv2d(x, w, 1, "SAME")


def head(x):
    w = v1.get_variable("head/w", [int(x.shape[-1]), 3], initializer=v1.truncated_normal_initializer(stddev=0.5))
    b = v1.get_variable("head/b", [3], initializer=v1.constant_initializer([0.1, -0.2, 0.3]))
    return tf.identity(tf.matmul(tf.reduce_mean(x, [1, 2]), w) + b, "y")


def two_layers(norm):
    """A network around norm(x, name, training)."""
    def build(training):
        x = v1.placeholder(tf.float32, [None] + SHAPE[1:], "x")
        x1 = tf.nn.relu(norm(conv(x, 4, "c1"), "n1", training))
        return head(tf.nn.relu(norm(conv(x1, 5, "c2"), "n2", training)))
    return build


def layers_norm(fused, **arguments):
    def norm(x, name, training):
        return v1.layers.batch_normalization(x, training=training, fused=fused, name=name, momentum=0.8, **arguments)
    return two_layers(norm)


def slim_norm(fused, **arguments):
    def norm(x, name, training):
        return slim.batch_norm(x, is_training=training, fused=fused, scale=True, scope=name, decay=0.8, **arguments)
    return two_layers(norm)


def pairs(x):
    shape = [int(x.shape[-1])]
    return (v1.get_variable("beta", shape, initializer=v1.random_normal_initializer()),
            v1.get_variable("gamma", shape, initializer=v1.random_uniform_initializer(0.5, 1.5)))


def population_norm(x, name, training):
    """As blog posts write it: assignments of decayed sums, needed through control edges."""
    with v1.variable_scope(name):
        beta, gamma = pairs(x)
        shape = [int(x.shape[-1])]
        mean = v1.get_variable("pop_mean", shape, initializer=tf.zeros_initializer(), trainable=False)
        var = v1.get_variable("pop_var", shape, initializer=tf.ones_initializer(), trainable=False)
        if not training:
            return tf.nn.batch_normalization(x, mean, var, beta, gamma, 1e-3)
        batch_mean, batch_var = tf.nn.moments(x, [0, 1, 2])
        with tf.control_dependencies([v1.assign(mean, mean * 0.8 + batch_mean * 0.2),
                                      v1.assign(var, var * 0.8 + batch_var * 0.2)]):
            return tf.nn.batch_normalization(x, batch_mean, batch_var, beta, gamma, 1e-3)


def average_norm(x, name, training):
    """As answers to questions write it: an ExponentialMovingAverage of the moments, chosen by a condition."""
    with v1.variable_scope(name):
        beta, gamma = pairs(x)
        batch_mean, batch_var = tf.nn.moments(x, [0, 1, 2], name="moments")
        average = tf.train.ExponentialMovingAverage(0.8)
        with v1.variable_scope("", reuse=v1.AUTO_REUSE):
            step = v1.get_variable("mode", [], tf.int32, initializer=v1.constant_initializer(1), trainable=False)
        apply = average.apply([batch_mean, batch_var])

        def update():
            with tf.control_dependencies([apply]):
                return tf.identity(batch_mean), tf.identity(batch_var)

        def kept():
            return average.average(batch_mean), average.average(batch_var)

        mean, var = tf.cond(tf.equal(step, 1), update, kept) if training else kept()
        return tf.nn.batch_normalization(x, mean, var, beta, gamma, 1e-3)


def condition_norm(x, name, training):
    """Fused norms on both sides of a condition that no constant decides."""
    with v1.variable_scope("", reuse=v1.AUTO_REUSE):
        mode = v1.get_variable("mode", [], tf.int32, initializer=v1.constant_initializer(1), trainable=False)
    return v1.layers.batch_normalization(x, training=tf.equal(mode, 1) if training else False, fused=True, name=name,
                                         momentum=0.8)


def keras_norm(x, name, training):
    layer = v1.keras.layers.BatchNormalization(momentum=0.8, name=name, fused=False)
    y = layer(x, training=training)
    for update in layer.get_updates_for(x) if hasattr(layer, "get_updates_for") else layer.updates:
        v1.add_to_collection(v1.GraphKeys.UPDATE_OPS, update)
    return y


def averaged_weights(training):
    x = v1.placeholder(tf.float32, [None] + SHAPE[1:], "x")
    return head(tf.nn.relu(conv(x, 4, "c1")))


def partitioned(training):
    x = v1.placeholder(tf.float32, [None] + SHAPE[1:], "x")
    with v1.variable_scope("part", partitioner=v1.fixed_size_partitioner(3, axis=3)):
        w = v1.get_variable("w", [3, 3, 3, 7], initializer=v1.truncated_normal_initializer(stddev=0.3))
    return head(tf.nn.relu(tf.nn.conv2d(x, w, 1, "SAME")))


def initialized_values(training):
    """Reads as initialized_value() makes them, results of updates used as data, a variable's shape, rows of a table."""
    x = v1.placeholder(tf.float32, [None] + SHAPE[1:], "x")
    scale = v1.Variable(tf.fill([3], 2.0), name="scale")
    step = v1.Variable(5, name="step", trainable=False, use_resource=False)
    shift = v1.Variable([1.0, 2.0, 3.0], name="shift", use_resource=False)
    table = v1.get_variable("table", [4, 3], initializer=v1.random_normal_initializer())
    initialized = tf.cond(v1.is_variable_initialized(scale), scale.read_value, lambda: scale.initial_value)
    x = x * initialized + tf.cast(v1.shape(table)[0], tf.float32)
    if training:
        x = tf.cond(v1.assign_add(step, 1) > 3, lambda: x + v1.assign_sub(shift, shift * 0.1), lambda: x * 100.0)
    else:
        x = x + shift
    return head(tf.nn.relu(conv(x, 4, "c1")) * tf.nn.embedding_lookup(table, [1])[0, 0])


NETWORKS = {
    "layers_fused": (layers_norm(True), {"gradients": True}),
    "layers_plain": (layers_norm(False), {}),
    "layers_plain_ref": (layers_norm(False), {"ref": True}),
    "slim_fused_in_place": (slim_norm(True, updates_collections=None), {"ref": True}),
    "slim_plain_debiased": (slim_norm(False, zero_debias_moving_mean=True), {}),
    "population": (two_layers(population_norm), {"ref": True}),
    "population_resource": (two_layers(population_norm), {}),
    "average_in_switch": (two_layers(average_norm), {"ref": True}),
    "average_in_if": (two_layers(average_norm), {"control_flow_v2": True}),
    "fused_in_switch": (two_layers(condition_norm), {"ref": True}),
    "fused_in_if": (two_layers(condition_norm), {"control_flow_v2": True}),
    "keras_plain": (two_layers(keras_norm), {}),
    "partitioned": (partitioned, {}),
    "partitioned_v1": (partitioned, {"ref": True, "version": saver_pb2.SaverDef.V1}),
    "sharded": (averaged_weights, {"sharded": True}),
    "averages": (averaged_weights, {"average": True}),
    "initialized": (initialized_values, {}),
    "initialized_ref": (initialized_values, {"ref": True}),
}


def network(name, folder):
    build, options = NETWORKS[name]
    (v1.enable_control_flow_v2 if options.get("control_flow_v2") else v1.disable_control_flow_v2)()
    (v1.disable_resource_variables if options.get("ref") else v1.enable_resource_variables)()
    path = os.path.join(folder, "model")
    generator = np.random.default_rng(len(name))
    with v1.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(7)
        y = build(True)
        with tf.control_dependencies(v1.get_collection(v1.GraphKeys.UPDATE_OPS)):
            if options.get("gradients"):
                train = v1.train.AdamOptimizer(0.01).minimize(tf.reduce_sum(tf.square(y - 1.0)))
            else:  # the same without the many nodes of gradients
                train = tf.group(y, *[v1.assign_add(v, tf.ones(v.shape) * 0.02) for v in v1.trainable_variables()])
        average = tf.train.ExponentialMovingAverage(0.6)
        if options.get("average"):
            with tf.control_dependencies([train]):
                train = average.apply([v for v in v1.trainable_variables() if v.op.name != "head/b"])
        session.run(v1.global_variables_initializer())
        for _ in range(5):
            session.run(train, {"x:0": generator.normal(0.5, 1.5, [8] + SHAPE[1:])})
        saver = v1.train.Saver(write_version=options.get("version", saver_pb2.SaverDef.V2),
                               sharded=options.get("sharded", False))
        saver.save(session, path, write_state=False, write_meta_graph=False)
        meta = saver.export_meta_graph(strip_default_attrs=True, clear_devices=True)
        meta.meta_info_def.ClearField("stripped_op_list")
        with open(path + ".meta", "wb") as file:
            file.write(meta.SerializeToString(deterministic=True))
    x = generator.normal(0.5, 1.5, SHAPE).astype(np.float32)
    with v1.Graph().as_default(), v1.Session() as session:
        y = build(False)
        session.run(v1.global_variables_initializer())
        variables = average.variables_to_restore(v1.trainable_variables()[:-1]) if options.get("average") else None
        if variables is not None:
            variables["head/b"] = v1.trainable_variables()[-1]
            variables = {k: v for k, v in variables.items() if not k.startswith("head/b/")}
        v1.train.Saver(variables).restore(session, path)
        out = session.run(y, {"x:0": x})
    np.save(os.path.join(folder, "in.npy"), x)
    np.save(os.path.join(folder, "out.npy"), out)


def main():
    root, wanted = sys.argv[1], sys.argv[2:]
    values = {"values_v2": values_v2, "values_v1": values_v1}
    for name in wanted or [*values, *NETWORKS]:
        folder = os.path.join(root, name)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        if name in values:
            values[name](folder)
        else:
            network(name, folder)
        print(name, sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder)), "bytes", flush=True)


if __name__ == "__main__":
    main()
