#!/usr/bin/env python3
"""Records what LIBSVM's own programs answer for models of several classes: tests/unit/adapter/linear/data/libsvm.json.

Run with Debian 12's libsvm-tools 3.24 (svm-train, svm-predict on the PATH):  python tests/unit/adapter/linear/make_libsvm.py
Training data come from a formula. Labels appear in no order, one class is rare, some values are left out. svm-predict prints six digits.
"""
import json
import os
import subprocess
import tempfile

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "libsvm.json")


def series(seed, i, k):
    u = (i * i * 31 + i * 7919 + k * 6007 + seed * 104729) % 65537
    return round((u * u % 65537) / 65537 * 4 - 2, 3)


def rows(seed, n, columns, scale=1.0):
    return [[round(series(seed, i, k) * scale, 4) for k in range(columns)] for i in range(n)]


def line(label, row):
    return f"{label} " + " ".join(f"{k + 1}:{v!r}" for k, v in enumerate(row) if v)


def label_of(row, labels, noise):
    return labels[int((row[0] + 0.7 * row[1] - 0.4 * row[2] * row[0] + noise + 2.5) / 5 * len(labels)) % len(labels)]


def case(seed, labels, options, folder):
    train, test = rows(seed, 70, 4), rows(seed + 1, 60, 4, 0.6)
    for i in range(0, 70, 9):
        train[i][3] = 0.0  # is left out
    files = {n: os.path.join(folder, n) for n in ("train", "model", "test", "out")}
    open(files["train"], "w").write("\n".join(line(label_of(r, labels, series(seed + 2, i, 0) / 3), r) for i, r in enumerate(train)) + "\n")
    open(files["test"], "w").write("\n".join(line(0, r) for r in test) + "\n")
    subprocess.run(["svm-train", "-q", "-t", "0", *options, files["train"], files["model"]], check=True)
    subprocess.run(["svm-predict", "-b", "1" if "-b" in options else "0", files["test"], files["model"], files["out"]], check=True, stdout=subprocess.DEVNULL)
    out = [o.split() for o in open(files["out"]).read().splitlines()]
    probabilities = None
    if "-b" in options:
        order = [int(v) for v in out.pop(0)[1:]]  # the file's
        probabilities = [[float(o[1 + order.index(v)]) for v in sorted(order)] for o in out]
    return {"model": open(files["model"]).read(), "rows": test, "answers": [int(o[0]) for o in out], "probabilities": probabilities}


def main():
    with tempfile.TemporaryDirectory() as folder:
        cases = [case(1, [3, 1, 2], [], folder), case(2, [3, 1, 2], ["-b", "1"], folder), case(3, [10, -4, 7, 0], ["-c", "0.1"], folder),
                 case(4, [10, -4, 7, 0], ["-c", "10", "-b", "1"], folder), case(5, [5, 2, 9, 1, 7, 3, 8], ["-s", "1", "-n", "0.1"], folder),
                 case(6, [5, 2, 9, 1, 7, 3, 8], ["-b", "1"], folder)]
    with open(OUT, "w") as f:
        json.dump(cases, f, indent=None, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
