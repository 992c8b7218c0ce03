#!/usr/bin/env python3
"""Raw heads of detectors and what TensorFlow makes of them: the small cases of tests/runner/decode_heads_test.cc.

    scripts/python_env reference scripts/make_head_cases.py     writes tests/data/detection/heads

Each case is a folder: out<i>.npy (heads, random), anchors.npy where they are needed, and expected.npy [N,6]: class, score
and x1, y1, x2, y2 in 0..1 of the picture, best first, by the formulas of Darknet and of the Keras SSDs.
"""
import pathlib

import numpy as np
import tensorflow as tf

PLACE = pathlib.Path(__file__).resolve().parent.parent / "tests/data/detection/heads"
SCORE, OVERLAP = 0.5, 0.45


def keep_best(corners, scores, background=-1, most_overlap=OVERLAP):
    """[N,4] of y1, x1, y2, x2 and [N,C] become rows, by TensorFlow's own suppression in each class."""
    rows = []
    for c in range(scores.shape[1]):
        if c == background:
            continue
        chosen = tf.image.non_max_suppression(corners, scores[:, c], len(corners), most_overlap, SCORE).numpy()
        for i in chosen:
            y1, x1, y2, x2 = np.asarray(corners)[i]
            rows.append([c, np.asarray(scores)[i, c], x1, y1, x2, y2])
    return np.array(sorted(rows, key=lambda row: -row[1]), np.float32).reshape(-1, 6)


def yolo(name, grids, anchors, classes, softmax=False, scale=(1.0,)):
    random = np.random.default_rng(len(name))
    boxes, scores, folder = [], [], PLACE / name
    folder.mkdir(parents=True, exist_ok=True)
    for i, (cells, stride) in enumerate(grids):
        count = len(anchors[i])
        head = random.normal(0, 1.2, (1, cells, cells, count, 5 + classes)).astype(np.float32)
        head[..., 2:4] *= 0.3
        head[..., 5:] *= 2.5 if softmax else 1.0
        np.save(folder / f"out{i}.npy", head.reshape(1, cells, cells, -1))
        x, y = np.meshgrid(np.arange(cells), np.arange(cells))
        cell = np.stack([x, y], -1)[None, :, :, None].astype(np.float32)
        s = scale[i % len(scale)]
        centre = (tf.sigmoid(head[..., 0:2]) * s - (s - 1) / 2 + cell) / cells
        size = tf.exp(head[..., 2:4]) * np.array(anchors[i], np.float32) / (cells * stride)
        what = tf.nn.softmax(head[..., 5:]) if softmax else tf.sigmoid(head[..., 5:])
        low, high = centre - size / 2, centre + size / 2
        boxes.append(tf.reshape(tf.stack([low[..., 1], low[..., 0], high[..., 1], high[..., 0]], -1), [-1, 4]))
        scores.append(tf.reshape(tf.sigmoid(head[..., 4:5]) * what, [-1, classes]))
    expected = keep_best(tf.concat(boxes, 0), tf.concat(scores, 0))
    np.save(folder / "expected.npy", expected)
    print(name, len(expected))


def ssd(name, count, classes, corners_xy):
    """Codes x first with anchors x1, y1, x2, y2 (face masks in Keras), or y first (Object Detection API)."""
    random = np.random.default_rng(7)
    folder = PLACE / name
    folder.mkdir(parents=True, exist_ok=True)
    centre = random.uniform(0.1, 0.9, (count, 2)).astype(np.float32)
    size = random.uniform(0.1, 0.4, (count, 2)).astype(np.float32)
    codes = random.normal(0, 1, (1, count, 4)).astype(np.float32)
    numbers = random.normal(0, 1.5, (1, count, classes)).astype(np.float32)
    anchors = np.concatenate([centre - size / 2, centre + size / 2], 1)
    middle = codes[0, :, :2] / 10 * size + centre
    extent = tf.exp(codes[0, :, 2:] / 5) * size
    low, high = middle - extent / 2, middle + extent / 2
    order = [1, 0] if corners_xy else [0, 1]
    corners = tf.concat([tf.gather(low, order, axis=1), tf.gather(high, order, axis=1)], 1)
    scores = tf.sigmoid(numbers[0]) if corners_xy else tf.nn.softmax(numbers[0])
    np.save(folder / "out0.npy", codes)
    np.save(folder / "out1.npy", numbers)
    np.save(folder / "anchors.npy", anchors)
    expected = keep_best(corners, scores, background=-1 if corners_xy else 0)
    np.save(folder / "expected.npy", expected)
    print(name, len(expected))


def decoded(name, count, classes, objectness, most_overlap, turned):
    """One tensor of middles and sizes in pixels of a picture of 64x48 and of scores, as YOLO v5 and v8 are exported."""
    random = np.random.default_rng(11)
    folder = PLACE / name
    folder.mkdir(parents=True, exist_ok=True)
    middle = random.uniform(0.1, 0.9, (count, 2)) * [64, 48]
    size = random.uniform(0.1, 0.6, (count, 2)) * [64, 48]
    scores = random.uniform(0, 1, (count, classes)).astype(np.float32)
    there = random.uniform(0.4, 1, (count, 1 if objectness else 0)).astype(np.float32)
    table = np.concatenate([middle, size, there, scores], 1).astype(np.float32)
    np.save(folder / "out0.npy", np.ascontiguousarray(table.T if turned else table)[None])
    four = table[:, :4] / np.array([64, 48, 64, 48], np.float32)
    low, high = four[:, :2] - four[:, 2:] / 2, four[:, :2] + four[:, 2:] / 2
    corners = np.concatenate([low[:, ::-1], high[:, ::-1]], 1)
    expected = keep_best(corners, scores * there if objectness else scores, most_overlap=most_overlap)
    np.save(folder / "expected.npy", expected)
    print(name, len(expected))


def main():
    def pairs(*numbers):
        return np.reshape(numbers, (-1, 2))

    tiny = [pairs(23, 27, 37, 58, 81, 82), pairs(81, 82, 135, 169, 344, 319)]
    yolo("yolov4-tiny", [(4, 16), (2, 32)], tiny, 3, scale=(1.05,))
    yolo("yolov3", [(8, 8), (4, 16), (2, 32)],
         [pairs(10, 13, 16, 30, 33, 23), pairs(30, 61, 62, 45, 59, 119), pairs(116, 90, 156, 198, 373, 326)], 2)
    yolo("yolov2", [(5, 32)], [32 * pairs(0.57273, 0.677385, 1.87446, 2.06253, 3.33843, 5.47434, 7.88282, 3.52778, 9.77052, 9.16828)], 4,
         softmax=True)
    ssd("ssd-sigmoid", 60, 2, True)
    ssd("ssd-softmax", 60, 3, False)
    decoded("yolov5", 40, 3, True, 0.45, turned=False)
    decoded("yolov8", 40, 3, False, 0.7, turned=True)


if __name__ == "__main__":
    main()
