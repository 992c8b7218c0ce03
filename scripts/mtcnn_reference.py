#!/usr/bin/env python3
"""Finds faces with an MTCNN graph in TensorFlow, by the algorithm of the Python package mtcnn 0.1.1 (facenet's detect_face).

    scripts/python_env reference scripts/mtcnn_reference.py mtcnn_freezed_model.pb astronaut.png > astronaut.json

The graph has pnet/input, rnet/input and onet/input and the outputs that package fetches. Pictures go in turned (x before
y), in RGB, as (pixel - 127.5) / 128. Writes one JSON object: boxes (x1, y1, x2, y2), scores and points (five of x, y).
"""
import json
import sys

import numpy as np

THRESHOLDS = (0.6, 0.7, 0.7)
FACTOR = 0.709
LEAST_FACE = 20


def resize_area(image, width, height):
    """cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA); the venv of the references has no OpenCV."""
    import cv2
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def suppress(boxes, threshold, by_smaller):
    x1, y1, x2, y2, score = boxes[:, :5].T
    area = (x2 - x1 + 1) * (y2 - y1 + 1)
    order = np.argsort(score, kind="stable")
    kept = []
    while order.size > 0:
        i, rest = order[-1], order[:-1]
        kept.append(i)
        width = np.maximum(0.0, np.minimum(x2[i], x2[rest]) - np.maximum(x1[i], x1[rest]) + 1)
        height = np.maximum(0.0, np.minimum(y2[i], y2[rest]) - np.maximum(y1[i], y1[rest]) + 1)
        both = width * height
        overlap = both / np.minimum(area[i], area[rest]) if by_smaller else both / (area[i] + area[rest] - both)
        order = rest[overlap <= threshold]
    return np.array(kept, int)


def square(boxes):
    height, width = boxes[:, 3] - boxes[:, 1], boxes[:, 2] - boxes[:, 0]
    side = np.maximum(width, height)
    boxes[:, 0] += width * 0.5 - side * 0.5
    boxes[:, 1] += height * 0.5 - side * 0.5
    boxes[:, 2] = boxes[:, 0] + side
    boxes[:, 3] = boxes[:, 1] + side
    return boxes


def regress(boxes, by):
    width, height = boxes[:, 2] - boxes[:, 0] + 1, boxes[:, 3] - boxes[:, 1] + 1
    boxes[:, :4] += by * np.stack([width, height, width, height], 1)
    return boxes


def crop(image, boxes, side):
    """Of boxes in whole pixels, counted from 1, black beyond the picture."""
    height, width, _ = image.shape
    crops = []
    for x1, y1, x2, y2 in boxes[:, :4].astype(int):
        piece = np.zeros((y2 - y1 + 1, x2 - x1 + 1, 3), np.float64)
        left, top, right, bottom = max(x1, 1), max(y1, 1), min(x2, width), min(y2, height)
        piece[top - y1:bottom - y1 + 1, left - x1:right - x1 + 1] = image[top - 1:bottom, left - 1:right]
        crops.append(resize_area(piece, side, side))
    return (np.array(crops) - 127.5) * 0.0078125


def propose(image, pnet):
    height, width, _ = image.shape
    least = 12 / LEAST_FACE
    shortest, scale, found = min(height, width) * least, least, []
    while shortest >= 12:
        scaled = resize_area(image, int(np.ceil(width * scale)), int(np.ceil(height * scale)))
        by, score = pnet(((scaled - 127.5) * 0.0078125).transpose(1, 0, 2)[None])
        x, y = np.where(score[0, :, :, 1] >= THRESHOLDS[0])
        corner = np.stack([x, y], 1)
        boxes = np.hstack([np.fix((2 * corner + 1) / scale), np.fix((2 * corner + 12) / scale),
                           score[0, x, y, 1][:, None], by[0, x, y]])
        if len(boxes):
            found.append(boxes[suppress(boxes, 0.5, False)])
        scale, shortest = scale * FACTOR, shortest * FACTOR
    if not found:
        return np.zeros((0, 5))
    boxes = np.vstack(found)
    boxes = boxes[suppress(boxes, 0.7, False)]
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    boxes[:, :4] += boxes[:, 5:9] * np.stack([width, height, width, height], 1)
    boxes = square(boxes[:, :5])
    boxes[:, :4] = np.fix(boxes[:, :4])
    return boxes


def detect(image, pnet, rnet, onet):
    points = np.zeros((0, 5, 2))
    boxes = propose(image, pnet)
    if len(boxes):
        by, score = rnet(crop(image, boxes, 24).transpose(0, 2, 1, 3))
        good = score[:, 1] > THRESHOLDS[1]
        boxes, by = np.hstack([boxes[good, :4], score[good, 1:2]]), by[good]
        kept = suppress(boxes, 0.7, False)
        boxes = np.fix(square(regress(boxes[kept], by[kept])[:, :5])) * [1, 1, 1, 1, 0] + boxes[kept] * [0, 0, 0, 0, 1]
    if len(boxes):
        by, marks, score = onet(crop(image, boxes, 48).transpose(0, 2, 1, 3))
        good = score[:, 1] > THRESHOLDS[2]
        boxes, by, marks = np.hstack([boxes[good, :4], score[good, 1:2]]), by[good], marks[good]
        width, height = boxes[:, 2] - boxes[:, 0] + 1, boxes[:, 3] - boxes[:, 1] + 1
        points = np.stack([width[:, None] * marks[:, :5] + boxes[:, 0:1] - 1,
                           height[:, None] * marks[:, 5:] + boxes[:, 1:2] - 1], 2)
        boxes = regress(boxes, by)
        kept = suppress(boxes, 0.7, True)
        boxes, points = boxes[kept], points[kept]
    return boxes, points


def main():
    import tensorflow as tf
    model, picture = sys.argv[1:3]
    definition = tf.compat.v1.GraphDef()
    with open(model, "rb") as file:
        definition.ParseFromString(file.read())
    with open(picture, "rb") as file:
        image = tf.io.decode_image(file.read(), channels=3, expand_animations=False).numpy()
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(definition, name="")
    session = tf.compat.v1.Session(graph=graph)

    def net(name, outputs):
        return lambda value: session.run([f"{name}/{output}:0" for output in outputs], {f"{name}/input:0": value.astype(np.float32)})

    boxes, points = detect(image, net("pnet", ["conv4-2/BiasAdd", "prob1"]), net("rnet", ["conv5-2/conv5-2", "prob1"]),
                           net("onet", ["conv6-2/conv6-2", "conv6-3/conv6-3", "prob1"]))
    json.dump({"boxes": boxes[:, :4].tolist(), "scores": boxes[:, 4].tolist(), "points": points.tolist()}, sys.stdout)
    print()


if __name__ == "__main__":
    main()
