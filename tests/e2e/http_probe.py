"""Starts the HTTP server and dispatcher alone (http_probe.c, built with ASan; $HTTP_PROBE names another build) and asks it. The probe's
exit code is part of every test that stops it: a leak or a sanitizer finding fails it."""
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROBE = Path(os.environ.get("HTTP_PROBE", ROOT / "build/dev/http_probe"))
needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")


class Probe:
    """`http_probe ARGS`, ended by its pid; `url` answers when the constructor returns."""

    def __init__(self, *args):
        if not PROBE.exists():
            subprocess.run(["cmake", "--build", str(PROBE.parent), "--target", "http_probe"], cwd=ROOT, check=True)
        self.process = subprocess.Popen([str(PROBE), *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def stop(self):
        """The counters that the probe prints at its end."""
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, err[-4000:]
        words = out.split()
        return dict(zip(words[0::2], map(int, words[1::2])))

    def raw(self, data, timeout=5):
        """Everything the server sends for these bytes until it closes or stays silent for half a second."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as s:
            s.sendall(data)
            s.settimeout(0.5)
            out = b""
            closed = False
            try:
                while True:
                    piece = s.recv(65536)
                    if not piece:
                        closed = True
                        break
                    out += piece
            except TimeoutError:
                pass
            return out, closed


@pytest.fixture
def probe(request):
    p = Probe(*getattr(request, "param", []))
    yield p
    if p.process.poll() is None:
        p.stop()


def curl(*args, **kwargs):
    return subprocess.run(["curl", "-sS", "-m", "20", "--noproxy", "*", *args], capture_output=True, **kwargs)


def certificate(folder):
    """A key and a certificate for 127.0.0.1 that signs itself: their paths."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(key), "-out", str(cert),
                    "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"], check=True, capture_output=True)
    return str(key), str(cert)
