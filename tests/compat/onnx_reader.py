"""One reader of ONNX files, as tests/compat/onnx_matrix asks it: onnx.checker, ONNX Runtime, or one released OpenCV.

    onnx_reader.py check|ort|opencv|opencv-classic        (classic: the engine that 5.0 has from 4.x)

Runs in scripts/python_env onnx or opencv-RELEASE. An order is as in release.py; inputs also say their dtype.
"""
import sys

import numpy as np

from fork_server import serve

LIMIT_S = 300
KIND = sys.argv[1]
if KIND.startswith("opencv"):
    import cv2
    from release import compared, reordered
else:
    import onnx
    import onnxruntime


def value_of(tensor):
    value = np.load(tensor["npy"]).astype(tensor["dtype"])
    if not tensor["layout"] or tensor["layout"] == tensor["cv_layout"]:
        return np.ascontiguousarray(value)
    return np.ascontiguousarray(value.transpose([tensor["layout"].index(axis) for axis in tensor["cv_layout"]]))


def error_of(tensor, got):
    want = np.load(tensor["npy"]).astype(np.float64)
    got = np.asarray(got).astype(np.float64)
    if tensor["layout"] and tensor["layout"] != tensor["cv_layout"]:
        got = got.transpose([tensor["cv_layout"].index(axis) for axis in tensor["layout"]])
    if got.shape != want.shape:
        raise ValueError(f"{tensor['name']}: shape {list(got.shape)}, expected {list(want.shape)}")
    scale = float(np.abs(want).max()) or 1.0 if want.size else 1.0
    worst = float(np.abs(got - want).max()) if want.size else 0.0
    return {"output": tensor["name"], "error": worst / scale if np.isfinite(worst) else float("inf")}


def check(order):
    onnx.checker.check_model(order["file"], full_check=True)
    return {"outputs": [{"output": tensor["name"], "error": 0.0} for tensor in order["outputs"]]}


def run_ort(order):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(order["file"], options, providers=["CPUExecutionProvider"])
    feeds = {tensor["cv_name"]: value_of(tensor) for tensor in order["inputs"]}
    answers = session.run([tensor["cv_name"] for tensor in order["outputs"]], feeds)
    return {"outputs": [error_of(tensor, got) for tensor, got in zip(order["outputs"], answers)]}


def run_opencv(order):
    engine = [cv2.dnn.ENGINE_CLASSIC] if KIND == "opencv-classic" else []
    net = cv2.dnn.readNetFromONNX(order["file"], *engine)
    if net.empty():
        raise ValueError("an empty network")
    for tensor in order["inputs"]:
        value = value_of(tensor)
        # Up to 4.x every blob is float32; 5.0 asks for what the file says.
        if KIND == "opencv-classic" or int(cv2.__version__.split(".")[0]) < 5 or value.dtype == np.float64:
            value = value.astype(np.float32)
        if value.ndim == 3 and hasattr(cv2, "Mat"):  # releases up to 4.10 take three axes for two and channels
            value = cv2.Mat(value, wrap_channels=False)
        net.setInput(value, tensor["cv_name"])
    answers = net.forward([tensor["cv_name"] for tensor in order["outputs"]])
    return {"outputs": [compared(tensor, got) for tensor, got in zip(order["outputs"], answers)]}


if __name__ == "__main__":
    serve({"check": check, "ort": run_ort, "opencv": run_opencv, "opencv-classic": run_opencv}[KIND], LIMIT_S)
