"""tools/embed: bytes of files into C, unchanged."""
import gzip
import os
import re
import shutil
import subprocess

import pytest
from conftest import ROOT, compile_and_run

PRINT = r"""
#include "ui_embed.h"
#include <stdio.h>
int main(void)
{
    for (size_t i = 0; i < ui_file_count; i++) {
        printf("%s %zu %d ", ui_files[i].path, ui_files[i].size, ui_files[i].bytes[ui_files[i].size]);
        for (size_t k = 0; k < ui_files[i].size; k++)
            printf("%02x", ui_files[i].bytes[k]);
        printf("\n");
    }
    return ui_files[ui_file_count].path != NULL;
}
"""


def embed(build_tool, folder, *files):
    return subprocess.run([build_tool("embed"), str(folder / "ui_embed.c"), str(folder / "ui_embed.h"), "ui", *files], capture_output=True, text=True, check=False)


def test_bytes(build_tool, tmp_path):
    every = bytes(range(256)) * 3
    for name, data in (("z.bin", every), ("empty.txt", b""), ("page.html", b'<p title="x">\n')):
        (tmp_path / name).write_bytes(data)
    run = embed(build_tool, tmp_path, str(tmp_path / "z.bin"), str(tmp_path / "empty.txt"), f"app/index.html={tmp_path}/page.html")
    assert (run.returncode, run.stderr) == (0, "")
    out = compile_and_run(tmp_path, [tmp_path / "ui_embed.c"], PRINT)
    assert out.splitlines() == ["app/index.html 14 0 " + b'<p title="x">\n'.hex(), "empty.txt 0 0 ", "z.bin 768 0 " + every.hex()]


def test_packed_where_that_is_smaller(build_tool, tmp_path):
    text = b"the same words again and again\n" * 50
    (tmp_path / "long.js").write_bytes(text)
    (tmp_path / "short.js").write_bytes(b"x")
    assert embed(build_tool, tmp_path, str(tmp_path / "long.js"), str(tmp_path / "short.js")).returncode == 0
    source = (tmp_path / "ui_embed.c").read_text()
    packed = re.search(r"packed_0\[\] = \{([^}]*)\}", source).group(1)
    assert gzip.decompress(bytes(int(n) for n in packed.split(",")[:-1])) == text
    assert '{"short.js", bytes_1, 1, NULL, 0},' in source


def squeezed(build_tool, folder, name, text):
    (folder / name).write_text(text)
    run = subprocess.run([build_tool("embed"), "-s", str(folder / "ui_embed.c"), str(folder / "ui_embed.h"), "ui", str(folder / name)], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    return bytes(int(n) for n in re.search(r"bytes_0\[\] = \{([^}]*)\}", (folder / "ui_embed.c").read_text()).group(1).split(",")[:-1]).decode()


SCRIPTS = [
    ("/* head\n * more */\n\n  a();\n", "a();\n"),
    ("a(); // tail\n// alone\n  // alone too\nb();", "a();\nb();"),
    ("a(/* in */1);\n", "a(1);\n"),
    ('x = "// no /* no";\ny = \'/*\';\n', 'x = "// no /* no";\ny = \'/*\';\n'),
    ('x = "a\\"// b"; // c\n', 'x = "a\\"// b";\n'),
    ("x = `a // b\n   /* c */ ${ /* d */ f({ a: 1 }) // e\n   } // f\n`; // g\n", "x = `a // b\n   /* c */ ${  f({ a: 1 })\n} // f\n`;\n"),
    ("x = `a ${`b ${c} // d`} // e`; // f\n", "x = `a ${`b ${c} // d`} // e`;\n"),
    ("x = `\\` // a \\${ // b`; // c\n", "x = `\\` // a \\${ // b`;\n"),
    ("x = /[/\"'`]\\/*/.test(y); // z\n", "x = /[/\"'`]\\/*/.test(y);\n"),
    ("return /`/.test(y); // z\n", "return /`/.test(y);\n"),
    ("x = a / b; // c / d\ny = f(1) / 2 / z[0]; // e\n", "x = a / b;\ny = f(1) / 2 / z[0];\n"),
    ("x = y => /'/.test(y); // z\n", "x = y => /'/.test(y);\n"),
    ("function f() {\n    if (a) {\n        b();\n    }\n}\n", "function f() {\nif (a) {\nb();\n}\n}\n"),
    ("", ""), ("/* never ends", ""), ("// never ends", ""), ('x = "never ends', 'x = "never ends'), ("x = `never ends ${", "x = `never ends ${"), ("x = /never ends", "x = /never ends"), ("\\", "\\"),
]


@pytest.mark.parametrize("text, want", SCRIPTS)
def test_scripts_lose_what_people_read(build_tool, tmp_path, text, want):
    assert squeezed(build_tool, tmp_path, "x.js", text) == want


def test_styles_and_other_files(build_tool, tmp_path):
    style = 'a {\n  color: red; /* why */\n}\n/* b */\nb { background: url(//x); content: "/* c */" }\n'
    assert squeezed(build_tool, tmp_path, "x.css", style) == 'a {\ncolor: red; \n}\nb { background: url(//x); content: "/* c */" }\n'
    assert squeezed(build_tool, tmp_path, "x.html", "  <!-- // -->\n") == "  <!-- // -->\n"
    run = subprocess.run([build_tool("embed"), "-s", str(tmp_path / "v.c"), str(tmp_path / "v.h"), "v", f"vendor/x.js={tmp_path}/x.css"], capture_output=True, text=True, check=False)
    assert run.returncode == 0 and f"bytes_0, {len(style)}," in (tmp_path / "v.c").read_text()


def test_the_interface_is_the_same_program(build_tool, tmp_path):
    """Node reads every script of the interface in its squeezed form. (The browser tests run it.)"""
    if not shutil.which("node"):
        pytest.skip("needs node: tools/deps.sh installs it")
    ui = os.path.join(ROOT, "ui")
    files = sorted(os.path.join(base, n) for base, _, names in os.walk(ui) for n in names if n.endswith(".js"))
    assert len(files) > 20
    run = subprocess.run([build_tool("embed"), "-s", str(tmp_path / "w.c"), str(tmp_path / "w.h"), "w", *[f"{os.path.relpath(f, ui)}={f}" for f in files]], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    source = (tmp_path / "w.c").read_text()
    bodies = re.findall(r"bytes_\d+\[\] = \{([^}]*)\}", source)
    names = [os.path.relpath(f, ui) for f in files]
    assert len(bodies) == len(names)
    order = sorted(names, key=lambda n: n.encode())
    for name, body in zip(order, bodies):
        out = tmp_path / "squeezed" / name
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(bytes(int(n) for n in body.split(",")[:-1]))
    (tmp_path / "squeezed/package.json").write_text('{"type": "module"}')
    bad = []
    for name in order:
        check = subprocess.run(["node", "--check", str(tmp_path / "squeezed" / name)], capture_output=True, text=True, check=False)
        if check.returncode:
            bad.append((name, check.stderr[:300]))
    assert not bad


def test_no_files_and_no_change(build_tool, tmp_path):
    assert embed(build_tool, tmp_path).returncode == 0
    assert compile_and_run(tmp_path, [tmp_path / "ui_embed.c"], PRINT) == ""
    before = os.stat(tmp_path / "ui_embed.c").st_mtime_ns
    assert embed(build_tool, tmp_path).returncode == 0
    assert os.stat(tmp_path / "ui_embed.c").st_mtime_ns == before


def test_refuses(build_tool, tmp_path):
    (tmp_path / "a").write_text("x")
    assert "cannot open" in embed(build_tool, tmp_path, str(tmp_path / "none")).stderr
    assert "two files for the path 'a'" in embed(build_tool, tmp_path, str(tmp_path / "a"), str(tmp_path / "a")).stderr
    assert "no path" in embed(build_tool, tmp_path, f'b"c={tmp_path}/a').stderr
    run = subprocess.run([build_tool("embed"), "x.c", "x.h", "1x"], capture_output=True, text=True, check=False)
    assert run.returncode == 1 and "is no name" in run.stderr
    assert subprocess.run([build_tool("embed")], capture_output=True, check=False).returncode == 2
