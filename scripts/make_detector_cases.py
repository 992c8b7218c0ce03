#!/usr/bin/env python3
"""Makes the cases of models/detectors/: small detectors built as TensorFlow's Object Detection API builds its own, and what
TensorFlow answers to them.

Run:  scripts/python_env reference scripts/make_detector_cases.py [-o models/detectors] [NAME ...]

Each case is a folder with graph.pb, in.npy (pictures, uint8), detection_{boxes,scores,classes}.npy and meta.json. The weights
come from a fixed seed and are scaled so that several boxes have scores above 0.3. What is taken over from the API is how its
graphs are made, but not its names: a map_fn that resizes, a feature extractor, box predictors, anchors worked out by ops,
the box coder's decoder, a loop over the batch with a suppression for each class in it.
"""
import argparse
import json
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import tensorflow as tf

tf1 = tf.compat.v1
raw = tf.raw_ops
SIZE = 48


class Net:
    """Convolutions with weights from a seed."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)

    def constant(self, shape, scale):
        return tf.constant(self.random.normal(0, scale, shape).astype(np.float32))

    def conv(self, x, channels, kernel=3, stride=1, scope=None, activation=tf.nn.relu6, bias=0.1, gain=1.4):
        """A convolution with bias; with an activation also with a batch norm."""
        fan_in = kernel * kernel * x.shape[-1]
        with tf1.variable_scope(scope):
            y = tf.nn.conv2d(x, self.constant((kernel, kernel, x.shape[-1], channels), gain / np.sqrt(fan_in)), stride, "SAME", name="Conv2D")
            if activation is None:
                return tf.nn.bias_add(y, self.constant((channels,), bias), name="BiasAdd")
            stats = [self.random.uniform(0.5, 1.5, channels).astype(np.float32) for _ in range(4)]
            y = raw.FusedBatchNormV3(x=y, scale=stats[0], offset=stats[1] - 1, mean=stats[2] - 1, variance=stats[3], is_training=False,
                                     epsilon=0.001)[0]
            return activation(y)

    def depthwise(self, x, scope):
        with tf1.variable_scope(scope):
            y = tf.nn.depthwise_conv2d(x, self.constant((3, 3, x.shape[-1], 1), 0.5), [1, 1, 1, 1], "SAME")
            return tf.nn.relu6(y + self.constant((x.shape[-1],), 0.2))


def preprocess(image, mean_scale):
    with tf1.name_scope("Preprocessor"):
        resize = lambda picture: raw.ResizeBilinear(images=picture[None], size=[SIZE, SIZE])[0]
        x = tf1.map_fn(resize, tf.cast(image, tf.float32))
        x.set_shape([None, SIZE, SIZE, 3])
        return 2 / 255 * x - 1.0 if mean_scale else x - [123.68, 116.779, 103.939]


# --- Anchors ----------------------------------------------------------------------------------------------------------


def grid_anchors(height, width, scales, ratios):
    """Centres along a grid, sizes from scales and aspect ratios: [height * width * len(scales), 4]."""
    ratio = tf.sqrt(tf.constant(ratios, tf.float32))
    heights, widths = tf.constant(scales, tf.float32) / ratio, tf.constant(scales, tf.float32) * ratio
    y = tf.cast(tf.range(height), tf.float32) / tf.cast(height, tf.float32) + 0.5 / tf.cast(height, tf.float32)
    x = tf.cast(tf.range(width), tf.float32) / tf.cast(width, tf.float32) + 0.5 / tf.cast(width, tf.float32)
    x, y = tf.meshgrid(x, y)
    all_widths, all_x = tf.meshgrid(widths, tf.reshape(x, [-1]))
    all_heights, all_y = tf.meshgrid(heights, tf.reshape(y, [-1]))
    centres = tf.reshape(tf.stack([all_y, all_x], axis=2), [-1, 2])
    sizes = tf.reshape(tf.stack([all_heights, all_widths], axis=2), [-1, 2])
    return tf.concat([centres - 0.5 * sizes, centres + 0.5 * sizes], 1)


def anchors_of(maps, boxes_per_cell, from_shapes):
    """Anchors of all maps; their sizes are numbers, or follow from the maps' shapes as the picture has them."""
    with tf1.name_scope("Anchors"):
        parts = []
        for feature, (scales, ratios) in zip(maps, boxes_per_cell):
            height, width = (tf.shape(feature)[1], tf.shape(feature)[2]) if from_shapes else feature.shape[1:3]
            parts.append(grid_anchors(height, width, scales, ratios))
        return tf.concat(parts, 0)


def ssd_boxes(layers, ratios):
    """As the SSD anchor generator has it: fewer on the first layer, one between two scales on the others."""
    scales = [0.2 + 0.75 * i / (layers - 1) for i in range(layers)] + [1.0]
    cells = [([0.1, 0.2, 0.2], [1.0, 2.0, 0.5])]
    for i in range(1, layers):
        cells.append(([scales[i]] * len(ratios) + [float(np.sqrt(scales[i] * scales[i + 1]))], list(ratios) + [1.0]))
    return cells


# --- Postprocessor ----------------------------------------------------------------------------------------------------


def centre_and_size(boxes):
    with tf1.name_scope("centre"):
        top, left, bottom, right = tf.unstack(tf.transpose(boxes))
        width, height = right - left, bottom - top
        return top + height / 2.0, left + width / 2.0, height, width


def decode(codes, anchors, scales):
    with tf1.name_scope("Decode"):
        ya, xa, ha, wa = centre_and_size(anchors)
        ty, tx, th, tw = tf.unstack(tf.transpose(codes))
        ty, tx, th, tw = ty / scales[0], tx / scales[1], th / scales[2], tw / scales[3]
        w, h = tf.exp(tw) * wa, tf.exp(th) * ha
        y, x = ty * ha + ya, tx * wa + xa
        return tf.transpose(tf.stack([y - h / 2.0, x - w / 2.0, y + h / 2.0, x + w / 2.0]))


def area(boxes):
    top, left, bottom, right = tf.split(boxes, 4, axis=1)
    return tf.squeeze((bottom - top) * (right - left), [1])


def clip_to_window(boxes, fields, window):
    with tf1.name_scope("ClipToWindow"):
        top, left, bottom, right = tf.split(boxes, 4, axis=1)
        edges = tf.unstack(window)
        cut = lambda value, low, high: tf.maximum(tf.minimum(value, high), low)
        boxes = tf.concat([cut(top, edges[0], edges[2]), cut(left, edges[1], edges[3]), cut(bottom, edges[0], edges[2]),
                           cut(right, edges[1], edges[3])], 1)
        boxes.set_shape([None, 4])
        filled = tf.cast(tf.reshape(tf.where(tf.greater(area(boxes), 0.0)), [-1]), tf.int32)
        return tf.gather(boxes, filled), [tf.gather(field, filled) for field in fields]


def pad_or_clip(tensor, size):
    with tf1.name_scope("Pad"):
        count = tf.shape(tensor)[0]
        paddings = lambda: [[0, size - count]] + [[0, 0]] * (tensor.shape.rank - 1)
        result = tf1.cond(tf.greater(count, size), lambda: tensor[:size], lambda: tf.pad(tensor, paddings()))
        result.set_shape([size] + tensor.shape[1:].as_list())
        return result


def suppress(boxes, scores, options):
    """The indices of a class that stay."""
    count = tf.minimum(options["per_class"], tf.shape(boxes)[0])
    common = dict(boxes=boxes, scores=scores, max_output_size=count)
    if options["op"] == 1:
        return raw.NonMaxSuppression(iou_threshold=options["overlap"], **common)
    if options["op"] == 2:
        return raw.NonMaxSuppressionV2(iou_threshold=options["overlap"], **common)
    common.update(iou_threshold=options["overlap"], score_threshold=options["score"])
    if options["op"] == 3:
        return raw.NonMaxSuppressionV3(**common)
    return raw.NonMaxSuppressionV5(soft_nms_sigma=options.get("sigma", 0.0), **common)[0]


def multiclass_suppression(boxes, scores, window, options):
    """One picture: boxes [n, 1, 4], scores [n, classes]."""
    with tf1.name_scope("NMS"):
        classes = scores.shape[1]
        all_boxes, all_scores, all_classes = [], [], []
        for index in range(classes):
            own = tf.unstack(boxes, axis=1)[0]
            score = tf.reshape(tf.slice(scores, [0, index], tf.stack([tf.shape(scores)[0], 1])), [-1])
            if options["op"] < 3:
                with tf1.name_scope("Filter"):
                    kept = tf.cast(tf.reshape(tf.where(tf.greater(score, options["score"])), [-1]), tf.int32)
                    own, score = tf.gather(own, kept), tf.gather(score, kept)
            if options["clip"] == "first":
                own, (score,) = clip_to_window(own, [score], window)
            chosen = suppress(own, score, options)
            all_boxes.append(tf.gather(own, chosen))
            all_scores.append(tf.gather(score, chosen))
            all_classes.append(tf.zeros_like(all_scores[-1]) + index)
        boxes, scores, labels = tf.concat(all_boxes, 0), tf.concat(all_scores, 0), tf.concat(all_classes, 0)
        with tf1.name_scope("SortByField"):
            order = tf.nn.top_k(scores, tf.size(scores), sorted=True).indices
            boxes, scores, labels = tf.gather(boxes, order), tf.gather(scores, order), tf.gather(labels, order)
        if options["clip"] == "last":
            boxes, (scores, labels) = clip_to_window(boxes, [scores, labels], window)
        count = tf.minimum(options["total"], tf.shape(boxes)[0])
        return boxes[:count], scores[:count], labels[:count], count


def batch_suppression(boxes, scores, window, options):
    with tf1.name_scope("BatchNMS"):
        def one(parts):
            found = multiclass_suppression(*parts, options)
            return tuple(pad_or_clip(part, options["total"]) for part in found[:3]) + (found[3],)
        windows = tf.tile(tf.expand_dims(window, 0), [tf.shape(boxes)[0], 1])
        return tf1.map_fn(one, (boxes, scores, windows), dtype=(tf.float32, tf.float32, tf.float32, tf.int32))


def postprocess(codes, logits, anchors, options):
    with tf1.name_scope("Post"):
        batch = tf.shape(codes)[0]
        tiled = tf.reshape(tf.tile(tf.expand_dims(anchors, 0), tf.stack([batch, 1, 1])), [-1, 4])
        boxes = decode(tf.reshape(codes, [-1, 4]), tiled, options["scales"])
        boxes = tf.expand_dims(tf.reshape(boxes, tf.stack([batch, anchors.shape[0], 4])), 2)
        logits = tf.divide(logits, 1.0, name="scale_logits") if options["converter"] != "sigmoid" else logits
        if options["converter"] == "softmax":
            scores = tf.nn.softmax(logits, name="convert_scores")[:, :, 1:]
        elif options["background"]:
            scores = tf.sigmoid(tf.slice(logits, [0, 0, 1], [-1, -1, -1]))
        else:
            scores = tf.sigmoid(logits, name="convert_scores")
        return batch_suppression(boxes, scores, tf.constant([0.0, 0.0, 1.0, 1.0]), options)


# --- Detectors --------------------------------------------------------------------------------------------------------


def predict(net, features, cells, columns, options):
    """Box encodings and class scores of all maps, joined."""
    codes, logits = [], []
    for i, (feature, (scales, _)) in enumerate(zip(features, cells)):
        with tf1.variable_scope(options.get("shared", "BoxPredictor_%d" % i), reuse=tf1.AUTO_REUSE):
            head = net.depthwise(feature, "depthwise") if options.get("depthwise") else feature
            code = net.conv(head, len(scales) * 4, options.get("kernel", 1), scope="BoxEncodingPredictor", activation=None, gain=1.0)
            logit = net.conv(head, len(scales) * columns, options.get("kernel", 1), scope="ClassPredictor", activation=None, bias=0.5,
                             gain=1.0)
            batch, cells_here = tf.shape(feature)[0], feature.shape[1] * feature.shape[2] * len(scales)
            code = tf.reshape(code, tf.stack([batch, cells_here, 1, 4]))
            codes.append(tf.squeeze(code, [2]))
            logits.append(tf.reshape(logit - 1.5, tf.stack([batch, cells_here, columns])))
    return tf.concat(codes, 1, name="concat"), tf.concat(logits, 1, name="concat_1")


def finish(found, options):
    boxes, scores, classes, count = found
    tf.identity(boxes, "detection_boxes")
    tf.identity(scores, "detection_scores")
    tf.identity(classes + options.get("offset", 1.0), "detection_classes")
    tf.identity(tf.cast(count, tf.float32), "num_detections")


def ssd(seed, layers, ratios, classes, options):
    image = tf1.placeholder(tf.uint8, [None, None, None, 3], name="image_tensor")
    net, x, features = Net(seed), preprocess(image, True), []
    with tf1.name_scope("FeatureExtractor"):
        for i in range(layers + 1):
            x = net.conv(x, 12, stride=2, scope="Conv2d_%d" % i)
            if i > 0:
                features.append(x)
    cells = ssd_boxes(layers, ratios)
    anchors = anchors_of(features, cells, options["from_shapes"])
    columns = classes + (1 if options["background"] else 0)
    codes, logits = predict(net, features, cells, columns, options)
    finish(postprocess(codes, logits, anchors, options), options)


def fpn(seed, classes, options):
    image = tf1.placeholder(tf.uint8, [None, None, None, 3], name="image_tensor")
    net, x, features = Net(seed), preprocess(image, False) / 60.0, []
    with tf1.name_scope("FeatureExtractor"):
        for i in range(4):
            x = net.conv(x, 12, stride=2, scope="block%d" % i)
            features.append(x)
        with tf1.name_scope("fpn"):
            top = net.conv(features[3], 8, 1, scope="projection_3", activation=None)
            pyramid = [top]
            for i in (2, 1):
                lateral = net.conv(features[i], 8, 1, scope="projection_%d" % i, activation=None)
                # Twice the size by a product with ones, as the API has it.
                _, height, width, depth = top.shape
                up = tf.reshape(top, [-1, height, 1, width, 1, depth]) * tf.ones([1, 1, 2, 1, 2, 1])
                top = tf.reshape(up, [-1, height * 2, width * 2, depth]) + lateral
                pyramid.insert(0, net.conv(top, 8, 3, scope="smoothing_%d" % i))
    cells = []
    for level in range(3):
        octaves = [0.12 * 2 ** (level + k / 2) for k in range(2)]
        cells.append(([s for s in octaves for _ in range(3)], [1.0, 2.0, 0.5] * 2))
    anchors = anchors_of(pyramid, cells, options["from_shapes"])
    codes, logits = predict(net, pyramid, cells, classes + 1, options)
    finish(postprocess(codes, logits, anchors, options), options)


COMMON = {"scales": [10.0, 10.0, 5.0, 5.0], "background": True, "from_shapes": False, "per_class": 20, "total": 20, "score": 1e-8,
          "overlap": 0.6, "converter": "sigmoid", "clip": "last", "op": 3}


def case(**changes):
    return {**COMMON, **changes}


CASES = {
    # As the API wrote them in 2017: boxes are cut, then compared; each class has a filter before its suppression.
    "ssd_2017": lambda: ssd(1, 3, (1.0, 2.0, 0.5, 3.0, 0.3333), 2, case(op=2, clip="first")),
    # As in 2020: compared, then cut; thresholds are operands, maps are measured.
    "ssd_2020": lambda: ssd(2, 3, (1.0, 2.0, 0.5), 1, case(op=5, score=0.2, overlap=0.5, from_shapes=True)),
    # Softmax, depthwise predictors on a map of one pixel, other scales, classes counted from 0.
    "ssdlite_softmax": lambda: ssd(3, 5, (1.0, 2.0), 3, case(converter="softmax", depthwise=True, scales=[8.0, 8.0, 4.0, 4.0], offset=0.0,
                                                             score=0.05, op=3)),
    # Pyramid, predictors of one scope, no background.
    "ssd_fpn": lambda: fpn(4, 2, case(shared="WeightSharedConvolutionalBoxPredictor", kernel=3, op=3, score=0.3)),
    # As many classes and detections as of COCO; every box of every class is compared.
    "ssd_90": lambda: ssd(5, 2, (1.0, 2.0), 90, case(per_class=100, total=100)),
}


def pictures(seed):
    """Two pictures with something to see: blurred blocks of colour."""
    random = np.random.default_rng(seed)
    blocks = random.uniform(0, 255, (2, 6, 6, 3))
    return np.clip(np.kron(blocks, np.ones((1, 8, 8, 1))) + random.normal(0, 12, (2, 48, 48, 3)), 0, 255).astype(np.uint8)


def plain_definition(graph, names):
    """What the outputs need, without what is default or only for people."""
    definition = tf1.graph_util.extract_sub_graph(graph.as_graph_def(), list(names) + ["num_detections"])
    for node in definition.node:
        for attribute in ("_class", "_output_shapes"):
            node.attr.pop(attribute, None)
    with tf.Graph().as_default():
        definition = tf1.train.export_meta_graph(graph_def=definition, strip_default_attrs=True).graph_def
    definition.ClearField("library")
    return definition


SIZES = {"Const", "Shape", "StridedSlice", "Pack", "Minimum"}


def shrink(definition, kept):
    """The same graph in fewer bytes: equal constants and sizes become one, and nodes get short names but for those that are kept."""
    names, known, left, frames = {}, {}, [], {}
    plain = lambda operand: operand.removeprefix("^").partition(":")[0]
    for node in definition.node:
        operands = tuple(operand.replace(plain(operand), names.get(plain(operand), plain(operand))) for operand in node.input)
        key = (node.op, operands, tuple((k, node.attr[k].SerializeToString(deterministic=True)) for k in sorted(node.attr)))
        if node.op in SIZES and key in known:
            names[node.name] = known[key]
            continue
        names[node.name] = node.name if node.name in kept else "n%d" % len(left)
        known[key] = names[node.name]
        left.append(node)
    for node in left:
        node.name = names[node.name]
        for i, operand in enumerate(node.input):
            node.input[i] = operand.replace(plain(operand), names[plain(operand)])
        if "frame_name" in node.attr:
            node.attr["frame_name"].s = frames.setdefault(node.attr["frame_name"].s, b"frame%d" % len(frames))
    del definition.node[:]
    definition.node.extend(left)


def graph_of(build):
    graph = tf.Graph()
    with graph.as_default():
        tf1.disable_control_flow_v2()
        build()
    return graph


def record(graph, names, images, definition, folder):
    """Writes a case: the definition, the pictures and what the graph's outputs `names` are of each."""
    folder.mkdir(parents=True, exist_ok=True)
    answers = {key: [] for key in names}
    with tf1.Session(graph=graph) as session:
        for image in images:
            values = session.run([key + ":0" for key in names], {"image_tensor:0": image[None]})
            for key, value in zip(names, values):
                answers[key].append(value)
    (folder / "graph.pb").write_bytes(definition.SerializeToString(deterministic=True))
    np.save(folder / "in.npy", images)
    for key, values in answers.items():
        np.save(folder / (key + ".npy"), np.concatenate(values))
    scores = np.concatenate(answers["detection_scores"])
    (folder / "meta.json").write_text(json.dumps({"tensorflow": tf.__version__, "inputs": ["image_tensor"], "outputs": names}, indent=1) + "\n")
    print(folder.name, len(definition.node), "nodes,", (folder / "graph.pb").stat().st_size, "bytes; scores above 0.3:",
          [int((row > 0.3).sum()) for row in scores], "best", scores.max().round(3))


def make(name, folder):
    graph, names = graph_of(CASES[name]), ("detection_boxes", "detection_scores", "detection_classes")
    definition = plain_definition(graph, names)
    shrink(definition, {"image_tensor", "num_detections", *names})
    record(graph, names, pictures(5), definition, folder)


def main(doc, make, cases):
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent / "models" / "detectors")
    parser.add_argument("names", nargs="*", metavar="NAME", help="cases to make (default: all): " + ", ".join(cases))
    options = parser.parse_args()
    for name in options.names or cases:
        make(name, options.output / name)


if __name__ == "__main__":
    main(__doc__, make, CASES)
