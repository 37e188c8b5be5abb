#!/usr/bin/env python3
"""Runs every test of the tree and ends with one line `N passed, N failed`.

Sections: the tools' own tests and tidy, the logic of the web interface in Node, the cmocka programs under ASan + UBSan, the fuzz corpora replayed, the
real clients against the release binary, and the demo with its verification. A name on the command line limits
the run to the sections whose name contains it.
"""
import concurrent.futures
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
LOGS = BUILD / "test-logs"
TIMEOUT_S = 1800
passed, failed = 0, 0
failures = []


def note(ok, name, detail=""):
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
        failures.append(name)
        print(f"FAILED {name}\n{detail}", flush=True)


def run(argv, log, env=None, timeout=TIMEOUT_S):
    """Returns (exit code, output); the output is also kept in LOGS."""
    LOGS.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(argv, cwd=ROOT, env={**os.environ, **(env or {})}, timeout=timeout,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        code, out = done.returncode, done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as e:
        code, out = 124, (e.stdout or b"").decode(errors="replace") + f"\ntimed out after {timeout} s"
    (LOGS / log).write_text(out)
    return code, out


def tail(text, lines=40):
    return "\n".join(text.splitlines()[-lines:])


def build(preset, *targets):
    if not (BUILD / preset / "build.ninja").exists():
        code, out = run(["cmake", "--preset", preset], f"configure-{preset}.log")
        if code:
            note(False, f"configure {preset}", tail(out))
            return False
    code, out = run(["cmake", "--build", str(BUILD / preset), "--target", *targets, "--", "-k", "0"], f"build-{preset}.log")
    errors = "\n".join(line for line in out.splitlines() if "error" in line or "undefined" in line)
    note(code == 0, f"build {preset}", errors or tail(out))
    return code == 0


@contextlib.contextmanager
def postgres():
    """A PostgreSQL for the programs that ask for one by $INGOT_TEST_POSTGRES; without one they say what they need and skip."""
    sys.path.insert(0, str(ROOT / "tests/services"))
    import postgres as service
    try:
        cluster = service.Cluster()
    except RuntimeError as e:
        print(f"skipped: the tests on PostgreSQL: {e}", flush=True)
        yield {}
        return
    with cluster:
        yield {"INGOT_TEST_POSTGRES": cluster.url}


@contextlib.contextmanager
def s3():
    """Settings for the programs that need a real S3 server; when none can be had, what says why."""
    sys.path.insert(0, str(ROOT / "tests/services"))
    import s3 as service
    with tempfile.TemporaryDirectory(prefix="ingot-s3-") as folder:
        try:
            server = service.S3Server(folder)
        except service.Absent as why:
            yield {"INGOT_NO_S3": str(why)}
            return
        with server:
            yield {**server.env, "INGOT_TEST_S3": server.uri("unit")}


@contextlib.contextmanager
def kafka():
    """A Kafka for the programs that ask for one by $INGOT_TEST_KAFKA; without one they say what they need and skip."""
    sys.path.insert(0, str(ROOT / "tests/services"))
    import kafka as service
    try:
        broker = service.Broker()
    except service.Absent as why:
        print(f"skipped: the tests on Kafka: {why}", flush=True)
        yield {}
        return
    with broker:
        yield {"INGOT_TEST_KAFKA": broker.address}


def cmocka(program, services):
    env = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0", "UBSAN_OPTIONS": "print_stacktrace=1", **services}
    return program, *run([str(program)], program.name + ".log", env)


def unit_tests():
    if not build("dev", "unit_tests"):
        return
    programs = sorted(p for p in (BUILD / "dev").iterdir()
                      if re.match(r"(unit|contract)_", p.name) and os.access(p, os.X_OK) and p.is_file())
    with postgres() as database, s3() as bucket, kafka() as broker, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for program, code, out in pool.map(lambda p: cmocka(p, {**database, **bucket, **broker}), programs):
            good = sum(int(n) for n in re.findall(r"\[  PASSED  \] (\d+) test", out))
            bad = re.findall(r"\[  FAILED  \] (?!\d+ test)(\S.*)", out)
            for _ in range(good):
                note(True, program.name)
            # A test may need what a machine does not give (mount namespaces, say); that is never passed over in silence.
            skipped = sorted(set(re.findall(r"\[  SKIPPED \] (?!\d+ test)(\S+)", out)))
            for name in skipped:
                print(f"skipped: {program.name}: {name} (its log says why)", flush=True)
            for name in sorted(set(bad)):
                note(False, f"{program.name}: {name}", tail(out))
            if not bad and (code or not (good or skipped)):
                note(False, f"{program.name} (exit code {code}, {good} tests)", tail(out))


def fuzz_replay():
    if not build("dev", "fuzz_targets"):
        return
    for source in sorted((ROOT / "tests/fuzz").glob("fuzz_*.c")):
        corpus = ROOT / "tests/fuzz/corpus" / source.stem.removeprefix("fuzz_")
        code, out = run([str(BUILD / "dev" / source.stem), str(corpus)], source.stem + ".log")
        note(code == 0 and corpus.is_dir(), f"{source.stem} over its corpus", tail(out))


def pytest(section, folder):
    if not (ROOT / folder).is_dir():
        return
    junit = LOGS / f"{section}.xml"
    junit.unlink(missing_ok=True)
    LOGS.mkdir(parents=True, exist_ok=True)
    code, out = run([str(BUILD / "venv/bin/python"), "-m", "pytest", "-q", "-x" if os.environ.get("FAIL_FAST") else "-q",
                     f"--junitxml={junit}", folder], f"{section}.log", timeout=4500)
    if not junit.exists():
        note(False, section, tail(out))
        return
    for case in ET.parse(junit).iter("testcase"):
        bad = case.find("failure") if case.find("failure") is not None else case.find("error")
        skipped = case.find("skipped")
        name = f"{case.get('classname')}.{case.get('name')}"
        if skipped is not None:
            # What a bare machine may lack is said as "needs ..."; any other skip is a test that hides.
            reason = skipped.get("message", "")
            if reason.startswith("needs "):
                print(f"skipped: {name}: {reason}", flush=True)
            else:
                note(False, f"{name} was skipped", reason)
        else:
            note(bad is None, name, "" if bad is None else tail(bad.text or "", 30))
    if code not in (0, 1):
        note(False, f"{section}: pytest exit code {code}", tail(out))


def venv():
    code, out = run(["sh", "tests/venv.sh"], "venv.log")
    note(code == 0, "python environment", tail(out))
    return code == 0


def tools():
    # Headers are compiled alone, and some include what the build generates.
    if not build("release", "sqlgen_run", "ui_gen", "web_gen"):
        return
    code, out = run([sys.executable, "tools/tidy.py"], "tidy.log")
    note(code == 0, "tidy", tail(out))
    if venv():
        pytest("tools", "tests/tools")


def interface():
    """The web interface's own logic in Node; what people see of it is tested in a browser, with the real clients (tests/e2e/test_ui_*)."""
    files = sorted(str(f) for f in (ROOT / "tests/ui").glob("*.test.mjs"))
    code, out = run(["node", "--import", "./tests/ui/without_browser.mjs", "--test", "--test-reporter=tap", *files], "ui.log") if files else (0, "")
    seen = 0
    for line in out.splitlines():
        done = re.match(r"\s*(not ok|ok) \d+ - (.*)", line)
        if done and "# SKIP" not in line and "# TODO" not in line:
            seen += 1
            note(done.group(1) == "ok", f"ui: {done.group(2)}", tail(out, 60) if done.group(1) != "ok" else "")
        elif done:
            note(False, f"ui: {done.group(2)} was skipped")
    if code and not any(f.startswith("ui: ") for f in failures) or files and not seen:
        note(False, f"node --test (exit code {code})", tail(out))


def clients():
    if build("release", "ingot") and venv():
        pytest("e2e", "tests/e2e")


def demo():
    if not build("release", "ingot"):
        return
    start = time.monotonic()
    code, out = run(["examples/flights/demo.sh"], "demo.log")
    print(tail(out, 60))
    note(code == 0, f"demo ({time.monotonic() - start:.0f} s)", tail(out))
    if code == 0 and venv():
        pytest("demo", "tests/demo")


SECTIONS = {"tools": tools, "ui": interface, "unit": unit_tests, "fuzz": fuzz_replay, "e2e": clients, "demo": demo}


def main():
    wanted = sys.argv[1:]
    for name, section in SECTIONS.items():
        if wanted and not any(w in name for w in wanted):
            continue
        start = time.monotonic()
        section()
        print(f"-- {name}: {time.monotonic() - start:.0f} s", flush=True)
    for name in failures:
        print(f"failed: {name}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
