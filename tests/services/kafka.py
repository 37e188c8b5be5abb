#!/usr/bin/env python3
"""An Apache Kafka of the test's own: one node in KRaft mode (broker and controller in one process), on free loopback ports, in a
temporary folder.

    tests/services/kafka.py COMMAND [ARG...]     runs the command with $INGOT_TEST_KAFKA set to HOST:PORT

From Python: `with Broker() as kafka: kafka.address`. The jars come from Maven Central through Maven, as this machine has it set up; kafka.lock
holds their SHA-256, so that what runs is what was reviewed. They are kept in build/services/kafka. Debian's maven, and its JRE, are
installed when there is none. Everything is ended by its pid.
"""
import hashlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOCK = pathlib.Path(__file__).with_name("kafka.lock")
JARS = ROOT / "build/services/kafka"
VERSION = "3.9.1"

POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>ingot.tests</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{version}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
"""
# Which plugin copies the jars is pinned as well.
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"

SETTINGS = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={folder}/data
auto.create.topics.enable=false
num.partitions=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.segment.bytes=67108864
log.cleaner.enable=false
log.retention.ms=-1
"""


class Absent(RuntimeError):
    """There is no Kafka to be had here; the text begins with "needs "."""


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def locked():
    """{name: SHA-256} of the jars that may run."""
    return {name: digest for digest, name in (line.split() for line in LOCK.read_text().splitlines() if line and not line.startswith("#"))}


def install():
    """Debian's Maven, which brings a JRE."""
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    script = """set -e
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends maven openjdk-17-jre-headless >/dev/null"""
    return subprocess.run([*sudo, "sh", "-c", script], capture_output=True, text=True, check=False)


def resolve(folder):
    """Lets Maven resolve the broker's dependencies into `folder`; it checks its checksums (-C) on the way."""
    with tempfile.TemporaryDirectory(prefix="ingot-kafka-") as scratch:
        pathlib.Path(scratch, "pom.xml").write_text(POM.format(version=VERSION))
        done = subprocess.run(["mvn", "-q", "-B", "-C", COPY, f"-DoutputDirectory={folder}", "-DincludeScope=runtime"], cwd=scratch,
                              capture_output=True, text=True, timeout=900, check=False)
    if done.returncode:
        raise Absent(f"needs the jars of Apache Kafka, and Maven could not fetch them: {(done.stdout + done.stderr).strip()[-300:]}")


def jars():
    """The class path; every jar on it is one of kafka.lock."""
    want = locked()
    if not all((JARS / name).is_file() for name in want):
        if not (shutil.which("mvn") and shutil.which("java")):
            done = install()
            if not (shutil.which("mvn") and shutil.which("java")):
                raise Absent(f"needs Java and Maven, and they could not be installed: {done.stderr.strip()[-300:]}")
        JARS.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="new-", dir=JARS.parent) as fresh:
            resolve(fresh)
            for jar in pathlib.Path(fresh).glob("*.jar"):
                if jar.name in want:
                    os.replace(jar, JARS / jar.name)
    if not shutil.which("java"):
        install()
    for name, digest in want.items():
        if sha256(JARS / name) != digest:
            raise RuntimeError(f"{JARS / name} is not the file that kafka.lock names")
    return ":".join(str(JARS / name) for name in want)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Broker:
    """`address` answers when the constructor returns. start() after kill() or shut_down() finds the same data and port."""

    def __init__(self, settings=""):
        self.class_path = jars()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ingot-kafka-"))
        self.process = None
        try:
            self.port, self.controller = free_port(), free_port()
            self.address = f"127.0.0.1:{self.port}"
            self.settings = self.folder / "server.properties"
            self.settings.write_text(SETTINGS.format(port=self.port, controller=self.controller, folder=self.folder) + settings)
            self._java("kafka.tools.StorageTool", "format", "-t", self._cluster_id(), "-c", str(self.settings))
            self.start()
        except BaseException:
            self.stop()
            raise

    @staticmethod
    def _cluster_id():
        import base64
        return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")

    def _argv(self, main, *args):
        return ["java", "-Xmx256m", "-Xms64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", self.class_path, main, *args]

    def _java(self, main, *args):
        done = subprocess.run(self._argv(main, *args), capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            raise RuntimeError(f"{main}: {done.stdout[-1000:]}{done.stderr[-1000:]}")
        return done.stdout

    def start(self, timeout_s=180):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(self._argv("kafka.Kafka", str(self.settings)), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until = time.monotonic() + timeout_s
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("Kafka does not start:\n" + self.log())
            time.sleep(0.1)

    def _answers(self):
        """A broker that is unfenced answers ApiVersions (key 18) on its port; until then it does not listen, or closes."""
        request = (18).to_bytes(2, "big") + (0).to_bytes(2, "big") + (7).to_bytes(4, "big") + (5).to_bytes(2, "big") + b"ingot"
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as s:
                s.settimeout(2)
                s.sendall(len(request).to_bytes(4, "big") + request)
                return s.recv(8)[4:8] == (7).to_bytes(4, "big")
        except OSError:
            return False

    def log(self):
        path = self.folder / "log"
        return path.read_text(errors="replace")[-4000:] if path.exists() else ""

    def kill(self):
        self.process.kill()
        self.process.wait()

    def shut_down(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.kill()  # what it holds is thrown away
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if sys.argv[1] == "--lock":  # after a change of VERSION: what Maven resolves becomes what may run
        with tempfile.TemporaryDirectory(prefix="ingot-kafka-") as fresh:
            resolve(fresh)
            lines = [f"{sha256(j)}  {j.name}" for j in sorted(pathlib.Path(fresh).glob("*.jar"))]
        LOCK.write_text(f"# Apache Kafka {VERSION} and what it needs, from Maven Central; made by tests/services/kafka.py --lock\n" + "\n".join(lines) + "\n")
        return 0
    with Broker() as broker:
        return subprocess.run(sys.argv[1:], env={**os.environ, "INGOT_TEST_KAFKA": broker.address}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
