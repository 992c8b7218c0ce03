#!/usr/bin/env python3
"""Writes networks of keras.applications as cases for tests/compat/opencv_matrix and permafrost-bench.

    scripts/python_env reference scripts/make_application_cases.py [NAME]...    keras2_NAME: graph.pb, frozen by TensorFlow 2.15
    scripts/python_env newest scripts/make_application_cases.py [NAME]...       keras3_NAME: net.keras of the newest Keras

They go to build/models/applications (2 GB): random weights and norm statistics, one picture, TensorFlow's logits. A case that is
there already is left alone.
"""
import argparse
import json
import pathlib

from application_models import KERAS3, NAMES, build, keras, np, tf

CASES = pathlib.Path(__file__).resolve().parent.parent / "build" / "models" / "applications"


def freeze(model, path):
    """As TensorFlow's users do it. Returns the names of its input and output."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
    signature = tf.TensorSpec([1, *model.input_shape[1:]], tf.float32, name="picture")
    frozen = convert_variables_to_constants_v2(tf.function(lambda picture: model(picture, training=False)).get_concrete_function(signature))
    path.write_bytes(frozen.graph.as_graph_def().SerializeToString())
    return frozen.inputs[0].op.name, frozen.outputs[0].op.name


def write(name, folder):
    model, value, logits = build(name)
    if logits is None:
        return "left out: its answers are deaf to the input or not finite"
    folder.mkdir(parents=True, exist_ok=True)
    if KERAS3:
        kind, file = "keras", "net.keras"
        model.save(folder / file)
        names = model.input_names[0] if hasattr(model, "input_names") else model.inputs[0].name, model.output_names[0]
    else:
        kind, file = "pb", "graph.pb"
        names = freeze(model, folder / file)
    np.save(folder / "in.npy", value[:1])
    np.save(folder / "out0.npy", logits[:1])
    (folder / "meta.json").write_text(json.dumps({
        "kind": kind, "model": file, "inputs": [names[0]], "outputs": [names[1]], "flags": {}, "shapes": [list(value[:1].shape)],
        "out_shapes": [list(logits[:1].shape)], "tensorflow": tf.__version__, "keras": keras.__version__,
        "parameters": model.count_params()}, indent=1) + "\n")
    return f"{model.count_params():,} parameters"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    args = parser.parse_args()
    if unknown := set(args.names) - set(NAMES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(NAMES)}")
    for name in args.names or NAMES:
        folder = CASES / f"keras{3 if KERAS3 else 2}_{name}"
        if not (folder / "meta.json").is_file():
            print(f"{folder.name}: {write(name, folder)}", flush=True)


if __name__ == "__main__":
    main()
