"""One released OpenCV, as tests/compat/opencv_matrix asks it: loads a file, sets the inputs, compares the outputs.

Runs in scripts/python_env opencv-RELEASE. An order names the file and, for every input and output, the .npy, the name in
cv::dnn and both orders of axes.
"""
import cv2
import numpy as np

from fork_server import serve

LIMIT_S = 300


def reordered(array, have, want):
    """The array with its axes in the order of another layout; layouts that say nothing leave it alone."""
    if not have or not want or have == want or sorted(have) != sorted(want) or array.ndim != len(have):
        return array
    return array.transpose([have.index(axis) for axis in want])


def blob_of(tensor):
    value = np.load(tensor["npy"]).astype(np.float32)
    value = np.ascontiguousarray(reordered(value, tensor["layout"], tensor["cv_layout"]))
    if value.ndim == 3 and hasattr(cv2, "Mat"):  # releases up to 4.10 take three axes for two and channels
        value = cv2.Mat(value, wrap_channels=False)
    return value


def compared(tensor, got):
    want = np.load(tensor["npy"])
    got = reordered(np.asarray(got), tensor["cv_layout"], tensor["layout"])
    if got.size != want.size:
        raise ValueError(f"{tensor['name']}: shape {list(got.shape)}, expected {list(want.shape)}")
    scale = float(np.abs(want).max()) or 1.0
    worst = float(np.abs(got.reshape(want.shape).astype(np.float64) - want).max())
    return {"output": tensor["name"], "error": worst / scale if np.isfinite(worst) else float("inf")}


def work(order):
    net = cv2.dnn.readNetFromTensorflow(order["file"])
    if net.empty():
        raise ValueError("an empty network")
    for tensor in order["inputs"]:
        net.setInput(blob_of(tensor), tensor["cv_name"])
    answers = net.forward([tensor["cv_name"] for tensor in order["outputs"]])
    return {"outputs": [compared(tensor, got) for tensor, got in zip(order["outputs"], answers)]}


if __name__ == "__main__":
    serve(work, LIMIT_S)
