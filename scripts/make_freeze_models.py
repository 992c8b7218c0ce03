#!/usr/bin/env python3
"""Builds what freezing is measured on, into build/models/freeze: one ResNet-50 (103 MB of weights), stored in two ways.

    scripts/python_env reference scripts/make_freeze_models.py [--force]

checkpoint/   model.meta and its checkpoint, as a tf.compat.v1.train.Saver writes them, with ref variables as TensorFlow 1 has them
savedmodel/   as tf.saved_model.save writes it
in.npy and out.npy beside them: TensorFlow's answer, the same for both. Weights are random: nothing can be downloaded.
"""
import os
import pathlib
import shutil
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import tensorflow as tf
from make_big_models import patchy_picture, randomise_batch_norms

ROOT = pathlib.Path(__file__).resolve().parent.parent
FREEZE = ROOT / "build" / "models" / "freeze"
v1 = tf.compat.v1


def save_checkpoint(weights, picture, folder):
    v1.disable_resource_variables()
    with v1.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [1, 224, 224, 3], name="x")
        model = v1.keras.applications.ResNet50(weights=None, classifier_activation=None, input_tensor=x)
        y = tf.identity(model.output, "y")
        session.run(v1.global_variables_initializer())
        v1.keras.backend.set_session(session)
        model.set_weights(weights)
        v1.train.Saver(v1.global_variables()).save(session, str(folder / "model"), write_state=False)
        return session.run(y, {x: picture})


def main():
    if FREEZE.is_dir() and "--force" not in sys.argv:
        print(f"{FREEZE} is there already")
        return
    building = FREEZE.with_name("freeze.partial")
    shutil.rmtree(building, ignore_errors=True)
    (building / "checkpoint").mkdir(parents=True)
    picture = patchy_picture(0)
    model = tf.keras.applications.ResNet50(weights=None, classifier_activation=None)
    tf.keras.utils.set_random_seed(3)
    randomise_batch_norms(model, np.random.default_rng(3))
    serve = tf.function(lambda x: {"y": model(x, training=False)}, input_signature=[tf.TensorSpec([1, 224, 224, 3], tf.float32, name="x")])
    tf.saved_model.save(model, str(building / "savedmodel"), signatures=serve)
    expected = model(picture, training=False).numpy()
    answer = save_checkpoint(model.get_weights(), picture, building / "checkpoint")
    difference = np.abs(answer - expected).max() / np.abs(expected).max()
    assert difference < 1e-5, f"the two differ by {difference}"
    np.save(building / "in.npy", picture)
    np.save(building / "out.npy", expected)
    shutil.rmtree(FREEZE, ignore_errors=True)
    building.rename(FREEZE)
    print(f"wrote {FREEZE}")


if __name__ == "__main__":
    main()
