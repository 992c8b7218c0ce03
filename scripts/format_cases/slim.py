"""tf-slim 1.1 on TensorFlow 2.15."""
import importlib
import sys


def tf_slim():
    """TensorFlow 2.15 looks for the layers that slim asks for under a name that no release of tf-keras has; Keras has them."""
    for name in ("base", "convolutional", "core", "normalization", "pooling"):
        sys.modules.setdefault(f"tf_keras.legacy_tf_layers.{name}", importlib.import_module(f"keras.src.legacy_tf_layers.{name}"))
    return importlib.import_module("tf_slim")
