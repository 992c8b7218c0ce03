#!/usr/bin/env python3
"""Records what TensorFlow finds with the YOLO network that scripts/get_models --detectors installs, on one of its photographs.

    scripts/python_env reference scripts/make_yolo_reference.py > tests/data/detection/yolo_coffee.json

The network (YOLOv4-tiny, apples) gives boxes as middles and sizes in pixels of its input, and scores; the package's own program reads them
with TensorFlow's combined_non_max_suppression, as is done here. Boxes are written as corners in pixels of the picture, cut
at its edges.
"""
import json
import os
import pathlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from PIL import Image  # noqa: E402

MODELS = pathlib.Path(__file__).resolve().parent.parent / "build" / "models"
LEAST, OVERLAP = 0.2, 0.45


def main():
    model = tf.keras.models.load_model(MODELS / "detectors" / "yolov4_tiny_apples.h5", compile=False)
    heads = tf.keras.Model(model.inputs, [model.get_layer(name).output for name in ("tf.concat_9", "tf.concat_10")])
    _, rows, columns, _ = model.input.shape
    with Image.open(MODELS / "pictures" / "coffee.png") as picture:
        width, height = picture.size
        pixels = np.asarray(picture.convert("RGB").resize((columns, rows), Image.Resampling.BILINEAR), np.float32)[None] / 255
    boxes, scores = (value.numpy() for value in heads(pixels, training=False))
    scale = np.array([width / columns, height / rows])
    corners = np.concatenate([boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., :2] + boxes[..., 2:] / 2], -1) * np.tile(scale, 2)
    kept = tf.image.combined_non_max_suppression(corners[..., None, :], scores, 50, 50, OVERLAP, LEAST, clip_boxes=False)
    count = int(kept.valid_detections[0])
    inside = np.clip(kept.nmsed_boxes[0][:count], 0, [width, height] * 2)
    found = [{"box": [round(float(x), 2) for x in box], "score": round(float(score), 5)}
             for box, score in zip(inside, kept.nmsed_scores[0][:count].numpy())]
    print("{\n" + f'"least": {LEAST}, "overlap": {OVERLAP}, "picture": "coffee.png",\n"found": [\n' +
          ",\n".join(json.dumps(one) for one in found) + "\n]}")


if __name__ == "__main__":
    main()
