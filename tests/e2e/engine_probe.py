"""The engines of this build, asked by engine_probe.c without a server."""
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
TYPES = {"BOOL": np.bool_, "UINT8": np.uint8, "UINT16": np.uint16, "UINT32": np.uint32, "UINT64": np.uint64, "INT8": np.int8,
         "INT16": np.int16, "INT32": np.int32, "INT64": np.int64, "FP16": np.float16, "FP32": np.float32, "FP64": np.float64}
NAMES = {np.dtype(v): k for k, v in TYPES.items()}


class EngineError(Exception):
    """The engines refused: .code is the error's name."""

    def __init__(self, line):
        self.code, _, text = line.partition(" ")
        super().__init__(line)
        self.text = text


def binary():
    """Beside the program under test; built when it is not there."""
    path = Path(os.environ.get("ENGINE_PROBE", Path(os.environ.get("INGOT_BIN", ROOT / "build/dev/ingot")).parent / "engine_probe"))
    if not path.exists():
        subprocess.run(["cmake", "--build", str(path.parent), "--target", "engine_probe"], cwd=ROOT, check=True)
    return path


class Engines:
    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen([str(binary())], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.engine = None
        self.count = 0

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(30) == 0
        self.process.stdout.close()
        self.folder.cleanup()

    def file(self, data):
        """The model's bytes as a file; a text is UTF-8."""
        self.count += 1
        path = Path(self.folder.name) / f"model{self.count}"
        path.write_bytes(data.encode() if isinstance(data, str) else bytes(data))
        return path

    def _ask(self, line, data):
        self.process.stdin.write(line.encode() + b"\n" + data)
        self.process.stdin.flush()
        answer = self.process.stdout.readline().decode().rstrip("\n")
        if not answer.startswith("ok "):
            raise EngineError(answer.removeprefix("error "))
        _, self.engine, *rest = answer.split(" ")
        return rest

    def _with(self, model, fn):
        path = model if isinstance(model, Path) else self.file(model)
        try:
            return fn(path)
        finally:
            if path is not model:
                path.unlink()

    def predict(self, model, rows):
        """Rows of float32 or float64 to float32 answers [n, outputs]."""
        rows = np.ascontiguousarray(rows)
        kind = {"float32": "f32", "float64": "f64"}[rows.dtype.name]

        def ask(path):
            outputs = int(self._ask(f"predict {path} {kind} {rows.shape[0]} {rows.shape[1]}", rows.tobytes())[0])
            data = self.process.stdout.read(4 * rows.shape[0] * outputs)
            return np.frombuffer(data, np.float32).reshape(rows.shape[0], outputs)

        return self._with(model, ask)

    def run(self, model, inputs):
        """{name: array} to {name: array}; texts are arrays of objects."""
        data = b""
        for name, a in inputs.items():
            a = np.asarray(a)
            if a.dtype.kind in "OU":
                raw = b"".join(len(b).to_bytes(4, "little") + b for b in (str(s).encode() for s in a.ravel()))
                kind = "BYTES"
            else:
                raw, kind = np.ascontiguousarray(a).tobytes(), NAMES[a.dtype]
            data += " ".join(map(str, [name, kind, a.ndim, *a.shape, len(raw)])).encode() + b"\n" + raw

        def ask(path):
            answers = {}
            for _ in range(int(self._ask(f"run {path} {len(inputs)}", data)[0])):
                name, kind, rank, *rest = self.process.stdout.readline().decode().split()
                shape, raw = [int(v) for v in rest[:int(rank)]], self.process.stdout.read(int(rest[-1]))
                if kind == "BYTES":
                    texts, at = [], 0
                    while at < len(raw):
                        n = int.from_bytes(raw[at:at + 4], "little")
                        texts.append(raw[at + 4:at + 4 + n].decode())
                        at += 4 + n
                    answers[name] = np.array(texts, object).reshape(shape)
                else:
                    answers[name] = np.frombuffer(raw, TYPES[kind]).reshape(shape)
            return answers

        return self._with(model, ask)

    def speed(self, model, rows):
        """Nanoseconds per row: alone, and among all rows; bytes of memory."""
        rows = np.ascontiguousarray(rows, np.float32)
        return self._with(model, lambda path: [float(v) for v in self._ask(f"speed {path} {rows.shape[0]} {rows.shape[1]}", rows.tobytes())])
