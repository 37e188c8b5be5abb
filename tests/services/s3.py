#!/usr/bin/env python3
"""A real S3 server for tests: versitygw (https://github.com/versity/versitygw) over a folder, on loopback.

As a module: `with S3Server(folder) as s3:` gives `s3.endpoint`, `s3.env` (what S3 clients read) and `s3.uri(prefix)`. As a program,
`s3.py COMMAND...` runs the command beside such a server, with INGOT_TEST_S3 set to a bucket's address. The server is built once, by
`go install` at a pinned version, into build/services; where that cannot be done, Absent says why.
"""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ROOT / "build/services"
MODULE = "github.com/versity/versitygw"
VERSION = "v1.8.0"
BUILD_S = 1200


class Absent(Exception):
    """The server cannot be had on this machine."""


def build():
    """The program's path. Builds it when it is not there yet."""
    program = SERVICES / f"versitygw-{VERSION}"
    if program.exists():
        return program
    go = shutil.which("go")
    if not go:
        raise Absent("no Go compiler to build versitygw with")
    SERVICES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ingot-go-", dir=SERVICES) as folder:
        done = subprocess.run([go, "install", f"{MODULE}/cmd/versitygw@{VERSION}"], env={**os.environ, "GOBIN": folder, "GOFLAGS": "-buildvcs=false"},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=BUILD_S)
        built = Path(folder, "versitygw")
        if done.returncode or not built.exists():
            raise Absent(f"go install {MODULE}@{VERSION} failed: {done.stdout.strip()[-300:]}")
        os.replace(built, program)
    return program


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class S3Server:
    """Answers when the constructor returns. `folder` holds everything; buckets are its sub-folders."""

    ACCESS, SECRET, BUCKET = "AKINGOTTESTS", "a-secret-of-the-tests", "ingot-test"

    def __init__(self, folder, port=0, tls=None, domain=None):
        program = build()
        self.folder = Path(folder)
        (self.folder / "data" / self.BUCKET).mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.scheme = "https" if tls else "http"
        self.endpoint = f"{self.scheme}://127.0.0.1:{self.port}"
        self.env = {"AWS_ACCESS_KEY_ID": self.ACCESS, "AWS_SECRET_ACCESS_KEY": self.SECRET, "AWS_REGION": "us-east-1",
                    "AWS_ENDPOINT_URL": self.endpoint, "MLFLOW_S3_ENDPOINT_URL": self.endpoint}
        self.log = open(self.folder / "s3.log", "ab")
        words = [str(program), "--port", f"127.0.0.1:{self.port}", "--access", self.ACCESS, "--secret", self.SECRET, "--keep-alive", "--quiet"]
        if tls:
            words += ["--cert", str(tls[0]), "--key", str(tls[1])]
        if domain:  # buckets are hosts below it, too
            words += ["--virtual-domain", domain]
        # Attributes in files: not every file system of a temporary folder has extended ones.
        words += ["posix", "--sidecar", str(self.folder / "sidecar"), str(self.folder / "data")]
        (self.folder / "sidecar").mkdir(exist_ok=True)
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self._wait()

    def _wait(self):
        for _ in range(200):
            if self.process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        self.stop()
        raise RuntimeError("versitygw did not start: " + Path(self.log.name).read_text(errors="replace")[-2000:])

    def uri(self, prefix="", **query):
        words = "&".join(f"{k}={v}" for k, v in query.items())
        return f"s3://{self.BUCKET}/{prefix}" + ("?" + words if words else "")

    def files(self, prefix=""):
        """The objects as files, for tests that look behind the server."""
        top = self.folder / "data" / self.BUCKET / prefix
        return sorted(p for p in top.rglob("*") if p.is_file() and ".sgwtmp" not in p.parts) if top.exists() else []

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def main():
    with tempfile.TemporaryDirectory(prefix="ingot-s3-") as folder:
        try:
            server = S3Server(folder)
        except Absent as why:
            # The command decides what to do without it; the tests skip by name and show this.
            print(f"no S3 server: {why}", flush=True)
            return subprocess.run(sys.argv[1:], env={**os.environ, "INGOT_NO_S3": str(why)}).returncode
        with server:
            return subprocess.run(sys.argv[1:], env={**os.environ, **server.env, "INGOT_TEST_S3": server.uri("unit")}).returncode


if __name__ == "__main__":
    sys.exit(main())
