#!/usr/bin/env python3
"""Draws what scripts/compare_classic measured: a dot for each engine's median with its 95 % interval, on a logarithmic axis.

    scripts/python_env figures scripts/draw_classic.py REPORT.json FIGURE.svg
"""
import json
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams["svg.hashsalt"] = "permafrost"  # the same numbers give the same file
matplotlib.rcParams["svg.fonttype"] = "none"
import matplotlib.pyplot as plt  # noqa: E402
import matplotlib.ticker  # noqa: E402

INK = "#7a7a7a"  # readable on light and dark pages
COLOURS = ["#2a7fba", "#e0822f", "#3d9a50", "#b04a5a", "#8463b8", "#9a7b4f", "#4aa6a6"]


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    report = json.loads(pathlib.Path(sys.argv[1]).read_text())
    cases = report["cases"]
    labels = []
    for case in cases:
        for file in case["files"]:
            label = file.get("engine", file["file"]) + (" on CUDA" if "cuda/cuda" in file.get("setting", "") else "")
            if "steady_ms" in file and label not in labels:
                labels.append(label)
    figure, axes = plt.subplots(figsize=(9, 0.5 + 0.28 * len(cases) * (len(labels) + 1)))
    height = 0.8 / max(len(labels), 1)
    for index, label in enumerate(labels):
        places, medians, errors = [], [], [[], []]
        for row, case in enumerate(cases):
            for file in case["files"]:
                if "steady_ms" in file and file.get("engine", file["file"]) + (" on CUDA" if "cuda/cuda" in file.get("setting", "") else "") == label:
                    steady = file["steady_ms"]
                    places.append(row + (index - (len(labels) - 1) / 2) * height)
                    medians.append(steady["median"])
                    errors[0].append(max(0, steady["median"] - steady["interval"][0]))
                    errors[1].append(max(0, steady["interval"][1] - steady["median"]))
        axes.errorbar(medians, places, xerr=errors, fmt="o", markersize=6, label=label, color=COLOURS[index % len(COLOURS)], elinewidth=1.5)
        for place, median, more in zip(places, medians, errors[1]):
            axes.annotate(f"{median:.3g}", (median + more, place), xytext=(7, 0), textcoords="offset points", va="center", fontsize=8, color=INK)
    axes.set_yticks(range(len(cases)), [case["name"].replace("_", " ") for case in cases])
    axes.set_ylim(len(cases) - 0.5, -0.5)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
    axes.xaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())
    for row in range(1, len(cases)):
        axes.axhline(row - 0.5, color=INK, linewidth=0.5, alpha=0.5)
    axes.set_xlabel(f"ms a pass, median and 95 % interval ({report['machine']['cpu']}, {report['settings'][0]['name'] or 'all cores'})")
    axes.margins(x=0.12)
    axes.legend(frameon=False, labelcolor=INK, fontsize=8, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    for item in (axes.xaxis.label, *axes.get_xticklabels(which="both"), *axes.get_yticklabels()):
        item.set_color(INK)
    axes.tick_params(colors=INK, which="both")
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(INK)
    figure.savefig(sys.argv[2], transparent=True, bbox_inches="tight", metadata={"Date": None})
    return 0


if __name__ == "__main__":
    sys.exit(main())
