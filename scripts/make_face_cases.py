#!/usr/bin/env python3
"""Small face detectors that end in raw heads, and what their authors' own post-processing finds: tests/data/detection/faces.

    scripts/python_env reference scripts/make_face_cases.py

ultra_light_face  Ultra-Light-Fast-Generic-Face-Detector: four maps, logits of a background and of faces in `conf/concat`, codes in
                  `loc/concat`. Its output is one tensor [1,A,4+2] of codes and of what a Softmax makes of the logits.
face_mask         AIZOO's FaceMaskDetection: five maps, sigmoids of two classes

Each case is a folder: model.h5 (Keras, weights from fixed seeds), in.npy and expected_<i>.npy [N,6] of the i-th picture: class, score and
x1, y1, x2, y2 in 0..1 of it, best first, by the formulas that were published with the networks, in NumPy. Pictures and weights are such that
no box stands on a limit.
"""
import os
import pathlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf

PLACE = pathlib.Path(__file__).resolve().parent.parent / "tests/data/detection/faces"
layers = tf.keras.layers


def ultra_light_priors(width, height):
    """Middles and sizes, cut to 0..1, as generate_priors of its box_utils.py makes them."""
    priors = []
    for stride, boxes in zip((8, 16, 32, 64), ([10, 16, 24], [32, 48], [64, 96], [128, 192, 256])):
        columns, rows = -(-width // stride), -(-height // stride)
        scale_w, scale_h = width / (width / columns), height / (height / rows)
        for j in range(rows):
            for i in range(columns):
                priors += [[(i + 0.5) / scale_w, (j + 0.5) / scale_h, box / width, box / height] for box in boxes]
    return np.clip(np.array(priors), 0, 1)


def ultra_light_boxes(locations, confidences):
    priors = ultra_light_priors(48, 32)
    middle = locations[:, :2] * 0.1 * priors[:, 2:] + priors[:, :2]
    size = np.exp(locations[:, 2:] * 0.2) * priors[:, 2:]
    corners = np.clip(np.concatenate([middle - size / 2, middle + size / 2], 1), 0, 1)
    scores = np.exp(confidences - confidences.max(1, keepdims=True))
    scores = (scores / scores.sum(1, keepdims=True))[:, 1]
    kept = suppress(corners, scores, np.arange(len(scores)), 0.6, 0.3)
    return [[1, scores[i], *corners[i]] for i in kept[:100]]


def face_mask_anchors(sides):
    """Corners, x first, as generate_anchors of its anchor_generator.py makes them."""
    sizes = [[0.04, 0.056], [0.08, 0.11], [0.16, 0.22], [0.32, 0.45], [0.64, 0.72]]
    anchors = []
    for side, scales in zip(sides, sizes):
        middle = (np.linspace(0, side - 1, side) + 0.5) / side
        grid = np.stack(np.meshgrid(middle, middle), -1)
        shapes = [(scale, scale) for scale in scales] + [(scales[0] * np.sqrt(ratio), scales[0] / np.sqrt(ratio)) for ratio in (0.62, 0.42)]
        offsets = np.array([[-w / 2, -h / 2, w / 2, h / 2] for w, h in shapes]).reshape(-1)
        anchors.append((np.tile(grid, (1, 1, 2 * len(shapes))) + offsets).reshape(-1, 4))
    return np.concatenate(anchors)


def face_mask_boxes(raw, scores):
    anchors = face_mask_anchors((5, 3, 2, 1, 1))
    size, middle = anchors[:, 2:] - anchors[:, :2], (anchors[:, :2] + anchors[:, 2:]) / 2
    codes = raw * [0.1, 0.1, 0.2, 0.2]
    middle, size = codes[:, :2] * size + middle, np.exp(codes[:, 2:]) * size
    corners = np.concatenate([middle - size / 2, middle + size / 2], 1)
    best = scores.max(1)
    kept = suppress(corners, best, np.arange(len(best)), 0.5, 0.4, 1e-3)
    if kept != suppress(corners, best, np.arange(len(best)), 0.5, 0.4):
        return None  # hangs on what is added to the sides, which no other program does
    cut = corners.clip(0, 1)
    return [[scores[i].argmax(), best[i], *cut[i]] for i in kept if (cut[i, 2:] > cut[i, :2]).all()]


def suppress(corners, scores, order, least, most_overlap, more=0.0):
    """Of boxes above `least` the best ones; `more` is what face-mask adds to each side for an area."""
    area = np.prod(corners[:, 2:] - corners[:, :2] + more, 1)
    left, kept = sorted((i for i in order if scores[i] > least), key=lambda i: -scores[i]), []
    while left:
        best = left.pop(0)
        kept.append(best)

        def overlap(i):
            sides = np.minimum(corners[best, 2:], corners[i, 2:]) - np.maximum(corners[best, :2], corners[i, :2])
            shared = np.prod(sides.clip(0))
            return shared / max(area[best] + area[i] - shared, 1e-12)

        for i in left:
            assert abs(overlap(i) - most_overlap) > 1e-4, "a box stands on the limit"
        left = [i for i in left if overlap(i) <= most_overlap]
    return kept


def body(picture, maps, seed, channels=4):
    """Maps of strides 8, 16 and so on: convolutions that halve the picture and pad it."""
    def conv(x, name, stride=2, size=3, count=channels):
        nonlocal seed
        seed += 1
        return layers.Conv2D(count, size, stride, padding="same", activation="relu", name=name,
                             kernel_initializer=tf.keras.initializers.HeNormal(seed), bias_initializer=tf.keras.initializers.RandomNormal(0, 0.1, seed))(x)

    x = conv(conv(picture, "stem"), "second")
    found = []
    for i in range(maps):
        x = conv(x, f"map{i}")
        found.append(x)
    return found


def heads(maps, boxes, classes, seed, spread, bias, activation=None):
    """Codes and scores of all maps, one below the other."""
    codes, scores = [], []
    for i, (x, count) in enumerate(zip(maps, boxes)):
        for name, width, out, act, shift in (("reg", 4, codes, None, 0.0), ("cls", classes, scores, activation, bias)):
            weights = tf.keras.initializers.RandomNormal(0, spread, seed + 10 * i + width)
            y = layers.Conv2D(count * width, 3, padding="same", activation=act, name=f"{name}_{i}", kernel_initializer=weights,
                              bias_initializer=tf.keras.initializers.Constant(shift))(x)
            out.append(layers.Reshape([-1, width], name=f"{name}_{i}_rows")(y))
    return layers.Concatenate(1, name="loc")(codes), layers.Concatenate(1, name="conf")(scores)


def heads_of(raw, picture):
    return (value.numpy()[0].astype(np.float64) for value in raw(picture[None]))


def save(name, model, raw, pictures, find):
    """`raw`: the heads as they are decoded, which the model may join."""
    folder = PLACE / name
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / "model.h5", include_optimizer=False)
    np.save(folder / "in.npy", pictures)
    for i, picture in enumerate(pictures):
        expected = np.array(find(*heads_of(raw, picture)), np.float32).reshape(-1, 6)
        np.save(folder / f"expected_{i}.npy", expected)
        print(name, [value.shape for value in raw.outputs], len(expected))


def main():
    random = np.random.default_rng(4)
    picture = layers.Input([32, 48, 3], 1, name="faces")
    codes, scores = heads(body(picture, 4, 1), (3, 2, 2, 3), 2, 5, 0.5, 0.0)
    pictures = random.normal(0, 0.7, (2, 32, 48, 3)).astype(np.float32)
    one = layers.Concatenate(-1, name="heads")([codes, layers.Softmax(name="probabilities")(scores)])
    save("ultra_light_face", tf.keras.Model(picture, one), tf.keras.Model(picture, [codes, scores]), pictures, ultra_light_boxes)

    picture = layers.Input([40, 40, 3], 1, name="people")
    codes, scores = heads(body(picture, 5, 50), (4,) * 5, 2, 60, 0.5, -1.0, "sigmoid")
    model, pictures = tf.keras.Model(picture, [codes, scores]), []
    while len(pictures) < 2:
        one = random.uniform(0, 1, (40, 40, 3)).astype(np.float32)
        if face_mask_boxes(*heads_of(model, one)) is not None:
            pictures.append(one)
    save("face_mask", model, model, np.stack(pictures), face_mask_boxes)


if __name__ == "__main__":
    main()
