"""h2spec (https://github.com/summerwind/h2spec), the conformance suite of HTTP/2 and HPACK. Built once, by `go install` at a pinned
version, into build/services; where that cannot be done, Absent says why."""
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

SERVICES = Path(__file__).resolve().parents[2] / "build/services"
MODULE = "github.com/summerwind/h2spec/cmd/h2spec"
VERSION = "v2.2.1+incompatible"
BUILD_S = 600


class Absent(Exception):
    """The suite cannot be had on this machine."""


def build():
    """The program's path. Builds it when it is not there yet."""
    program = SERVICES / f"h2spec-{VERSION}"
    if program.exists():
        return program
    go = shutil.which("go")
    if not go:
        raise Absent("no Go compiler to build h2spec with")
    SERVICES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ingot-go-", dir=SERVICES) as folder:
        done = subprocess.run([go, "install", f"{MODULE}@{VERSION}"], env={**os.environ, "GOBIN": folder, "GOFLAGS": "-buildvcs=false"},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=BUILD_S)
        built = Path(folder, "h2spec")
        if done.returncode or not built.exists():
            raise Absent(f"go install {MODULE}@{VERSION} failed: {done.stdout.strip()[-300:]}")
        os.replace(built, program)
    return program
