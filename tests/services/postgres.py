#!/usr/bin/env python3
"""A PostgreSQL of the test's own: a fresh cluster in a temporary folder, on a free loopback port, with fsync on.

    tests/services/postgres.py COMMAND [ARG...]     runs the command with $INGOT_TEST_POSTGRES set to the cluster's URL

From Python: `with Cluster() as pg: pg.url`. As root the server runs as user postgres, which it insists on. Debian's
package is installed when there is no PostgreSQL. Everything is ended by its pid.
"""
import glob
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = '{folder}'
port = {port}
max_connections = 200
fsync = on
synchronous_commit = on
shared_buffers = 128MB
logging_collector = off
"""


def find_programs():
    """The folder of initdb and postgres, or None."""
    for folder in sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True) + glob.glob("/usr/local/pgsql/bin"):
        if os.access(os.path.join(folder, "initdb"), os.X_OK):
            return folder
    program = shutil.which("initdb")
    return os.path.dirname(os.path.realpath(program)) if program else None


def install():
    """Debian's server, without the cluster that its package would start."""
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    script = """set -e
mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends postgresql >/dev/null"""
    return subprocess.run([*sudo, "sh", "-c", script], capture_output=True, text=True, check=False)


def programs():
    folder = find_programs()
    if folder is None:
        done = install()
        folder = find_programs()
        if folder is None:
            raise RuntimeError(f"needs PostgreSQL, and it could not be installed: {done.stderr.strip()[-300:]}")
    return folder


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Cluster:
    """`url` is that of database postgres, over loopback TCP; `database(name)` makes another one."""

    def __init__(self, settings=""):
        self.bin = programs()
        self.user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ingot-pg-"))
        self.process = None
        try:
            if os.geteuid() == 0:
                shutil.chown(self.folder, "postgres", "postgres")
            self.data = self.folder / "data"
            self.port = free_port()
            self._call("initdb", "-D", str(self.data), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
            with open(self.data / "postgresql.conf", "a", encoding="ascii") as f:
                f.write(SETTINGS.format(folder=self.folder, port=self.port) + settings)
            self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
            self.start()
        except BaseException:
            self.stop()
            raise

    def _as_user(self):
        if os.geteuid() != 0:
            return {}
        who = pwd.getpwnam("postgres")
        return {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}

    def _call(self, program, *args, check=True):
        return subprocess.run([os.path.join(self.bin, program), *args], cwd=self.folder, check=check, capture_output=True, text=True,
                              **self._as_user())

    def start(self, timeout_s=60):
        """Also after kill(): the old server's children may hold its memory for a moment, so it is tried again."""
        until = time.monotonic() + timeout_s
        while True:
            with open(self.folder / "log", "ab") as log:
                self.process = subprocess.Popen([os.path.join(self.bin, "postgres"), "-D", str(self.data)], cwd=self.folder, stdin=subprocess.DEVNULL,
                                                stdout=log, stderr=log, **self._as_user())
            while self.process.poll() is None:
                if self._call("pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port), check=False).returncode == 0:
                    return
                if time.monotonic() > until:
                    raise RuntimeError("PostgreSQL does not answer:\n" + self.log())
                time.sleep(0.02)
            if time.monotonic() > until:
                raise RuntimeError("PostgreSQL does not start:\n" + self.log())
            time.sleep(0.05)

    def log(self):
        return (self.folder / "log").read_text(errors="replace")[-4000:]

    def sql(self, text, database="postgres"):
        """Rows as lists of texts."""
        done = self._call("psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres",
                          "-d", database, "-c", text)
        return [line.split("\t") for line in done.stdout.splitlines()]

    def database(self, name):
        self.sql(f'CREATE DATABASE "{name}"')
        return self.url.rsplit("/", 1)[0] + "/" + name

    def kill(self):
        """SIGKILL to the postmaster; its children see that it is gone and end by themselves."""
        self.process.kill()
        self.process.wait()

    def backends(self):
        """The pids of the server's client connections."""
        return [int(row[0]) for row in self.sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")]

    def restart(self):
        self.shut_down()
        self.start()

    def shut_down(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # "fast": ends the sessions
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()

    def stop(self):
        self.shut_down()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    with Cluster() as cluster:
        return subprocess.run(sys.argv[1:], env={**os.environ, "INGOT_TEST_POSTGRES": cluster.url}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
