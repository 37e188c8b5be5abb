"""Starts the program under test on loopback and a folder of the test's own, and ends it by its pid."""
import os
import signal
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def program():
    return os.environ.get("INGOT_BIN", str(ROOT / "build/release/ingot"))


class IngotServer:
    """`url` answers when the constructor returns. Extra arguments go to `ingot server`. `port` 0: any free one."""

    def __init__(self, data, *args, env=None, preexec_fn=None, port=0):
        self.program = program()
        self.data = Path(data)
        self.log = open(f"{data}.log", "ab")
        self.process = subprocess.Popen(
            [self.program, "server", "--listen", f"127.0.0.1:{port}", "--data", str(data), *args], stdout=subprocess.PIPE,
            stderr=self.log, env={**os.environ, **(env or {})}, text=True, preexec_fn=preexec_fn)
        line = self.process.stdout.readline()
        if "listening on " not in line:
            self.process.wait(10)
            raise RuntimeError(f"the server did not start: {line!r}\n{Path(self.log.name).read_text()[-2000:]}")
        self.url = line.split("listening on ")[1].strip()
        self.port = int(self.url.rsplit(":", 1)[1])

    def stop(self):
        """Graceful end; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process.stdout.close()
            self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
