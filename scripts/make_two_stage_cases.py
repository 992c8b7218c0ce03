#!/usr/bin/env python3
"""Makes the cases of models/detectors/ that look twice (Faster R-CNN, R-FCN, Mask R-CNN), see make_detector_cases.py.

Run:  scripts/python_env reference scripts/make_two_stage_cases.py [-o models/detectors] [NAME ...]

What is taken over from the Object Detection API is how its graphs are made, but not its names: a resize that keeps the shape
of the picture, anchors in pixels that are cut at its edges, a loop with the first suppression that pads to a number of
proposals, a loop that makes their boxes relative, CropAndResize and a pooling, box and class predictors on the mean of a
crop, a second loop with a suppression for each class, and for masks a third network on what is cut out at the detections.
"""
import make_detector_cases as one_stage
import numpy as np
import tensorflow as tf

tf1 = tf.compat.v1
raw = tf.raw_ops
STRIDE = 8


class Net(one_stage.Net):
    def dense(self, x, columns, scope, gain=1.0, bias=0.1, centred=False):
        """`centred`: what all rows have in common, as what is behind a Relu, does not make one column the best of every row."""
        with tf1.variable_scope(scope):
            weights = self.random.normal(0, gain / np.sqrt(int(x.shape[-1])), (int(x.shape[-1]), columns))
            weights = tf.constant((weights - centred * weights.mean(0)).astype(np.float32))
            return tf.nn.bias_add(tf.linalg.matmul(x, weights), self.constant((columns,), bias))


def preprocess(image, sides):
    """Pictures and their true shapes [batch,3]; `sides` is (height, width), or the least shorter and the most longer side."""
    def fixed(picture):
        return raw.ResizeBilinear(images=picture[None], size=sides[1:])[0], tf.constant([*sides[1:], 3])

    def in_range(picture):
        height, width = tf.cast(tf.shape(picture)[0], tf.float32), tf.cast(tf.shape(picture)[1], tf.float32)
        shorter, longer = tf.minimum(height, width), tf.maximum(height, width)
        least, most = tf.constant(sides[1], tf.float32), tf.constant(sides[2], tf.float32)
        grown = tf.stack([tf.cast(tf.round(side * (least / shorter)), tf.int32) for side in (height, width)])
        shrunk = tf.stack([tf.cast(tf.round(side * (most / longer)), tf.int32) for side in (height, width)])
        size = tf.cond(tf.cast(tf.reduce_max(grown), tf.float32) > most, lambda: shrunk, lambda: grown)
        resized = raw.ResizeBilinear(images=picture[None], size=size)[0]
        return resized, tf.concat([size, [3]], 0)

    with tf1.name_scope("Preprocessor"):
        resize = fixed if sides[0] == "fixed" else in_range
        x, shapes = tf1.map_fn(resize, tf.cast(image, tf.float32), dtype=(tf.float32, tf.int32))
        x.set_shape([None, *(sides[1:] if sides[0] == "fixed" else (None, None)), 3])
        return x - [123.68, 116.779, 103.939], shapes


def grid_anchors(features, scales, ratios):
    """In pixels: a grid of centres with steps of STRIDE, cut at the picture's edges by the caller."""
    height, width = tf.shape(features)[1], tf.shape(features)[2]
    scale_grid, ratio_grid = (tf.reshape(grid, [-1]) for grid in tf.meshgrid(tf.constant(scales), tf.constant(ratios)))
    root = tf.sqrt(ratio_grid)
    heights, widths = scale_grid / root * 2.0 * STRIDE, scale_grid * root * 2.0 * STRIDE
    y, x = tf.cast(tf.range(height), tf.float32) * STRIDE, tf.cast(tf.range(width), tf.float32) * STRIDE
    x, y = tf.meshgrid(x, y)
    all_widths, all_x = tf.meshgrid(widths, tf.reshape(x, [-1]))
    all_heights, all_y = tf.meshgrid(heights, tf.reshape(y, [-1]))
    centres = tf.reshape(tf.stack([all_y, all_x], axis=2), [-1, 2])
    sizes = tf.reshape(tf.stack([all_heights, all_widths], axis=2), [-1, 2])
    return tf.concat([centres - 0.5 * sizes, centres + 0.5 * sizes], 1)


def batch_decode(codes, anchors, scales):
    """[batch, boxes, classes, 4] of codes like it and anchors [batch, boxes, 4]."""
    batch, count, classes = tf.shape(codes)[0], tf.shape(codes)[1], codes.shape[2]
    tiled = tf.reshape(tf.tile(tf.expand_dims(anchors, 2), [1, 1, classes, 1]), [-1, 4])
    return tf.reshape(one_stage.decode(tf.reshape(codes, [-1, 4]), tiled, scales), tf.stack([batch, count, classes, 4]))


def suppress_classes(boxes, scores, window, options, relative):
    """Of one picture, boxes [n, 1 or classes, 4] and scores [n, classes]."""
    class_boxes = tf.unstack(boxes, axis=1)
    class_boxes = class_boxes if len(class_boxes) > 1 else class_boxes * scores.shape[1]
    all_boxes, all_scores, all_classes = [], [], []
    for index in range(scores.shape[1]):
        own, score = class_boxes[index], tf.reshape(tf.slice(scores, [0, index], [-1, 1]), [-1])
        kept = tf.cast(tf.reshape(tf.where(tf.greater(score, options["score"])), [-1]), tf.int32)
        own, score = tf.gather(own, kept), tf.gather(score, kept)
        if options["clip"] == "first":
            own, (score,) = one_stage.clip_to_window(own, [score], window)
        chosen = one_stage.suppress(own, score, options)
        all_boxes.append(tf.gather(own, chosen))
        all_scores.append(tf.gather(score, chosen))
        all_classes.append(tf.zeros_like(all_scores[-1]) + index)
    boxes, scores, labels = tf.concat(all_boxes, 0), tf.concat(all_scores, 0), tf.concat(all_classes, 0)
    order = tf.nn.top_k(scores, tf.size(scores), sorted=True).indices
    boxes, scores, labels = tf.gather(boxes, order), tf.gather(scores, order), tf.gather(labels, order)
    if options["clip"] == "last":
        boxes, (scores, labels) = one_stage.clip_to_window(boxes, [scores, labels], window)
    if relative:
        with tf1.name_scope("ChangeCoordinateFrame"):
            top, left, bottom, right = tf.unstack(window)
            boxes = (boxes - tf.stack([top, left, top, left])) / tf.stack([bottom - top, right - left, bottom - top, right - left])
    count = tf.minimum(options["total"], tf.shape(boxes)[0])
    return boxes[:count], scores[:count], labels[:count], count


def batch_suppression(boxes, scores, windows, options, relative=False, valid=None):
    with tf1.name_scope("BatchNMS"):
        columns = boxes.shape[2]

        def one(parts):
            own, score = parts[0], parts[1]
            own = tf.reshape(tf.slice(own, [0, 0, 0], tf.stack([parts[3], -1, -1])), [-1, columns, 4])
            score = tf.reshape(tf.slice(score, [0, 0], tf.stack([parts[3], -1])), [-1, scores.shape[2]])
            found = suppress_classes(own, score, parts[2], options, relative)
            return tuple(one_stage.pad_or_clip(part, options["total"]) for part in found[:3]) + (found[3],)
        if valid is None:
            valid = tf.ones([tf.shape(boxes)[0]], tf.int32) * tf.shape(boxes)[1]
        return tf1.map_fn(one, (boxes, scores, windows, valid), dtype=(tf.float32, tf.float32, tf.float32, tf.int32))


def cut_out(features, boxes, size):
    """The boxes [batch, n, 4] of the features, pooled to size x size."""
    shape = tf.shape(boxes)
    pictures = tf.reshape(tf.ones(shape[:2], tf.int32) * tf.expand_dims(tf.range(shape[0]), 1), [-1])
    crops = tf.image.crop_and_resize(features, tf.reshape(boxes, [-1, 4]), pictures, [2 * size, 2 * size])
    return tf.nn.max_pool2d(crops, 2, 2, "SAME")


def position_sensitive(net, features, boxes, columns, scope, bins=3):
    """R-FCN: each bin of a box looks at channels of its own; the mean of all."""
    maps = tf.split(net.conv(features, bins * bins * columns, 1, scope=scope, activation=None, gain=6.0), bins * bins, axis=3)
    flat = tf.reshape(boxes, [-1, 4])
    top, left, bottom, right = tf.unstack(flat, axis=1)
    height, width, crops = (bottom - top) / bins, (right - left) / bins, []
    for y in range(bins):
        for x in range(bins):
            part = tf.stack([top + y * height, left + x * width, top + (y + 1) * height, left + (x + 1) * width], axis=1)
            crops.append(tf.image.crop_and_resize(maps[y * bins + x], part, tf.zeros([tf.shape(flat)[0]], tf.int32), [2, 2]))
    return tf.reduce_mean(tf.add_n(crops) / len(crops), [1, 2])


def relative_boxes(boxes, shapes):
    def one(parts):
        height, width = tf.cast(parts[1][0], tf.float32), tf.cast(parts[1][1], tf.float32)
        top, left, bottom, right = tf.split(parts[0], 4, axis=1)
        return tf.concat([top * (1.0 / height), left * (1.0 / width), bottom * (1.0 / height), right * (1.0 / width)], 1)
    return tf1.map_fn(one, (boxes, shapes), dtype=tf.float32)


def two_stages(seed, classes, options):
    image = tf1.placeholder(tf.uint8, [None, None, None, 3], name="image_tensor")
    net = Net(seed)
    x, shapes = preprocess(image, options["sides"])
    x = x / 60.0
    with tf1.name_scope("FirstStageFeatureExtractor"):
        for i, channels in enumerate((8, 12, 16)):
            x = net.conv(x, channels, stride=2, scope="block%d" % i, activation=tf.nn.relu)
    features, scales, ratios = x, options["anchor_scales"], [0.5, 1.0, 2.0]
    per_cell = len(scales) * len(ratios)
    with tf1.name_scope("FirstStage"):
        head = net.conv(features, 16, scope="Conv", activation=tf.nn.relu6)
        codes = net.conv(head, per_cell * 4, 1, scope="BoxEncodingPredictor", activation=None, gain=0.7)
        codes = tf.squeeze(tf.reshape(codes, tf.stack([tf.shape(head)[0], -1, 1, 4])), [2])
        logits = net.conv(head, per_cell * 2, 1, scope="ClassPredictor", activation=None, gain=1.5)
        logits = tf.reshape(logits, tf.stack([tf.shape(head)[0], -1, 2]))
        sides = tf.shape(x)
        pixels = tf.cast(tf.stack([0, 0, tf.shape(image)[1] * 0 + shapes[0, 0], shapes[0, 1]]), tf.float32)
        anchors, _ = one_stage.clip_to_window(grid_anchors(features, scales, ratios), [], pixels)
        decoded = batch_decode(tf.expand_dims(codes, 2), tf.tile(tf.expand_dims(anchors, 0), tf.stack([sides[0], 1, 1])), options["scales"])
        windows = tf.cast(tf.stack([tf.zeros_like(shapes[:, 0]), tf.zeros_like(shapes[:, 0]), shapes[:, 0], shapes[:, 1]], axis=1), tf.float32)
        score = tf.expand_dims(tf.nn.softmax(logits)[:, :, 1], 2)
        proposals, _, _, valid = batch_suppression(decoded, score, windows, options["first"])
    count = options["first"]["total"]
    proposals.set_shape([None, count, 4])
    with tf1.name_scope("SecondStage"):
        where = relative_boxes(proposals, shapes)
        boxes_each = 1 if options["one_box"] else classes
        columns = classes + (1 if options["background"] else 0)
        if options["rfcn"]:
            codes = position_sensitive(net, features, where, boxes_each * 4, "BoxEncodingPredictor")
            logits = position_sensitive(net, features, where, columns, "ClassPredictor")
        else:
            crops = cut_out(features, where, 4)
            crops.set_shape([None, 4, 4, 16])
            crops = net.conv(crops, 16, scope="head", activation=tf.nn.relu)
            flat = tf.reshape(tf.reduce_mean(crops, [1, 2], keepdims=True), [-1, 16])
            codes = net.dense(flat, boxes_each * 4, "BoxEncodingPredictor")
            logits = net.dense(flat, columns, "ClassPredictor", gain=options["gain"], centred=bool(options["masks"]))
        codes, logits = tf.reshape(codes, [-1, 1, boxes_each, 4]), tf.reshape(logits, [-1, 1, columns])
        codes, logits = (tf.squeeze(part, [1]) for part in (codes, logits))
        decoded = batch_decode(tf.reshape(codes, [-1, count, boxes_each, 4]), proposals, options["scales"])
        logits = tf.reshape(logits, [-1, count, columns])
        scores = tf.nn.softmax(logits) if options["converter"] == "softmax" else tf.sigmoid(logits)
        if options["background"]:
            scores = tf.reshape(tf.slice(scores, [0, 0, 1], [-1, -1, -1]), [-1, count, classes])
        found = batch_suppression(decoded, scores, windows, options["second"], relative=True, valid=valid)
    one_stage.finish(found, {"offset": 1.0})
    if options["masks"]:
        with tf1.name_scope("ThirdStage"):
            total = options["second"]["total"]
            crops = cut_out(features, found[0], 4)
            crops.set_shape([None, 4, 4, 16])
            masks = net.conv(crops, 12, scope="mask_head", activation=tf.nn.relu)
            masks = tf.image.resize(masks, [8, 8]) if options["masks"] == "resize" else tf.nn.relu(tf.nn.conv2d_transpose(
                masks, net.constant((2, 2, 12, 12), 0.3), tf.stack([tf.shape(masks)[0], 8, 8, 12]), 2))
            masks.set_shape([None, 8, 8, 12])
            masks = net.conv(masks, classes, 1, scope="mask_last", activation=None, gain=3.0)
            masks = tf.reshape(tf.transpose(masks, [0, 3, 1, 2]), [-1, 8, 8])
            places = tf.range(total * tf.shape(image)[0]) * classes + tf.cast(tf.reshape(found[2], [-1]), tf.int32)
            masks = tf.gather(masks, places) if classes > 1 else masks
            masks = tf.reshape(tf.sigmoid(masks), [-1, total, 8, 8])
        tf.identity(masks, "detection_masks")


def stage(**changes):
    return {"clip": "last", "op": 3, "score": 0.0, "overlap": 0.6, "per_class": 20, "total": 20, **changes}


COMMON = {"sides": ("fixed", 64, 64), "anchor_scales": [1.0, 2.0], "scales": [10.0, 10.0, 5.0, 5.0], "one_box": False, "background": True,
          "converter": "softmax", "gain": 4.0, "rfcn": False, "masks": None, "first": stage(overlap=0.7, per_class=24, total=24), "second": stage()}
CASES = {
    # As in 2018: sides within a range, boxes of each class, softmax with background; boxes compared, then cut.
    "faster_rcnn": lambda: two_stages(11, 3, {**COMMON, "sides": ("range", 64, 80)}),
    # As in 2017, cut and then compared; one box for all classes, sigmoid, fewer proposals than there is room for.
    "faster_rcnn_2017": lambda: two_stages(12, 2, {**COMMON, "one_box": True, "background": False, "converter": "sigmoid", "first": stage(
        clip="first", op=2, overlap=0.2, per_class=40, total=40), "second": stage(clip="first", op=2, score=0.3)}),
    # Box codes and scores are means of what nine parts of a box see, each in channels of its own.
    "rfcn": lambda: two_stages(14, 2, {**COMMON, "rfcn": True}),
    "mask_rcnn": lambda: two_stages(15, 2, {**COMMON, "masks": "deconvolution", "gain": 12.0, "second": stage(op=5, score=0.15)}),
}


def pictures(seed, height, width):
    random = np.random.default_rng(seed)
    blocks = random.uniform(0, 255, (2, 8, 10, 3))
    large = np.kron(blocks, np.ones((1, 8, 8, 1))) + random.normal(0, 12, (2, 64, 80, 3))
    return np.clip(large, 0, 255).astype(np.uint8)[:, :height, :width]


def without_names(definition, kept):
    """Short names: nothing is to be recognised by them, and they are most of such a file."""
    names = {node.name: node.name if node.name in kept else "n%d" % i for i, node in enumerate(definition.node)}
    frames = {}
    for node in definition.node:
        node.name = names[node.name]
        for i, value in enumerate(node.input):
            control, value = value.startswith("^"), value.lstrip("^")
            base, _, port = value.partition(":")
            node.input[i] = "^" * control + names[base] + (":" + port if port else "")
        if "frame_name" in node.attr:
            frame = node.attr["frame_name"].s
            node.attr["frame_name"].s = frames.setdefault(frame, b"f%d" % len(frames))
        if "tensor_array_name" in node.attr:
            node.attr["tensor_array_name"].s = b""


def make(name, folder):
    graph = one_stage.graph_of(CASES[name])
    made = {operation.name for operation in graph.get_operations()}
    names = [key for key in ("detection_boxes", "detection_scores", "detection_classes", "detection_masks") if key in made]
    definition = one_stage.plain_definition(graph, names)
    without_names(definition, {"image_tensor", "num_detections", *names})
    one_stage.record(graph, names, pictures(5, 64, 80 if name == "faster_rcnn" else 64), definition, folder)


if __name__ == "__main__":
    one_stage.main(__doc__, make, CASES)
