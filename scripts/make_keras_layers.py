#!/usr/bin/env python3
"""Builds one tiny Keras model per layer class or idea and records what Keras predicts for it.

usage: make_keras_layers.py models/keras_layers [--all] [CASE...]

  scripts/python_env reference scripts/make_keras_layers.py models/keras_layers    writes keras2/CASE (TensorFlow 2.15)
  scripts/python_env newest scripts/make_keras_layers.py models/keras_layers       writes keras3/CASE (the newest)

A case folder holds the model, one inN.npy per model input, one outN.npy per model output and meta.json with the names of
the inputs and outputs. A model has many outputs, one per variant of the layer: the name of an output says which.
The committed set has model.h5 for Keras 2 and model.keras for Keras 3, and for the cases of BOTH_FORMATS the other format
as well; --all writes both for every case. Weights and batch-norm statistics are random, and the same in every run.
"""
import argparse
import json
import os
import sys
import tempfile
import zlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # the plain kernels
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import numpy as np
import tensorflow as tf
import keras
from keras import layers as L

KERAS3 = keras.__version__.startswith("3")
FAMILY = "keras3" if KERAS3 else "keras2"
CASES = {}
BOTH_FORMATS = {"dense", "nested_models", "shared_layers", "rnn_cells"}


class Case:
    """Collects inputs and outputs of one model. `fmt` is the data_format that layers and 4-D inputs follow."""

    def __init__(self, name, fmt="channels_last"):
        self.fmt = fmt
        self.random = np.random.RandomState(zlib.crc32(name.encode()))
        self.inputs, self.data, self.outputs, self.model = [], [], [], None
        self.shapes = {}
        self.twin = None  # a model that takes this one's weights and can be run here

    def input(self, *dims, batch=2, low=-1.0, high=1.0, dtype="float32", name=None, fixed_batch=False, open_time=False):
        name = name or "in%d" % len(self.inputs)
        self.data.append(self._array((batch,) + dims, low, high, dtype))
        if self.fmt == "channels_first":
            dims = dims[-1:] + dims[:-1]
            self.data[-1] = np.moveaxis(self.data[-1], -1, 1).copy()
        keywords = {"batch_size": batch} if fixed_batch else {}
        if open_time:  # the reader has to be told how many steps there are
            self.shapes[name] = (batch,) + dims
            dims = (None,) + dims[1:]
        self.inputs.append(keras.Input(dims, name=name, dtype=dtype, **keywords))
        return self.inputs[-1]

    def _array(self, dims, low, high, dtype):
        if np.issubdtype(np.dtype(dtype), np.integer):
            return self.random.randint(int(low), int(high), dims).astype(dtype)
        return np.round(self.random.uniform(low, high, dims), 3).astype(dtype)

    def out(self, value):
        self.outputs += list(value) if isinstance(value, (list, tuple)) else [value]


def case(versions="23", channels_first=False):
    def register(function):
        if ("3" if KERAS3 else "2") in versions:
            CASES[function.__name__.rstrip("_")] = (function, channels_first)
        return function
    return register


def randomize(model, random):
    weights = []
    for variable in model.weights:
        value = np.asarray(variable)
        name = getattr(variable, "path", variable.name)
        if not np.issubdtype(value.dtype, np.floating):
            weights.append(value)
            continue
        positive = "variance" in name
        scale = 0.8 if value.ndim < 2 else min(0.8, 2.0 / np.sqrt(max(1, np.prod(value.shape[:-1]))))
        new = random.uniform(0.5, 2.0, value.shape) if positive else random.uniform(-scale, scale, value.shape)
        if name.split("/")[-1].split(":")[0] == "gamma":
            new = np.abs(new) + 0.5
        weights.append(new.astype(value.dtype))
    model.set_weights(weights)


# ---- Dense and activations ----

@case()
def dense(c):
    x = c.input(5)
    c.out(L.Dense(4, name="plain")(x))
    c.out(L.Dense(3, use_bias=False, activation="tanh", name="no_bias")(x))
    y = c.input(3, 4)
    c.out(L.Dense(2, activation="relu", name="rank3")(y))
    c.out(L.Dense(3, activation="softmax", name="softmax")(y))
    z = c.input(2, 3, 2)
    c.out(L.Dense(3, activation="sigmoid", name="rank4")(z))


NAMED = ["relu", "relu6", "sigmoid", "tanh", "softmax", "softplus", "softsign", "elu", "selu", "gelu", "swish", "silu",
         "mish", "exponential", "hard_sigmoid", "linear", "leaky_relu", "log_softmax", "log_sigmoid", "celu", "glu",
         "hard_swish", "hard_silu", "hard_tanh", "hard_shrink", "soft_shrink", "tanh_shrink", "squareplus",
         "sparse_plus", "sparse_sigmoid"]


def named_activations():
    for name in NAMED:
        try:
            keras.activations.get(name)
        except (ValueError, TypeError):
            continue
        yield name


@case()
def activation_layers(c):
    x = c.input(3, 6, low=-5, high=8)
    for name in named_activations():
        c.out(L.Activation(name, name="a_" + name)(x))


@case()
def activation_arguments(c):
    x = c.input(3, low=-2, high=2)
    for name in named_activations():
        c.out(L.Dense(4, activation=name, name="d_" + name)(x))


@case()
def activation_classes(c):
    x = c.input(3, 4, 2, low=-3, high=8)
    slope = "negative_slope" if KERAS3 else "alpha"
    c.out(L.ReLU(name="relu")(x))
    c.out(L.ReLU(max_value=6.0, name="relu_max6")(x))
    c.out(L.ReLU(max_value=3.5, name="relu_max")(x))
    c.out(L.ReLU(negative_slope=0.2, name="relu_slope")(x))
    c.out(L.ReLU(threshold=1.5, name="relu_threshold")(x))
    c.out(L.ReLU(max_value=4.0, negative_slope=0.1, threshold=0.7, name="relu_all")(x))
    c.out(L.LeakyReLU(name="leaky_default")(x))
    c.out(L.LeakyReLU(**{slope: 0.15}, name="leaky")(x))
    c.out(L.PReLU(name="prelu")(x))
    c.out(L.PReLU(shared_axes=[1, 2], name="prelu_channels")(x))
    c.out(L.PReLU(shared_axes=[3], name="prelu_pixels")(x))
    c.out(L.ELU(name="elu")(x))
    c.out(L.ELU(alpha=0.4, name="elu_alpha")(x))
    c.out(L.Softmax(name="softmax")(x))
    c.out(L.Softmax(axis=1, name="softmax_axis1")(x))
    c.out(L.Softmax(axis=[1, 2], name="softmax_axes")(x))
    if not KERAS3:
        c.out(L.ThresholdedReLU(theta=1.3, name="thresholded")(x))


# ---- Convolutions ----

@case()
def conv1d(c):
    x = c.input(8, 4)
    c.out(L.Conv1D(3, 3, name="valid")(x))
    c.out(L.Conv1D(3, 2, padding="same", activation="relu", name="same_even")(x))
    c.out(L.Conv1D(3, 3, padding="causal", name="causal")(x))
    c.out(L.Conv1D(2, 2, padding="causal", dilation_rate=2, name="causal_dilated")(x))
    c.out(L.Conv1D(2, 3, strides=2, padding="same", use_bias=False, name="strided")(x))
    c.out(L.Conv1D(4, 3, groups=2, name="groups")(x))


@case()
def conv2d(c):
    x = c.input(7, 6, 4)
    c.out(L.Conv2D(3, 3, name="valid")(x))
    c.out(L.Conv2D(3, (2, 3), padding="same", activation="relu", name="same_even")(x))
    c.out(L.Conv2D(3, 3, strides=2, padding="same", use_bias=False, name="strided")(x))
    c.out(L.Conv2D(3, 2, strides=(1, 2), name="strided_unequal")(x))
    c.out(L.Conv2D(2, 3, dilation_rate=2, padding="same", name="dilated")(x))
    c.out(L.Conv2D(2, 2, dilation_rate=(1, 2), name="dilated_valid")(x))
    c.out(L.Conv2D(4, 3, groups=2, padding="same", name="groups")(x))
    c.out(L.Conv2D(3, 1, activation="softmax", name="softmax")(x))


@case()
def conv3d(c):
    x = c.input(4, 5, 4, 2)
    c.out(L.Conv3D(2, 2, name="valid")(x))
    c.out(L.Conv3D(2, (1, 3, 2), strides=(1, 2, 1), padding="same", activation="relu", name="same")(x))


@case()
def conv1d_transpose(c):
    x = c.input(5, 3)
    c.out(L.Conv1DTranspose(2, 3, name="valid")(x))
    c.out(L.Conv1DTranspose(2, 3, strides=2, padding="same", activation="relu", name="same")(x))
    c.out(L.Conv1DTranspose(2, 3, strides=2, output_padding=1, name="output_padding")(x))


@case()
def conv2d_transpose(c):
    x = c.input(4, 3, 3)
    c.out(L.Conv2DTranspose(2, 3, name="valid")(x))
    c.out(L.Conv2DTranspose(2, (2, 3), strides=2, padding="same", activation="relu", name="same")(x))
    c.out(L.Conv2DTranspose(2, 4, strides=2, padding="same", use_bias=False, name="same_even")(x))
    c.out(L.Conv2DTranspose(2, 3, strides=(2, 3), name="valid_strided")(x))
    c.out(L.Conv2DTranspose(2, 2, strides=3, name="gaps")(x))
    c.out(L.Conv2DTranspose(2, 3, strides=2, padding="same", output_padding=(1, 0), name="output_padding")(x))
    c.out(L.Conv2DTranspose(2, 3, strides=2, output_padding=1, name="output_padding_valid")(x))


@case("2")
def conv2d_transpose_dilated(c):
    x = c.input(4, 3, 3)
    c.out(L.Conv2DTranspose(2, 2, dilation_rate=2, padding="same", name="same")(x))
    c.out(L.Conv2DTranspose(2, 2, dilation_rate=2, name="valid")(x))


@case()
def conv3d_transpose(c):
    x = c.input(2, 3, 2, 2)
    c.out(L.Conv3DTranspose(2, 2, strides=(1, 2, 2), padding="same", activation="relu", name="same")(x))
    c.out(L.Conv3DTranspose(2, 3, name="valid")(x))


@case()
def depthwise_conv1d(c):
    x = c.input(7, 3)
    c.out(L.DepthwiseConv1D(3, name="valid")(x))
    c.out(L.DepthwiseConv1D(2, strides=2, padding="same", depth_multiplier=2, activation="relu", name="multiplier")(x))
    c.out(L.DepthwiseConv1D(2, dilation_rate=2, name="dilated")(x))


@case()
def depthwise_conv2d(c):
    x = c.input(6, 5, 3)
    c.out(L.DepthwiseConv2D(3, name="valid")(x))
    c.out(L.DepthwiseConv2D((2, 3), strides=2, padding="same", depth_multiplier=2, activation="relu",
                            name="multiplier")(x))
    c.out(L.DepthwiseConv2D(2, dilation_rate=2, padding="same", use_bias=False, name="dilated")(x))


@case()
def separable_conv1d(c):
    x = c.input(7, 3)
    c.out(L.SeparableConv1D(2, 3, padding="same", depth_multiplier=2, activation="relu", name="same")(x))
    c.out(L.SeparableConv1D(2, 2, strides=2, use_bias=False, name="strided")(x))
    c.out(L.SeparableConv1D(2, 2, padding="valid" if KERAS3 else "causal", dilation_rate=2, name="dilated")(x))


@case()
def separable_conv2d(c):
    x = c.input(6, 6, 3)
    c.out(L.SeparableConv2D(2, 3, padding="same", depth_multiplier=2, activation="relu", name="same")(x))
    c.out(L.SeparableConv2D(2, 2, strides=2, use_bias=False, name="strided")(x))
    c.out(L.SeparableConv2D(2, 2, dilation_rate=2, name="dilated")(x))


# ---- Pooling and spatial layers ----

@case()
def pooling1d(c):
    x = c.input(7, 2)
    for name in ("MaxPooling1D", "AveragePooling1D"):
        c.out(getattr(L, name)(2, name=name + "_default")(x))
        c.out(getattr(L, name)(3, strides=2, padding="same", name=name + "_same")(x))
        c.out(getattr(L, name)(2, strides=1, name=name + "_valid")(x))


@case()
def pooling2d(c):
    x = c.input(7, 6, 2)
    for name in ("MaxPooling2D", "AveragePooling2D"):
        c.out(getattr(L, name)(2, name=name + "_default")(x))
        c.out(getattr(L, name)((2, 3), strides=2, padding="same", name=name + "_same")(x))
        c.out(getattr(L, name)(3, strides=(2, 1), name=name + "_valid")(x))


@case()
def pooling3d(c):
    x = c.input(4, 5, 4, 2)
    for name in ("MaxPooling3D", "AveragePooling3D"):
        c.out(getattr(L, name)(2, name=name + "_default")(x))
        c.out(getattr(L, name)((2, 3, 1), strides=(1, 2, 2), padding="same", name=name + "_same")(x))


@case("3")
def adaptive_pooling(c):
    """Windows of one size, and of several."""
    for rank, dims in ((1, (7,)), (2, (6, 9)), (3, (4, 5, 6))):
        x = c.input(*dims, 2)
        for kind in ("Average", "Max"):
            layer = getattr(L, "Adaptive%sPooling%dD" % (kind, rank))
            c.out([layer(3, name="%s%dd" % (kind.lower(), rank))(x), layer(dims, name="all_%s%dd" % (kind.lower(), rank))(x)])
            if rank == 2:
                c.out([layer((2, 3), name="even_%s" % kind.lower())(x), layer((4, 3), name="odd_%s" % kind.lower())(x)])


@case()
def global_pooling(c):
    inputs = {"1D": c.input(5, 3), "2D": c.input(4, 3, 3), "3D": c.input(2, 3, 2, 3)}
    for rank, x in inputs.items():
        for name in ("GlobalMaxPooling" + rank, "GlobalAveragePooling" + rank):
            c.out(getattr(L, name)(name=name)(x))
            c.out(getattr(L, name)(keepdims=True, name=name + "_keep")(x))


@case()
def padding_and_cropping(c):
    a, b, d = c.input(5, 2), c.input(5, 6, 2), c.input(3, 4, 3, 2)
    c.out(L.ZeroPadding1D((2, 1), name="pad1d")(a))
    c.out(L.ZeroPadding2D(((1, 2), (0, 3)), name="pad2d")(b))
    c.out(L.ZeroPadding2D(2, name="pad2d_int")(b))
    c.out(L.ZeroPadding3D((1, 0, 2), name="pad3d")(d))
    c.out(L.Cropping1D((2, 1), name="crop1d")(a))
    c.out(L.Cropping2D(((1, 2), (0, 3)), name="crop2d")(b))
    c.out(L.Cropping2D((1, 0), name="crop2d_pair")(b))
    c.out(L.Cropping3D(((1, 0), (1, 1), (0, 1)), name="crop3d")(d))


@case()
def up_sampling(c):
    a, b, d = c.input(3, 2), c.input(3, 4, 2), c.input(2, 3, 2, 2)
    c.out(L.UpSampling1D(3, name="up1d")(a))
    c.out(L.UpSampling2D((2, 3), name="nearest")(b))
    c.out(L.UpSampling2D(2, interpolation="bilinear", name="bilinear")(b))
    c.out(L.UpSampling2D(2, interpolation="bicubic", name="bicubic")(b))
    c.out(L.UpSampling3D((1, 2, 2), name="up3d")(d))


@case("2")
def up_sampling_rare(c):
    x = c.input(3, 4, 2)
    for name in ("area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic"):
        c.out(L.UpSampling2D(2, interpolation=name, name=name)(x))


@case(channels_first=True)
def channels_first_conv(c):
    x = c.input(6, 5, 4)
    f = {"data_format": c.fmt}
    c.out(L.Conv2D(3, 3, padding="same", strides=2, activation="relu", name="conv", **f)(x))
    c.out(L.Conv2D(3, 2, name="valid", **f)(x))
    c.out(L.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise", **f)(x))
    c.out(L.SeparableConv2D(2, 3, padding="same", name="separable", **f)(x))
    c.out(L.Conv2DTranspose(2, 3, strides=2, padding="same", name="transpose", **f)(x))


@case(channels_first=True)
def channels_first_spatial(c):
    x = c.input(6, 5, 3)
    f = {"data_format": c.fmt}
    c.out(L.MaxPooling2D(2, name="max", **f)(x))
    c.out(L.AveragePooling2D(3, strides=2, padding="same", name="average", **f)(x))
    c.out(L.GlobalAveragePooling2D(name="global", **f)(x))
    c.out(L.GlobalMaxPooling2D(keepdims=True, name="global_keep", **f)(x))
    c.out(L.UpSampling2D(2, name="up", **f)(x))
    c.out(L.UpSampling2D(2, interpolation="bilinear", name="bilinear", **f)(x))
    c.out(L.ZeroPadding2D((1, 2), name="pad", **f)(x))
    c.out(L.Cropping2D((1, 2), name="crop", **f)(x))
    c.out(L.BatchNormalization(axis=1 if c.fmt == "channels_first" else -1, name="norm")(x))
    c.out(L.SpatialDropout2D(0.5, name="dropout", **f)(x))
    c.out(L.Flatten(name="flat", **f)(x))


# ---- Normalizations ----

@case()
def batch_normalization(c):
    for rank, dims in ((2, (4,)), (3, (5, 3)), (4, (3, 4, 3)), (5, (2, 2, 2, 3))):
        x = c.input(*dims)
        c.out(L.BatchNormalization(name="rank%d" % rank)(x))
        if rank == 4:
            c.out(L.BatchNormalization(axis=1, name="axis1")(x))
            c.out(L.BatchNormalization(axis=2, epsilon=0.01, name="axis2")(x))
            c.out(L.BatchNormalization(scale=False, name="no_scale")(x))
            c.out(L.BatchNormalization(center=False, name="no_center")(x))
            c.out(L.BatchNormalization(scale=False, center=False, name="bare")(x))
        if rank == 3:
            c.out(L.BatchNormalization(axis=1, name="rank3_axis1")(x))


@case()
def layer_normalization(c):
    x = c.input(3, 4, 6)
    c.out(L.LayerNormalization(name="last")(x))
    c.out(L.LayerNormalization(axis=1, name="axis1")(x))
    c.out(L.LayerNormalization(axis=[2, 3], epsilon=0.01, name="two_axes")(x))
    c.out(L.LayerNormalization(axis=[1, 2, 3], name="all_axes")(x))
    c.out(L.LayerNormalization(scale=False, name="no_scale")(x))
    c.out(L.LayerNormalization(center=False, name="no_center")(x))
    y = c.input(5)
    c.out(L.LayerNormalization(name="rank2")(y))
    if KERAS3 and hasattr(L, "RMSNormalization"):
        c.out(L.RMSNormalization(name="rms")(x))


@case()
def group_normalization(c):
    x = c.input(3, 4, 6)
    c.out(L.GroupNormalization(groups=2, name="groups2")(x))
    c.out(L.GroupNormalization(groups=-1, name="instance")(x))
    c.out(L.GroupNormalization(groups=1, epsilon=0.01, name="groups1")(x))
    c.out(L.GroupNormalization(groups=3, scale=False, center=False, name="bare")(x))
    c.out(L.GroupNormalization(groups=3, axis=1, name="axis1")(x))
    y = c.input(6)
    c.out(L.GroupNormalization(groups=2, name="rank2")(y))


@case()
def unit_normalization(c):
    x = c.input(3, 4)
    c.out(L.UnitNormalization(name="last")(x))
    c.out(L.UnitNormalization(axis=[1, 2], name="axes")(x))


@case()
def rescaling(c):
    x = c.input(3, 3, 3, low=0, high=255)
    c.out(L.Rescaling(1.0 / 255, name="scale")(x))
    c.out(L.Rescaling(1.0 / 127.5, offset=-1, name="offset")(x))
    c.out(L.Rescaling([0.1, 0.2, 0.3], offset=[1.0, 2.0, 3.0], name="lists")(x))
    y = c.input(3, 3, 3, low=0, high=255, dtype="uint8")
    c.out(L.Rescaling(1.0 / 255, name="bytes")(y))


@case()
def normalization(c):
    x = c.input(3, 4, 3)
    c.out(L.Normalization(mean=[0.1, 0.2, 0.3], variance=[0.5, 1.5, 2.5], name="given")(x))
    c.out(L.Normalization(mean=[0.1, 0.2, 0.3], variance=[0.5, 1.5, 2.5], invert=True, name="invert")(x))
    c.out(L.Normalization(mean=0.4, variance=1.7, axis=None, name="one")(x))
    for name, axis in (("adapted", -1), ("adapted_axis1", 1), ("adapted_one", None)):
        layer = L.Normalization(axis=axis, name=name)
        layer.adapt(np.random.RandomState(5).uniform(-2, 4, (6, 3, 4, 3)).astype("float32"))
        c.out(layer(x))


@case()
def resizing(c):
    x = c.input(6, 5, 2)
    for name in ("bilinear", "nearest", "bicubic"):
        c.out(L.Resizing(9, 8, interpolation=name, name=name)(x))
        c.out(L.Resizing(4, 3, interpolation=name, name=name + "_down")(x))
    c.out(L.Resizing(4, 4, crop_to_aspect_ratio=True, name="crop")(x))
    if KERAS3:
        c.out(L.Resizing(4, 4, pad_to_aspect_ratio=True, fill_value=0.5, name="pad")(x))


@case()
def resizing_rare(c):
    x = c.input(6, 5, 2)
    for name in ("lanczos3", "lanczos5") + (() if KERAS3 else ("area", "gaussian", "mitchellcubic")):
        c.out(L.Resizing(9, 8, interpolation=name, name=name)(x))
        c.out(L.Resizing(4, 3, interpolation=name, name=name + "_down")(x))


@case()
def center_crop(c):
    x = c.input(7, 6, 2)
    c.out(L.CenterCrop(4, 3, name="crop")(x))
    c.out(L.CenterCrop(8, 4, name="too_high")(x))


@case()
def spectral_normalization(c):
    x = c.input(5, 5, 2)
    c.out(L.SpectralNormalization(L.Conv2D(3, 3), name="conv")(x))


# ---- Shapes and merging ----

@case()
def reshaping(c):
    x = c.input(4, 3, 2)
    c.out(L.Flatten(name="flatten")(x))
    c.out(L.Reshape((6, 4), name="reshape")(x))
    c.out(L.Reshape((-1, 3), name="reshape_free")(x))
    c.out(L.Permute((3, 1, 2), name="permute")(x))
    y = c.input(3)
    c.out(L.RepeatVector(4, name="repeat")(y))
    c.out(L.Flatten(name="flatten_vector")(y))


@case()
def merging(c):
    a, b, d = c.input(3, 4), c.input(3, 4), c.input(3, 4)
    for name in ("Add", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"):
        c.out(getattr(L, name)(name=name)([a, b, d]))
    c.out(L.Subtract(name="Subtract")([a, b]))
    c.out(L.Concatenate(axis=1, name="concat_axis1")([a, b]))
    e = c.input(1, 4)
    c.out(L.Add(name="broadcast")([a, e]))
    c.out(L.Multiply(name="multiply_broadcast")([a, e]))


@case()
def dot(c):
    a, b = c.input(4), c.input(4)
    c.out(L.Dot(axes=1, name="vectors")([a, b]))
    c.out(L.Dot(axes=-1, normalize=True, name="cosine")([a, b]))
    d, e = c.input(3, 4), c.input(5, 4)
    c.out(L.Dot(axes=2, name="matrices")([d, e]))
    c.out(L.Dot(axes=(1, 1), name="first_axes")([d, d]))


@case()
def dropouts(c):
    x = c.input(4, 3)
    names = ["Dropout", "GaussianDropout", "GaussianNoise", "AlphaDropout", "SpatialDropout1D"]
    for name in names:
        c.out(L.Activation("relu", name="after_" + name)(getattr(L, name)(0.3)(x)))
    c.out(L.ActivityRegularization(l2=0.1, name="regularization")(x))
    c.out(L.SpatialDropout2D(0.3, name="spatial2d")(c.input(2, 2, 2)))
    c.out(L.SpatialDropout3D(0.3, name="spatial3d")(c.input(2, 2, 2, 2)))
    c.out(L.Identity(name="identity")(x))


@case()
def augmentation(c):
    x = c.input(6, 6, 3, low=0, high=255)
    y = x
    for layer in (L.RandomFlip(), L.RandomRotation(0.1), L.RandomZoom(0.2), L.RandomContrast(0.2),
                  L.RandomTranslation(0.1, 0.1), L.RandomBrightness(0.2)):
        y = layer(y)
    c.out(L.Rescaling(1 / 255.0, name="chain")(y))
    for name, arguments in (("RandomGrayscale", (0.5,)), ("RandomHue", (0.2,)), ("RandomSaturation", (0.3,)),
                            ("RandomSharpness", (0.5,)), ("RandomPosterization", (4,)), ("RandomShear", (0.2, 0.2)),
                            ("RandomGaussianBlur", ()), ("RandomErasing", ()), ("RandomInvert", ()),
                            ("RandomPerspective", ()), ("RandomColorJitter", ()), ("Solarization", (0.2,)),
                            ("RandomColorDegeneration", (0.4,)), ("RandomElasticTransform", ()), ("AugMix", ())):
        if name != "Solarization" and hasattr(L, name):
            c.out(getattr(L, name)(*arguments, name=name)(x))
    if not KERAS3:
        c.out(L.RandomHeight(0.1, name="height")(x))
        c.out(L.RandomWidth(0.1, name="width")(x))


@case()
def random_crop(c):
    c.out(L.RandomCrop(4, 3, name="crop")(c.input(6, 5, 2)))


# ---- Embeddings, recurrence, attention ----

@case()
def embedding(c):
    x = c.input(4, dtype="int32", low=0, high=6)
    c.out(L.Embedding(6, 3, name="ids")(x))
    y = c.input(4, dtype="float32", low=0, high=5.9)
    c.out(L.Embedding(6, 2, name="float_ids")(y))


@case()
def masking(c):
    x = c.input(4, 3)
    c.data[-1][:, 1:3] = 0.5
    masked = L.Masking(0.5, name="masking")(x)
    c.out(masked)
    c.out(L.Dense(2, name="dense")(masked))


@case()
def lstm(c):
    x = c.input(4, 3)
    c.out(L.LSTM(2, name="last")(x))
    c.out(L.LSTM(2, return_sequences=True, name="sequences")(x))
    c.out(L.LSTM(2, return_sequences=True, go_backwards=True, name="backwards")(x))
    c.out(L.LSTM(2, return_sequences=True, return_state=True, name="state")(x))
    c.out(L.LSTM(2, use_bias=False, activation="relu", recurrent_activation="hard_sigmoid", name="activations")(x))
    c.out(L.LSTM(2, implementation=1, dropout=0.2, recurrent_dropout=0.1, unroll=True, name="unrolled")(x))
    h, s = c.input(2), c.input(2)
    c.out(L.LSTM(2, name="initial_state")(x, initial_state=[h, s]))


@case()
def gru(c):
    x = c.input(4, 3)
    c.out(L.GRU(2, name="last")(x))
    c.out(L.GRU(2, return_sequences=True, reset_after=False, name="reset_before")(x))
    c.out(L.GRU(2, return_sequences=True, go_backwards=True, return_state=True, name="backwards")(x))
    c.out(L.GRU(2, use_bias=False, activation="relu", recurrent_activation="hard_sigmoid", name="no_bias")(x))
    c.out(L.GRU(2, use_bias=False, reset_after=False, name="no_bias_before")(x))
    c.out(L.GRU(2, name="initial_state")(x, initial_state=c.input(2)))


@case()
def simple_rnn(c):
    x = c.input(4, 3)
    c.out(L.SimpleRNN(2, name="last")(x))
    c.out(L.SimpleRNN(2, return_sequences=True, activation="relu", use_bias=False, name="sequences")(x))
    c.out(L.SimpleRNN(2, go_backwards=True, return_state=True, name="backwards")(x))


@case()
def rnn_cells(c):
    x = c.input(3, 3)
    c.out(L.RNN(L.LSTMCell(2), return_sequences=True, name="lstm_cell")(x))
    c.out(L.RNN([L.GRUCell(2), L.LSTMCell(3)], return_sequences=True, name="stacked")(x))
    c.out(L.RNN(L.SimpleRNNCell(2), name="simple_cell")(x))


@case()
def bidirectional(c):
    x = c.input(4, 3)
    for mode in ("concat", "sum", "mul", "ave"):
        c.out(L.Bidirectional(L.LSTM(2, return_sequences=True), merge_mode=mode, name=mode)(x))
    c.out(L.Bidirectional(L.GRU(2), name="last")(x))
    c.out(L.Bidirectional(L.GRU(2, return_sequences=True), merge_mode=None, name="apart")(x))
    c.out(L.Bidirectional(L.SimpleRNN(2), backward_layer=L.LSTM(3, go_backwards=True), name="unequal")(x))


@case()
def conv_lstm(c):
    x = c.input(3, 4, 5, 2)
    c.out(L.ConvLSTM2D(2, 3, padding="same", return_sequences=True, name="same")(x))
    c.out(L.ConvLSTM2D(2, (2, 3), activation="relu", name="valid")(x))
    y = c.input(3, 4, 2)
    c.out(L.ConvLSTM1D(2, 3, padding="same", name="line")(y))


@case()
def time_distributed(c):
    x = c.input(3, 4)
    c.out(L.TimeDistributed(L.Dense(2, activation="relu"), name="dense")(x))
    y = c.input(3, 5, 4, 2)
    c.out(L.TimeDistributed(L.Conv2D(2, 3), name="conv")(y))
    c.out(L.TimeDistributed(L.Flatten(), name="flatten")(y))
    inner_in = keras.Input((5, 4, 2))
    inner = keras.Model(inner_in, L.GlobalAveragePooling2D()(L.Conv2D(3, 2, activation="relu")(inner_in)))
    c.out(L.TimeDistributed(inner, name="model")(y))


@case()
def multi_head_attention(c):
    x, y = c.input(4, 3), c.input(5, 3)
    c.out(L.MultiHeadAttention(2, 2, name="self")(x, x))
    c.out(L.MultiHeadAttention(2, 2, value_dim=3, name="cross")(x, y))
    c.out(L.MultiHeadAttention(2, 3, use_bias=False, output_shape=5, name="no_bias")(x, y, y))
    c.out(L.MultiHeadAttention(2, 2, name="scores")(x, y, return_attention_scores=True))
    c.out(L.MultiHeadAttention(2, 2, name="causal")(x, x, use_causal_mask=True))
    z = c.input(3, 4, 3)
    c.out(L.MultiHeadAttention(2, 2, attention_axes=(1, 2), name="axes")(z, z))
    if KERAS3:
        c.out(L.GroupQueryAttention(2, 4, 2, name="grouped")(x, y))


@case()
def attention(c):
    q, v = c.input(4, 3), c.input(5, 3)
    c.out(L.Attention(name="plain")([q, v]))
    c.out(L.Attention(use_scale=True, name="scaled")([q, v]))
    c.out(L.Attention(score_mode="concat", name="concat")([q, v]))
    c.out(L.Attention(name="scores")([q, v, v], return_attention_scores=True))
    c.out(L.Attention(name="causal")([q, q], use_causal_mask=True))
    c.out(L.AdditiveAttention(name="additive")([q, v]))
    c.out(L.AdditiveAttention(use_scale=False, name="additive_unscaled")([q, v]))


@case()
def einsum_dense(c):
    x = c.input(3, 4)
    c.out(L.EinsumDense("abc,cd->abd", output_shape=(None, 5), bias_axes="d", name="dense")(x))
    c.out(L.EinsumDense("abc,cde->abde", output_shape=(None, 2, 3), bias_axes="de", activation="relu",
                        name="heads")(x))
    c.out(L.EinsumDense("...x,xy->...y", output_shape=3, name="ellipsis")(x))
    c.out(L.EinsumDense("abc,bd->adc", output_shape=(2, 4), name="mixer")(x))


# ---- Preprocessing that turns numbers into numbers ----

@case()
def discretization(c):
    x = c.input(5, low=-2, high=2)
    c.out(L.Discretization(bin_boundaries=[-1.0, 0.0, 0.5], name="buckets")(x))
    c.out(L.Discretization(bin_boundaries=[-1.0, 0.0, 0.5], output_mode="one_hot", name="one_hot")(c.input(1, low=-2, high=2)))


@case()
def category_encoding(c):
    x = c.input(3, dtype="int32", low=0, high=4)
    c.out(L.CategoryEncoding(num_tokens=4, output_mode="multi_hot", name="multi_hot")(x))
    c.out(L.CategoryEncoding(num_tokens=4, output_mode="count", name="count")(x))
    y = c.input(1, dtype="int32", low=0, high=4)
    c.out(L.CategoryEncoding(num_tokens=4, output_mode="one_hot", name="one_hot")(y))


# ---- Models in models, shared layers ----

@case()
def sequential(c):
    c.model = keras.Sequential([keras.Input((6, 5, 2)), L.Conv2D(3, 3, padding="same"), L.BatchNormalization(),
                                L.Activation("relu"), L.MaxPooling2D(), L.Dropout(0.5), L.Flatten(),
                                L.Dense(4, activation="softmax")])
    c.input(6, 5, 2)


@case()
def sequential_built_later(c):
    c.model = keras.Sequential([L.Dense(4, activation="relu"), L.Dense(2)])
    c.input(3)


@case()
def compiled(c):
    c.model = keras.Sequential([keras.Input((3,)), L.Dense(4, activation="relu"), L.Dense(2, activation="softmax")])
    c.model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    c.input(3)
    c.model.fit(c.data[0], np.eye(2, dtype="float32"), verbose=0)


@case()
def shared_layers(c):
    a, b = c.input(4, 4, 2), c.input(4, 4, 2)
    conv = L.Conv2D(2, 3, padding="same", name="shared_conv")
    norm = L.BatchNormalization(name="shared_norm")
    first, second = norm(conv(a)), norm(conv(b))
    c.out(L.Concatenate(name="both")([first, second]))
    c.out(conv(L.ReLU(name="between")(first)))


@case()
def nested_models(c):
    def block(name, channels):
        x = keras.Input((4, 4, channels), name=name + "_in")
        y = L.BatchNormalization(name="norm")(L.Conv2D(3, 3, padding="same", name="conv")(x))
        return keras.Model(x, [y, L.ReLU(name="relu")(y)], name=name)
    x = c.input(4, 4, 2)
    head = keras.Sequential([L.Conv2D(2, 1, name="conv"), L.GlobalAveragePooling2D()], name="head")
    linear, positive = block("block_a", 2)(x)
    inner = block("block_b", 3)
    middle_in = keras.Input((4, 4, 3), name="middle_in")
    middle = keras.Model(middle_in, L.Add(name="sum")([inner(middle_in)[1], middle_in]), name="middle")
    y = middle(positive)
    c.out(linear)
    c.out(middle(y))
    c.out(head(y))


@case()
def nested_in_sequential(c):
    base_in = keras.Input((6, 6, 2), name="base_in")
    base = keras.Model(base_in, L.MaxPooling2D()(L.Conv2D(3, 3, activation="relu")(base_in)), name="base")
    c.model = keras.Sequential([base, keras.Sequential([L.Flatten(), L.Dense(3)], name="top"), L.Softmax()])
    c.input(6, 6, 2)


@case()
def several_outputs(c):
    a, b = c.input(4, name="left"), c.input(4, name="right")
    joined = L.Concatenate(name="joined")([a, b])
    hidden = L.Dense(3, activation="relu", name="hidden")(joined)
    c.out(L.Dense(2, name="second")(hidden))
    c.out(hidden)
    c.out(L.Dense(2, activation="softmax", name="first")(hidden))


@case()
def named_inputs_and_outputs(c):
    a, b = c.input(4, name="zebra"), c.input(4, name="apple")
    difference = L.Subtract(name="difference")([a, b])
    c.model = keras.Model({"zebra": a, "apple": b}, {"wide": L.Dense(3, name="dense_wide")(difference),
                                                    "narrow": L.Dense(1, name="dense_narrow")(difference)})


@case()
def fixed_batch(c):
    x = c.input(4, 3, 2, fixed_batch=True)
    c.out(L.Dense(3, name="dense")(L.Reshape((6, 4), name="reshape")(x)))


@case()
def mixed_precision(c):
    x = c.input(4, 4, 2)
    y = L.Conv2D(2, 3, activation="relu", dtype="mixed_float16", name="half_conv")(x)
    y = L.BatchNormalization(dtype="mixed_float16", name="half_norm")(y)
    c.out(L.Dense(3, dtype="float32", activation="softmax", name="dense")(L.Flatten(dtype="mixed_float16")(y)))


# ---- Functions used as layers ----

@case("2")
def tf_operators(c):
    x, y = c.input(4, 5), c.input(4, 5, low=0.5, high=2)
    c.out([x + 1.0, 1.0 - x, x - y, x * y, 2.0 * x, x / y, 3.0 / y, y ** 2, -x, abs(x), y ** 0.5])
    c.out([x[:, 1:], x[:, ::2, -1], x[..., 1:3], x[:, tf.newaxis, 2], x[:, -1], x[:, 1:-1, :2]])
    c.out([tf.cast(x > 0, "float32"), tf.cast(x <= y, "float32"), x // y, y % 0.3])
    c.out(tf.linalg.matmul(x, y, transpose_b=True))


@case("2")
def tf_math(c):
    x, y = c.input(3, 4), c.input(3, 4, low=0.5, high=2)
    for name in ("abs", "exp", "sin", "cos", "tanh", "sigmoid", "square", "sign", "floor", "ceil", "round", "negative",
                 "erf", "softplus", "expm1"):
        c.out(getattr(tf.math, name)(x))
    for name in ("log", "sqrt", "rsqrt", "reciprocal", "log1p"):
        c.out(getattr(tf.math, name)(y))
    for name in ("add", "subtract", "multiply", "divide", "maximum", "minimum", "pow", "squared_difference",
                 "divide_no_nan", "floormod", "atan2"):
        c.out(getattr(tf.math, name)(y, x) if name != "pow" else tf.math.pow(y, x))
    c.out([tf.add_n([x, y, x]), tf.clip_by_value(x, -0.5, 0.5), tf.math.l2_normalize(x, axis=-1),
           tf.where(x > 0, x, y), tf.math.cumsum(x, axis=1), tf.add(x, 1.0), tf.multiply(x, 2.0)])


@case("2")
def tf_reductions(c):
    x = c.input(3, 4, 2)
    for name in ("reduce_mean", "reduce_sum", "reduce_max", "reduce_min", "reduce_prod", "reduce_logsumexp",
                 "reduce_variance", "reduce_std"):
        c.out(getattr(tf.math, name)(x, axis=[1, 2]))
        c.out(getattr(tf.math, name)(x, axis=-1, keepdims=True))
    c.out([tf.reduce_mean(x, axis=1), tf.reduce_mean(x, [1, 2], True), tf.argmax(x, axis=-1),
           tf.norm(x, axis=-1), tf.math.argmin(x, axis=1)])


@case("2")
def tf_arrays(c):
    x, y = c.input(3, 4, 1), c.input(3, 4, 1)
    c.out([tf.concat([x, y], axis=-1), tf.concat([x, y], 1), tf.stack([x, y], axis=1), tf.reshape(x, [-1, 12]),
           tf.transpose(x, perm=[0, 2, 1, 3]), tf.transpose(x),
           tf.expand_dims(x, 1), tf.expand_dims(x, axis=-1), tf.squeeze(x, axis=-1), tf.squeeze(x, [-1]),
           tf.tile(x, [1, 2, 3, 1]), tf.pad(x, [[0, 0], [1, 2], [0, 1], [0, 0]]),
           tf.pad(x, [[0, 0], [1, 1], [1, 0], [0, 0]], "REFLECT"),
           tf.pad(x, [[0, 0], [1, 1], [2, 0], [0, 0]], constant_values=1.5), tf.reverse(x, axis=[1]),
           tf.gather(x, [2, 0], axis=1), tf.zeros_like(x), tf.ones_like(x), tf.identity(x), tf.stop_gradient(x),
           tf.broadcast_to(x[:, :, :1], [2, 3, 4, 1]), tf.repeat(x, 2, axis=1),
           tf.roll(x, 1, axis=2)])
    c.out(tf.split(x, 2, axis=2))
    c.out(tf.split(x, [1, 2], axis=1))
    c.out(tf.unstack(x, axis=1))
    c.out(tf.linalg.matmul(x, y, transpose_a=True))
    c.out(tf.one_hot(tf.cast(x[..., 0] > 0, "int32"), 3))
    c.out(tf.compat.v1.transpose(x, [0, 2, 1, 3]))


@case("2")
def tf_shapes(c):
    x = c.input(3, 4)
    batch = tf.shape(x)[0]
    c.out(tf.reshape(x, [batch, 4, 3]))
    c.out(tf.reshape(x, tf.stack([batch, 12])))
    c.out(x + tf.zeros([3, 4]))
    c.out(tf.cast(tf.shape(x)[1], "float32") * x)


@case("2")
def tf_nn(c):
    x = c.input(4, 6, 4, low=-2, high=3)
    for name in ("relu", "relu6", "elu", "selu", "sigmoid", "tanh", "softmax", "log_softmax", "softplus", "softsign",
                 "swish", "silu", "leaky_relu", "gelu", "crelu"):
        c.out(getattr(tf.nn, name)(x))
    c.out([tf.nn.leaky_relu(x, alpha=0.3), tf.nn.gelu(x, approximate=True), tf.nn.softmax(x, axis=1),
           tf.nn.l2_normalize(x, axis=[1, 2]), tf.nn.max_pool2d(x, 2, 2, "SAME"), tf.nn.avg_pool2d(x, 3, 2, "VALID"),
           tf.nn.depth_to_space(x, 2), tf.nn.space_to_depth(x, 2), tf.nn.bias_add(x, [0.1, 0.2, 0.3, 0.4]),
           tf.nn.local_response_normalization(x), tf.nn.max_pool(x, 3, 1, "SAME"),
           tf.keras.activations.hard_sigmoid(x), tf.keras.backend.mean(x, axis=1),
           tf.keras.activations.relu(x, max_value=2.0)])
    kernel = np.random.RandomState(3).uniform(-0.5, 0.5, (3, 3, 4, 2)).astype("float32")
    c.out(tf.nn.conv2d(x, kernel, strides=2, padding="SAME"))
    c.out(tf.nn.conv2d(x, kernel, strides=[1, 1, 1, 1], padding=[[0, 0], [1, 0], [0, 1], [0, 0]]))
    c.out(tf.nn.depthwise_conv2d(x, kernel, strides=[1, 1, 1, 1], padding="VALID"))
    mean, variance = tf.nn.moments(x, axes=[1, 2], keepdims=True)
    c.out([mean, variance, tf.nn.batch_normalization(x, mean, variance, None, 1.5, 0.01)])


@case("2")
def tf_image(c):
    x = c.input(5, 4, 2)
    c.out([tf.image.resize(x, (8, 6)), tf.image.resize(x, [3, 3], method="nearest"),
           tf.image.resize(x, (10, 8), method="bicubic"), tf.image.resize(x, (3, 2), antialias=True),
           tf.image.flip_left_right(x), tf.compat.v1.image.resize_bilinear(x, [8, 6], align_corners=True),
           tf.compat.v1.image.resize_nearest_neighbor(x, [8, 6]), tf.image.per_image_standardization(x),
           tf.image.central_crop(x, 0.5), tf.image.resize_with_crop_or_pad(x, 7, 2),
           tf.image.pad_to_bounding_box(x, 1, 2, 8, 7), tf.image.crop_to_bounding_box(x, 1, 1, 3, 2)])


@case("3")
def keras_operators(c):
    ops = keras.ops
    x, y = c.input(4, 5), c.input(4, 5, low=0.5, high=2)
    c.out([x + 1.0, 1.0 - x, x - y, x * y, 2.0 * x, x / y, 3.0 / y, y ** 2, -x, abs(x), x // y, y % 0.3])
    c.out([x[:, 1:], x[:, ::2, -1], x[..., 1:3], x[:, None, 2], x[:, -1], x[:, 1:-1, :2]])
    c.out([ops.cast(x > 0, "float32"), ops.cast(x <= y, "float32"), x @ ops.transpose(y, (0, 2, 1))])


@case("3")
def keras_ops_math(c):
    ops = keras.ops
    x, y = c.input(3, 4), c.input(3, 4, low=0.5, high=2)
    for name in ("abs", "exp", "sin", "cos", "tan", "tanh", "square", "sign", "floor", "ceil", "round", "negative",
                 "erf", "expm1", "sinh", "cosh", "arctan", "absolute"):
        c.out(getattr(ops, name)(x))
    for name in ("log", "sqrt", "rsqrt", "reciprocal", "log1p", "log2", "log10"):
        c.out(getattr(ops, name)(y))
    for name in ("add", "subtract", "multiply", "divide", "maximum", "minimum", "power", "mod", "true_divide",
                 "arctan2", "floor_divide", "divide_no_nan", "logaddexp"):
        c.out(getattr(ops, name)(y, x))
    c.out([ops.clip(x, -0.5, 0.5), ops.normalize(x, axis=-1), ops.where(x > 0, x, y), ops.cumsum(x, axis=1),
           ops.cast(ops.logical_and(x > 0, y > 1), "float32")])


@case("3")
def keras_ops_arrays(c):
    ops = keras.ops
    x, y = c.input(3, 4, 1), c.input(3, 4, 1)
    c.out([ops.concatenate([x, y], axis=-1), ops.stack([x, y], axis=1), ops.reshape(x, (-1, 12)),
           ops.transpose(x, (0, 2, 1, 3)), ops.expand_dims(x, 1), ops.squeeze(x, axis=-1), ops.tile(x, (1, 2, 3, 1)),
           ops.pad(x, ((0, 0), (1, 2), (0, 1), (0, 0))), ops.pad(x, ((0, 0), (1, 1), (1, 0), (0, 0)), mode="reflect"),
           ops.flip(x, axis=1), ops.take(x, np.array([2, 0]), axis=1), ops.zeros_like(x), ops.ones_like(x),
           ops.repeat(x, 2, axis=1), ops.swapaxes(x, 1, 2), ops.moveaxis(x, 1, 2), ops.matmul(ops.transpose(x, (0, 1, 3, 2)), y),
           ops.einsum("abce,abde->acd", x, y), ops.broadcast_to(ops.expand_dims(y, 1), (2, 2, 3, 4, 1)),
           ops.roll(x, 1, axis=2), ops.stop_gradient(x), ops.hstack([x, y])])
    c.out(ops.split(x, 2, axis=2))
    c.out(ops.unstack(x, axis=1))
    for name in ("mean", "sum", "max", "min", "prod", "var", "std", "logsumexp"):
        c.out(getattr(ops, name)(x, axis=(1, 2)))
        c.out(getattr(ops, name)(x, axis=-2, keepdims=True))
    c.out([ops.argmax(x, axis=1), ops.argmin(x, axis=2), ops.one_hot(ops.argmax(x, axis=1), 3), ops.norm(x, axis=2)])


@case("3")
def keras_ops_nn(c):
    ops = keras.ops
    x = c.input(4, 6, 4, low=-2, high=3)
    for name in ("relu", "relu6", "elu", "selu", "sigmoid", "softmax", "log_softmax", "softplus", "softsign", "silu",
                 "leaky_relu", "gelu", "hard_sigmoid", "hard_silu", "log_sigmoid", "celu", "hard_tanh", "soft_shrink",
                 "hard_shrink", "tanh_shrink", "glu", "squareplus", "threshold", "sparse_plus"):
        c.out(getattr(ops, name)(x) if name != "threshold" else ops.threshold(x, 0.5, -1.0))
    c.out([ops.leaky_relu(x, negative_slope=0.3), ops.gelu(x, approximate=False), ops.softmax(x, axis=1),
           ops.max_pool(x, 2, 2, "same"), ops.average_pool(x, 3, 2, "valid"), ops.elu(x, alpha=0.5)])
    kernel = np.random.RandomState(3).uniform(-0.5, 0.5, (3, 3, 4, 2)).astype("float32")
    c.out(ops.conv(x, kernel, strides=2, padding="same"))
    c.out(ops.depthwise_conv(x, kernel, padding="valid"))
    mean, variance = ops.moments(x, axes=(1, 2), keepdims=True)
    c.out([mean, variance, ops.image.resize(x, (6, 8)), ops.image.resize(x, (3, 4), interpolation="nearest"),
           ops.image.pad_images(x, 1, 1, 1, 1), ops.image.crop_images(x, 1, 1, 1, 1)])


@case()
def unknown_time_steps(c):
    x = c.input(5, 3, open_time=True)
    c.out([L.LSTM(4, name="lstm")(x), L.Bidirectional(L.GRU(2, return_sequences=True), name="both")(x),
           L.TimeDistributed(L.Dense(2), name="each")(x)])


@case("2")
def tf_op_layers(c):
    """What Keras 2.0 to 2.3 made of TensorFlow's functions; later ones still do where a graph is built without eager tensors."""
    from keras.src.engine.base_layer import TensorFlowOpLayer
    for dims in [(4, 6), (6, 3), (6, 6, 2)]:
        c.input(*dims)
    kernel = np.round(c.random.uniform(-1, 1, (2, 2, 2, 3)), 3).astype("float32")
    with tf.Graph().as_default():
        x, y, z = inputs = [keras.Input(t.shape[1:], name=t.name) for t in c.inputs]
        outputs = [
            x / 2.0 - 0.25, 1.0 - tf.nn.relu6(x * 4.0), tf.matmul(x, y), x[:, 1:3, tf.newaxis, ::-1],
            tf.reduce_mean(x, axis=[1], keepdims=True), tf.transpose(x, [0, 2, 1]), tf.concat([x, x + 1.0], axis=-1),
            tf.reshape(x, [tf.shape(x)[0], -1]), tf.image.resize(z, (9, 4)),
            tf.pad(z, [[0, 0], [1, 0], [0, 2], [0, 0]]), tf.cast(tf.argmax(x, axis=-1), tf.float32),
            tf.where(x > 0.1, x, tf.zeros_like(x)), tf.nn.conv2d(z, tf.constant(kernel), 2, "SAME"),
            L.Dense(2, name="dense")(tf.squeeze(tf.expand_dims(x, 2), axis=[2])), *tf.split(x, 3, axis=2)]
        described = keras.Model(inputs, outputs).to_json()
    c.model = keras.models.model_from_json(described, {"TensorFlowOpLayer": TensorFlowOpLayer})
    c.inputs, c.outputs = c.model.inputs, c.model.outputs


@case("2")
def cudnn_rnn(c):
    """Layers that run on GPUs only, with another layout of weights: the plain ones that Keras puts them into answer."""
    def net(lstm, gru):
        x = c.inputs[0]
        return keras.Model(x, [
            lstm(4, name="lstm")(x), lstm(3, name="backwards", go_backwards=True, return_sequences=True)(x),
            gru(4, name="gru")(x), gru(3, name="all", return_sequences=True)(x),
            L.Bidirectional(lstm(2), name="both")(x)])
    c.input(5, 6)
    v1 = tf.compat.v1.keras.layers
    c.model = net(v1.CuDNNLSTM, v1.CuDNNGRU)
    c.outputs = c.model.outputs
    c.twin = net(L.LSTM, lambda *args, **keywords: L.GRU(*args, reset_after=True, **keywords))


def load_into(twin, model):
    with tempfile.TemporaryDirectory() as folder:
        model.save_weights(folder + "/weights.h5")
        twin.load_weights(folder + "/weights.h5")
    return twin


def reshaped_to_last(array, rank):
    return np.moveaxis(array, -1, 1) if rank > 2 else array


def build(name):
    function, channels_first = CASES[name]
    def once(fmt):
        keras.backend.clear_session()
        keras.utils.set_random_seed(1)
        c = Case(name, fmt)
        function(c)
        if c.model is None:
            c.model = keras.Model(c.inputs, c.outputs)
        return c
    c = once("channels_first" if channels_first else "channels_last")
    feeds = c.data
    if isinstance(getattr(c.model, "input", None), dict) or name == "named_inputs_and_outputs":
        feeds = dict(zip(["zebra", "apple"], c.data))
    if name == "sequential_built_later":
        c.model(c.data[0])
    if name != "normalization":
        randomize(c.model, np.random.RandomState(zlib.crc32(name.encode()) + 1))
    if channels_first:  # TensorFlow's CPU kernels know channels last only: ask a twin
        twin = once("channels_last")
        twin.model.set_weights(c.model.get_weights())
        answers = [reshaped_to_last(y, y.ndim) for y in twin.model.predict(twin.data, verbose=0)]
    else:
        model = load_into(c.twin, c.model) if c.twin else c.model
        answers = model.predict(feeds if isinstance(feeds, dict) or len(feeds) > 1 else feeds[0], verbose=0)
    names = list(getattr(c.model, "output_names", []))
    if isinstance(answers, dict):
        names = sorted(answers)
        answers = [answers[key] for key in names]
    if not isinstance(answers, (list, tuple)):
        answers = [answers]
    return c, names, answers


def write(folder, name, both):
    c, names, answers = build(name)
    folder = os.path.join(folder, FAMILY, name)
    os.makedirs(folder, exist_ok=True)
    for old in os.listdir(folder):
        os.remove(os.path.join(folder, old))
    suffixes = ["keras", "h5"] if KERAS3 else ["h5", "keras"]
    for suffix in suffixes if both or name in BOTH_FORMATS else suffixes[:1]:
        c.model.save(os.path.join(folder, "model." + suffix))
    for i, array in enumerate(c.data):
        np.save(os.path.join(folder, "in%d.npy" % i), array)
    for i, array in enumerate(answers):
        np.save(os.path.join(folder, "out%d.npy" % i), np.asarray(array))
    variants = [t.name.split("/")[0] if hasattr(t, "name") else "" for t in c.outputs]
    if KERAS3 and c.outputs:
        variants = [t._keras_history.operation.name for t in c.outputs]
    with open(os.path.join(folder, "meta.json"), "w") as f:
        json.dump({"keras": keras.__version__, "tensorflow": tf.__version__,
                   "inputs": [t.name.split(":")[0] for t in c.inputs] or ["input"],
                   "outputs": variants or names or ["output"],
                   **({"open_shapes": c.shapes} if c.shapes else {}),
                   **({"tolerance": 2e-3} if name == "mixed_precision" else {})}, f, indent=1)  # computed in 16 bits
        f.write("\n")
    return sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("cases", nargs="*")
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    failed = []
    for name in options.cases or CASES:
        try:
            size = write(options.folder, name, options.all)
            print("%s/%s: %d bytes" % (FAMILY, name, size), flush=True)
        except Exception as error:
            failed.append(name)
            print("%s/%s: FAILED: %s: %s" % (FAMILY, name, type(error).__name__, str(error)[:400]), flush=True)
    sys.exit("failed: " + " ".join(failed) if failed else 0)


if __name__ == "__main__":
    main()
