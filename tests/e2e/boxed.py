"""A server that can write nowhere but in its data folder: it lives in a mount namespace of its own where everything else is
read-only. A path that leads outside ends in an error of the kernel, which no test lets pass for an answer."""
import os
import subprocess
import tempfile
from pathlib import Path

import ingot_server

BOX = """#!/bin/sh
# $1: the data folder; the rest: the command.
set -e
data=$1
shift
mkdir -p "$data"
mount --make-rprivate /
mount --bind "$data" "$data"
awk '{print $5}' /proc/self/mountinfo | while read -r at; do
    [ "$at" = "$data" ] || mount -o remount,bind,ro "$at" 2>/dev/null || true
done
if touch "$data/../box-is-open" 2>/dev/null; then
    echo "the box is open" >&2
    exit 9
fi
exec "$@"
"""


def unshare():
    """How this machine lets us make a mount namespace, or None."""
    for words in (["unshare", "-m"], ["unshare", "-Urm"]):
        try:
            if subprocess.run([*words, "mount", "--make-rprivate", "/"], capture_output=True, timeout=10).returncode == 0:
                return words
        except FileNotFoundError:
            return None
    return None


class BoxedServer(ingot_server.IngotServer):
    """.boxed says whether the kernel watches; where it cannot, the tests still compare every file outside."""

    def __init__(self, data, *args, **kwargs):
        words = unshare()
        self.boxed = words is not None
        if not self.boxed:
            super().__init__(data, *args, **kwargs)
            return
        folder = Path(data).resolve().parent
        with tempfile.TemporaryDirectory(prefix="ingot-box-") as scripts:
            box, start = Path(scripts, "box"), Path(scripts, "start")
            box.write_text(BOX)
            start.write_text(f"#!/bin/sh\nexec {' '.join(words)} sh {box} '{folder / Path(data).name}' '{ingot_server.program()}' \"$@\"\n")
            box.chmod(0o755), start.chmod(0o755)
            before = os.environ.get("INGOT_BIN")
            os.environ["INGOT_BIN"] = str(start)  # what IngotServer starts; the program itself replaces both scripts
            try:
                super().__init__(data, *args, **kwargs)
            finally:
                os.environ.pop("INGOT_BIN") if before is None else os.environ.update(INGOT_BIN=before)
