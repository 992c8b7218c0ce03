"""The matrix as text: on the terminal, and as tables in docs/opencv.md."""
import re

MARK = "<!-- matrix: {} -->"
END = "<!-- end of matrix -->"


class Known:
    """Cells that fail for a reason that is not ours: lines "group/case: releases: reason"; "*" is every release."""

    def __init__(self, path):
        self.lines = []
        for line in path.read_text().splitlines() if path else []:
            if line.strip() and not line.startswith("#"):
                where, releases, reason = (part.strip() for part in line.split(":", 2))
                self.lines.append((where, releases.split(), reason))

    def reason(self, row, release):
        """Why this cell fails, or None."""
        for where, releases, reason in self.lines:
            if where == f"{row['group']}/{row['case']}" and (releases == ["*"] or release in releases):
                return reason
        return None


def is_good(row, known):
    """Every cell passes, or fails as it is said to."""
    return all(bool(row["cells"].get(release, {}).get("passed")) != bool(known.reason(row, release)) for release in row["releases"])


def cell_text(row, release, known):
    cell = row["cells"].get(release)
    if cell is None:
        text = "-"
    elif cell["passed"]:
        text = f"{cell['error']:.1e}"
    elif "error" in cell:
        text = f"!{cell['error']:.1e}"
    else:
        text = "fails"
    return text + (" k" if known.reason(row, release) else "")


def short_message(text):
    """The core of a cv::Exception's text, in one line."""
    text = re.sub(r"OpenCV\([^)]*\)\s*\S*\s*error:\s*", "", " ".join(text.split()))
    return re.sub(r"\S*/(\w+\.\w+:\d+):", r"\1:", text).replace("|", "/")[:200]


def notes(row, releases, known):
    """What went wrong in this row, and where."""
    found = []
    if "message" in row:
        found.append(short_message(row["message"]))
    if "note" in row:
        found.append(row["note"])
    told = {}
    for release in releases:
        cell = row["cells"].get(release, {})
        if "message" in cell:
            told.setdefault(short_message(cell["message"]), []).append(release)
        elif cell and not cell["passed"]:
            bad = [output for output in cell["outputs"] if output["error"] > row["tolerance"]]
            text = ", ".join(f"{output['output']} {output['error']:.1e}" for output in bad[:4])
            told.setdefault("wrong: " + text + (f" and {len(bad) - 4} more" if len(bad) > 4 else ""), []).append(release)
    found += [f"[{', '.join(where)}] {message}" for message, where in told.items()]
    found += [f"the reference of {name} is mistrusted: {why}" for name, why in row.get("mistrusted", {}).items()]
    found += [f"output {name} is refused: {short_message(why)}" for name, why in row["refused"].items()]
    reasons = {}
    for release in row["releases"]:
        if reason := known.reason(row, release):
            reasons.setdefault(reason, []).append(release)
    found += [f"[{', '.join(where)}] known: {reason}" for reason, where in reasons.items()]
    return found


def print_rows(rows, releases, known):
    for row in rows:
        cells = "  ".join(f"{cell_text(row, release, known):>8}" for release in releases)
        print(f"{row['group'] + '/' + row['case']:<44}  {cells}", flush=True)
        for note in notes(row, releases, known):
            print(f"    {note}", flush=True)


def print_probes(rows):
    """Where the table of accepted ops and the releases disagree. Returns the rows of what the table takes, each with the releases
    that it takes it in; a row that is too strict has no cells."""
    taken = []
    for row in rows:
        right = [release for release, cell in row["cells"].items() if cell["passed"]]
        if row.get("table_refuses"):
            if right:
                where = "everywhere: the row is wrong" if len(right) == len(row["cells"]) else "in " + ", ".join(right)
                print(f"{row['case']}: the table refuses it, and it is right {where}")
            taken += [{**row, "cells": {}}] if len(right) == len(row["cells"]) else []
            continue
        early = [release for release in right if row["cells"][release]["early"]]
        if early:
            print(f"{row['case']}: right in {', '.join(early)} too, before the row's first release")
            row = {**row, "cells": {}}
        asked = [release for release, cell in row["cells"].items() if not cell["early"]] or row["releases"]
        taken.append({**row, "releases": asked})
        for note in notes(taken[-1], taken[-1]["releases"], Known(None)):
            print(f"{row['case']}: {note}")
    return taken


def sums(rows, releases):
    """[(group, cases, {release: passed}, outputs written, outputs refused)], in the order of the rows."""
    groups = {}
    for row in rows:
        groups.setdefault(row["group"], []).append(row)
    made = []
    for name, members in groups.items():
        passed = {}
        for release in releases:
            asked = [row for row in members if release in row["releases"]]
            passed[release] = (sum(bool(row["cells"].get(release, {}).get("passed")) for row in asked), len(asked))
        refused = sum(len(row["refused"]) for row in members)
        written = sum(len(next(iter(row["cells"].values()), {}).get("outputs", [])) for row in members)
        made.append((name, len(members), passed, written, refused))
    return made


def print_sums(rows, releases):
    for name, count, passed, written, refused in sums(rows, releases):
        print(f"{name}: {count} cases; " + ", ".join(f"{release}: {good} of {asked}" for release, (good, asked) in passed.items())
              + (f"; {refused} outputs refused by name, {written} written" if refused else ""))


def group_table(name, rows, releases, known):
    """One group as Markdown: all cases when they are few, else those with something to tell."""
    _, count, passed, written, refused = sums(rows, releases)[0]
    lines = ["| case | " + " | ".join(releases) + " |", "|---|" + "---|" * len(releases)]
    whole = count <= 60
    for row in rows:
        if whole or not all(row["cells"].get(release, {}).get("passed") for release in row["releases"]):
            lines.append(f"| {row['case']} | " + " | ".join(cell_text(row, release, known) for release in releases) + " |")
    lines.append(f"| **match, of {count} cases** | " + " | ".join(str(passed[release][0]) for release in releases) + " |")
    told = []
    for row in rows:
        told += [f"- {row['case']}: {note}" for note in notes({**row, "refused": {}}, releases, known)]
    if refused:
        told.append(f"- {written} outputs are written, {refused} are refused by name")
    return lines + ([""] + told if told else [])


def write_page(path, rows, releases, known):
    """Puts each group's table between its marks; a group without marks is left out and named."""
    page = path.read_text()
    for name in dict.fromkeys(row["group"] for row in rows):
        mark = MARK.format(name)
        if mark not in page:
            print(f"opencv_matrix: {path.name} has no place for the group {name} ({mark} ... {END})")
            continue
        begin = page.index(mark) + len(mark)
        end = page.index(END, begin)
        table = group_table(name, [row for row in rows if row["group"] == name], releases, known)
        page = page[:begin] + "\n" + "\n".join(table) + "\n" + page[end:]
    path.write_text(page)
