"""tools/embed: bytes of files into C, unchanged."""
import gzip
import os
import re
import subprocess

from conftest import compile_and_run

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
