"""Builds a program of tools/ once per session, with the sanitizers on."""
import os
import subprocess

import pytest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


@pytest.fixture(scope="session")
def build_tool(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tools")

    def build(name):
        program = folder / name
        if not program.exists():
            subprocess.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-g", "-O1", "-fsanitize=address,undefined",
                            "-fno-sanitize-recover=undefined", os.path.join(ROOT, "tools", name + ".c"), "-o", str(program), "-lz"], check=True)
        return str(program)

    return build


def compile_and_run(folder, sources, main, includes=()):
    """Compiles `sources` with a main program of the given text and returns what it prints."""
    (folder / "main.c").write_text(main)
    flags = ["-I" + str(i) for i in (folder, *includes)]
    subprocess.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined", *flags,
                    *[str(s) for s in sources], str(folder / "main.c"), "-o", str(folder / "main")], check=True)
    return subprocess.run([str(folder / "main")], check=True, capture_output=True, text=True).stdout
