#!/usr/bin/env python3
"""Builds detectors of two stages with the Object Detection API's own code, and freezes them: small, with random weights.

    scripts/python_env reference scripts/make_detection_api_models.py [-o build/models/detection_api] [faster_rcnn mask_rcnn rfcn]
    scripts/check_detectors build/models/detection_api/*.pb

The code is that of the packages tf-models-research-object-detection and tf-slim (Apache-2.0), which pip fetches; what they import
for training only is replaced by stand-ins. Nothing of them is part of Permafrost.
"""
import argparse
import importlib.abc
import importlib.machinery
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"

ROOT = pathlib.Path(__file__).resolve().parent.parent
CODE = ROOT / "build" / "detection-api"
PACKAGES = ("tf-models-research-object-detection==2.8.0.post1", "tf-slim==1.1.0")

HYPERPARAMS = "op: %s regularizer { l2_regularizer { weight: 0.0 } } initializer { truncated_normal_initializer { stddev: 0.1 } }"
RANGE = "keep_aspect_ratio_resizer { min_dimension: 96 max_dimension: 160 }"
FIXED = "fixed_shape_resizer { height: 128 width: 128 }"
BOXES = "mask_rcnn_box_predictor { use_dropout: false fc_hyperparams { " + HYPERPARAMS % "FC" + " } %s }"
MASKS = ("predict_instance_masks: true mask_height: 9 mask_width: 9 mask_prediction_conv_depth: 8 mask_prediction_num_conv_layers: 2 "
         "conv_hyperparams { " + HYPERPARAMS % "CONV" + " }")
PARTS = ("rfcn_box_predictor { crop_height: 6 crop_width: 6 num_spatial_bins_height: 3 num_spatial_bins_width: 3 depth: 16 "
         "conv_hyperparams { " + HYPERPARAMS % "CONV" + " } }")
CROP = "initial_crop_size: 8 maxpool_kernel_size: 2 maxpool_stride: 2"
CONFIG = """model { faster_rcnn {
  number_of_stages: %(stages)d
  num_classes: 3
  image_resizer { %(resizer)s }
  feature_extractor { type: 'small' first_stage_features_stride: 8 }
  first_stage_anchor_generator { grid_anchor_generator {
    scales: [0.0625, 0.125, 0.25] aspect_ratios: [0.5, 1.0, 2.0] height_stride: 8 width_stride: 8 } }
  first_stage_box_predictor_conv_hyperparams { %(conv)s }
  first_stage_box_predictor_depth: 16
  first_stage_nms_score_threshold: 0.0
  first_stage_nms_iou_threshold: 0.7
  first_stage_max_proposals: 40
  first_stage_localization_loss_weight: 2.0
  first_stage_objectness_loss_weight: 1.0
  %(crop)s
  second_stage_box_predictor { %(predictor)s }
  second_stage_post_processing {
    batch_non_max_suppression { score_threshold: 0.0 iou_threshold: 0.6 max_detections_per_class: 30 max_total_detections: 30 }
    score_converter: SOFTMAX }
  second_stage_localization_loss_weight: 2.0
  second_stage_classification_loss_weight: 1.0
} }"""
# A size that is fixed makes R-FCN cut its parts out by products of matrices.
KINDS = {
    "faster_rcnn": {"stages": 2, "resizer": RANGE, "crop": CROP, "predictor": BOXES % ""},
    "mask_rcnn": {"stages": 3, "resizer": FIXED, "crop": CROP, "predictor": BOXES % MASKS},
    "rfcn": {"stages": 2, "resizer": RANGE, "crop": "", "predictor": PARTS},
}


class StandIn(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Modules that are not there and only needed for training."""

    ROOTS = {"official", "pycocotools", "lvis", "matplotlib", "cv2", "PIL", "pandas", "lxml"}

    def find_spec(self, name, path, target=None):
        wanted = name.split(".")[0] in self.ROOTS or name.startswith("tensorflow.contrib")
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if wanted else None

    def create_module(self, spec):
        module = mock.MagicMock(name=spec.name)
        module.__path__, module.__spec__, module.__name__ = [], spec, spec.name
        return module

    def exec_module(self, module):
        pass


def pip_download(folder, *packages):
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, *packages], check=True)
    return sorted(pathlib.Path(folder).iterdir())


def fetch():
    """The packages' code under CODE."""
    if (CODE / "complete").exists():
        return
    CODE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for package in pip_download(folder, *PACKAGES):
            if package.suffix == ".whl":
                zipfile.ZipFile(package).extractall(CODE)
                continue
            with tarfile.open(package) as archive:
                for member in archive.getmembers():
                    parts = pathlib.PurePosixPath(member.name).parts[1:]
                    parts = parts[1:] if parts[:1] == ("slim",) else parts
                    if member.isfile() and parts[:1] in (("object_detection",), ("nets",)) and ".." not in parts:
                        target = CODE.joinpath(*parts)
                        target.parent.mkdir(parents=True, exist_ok=True)
                        target.write_bytes(archive.extractfile(member).read())
    (CODE / "complete").touch()


def fetch_wheel(package, wanted):
    """What of a wheel begins with one of `wanted`, under CODE."""
    if all((CODE / part).exists() for part in wanted):
        return
    with tempfile.TemporaryDirectory() as folder:
        (wheel,) = pip_download(folder, package)
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(CODE, [name for name in archive.namelist() if name.startswith(wanted)])


def build(kind, seed, np, tf):
    from google.protobuf import text_format
    from object_detection import exporter
    from object_detection.builders import model_builder
    from object_detection.meta_architectures import faster_rcnn_meta_arch
    from object_detection.protos import pipeline_pb2
    import tf_slim as slim

    tf1 = tf.compat.v1

    class Small(faster_rcnn_meta_arch.FasterRCNNFeatureExtractor):
        def preprocess(self, resized_inputs):
            return (resized_inputs - [[123.68, 116.779, 103.939]]) / 60.0

        def _extract_proposal_features(self, preprocessed_inputs, scope):
            x = preprocessed_inputs
            for i, channels in enumerate((8, 12, 16)):
                start = tf1.initializers.random_normal(stddev=1.4 / np.sqrt(9 * int(x.shape[-1])))
                x = slim.conv2d(x, channels, 3, 2, scope="block%d" % i, weights_initializer=start)
            return x, {}

        def _extract_box_classifier_features(self, proposal_feature_maps, scope):
            return slim.conv2d(proposal_feature_maps, 16, 3, 1, scope="head", weights_initializer=tf1.initializers.random_normal(stddev=0.12))

    model_builder.FASTER_RCNN_FEATURE_EXTRACTOR_CLASS_MAP["small"] = Small
    config, random = pipeline_pb2.TrainEvalPipelineConfig(), np.random.default_rng(seed)
    text_format.Merge(CONFIG % {**KINDS[kind], "conv": HYPERPARAMS % "CONV"}, config)
    graph = tf.Graph()
    with graph.as_default():
        tf1.disable_control_flow_v2()
        tf1.disable_resource_variables()
        tf1.set_random_seed(seed)
        model = model_builder.build(config.model, is_training=False)
        _, images = exporter.input_placeholder_fn_map["image_tensor"]()
        pictures, shapes = model.preprocess(tf.cast(images, tf.float32))
        outputs = exporter.add_output_tensor_nodes(model.postprocess(model.predict(pictures, shapes), shapes))
        with tf1.Session(graph=graph) as session:
            session.run(tf1.global_variables_initializer())
            for variable in tf1.global_variables():
                # Predictors begin near zero; these are to say something.
                name, shape = variable.op.name, variable.shape.as_list()
                if name.endswith("weights") and "Predictor" in name:
                    gain = 4.0 if "Second" in name and "Class" in name else 1.5
                    variable.load(random.normal(0, gain / np.sqrt(np.prod(shape[:-1])), shape).astype(np.float32), session)
                elif name.endswith("biases"):
                    variable.load(random.normal(0, 0.2, shape).astype(np.float32), session)
            return tf1.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), list(outputs))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=pathlib.Path, default=ROOT / "build" / "models" / "detection_api")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help="models to make (default: all): " + ", ".join(KINDS))
    options = parser.parse_args()
    fetch()
    sys.path.insert(0, str(CODE))
    sys.meta_path.append(StandIn())
    import numpy as np

    for name, kind in (("int", int), ("bool", bool), ("float", float), ("object", object)):
        setattr(np, name, kind)  # names that NumPy dropped
    import tensorflow as tf
    from object_detection.utils import tf_version

    tf_version.is_tf1, tf_version.is_tf2 = lambda: True, lambda: False
    options.output.mkdir(parents=True, exist_ok=True)
    for kind in options.kinds or KINDS:
        frozen = build(kind, options.seed, np, tf)
        (options.output / (kind + ".pb")).write_bytes(frozen.SerializeToString())
        print(kind, len(frozen.node), "nodes")


if __name__ == "__main__":
    main()
