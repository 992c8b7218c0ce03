#!/usr/bin/env python3
"""Makes the SavedModels of models/detectors_tf2/: small detectors built as those of TensorFlow 2 are, and TensorFlow's answers.

Run:  scripts/python_env reference scripts/make_tf2_detector_cases.py [-o models/detectors_tf2] [NAME ...]

Each case is a folder with saved_model/, in.npy (pictures, uint8), detection_{boxes,scores,classes}.npy (boxes 0..1) and meta.json.
The weights come from a fixed seed. What is taken over from the Object Detection API and from google/automl is how their graphs
are made, but not their names: preprocessing in map_fn or without it, resizing that keeps the aspect ratio and pads, pyramids,
anchors of numpy or of ops, suppressions for each class, for all classes, soft ones, behind a TopK, and peaks of maps.
"""
import argparse
import json
import os
import pathlib
import shutil

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import tensorflow as tf

SIZE = 64


class Net(tf.Module):
    """Layers with weights from a seed, made at their first use: variables, or constants, which make smaller files."""

    def __init__(self, seed, constants):
        super().__init__()
        self.random = np.random.default_rng(seed)
        self.constants, self.made = constants, {}

    def variable(self, name, values):
        if name not in self.made:
            numbers = np.asarray(values(), np.float32)
            self.made[name] = numbers if self.constants else tf.Variable(numbers, name=name, trainable=False)
        return tf.constant(self.made[name]) if self.constants else self.made[name]

    def normal(self, name, shape, scale):
        return self.variable(name, lambda: self.random.normal(0, scale, shape))

    def bias(self, x, name, value=0.0):
        return tf.nn.bias_add(x, self.variable(name + "/bias", lambda: self.random.normal(value, 0.2, x.shape[-1])))

    def norm(self, x, name, activation):
        channels = x.shape[-1]
        parts = [self.variable(f"{name}/{part}", lambda low=low, high=high: self.random.uniform(low, high, channels))
                 for part, low, high in (("gamma", 0.7, 1.3), ("beta", -0.3, 0.3), ("mean", -0.2, 0.2), ("variance", 0.7, 1.3))]
        y = tf.compat.v1.nn.fused_batch_norm(x, parts[0], parts[1], parts[2], parts[3], 0.001, is_training=False)[0]
        return activation(y) if activation else y

    def conv(self, x, channels, kernel, name, stride=1, activation=tf.nn.relu6, gain=1.4):
        weights = self.normal(name + "/kernel", (kernel, kernel, x.shape[-1], channels), gain / kernel / np.sqrt(x.shape[-1]))
        return self.norm(tf.nn.conv2d(x, weights, stride, "SAME"), name, activation)

    def separable(self, x, channels, name, gain=1.4):
        depthwise = self.normal(name + "/depthwise", (3, 3, x.shape[-1], 1), 0.5)
        return self.head(tf.nn.depthwise_conv2d(x, depthwise, [1, 1, 1, 1], "SAME"), channels, 1, name, gain)

    def head(self, x, channels, kernel, name, gain=1.4, value=0.0):
        weights = self.normal(name + "/kernel", (kernel, kernel, x.shape[-1], channels), gain / kernel / np.sqrt(x.shape[-1]))
        return self.bias(tf.nn.conv2d(x, weights, 1, "SAME"), name, value)


# --- Preprocessing ----------------------------------------------------------------------------------------------------


def resize_fixed(picture):
    return tf.image.resize(picture, [SIZE, SIZE]), tf.stack([SIZE, SIZE, 3])


def resize_keeping_aspect(picture):
    """The longer side becomes SIZE, the other is filled up; the channels each by their own value."""
    height, width = (tf.cast(tf.shape(picture)[axis], tf.float32) for axis in (0, 1))
    factor = SIZE / tf.minimum(height, width)
    large = tf.stack([tf.cast(tf.round(height * factor), tf.int32), tf.cast(tf.round(width * factor), tf.int32)])
    factor = SIZE / tf.maximum(height, width)
    small = tf.stack([tf.cast(tf.round(height * factor), tf.int32), tf.cast(tf.round(width * factor), tf.int32)])
    size = tf.cond(tf.cast(tf.reduce_max(large), tf.float32) > SIZE, lambda: small, lambda: large)
    picture = tf.image.resize(picture, size)
    channels = [tf.pad(one, [[0, SIZE - size[0]], [0, SIZE - size[1]]]) for one in tf.unstack(picture, axis=2)]
    picture = tf.stack(channels, axis=2)
    picture.set_shape([SIZE, SIZE, 3])
    return picture, tf.concat([size, [3]], 0)


def resize_all(pictures, resize):
    """A loop only where the number of pictures is open."""
    if pictures.shape[0] is None:
        return tf.map_fn(resize, pictures, fn_output_signature=(tf.float32, tf.int32))
    found = [resize(picture) for picture in tf.unstack(pictures)]
    return tuple(tf.stack(part) for part in zip(*found))


def clip_window(pictures, sizes):
    height, width, _ = tf.unstack(tf.cast(sizes, tf.float32), axis=1)
    zero = tf.zeros_like(height)
    shape = tf.cast(tf.shape(pictures), tf.float32)
    return tf.stack([zero, zero, height / shape[1], width / shape[2]], axis=1)


# --- Anchors and boxes ------------------------------------------------------------------------------------------------


def tile_anchors(rows, columns, scale, stride, ratios):
    """Anchors of a map, by ops, 0..1 of the picture."""
    ratio = tf.sqrt(tf.constant(ratios, tf.float32))
    heights, widths = scale / ratio, scale * ratio
    y, x = (tf.cast(tf.range(count), tf.float32) * stride + stride / 2 for count in (rows, columns))
    x, y = tf.meshgrid(x, y)
    all_widths, all_x = tf.meshgrid(widths, tf.reshape(x, [-1]))
    all_heights, all_y = tf.meshgrid(heights, tf.reshape(y, [-1]))
    middles = tf.reshape(tf.stack([all_y, all_x], 2), [-1, 2])
    sides = tf.reshape(tf.stack([all_heights, all_widths], 2), [-1, 2])
    return tf.concat([middles - 0.5 * sides, middles + 0.5 * sides], 1)


def pixel_anchors(levels, ratios):
    """The same by numpy, in pixels."""
    rows = []
    for stride, scale in levels:
        at = np.arange(stride / 2, SIZE, stride)
        x, y = np.meshgrid(at, at)
        parts = []
        for ratio in ratios:
            h, w = scale / np.sqrt(ratio) / 2, scale * np.sqrt(ratio) / 2
            parts.append(np.stack([y - h, x - w, y + h, x + w], -1).reshape(-1, 1, 4))
        rows.append(np.concatenate(parts, 1).reshape(-1, 4))
    return tf.convert_to_tensor(np.concatenate(rows), tf.float32)


def decode_columns(codes, anchors, scales):
    """Of [n, 4], by transposing, as the API has it."""
    top, left, bottom, right = tf.unstack(tf.transpose(anchors))
    w, h = right - left, bottom - top
    ty, tx, th, tw = tf.unstack(tf.transpose(codes))
    if scales:
        ty, tx, th, tw = ty / scales[0], tx / scales[1], th / scales[2], tw / scales[3]
    half_h, half_w = tf.exp(th) * h / 2.0, tf.exp(tw) * w / 2.0
    y, x = ty * h + top + h / 2.0, tx * w + left + w / 2.0
    return tf.transpose(tf.stack([y - half_h, x - half_w, y + half_h, x + half_w]))


def decode_last(codes, anchors):
    """Of [.., 4], as google/automl has it."""
    y, x = (anchors[..., 0] + anchors[..., 2]) / 2, (anchors[..., 1] + anchors[..., 3]) / 2
    h, w = anchors[..., 2] - anchors[..., 0], anchors[..., 3] - anchors[..., 1]
    ty, tx, th, tw = tf.unstack(codes, num=4, axis=-1)
    w, h, y, x = tf.exp(tw) * w, tf.exp(th) * h, ty * h + y, tx * w + x
    return tf.stack([y - h / 2.0, x - w / 2.0, y + h / 2.0, x + w / 2.0], axis=-1)


# --- The suppression of the Object Detection API ----------------------------------------------------------------------


def suppress_each(boxes, scores, window, options):
    """One picture: a suppression for each class, filled up with scores of -1, sorted, cut at the window, the best kept."""
    found = []
    for index in range(scores.shape[1]):
        own = tf.unstack(boxes, axis=1)[0]
        score = tf.reshape(tf.slice(scores, [0, index], tf.stack([tf.shape(scores)[0], 1])), [-1])
        most = tf.minimum(options["per_class"], tf.shape(own)[0])
        chosen, values = tf.image.non_max_suppression_with_scores(own, score, most, options["overlap"], options["score"], options["sigma"])
        count = tf.shape(chosen)[0]
        chosen = tf.concat([chosen, tf.zeros(most - count, tf.int32)], 0)
        values = tf.concat([values, tf.zeros(most - count, tf.float32)], -1)
        values = tf.where(tf.less(tf.range(most), count), values, -1 * tf.ones(most))
        found.append((tf.gather(own, chosen), values, tf.zeros_like(values) + index))
    boxes, scores, classes = (tf.concat(part, 0) for part in zip(*found))
    order = tf.nn.top_k(scores, tf.size(scores)).indices
    boxes, scores, classes = (tf.gather(part, order) for part in (boxes, scores, classes))
    low_y, low_x, high_y, high_x = tf.unstack(window)
    top, left, bottom, right = tf.split(boxes, 4, axis=1)
    cut = lambda value, low, high: tf.maximum(tf.minimum(value, high), low)
    boxes = tf.concat([cut(top, low_y, high_y), cut(left, low_x, high_x), cut(bottom, low_y, high_y), cut(right, low_x, high_x)], 1)
    area = tf.squeeze((boxes[:, 2:3] - boxes[:, 0:1]) * (boxes[:, 3:4] - boxes[:, 1:2]), [1])
    scores = tf.where(tf.cast(area, tf.bool), scores, -1 * tf.ones(tf.shape(boxes)[0]))
    valid = tf.reduce_sum(tf.cast(scores >= 0, tf.int32))
    order = tf.nn.top_k(scores, tf.size(scores)).indices
    boxes, scores, classes = (tf.gather(part, order) for part in (boxes, scores, classes))
    boxes = (boxes - tf.stack([low_y, low_x, low_y, low_x])) / tf.stack([high_y - low_y, high_x - low_x, high_y - low_y, high_x - low_x])
    total = tf.minimum(options["total"], tf.shape(boxes)[0])
    valid = tf.where(total > valid, valid, total)
    kept = [tf.gather(part, tf.range(valid)) for part in (boxes, scores, classes)]
    fill = options["total"] - tf.shape(kept[0])[0]
    kept = [tf.pad(part, [[0, fill]] + [[0, 0]] * (part.shape.rank - 1)) for part in kept]
    kept = [tf.reshape(part, [options["total"]] + part.shape[1:].as_list()) for part in kept]
    return kept[0], kept[1], kept[2], valid


def suppress_batch(boxes, scores, window, options):
    one = lambda parts: suppress_each(
        tf.reshape(tf.slice(parts[0], [0, 0, 0], tf.stack([parts[3], -1, -1])), [-1, 1, 4]),
        tf.reshape(tf.slice(parts[1], [0, 0], tf.stack([parts[3], -1])), [-1, scores.shape[2]]), parts[2], options)
    counts = tf.ones(tf.shape(boxes)[0:1] if boxes.shape[0] is None else [boxes.shape[0]], tf.int32) * boxes.shape[1]
    if boxes.shape[0] is None:
        return tf.map_fn(one, (boxes, scores, window, counts), fn_output_signature=(tf.float32, tf.float32, tf.float32, tf.int32))
    found = [one(parts) for parts in zip(*(tf.unstack(part) for part in (boxes, scores, window, counts)))]
    return tuple(tf.stack(part) for part in zip(*found))


def join_heads(net, maps, columns, boxes, predict):
    codes, logits = [], []
    for feature in maps:
        code, logit = predict(feature, boxes * 4, boxes * columns)
        codes.append(tf.reshape(code, [-1, feature.shape[1] * feature.shape[2] * boxes, 4]))
        logits.append(tf.reshape(logit, [-1, feature.shape[1] * feature.shape[2] * boxes, columns]))
    return tf.concat(codes, 1), tf.concat(logits, 1)


def api_detector(net, pictures, options):
    """SSD and EfficientDet of the Object Detection API."""
    x = tf.cast(pictures, tf.float32)
    x = (x / 255.0 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225] if options["pyramid"] else 2.0 / 255.0 * x - 1.0
    x, sizes = resize_all(x, resize_keeping_aspect if options["keep"] else resize_fixed)
    window = clip_window(x, sizes)
    x.set_shape([pictures.shape[0], SIZE, SIZE, 3])
    maps = []
    for i in range(5):
        x = net.conv(x, 8, 3, f"block{i}", stride=2, activation=tf.nn.swish if options["pyramid"] else tf.nn.relu6)
        maps.append(x)
    maps = maps[2:]
    if options["pyramid"]:
        maps = bifpn(net, maps, tf.nn.swish)
    ratios, columns = (1.0, 2.0, 0.5), options["classes"] + (0 if options["pyramid"] else 1)

    def predict(feature, codes, logits):
        if options["pyramid"]:  # one predictor for all maps, norms of their own
            y = net.norm(net.separable(feature, 8, "tower"), f"tower{feature.shape[1]}", tf.nn.swish)
            return net.separable(y, codes, "boxes", 0.1), net.separable(y, logits, "classes", 0.8) - 1.5
        name = f"predictor{feature.shape[1]}"
        return net.head(feature, codes, 1, name + "/boxes", 1.0), net.head(feature, logits, 1, name + "/classes", 1.4, -1.5)

    codes, logits = join_heads(net, maps, columns, len(ratios), predict)
    anchors = tf.concat([tile_anchors(m.shape[1], m.shape[2], 1.6 / m.shape[1], 1.0 / m.shape[1], ratios) for m in maps], 0)
    batch = tf.shape(codes)[0] if pictures.shape[0] is None else pictures.shape[0]
    tiled = tf.reshape(tf.tile(tf.expand_dims(anchors, 0), [batch, 1, 1]), [-1, 4])
    boxes = decode_columns(tf.reshape(codes, [-1, 4]), tiled, None if options["pyramid"] else [10.0, 10.0, 5.0, 5.0])
    boxes = tf.reshape(boxes, [batch, anchors.shape[0], 4])
    boxes.set_shape([pictures.shape[0], anchors.shape[0], 4])
    scores = tf.identity(logits) if options["pyramid"] else tf.slice(logits, [0, 0, 1], [-1, -1, -1])
    scores = tf.sigmoid(scores)
    scores.set_shape([pictures.shape[0], anchors.shape[0], options["classes"]])
    found = suppress_batch(tf.expand_dims(boxes, 2), scores, window, options)
    return {"detection_boxes": found[0], "detection_scores": found[1], "detection_classes": tf.cast(found[2], tf.float32) + 1,
            "num_detections": tf.cast(found[3], tf.float32), "raw_detection_boxes": boxes, "raw_detection_scores": scores}


def swish(x):
    return x * tf.sigmoid(x)


def bifpn(net, maps, activation):
    """Weighted sums up and down a pyramid: nearest neighbours larger, maxima smaller."""
    def fuse(parts, name):
        weights = tf.nn.relu(tf.stack([net.variable(f"{name}/w{i}", lambda: net.random.uniform(0.3, 1.0)) for i in range(len(parts))]))
        total = tf.reduce_sum(weights) + 0.0001
        return activation(tf.add_n([part * weights[i] / total for i, part in enumerate(parts)]))

    maps = [net.norm(net.head(m, 8, 1, f"lateral{i}"), f"lateral{i}", None) for i, m in enumerate(maps)]
    larger = lambda m: tf.image.resize(m, [m.shape[1] * 2, m.shape[2] * 2], "nearest")
    smaller = lambda m: tf.nn.max_pool2d(m, 3, 2, "SAME")
    middle = net.norm(net.separable(fuse([maps[1], larger(maps[2])], "f0"), 8, "n0"), "n0", None)
    first = net.norm(net.separable(fuse([maps[0], larger(middle)], "f1"), 8, "n1"), "n1", None)
    second = net.norm(net.separable(fuse([maps[1], middle, smaller(first)], "f2"), 8, "n2"), "n2", None)
    third = net.norm(net.separable(fuse([maps[2], smaller(second)], "f3"), 8, "n3"), "n3", None)
    return [first, second, third]


# --- EfficientDet of google/automl ------------------------------------------------------------------------------------


def automl_picture(picture):
    x = (tf.cast(picture, tf.float32) - [123.675, 116.28, 103.53]) / [58.395, 57.12, 57.375]
    height, width = (tf.cast(tf.shape(x)[axis], tf.float32) for axis in (0, 1))
    scale = tf.minimum(SIZE / width, SIZE / height)
    rows, columns = tf.cast(height * scale, tf.int32), tf.cast(width * scale, tf.int32)
    x = tf.image.resize(x, [rows, columns])[0:SIZE, 0:SIZE, :]
    return tf.image.pad_to_bounding_box(x, 0, 0, SIZE, SIZE), 1.0 / scale


def automl_suppress(boxes, scores, classes, options, padded):
    chosen, values, valid = tf.raw_ops.NonMaxSuppressionV5(
        boxes=boxes, scores=scores, max_output_size=options["total"], iou_threshold=options["overlap"], score_threshold=options["score"],
        soft_nms_sigma=options["sigma"], pad_to_max_output_size=padded)
    return tf.gather(boxes, chosen), values, tf.cast(tf.gather(classes, chosen) + 1, tf.float32), valid


def automl_detector(net, pictures, options):
    parts = [automl_picture(picture) for picture in tf.unstack(pictures)]
    x, scales = (tf.stop_gradient(tf.stack(part)) for part in zip(*parts))
    maps = []
    for i in range(5):
        x = net.conv(x, 8, 3, f"block{i}", stride=2, activation=swish)
        maps.append(x)
    ratios, classes = (1.0, 2.0, 0.5), options["classes"]

    def predict(feature, codes, logits):
        y = net.norm(net.separable(feature, 8, "tower"), f"tower{feature.shape[1]}", swish)
        return net.separable(y, codes, "boxes", 0.1), net.separable(y, logits, "classes", 0.8) - 1.5

    codes, logits = join_heads(net, bifpn(net, maps[2:], swish), classes, len(ratios), predict)
    anchors = pixel_anchors([(8, 14.0), (16, 26.0), (32, 44.0)], ratios)
    batch = tf.shape(logits)[0]
    if options["mode"] == "combined":
        boxes = decode_last(codes, anchors)
        found = list(tf.image.combined_non_max_suppression(tf.expand_dims(boxes, 2), tf.sigmoid(logits), options["total"], options["total"],
                                                           iou_threshold=options["overlap"], score_threshold=options["score"], clip_boxes=False))
        found[2] += 1
    else:
        if options["top"]:
            _, best = tf.math.top_k(tf.reshape(logits, [batch, -1]), k=options["top"], sorted=False)
            indices, labels = best // classes, best % classes
            values = tf.gather_nd(logits, tf.stack([indices, labels], axis=2), batch_dims=1)
            codes = tf.gather_nd(codes, tf.expand_dims(indices, 2), batch_dims=1)
        else:
            labels = tf.math.argmax(logits, axis=-1, output_type=tf.int32)
            indices = tf.tile(tf.expand_dims(tf.range(tf.shape(logits)[1]), 0), [batch, 1])
            values = tf.reduce_max(logits, -1)
        boxes, scores = decode_last(codes, tf.gather(anchors, indices)), tf.sigmoid(values)
        one = automl_each if options["mode"] == "per_class" else lambda *parts: automl_suppress(*parts, True)
        found = [one(boxes[i], scores[i], labels[i], options) for i in range(pictures.shape[0])]
        found = [tf.stack(part) for part in zip(*found)]
    if options["mode"] != "per_class":
        found[0] = tf.clip_by_value(found[0], [0], [SIZE, SIZE] * 2)
    found[0] = found[0] * tf.expand_dims(tf.expand_dims(scales, -1), -1)
    return {f"output_{i}": value for i, value in enumerate(found)}


def automl_each(boxes, scores, classes, options):
    found = []
    for label in range(options["classes"]):
        own = tf.where(tf.equal(classes, label))
        found.append(automl_suppress(tf.gather_nd(boxes, own), tf.gather_nd(scores, own), tf.gather_nd(classes, own), options, False))
    total = options["total"]
    boxes = tf.pad(tf.concat([one[0] for one in found], 0), [[0, total], [0, 0]])
    scores, labels = (tf.pad(tf.concat([one[i] for one in found], 0), [[0, total]]) for i in (1, 2))
    _, order = tf.math.top_k(scores, k=total, sorted=True)
    count = tf.minimum(total, tf.reduce_sum(tf.stack([one[3] for one in found])))
    return tf.gather(boxes, order), tf.gather(scores, order), tf.gather(labels, order), count


# --- RetinaNet as Keras's examples have it ----------------------------------------------------------------------------


def retinanet(net, pictures, options):
    """Pictures of the network's size; one tensor of codes and scores; corners x first, in pixels."""
    x, maps = tf.cast(pictures, tf.float32) / 127.5 - 1.0, []
    for i in range(5):
        x = net.conv(x, 8, 3, f"block{i}", stride=2, activation=tf.nn.relu)
        maps.append(x)
    heads, anchors = [], []
    for feature, scale in zip(maps[2:], (14.0, 26.0, 44.0)):
        code = net.head(feature, 3 * 4, 3, f"boxes{feature.shape[1]}", 0.8)
        logit = net.head(feature, 3 * options["classes"], 3, f"classes{feature.shape[1]}", 1.4, -1.0)
        cells, stride = feature.shape[1] * feature.shape[2], SIZE // feature.shape[1]
        heads.append(tf.concat([tf.reshape(code, [-1, cells * 3, 4]), tf.reshape(logit, [-1, cells * 3, options["classes"]])], -1))
        at = (tf.range(feature.shape[1], dtype=tf.float32) + 0.5) * float(stride)
        middles = tf.tile(tf.expand_dims(tf.stack(tf.meshgrid(at, at), axis=-1), 2), [1, 1, 3, 1])
        sides = tf.constant([[scale * np.sqrt(ratio), scale / np.sqrt(ratio)] for ratio in (1.0, 2.0, 0.5)], tf.float32)
        anchors.append(tf.reshape(tf.concat([middles, tf.tile(sides[None, None], [feature.shape[1], feature.shape[2], 1, 1])], -1), [-1, 4]))
    heads, anchors = tf.concat(heads, 1), tf.concat(anchors, 0)[None]
    codes = heads[:, :, :4] * [0.1, 0.1, 0.2, 0.2]
    middles, sides = codes[:, :, :2] * anchors[:, :, 2:] + anchors[:, :, :2], tf.exp(codes[:, :, 2:]) * anchors[:, :, 2:]
    boxes = tf.concat([middles - sides / 2.0, middles + sides / 2.0], -1)
    found = tf.image.combined_non_max_suppression(tf.expand_dims(boxes, 2), tf.sigmoid(heads[:, :, 4:]), options["total"], options["total"],
                                                  iou_threshold=options["overlap"], score_threshold=options["score"], clip_boxes=False)
    return {"x_first": found[0], **{f"output_{i}": found[i] for i in (1, 2, 3)}}


# --- CenterNet of the Object Detection API ----------------------------------------------------------------------------


def centernet(net, pictures, options):
    x = (tf.cast(pictures, tf.float32) - [104.0, 114.0, 119.0]) / [74.0, 70.0, 71.0]
    x, sizes = resize_all(tf.gather(x, [2, 1, 0], axis=-1), resize_keeping_aspect)
    stem = net.conv(x, 8, 3, "stem0", 2, tf.nn.relu)
    deep = net.conv(net.conv(stem, 8, 3, "stem1", 2, tf.nn.relu), 8, 3, "stem2", 2, tf.nn.relu)
    up = tf.image.resize(deep, [SIZE // 4, SIZE // 4], "nearest") + net.conv(net.conv(stem, 8, 3, "skip", 2, tf.nn.relu), 8, 1, "skip1")
    tower = lambda name: tf.nn.relu(net.head(up, 8, 3, name + "/0"))
    heat = net.head(tower("centers"), options["classes"], 1, "centers/1", 0.8, -1.5)
    offsets = net.head(tower("offsets"), 2, 1, "offsets/1", 0.5, 0.5)
    scales = net.head(tower("sizes"), 2, 1, "sizes/1", 1.0, 4.0)
    shape = tf.shape(heat)
    batch = pictures.shape[0] or shape[0]
    scores = tf.sigmoid(heat)
    _, rows, columns, _ = heat.shape
    # What lies beyond the picture proper counts for nothing.
    true_rows, true_columns = (tf.cast(tf.math.ceil(sizes[:, i] / 4), tf.float32)[:, None, None, None] for i in (0, 1))
    y, x = tf.meshgrid(tf.range(rows), tf.range(columns), indexing="ij")
    inside = tf.logical_and(tf.cast(y, tf.float32)[None, :, :, None] < true_rows, tf.cast(x, tf.float32)[None, :, :, None] < true_columns)
    scores = scores * tf.cast(inside, tf.float32)
    pool = tf.nn.max_pool2d(scores, 3, 1, "SAME")
    peaks = scores * tf.cast(tf.abs(scores - pool) < 1e-6, tf.float32)
    values, best = tf.math.top_k(tf.reshape(peaks, [shape[0], -1]), k=tf.minimum(options["total"], tf.size(peaks[0])))
    values = tf.ensure_shape(values, [pictures.shape[0], options["total"]])
    best = tf.ensure_shape(best, values.shape)
    y, rest = best // (columns * options["classes"]), best % (columns * options["classes"])
    x, labels = rest // options["classes"], rest % options["classes"]
    places = tf.stack([tf.repeat(tf.range(batch), options["total"]), tf.reshape(y, [-1]), tf.reshape(x, [-1])], 1)
    pair = lambda maps: tf.unstack(tf.reshape(tf.gather_nd(maps, places), [batch, options["total"], 2]), axis=2)
    (heights, widths), (dy, dx) = (tf.maximum(one, 0) for one in pair(scales)), pair(offsets)
    y, x = tf.cast(y, tf.float32) + dy, tf.cast(x, tf.float32) + dx
    cut = lambda value, most: tf.clip_by_value(value, 0.0, float(most))
    strided = tf.stack([cut(y - heights / 2, rows), cut(x - widths / 2, columns), cut(y + heights / 2, rows), cut(x + widths / 2, columns)], 2)
    high, wide, _ = tf.unstack(tf.cast(sizes, tf.float32), axis=1)
    boxes = tf.clip_by_value(strided * 4 / tf.stack([high, wide, high, wide], 1)[:, None], 0.0, 1.0)
    return {"detection_boxes": boxes, "detection_scores": values, "detection_classes": tf.cast(labels, tf.float32) + 1,
            "detection_boxes_strided": strided, "num_detections": tf.cast(tf.reduce_sum(tf.cast(values > 0, tf.int32), 1), tf.float32)}


API = {"pyramid": False, "keep": False, "classes": 2, "per_class": 20, "total": 20, "overlap": 0.6, "score": 1e-8, "sigma": 0.0}
AUTOML = {"classes": 3, "mode": "global", "top": 0, "total": 20, "overlap": 0.5, "score": 0.05, "sigma": 0.0}
CASES = {
    # One picture: no loops. A While over the batch: resizing and suppression in map_fn.
    "ssd": (1, 1, api_detector, API),
    "ssd_map_fn": (2, None, api_detector, {**API, "classes": 1}),
    "ssd_soft": (3, 1, api_detector, {**API, "sigma": 0.3}),
    "efficientdet": (4, 1, api_detector, {**API, "pyramid": True, "keep": True, "overlap": 0.5, "classes": 3}),
    "automl": (5, 1, automl_detector, AUTOML),
    "automl_soft_top": (6, 1, automl_detector, {**AUTOML, "sigma": 0.25, "top": 150, "score": 0.001}),
    "automl_per_class": (7, 1, automl_detector, {**AUTOML, "mode": "per_class"}),
    "automl_combined": (8, 1, automl_detector, {**AUTOML, "mode": "combined"}),
    "retinanet": (10, 1, retinanet, {**AUTOML, "sides": SIZE}),
    "centernet": (9, 1, centernet, {"classes": 3, "total": 20}),
    "centernet_map_fn": (11, None, centernet, {"classes": 3, "total": 20}),
}


def pictures(seed):
    """A picture with something to see: blocks of colour."""
    random = np.random.default_rng(seed)
    blocks = np.kron(random.uniform(0, 255, (1, 8, 8, 3)), np.ones((1, SIZE // 8, SIZE // 8, 1)))
    return np.clip(blocks + random.normal(0, 12, blocks.shape), 0, 255).astype(np.uint8)


def fields(answer):
    if "detection_boxes" in answer:
        return [answer[f"detection_{name}"].numpy() for name in ("boxes", "scores", "classes")]
    if "x_first" in answer:
        answer["output_0"] = tf.gather(answer["x_first"], [1, 0, 3, 2], axis=-1)
    return [answer["output_0"].numpy() / SIZE, answer["output_1"].numpy(), answer["output_2"].numpy()]


def strip(path):
    """Without what no reader needs: shapes and places in scripts."""
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
    for meta in saved.meta_graphs:
        for nodes in [meta.graph_def.node] + [function.node_def for function in meta.graph_def.library.function]:
            for node in nodes:
                node.attr.pop("_output_shapes", None)
                node.ClearField("experimental_debug_info")
        meta.meta_info_def.ClearField("stripped_op_list")
    (path / "saved_model.pb").write_bytes(saved.SerializeToString(deterministic=True))
    (path / "fingerprint.pb").unlink(missing_ok=True)
    for folder in ("assets", "debug"):
        shutil.rmtree(path / folder, ignore_errors=True)


def make(name, folder):
    seed, batch, build, options = CASES[name]
    net, images = Net(seed, constants=name != "ssd_map_fn"), pictures(5)
    call = lambda x: build(net, x, options)
    call(tf.zeros([1, SIZE, SIZE, 3], tf.uint8))
    module = tf.Module()
    module.net = net
    module.serve = tf.function(call, input_signature=[tf.TensorSpec([batch, options.get("sides"), options.get("sides"), 3], tf.uint8, name="input_tensor")])
    saved = folder / "saved_model"
    shutil.rmtree(saved, ignore_errors=True)
    tf.saved_model.save(module, str(saved), signatures=module.serve)
    strip(saved)
    signature = tf.saved_model.load(str(saved)).signatures["serving_default"]
    answers = [fields(signature(input_tensor=tf.constant(image[None]))) for image in images]
    np.save(folder / "in.npy", images)
    for key, values in zip(("boxes", "scores", "classes"), zip(*answers)):
        np.save(folder / f"detection_{key}.npy", np.concatenate(values).astype(np.float32))
    (folder / "meta.json").write_text(json.dumps({"tensorflow": tf.__version__, "inputs": ["input_tensor"]}, indent=1) + "\n")
    scores = np.concatenate([answer[1] for answer in answers])
    print(name, sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()), "bytes; scores above 0.3:",
          [int((row > 0.3).sum()) for row in scores], "best", scores.max().round(3), "classes",
          sorted({int(label) for answer in answers for label in answer[2][answer[1] > 0.3]}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent / "models" / "detectors_tf2")
    parser.add_argument("names", nargs="*", metavar="NAME", help="cases to make (default: all): " + ", ".join(CASES))
    options = parser.parse_args()
    for name in options.names or CASES:
        (options.output / name).mkdir(parents=True, exist_ok=True)
        make(name, options.output / name)


if __name__ == "__main__":
    main()
