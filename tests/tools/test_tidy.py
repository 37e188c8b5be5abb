"""tools/tidy.py on small trees: each sin is found, at its line, and a clean tree has none."""
import os
import re
import subprocess
import sys

import pytest

TIDY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "tidy.py")

ARCHITECTURE = """# Architecture
| folder | may include | third-party headers |
|---|---|---|
| src/base | base | libc; simdjson in bridge.cc |
| src/port | base port | none |
| src/net | base net | libuv zlib |
| src/core/x | base port, and core along a DAG | none |
| src/adapter/x | base port adapter/x | the library it adapts |
| src/api/x | base net core | none |
| src/app | all | none |

Other text.
"""


def header(path, body="int f(void);\n", includes=()):
    guard = "INGOT_" + re.sub(r"\W", "_", path[4:]).upper()
    lines = "".join(f'#include "{i}"\n' for i in includes)
    return f"/* {os.path.basename(path)} - x. */\n#ifndef {guard}\n#define {guard}\n\n{lines}{body}\n#endif\n"


CLEAN = {
    "ARCHITECTURE.md": ARCHITECTURE,
    "src/base/README.md": "# base\n",
    "src/base/a.h": header("src/base/a.h"),
    "src/base/a.c": '#include "base/a.h"\n\n#include <stdio.h>\n\nint f(void)\n{\n    return 1;\n}\n',
    "src/base/types.h": header("src/base/types.h", "struct pair {\n    int x;\n};\nstatic inline int one(void)\n{\n    return 1;\n}\n"),
    "src/core/track/README.md": "# track\n",
    "src/core/track/run.h": header("src/core/track/run.h", "int run(void);\n", ["base/a.h", "base/types.h"]),
    "src/core/track/run.c": '#include "core/track/run.h"\n\nint run(void)\n{\n    return f();\n}\n',
    "src/app/README.md": "# app\n",
    "src/app/main.c": '#include "core/track/run.h"\n\nint main(void)\n{\n    return run();\n}\n',
    "tests/unit/base/test_a.c": '#include "base/a.h"\n\nint main(void)\n{\n    return f();\n}\n',
    "tests/unit/core/track/test_run.c": '#include "core/track/run.h"\n\nint main(void)\n{\n    return run();\n}\n',
}


def tidy(folder, changes=()):
    for path, text in {**CLEAN, **dict(changes)}.items():
        full = folder / path
        if text is None:
            continue
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_text(text)
    run = subprocess.run([sys.executable, TIDY, str(folder)], capture_output=True, text=True, check=False)
    assert run.stderr == ""
    return run.returncode, run.stdout


def test_clean_tree(tmp_path):
    code, out = tidy(tmp_path)
    assert (code, out) == (0, "tidy: 8 files, 0 findings\n")


def source(body, include="base/a.h"):
    return f'#include "{include}"\n\n{body}'


LONG_FUNCTION = "int f(void)\n{\n" + "    f();\n" * 70 + "    return 1;\n}\n"

SINS = {
    "upward include": ({"src/base/a.c": source("int f(void)\n{\n    return 1;\n}\n", "core/track/run.h")},
                       'src/base/a.c:1: layer: src/base may not include "core/track/run.h" (core)'),
    "sideways adapter": ({"src/adapter/x/b.h": header("src/adapter/x/b.h", "struct s;\n", ["core/track/run.h"])},
                         'src/adapter/x/b.h:5: layer: src/adapter/x may not include "core/track/run.h" (core)'),
    "outside header": ({"src/core/track/run.c": source("#include <zlib.h>\nint run(void)\n{\n    return 1;\n}\n", "core/track/run.h")},
                       "src/core/track/run.c:3: layer: src/core/x may not include <zlib.h> (zlib)"),
    "outside header in the wrong file": ({"src/base/a.c": source("#include <simdjson.h>\nint f(void)\n{\n    return 1;\n}\n")},
                                         "src/base/a.c:3: layer: <simdjson.h> belongs in bridge.cc alone"),
    "unknown outside header": ({"src/base/a.c": source("#include <left-pad.h>\nint f(void)\n{\n    return 1;\n}\n")},
                               "src/base/a.c:3: layer: <left-pad.h> is not known: name its library in tools/tidy.py"),
    "include of nothing": ({"src/base/a.c": source('#include "base/none.h"\nint f(void)\n{\n    return 1;\n}\n')},
                           'src/base/a.c:3: layer: "base/none.h" is neither below src/ nor generated (*_gen.h, *_embed.h)'),
    "folder without a row": ({"src/misc/z.h": header("src/misc/z.h", "struct z;\n")},
                             "src/misc/z.h:1: layer: the table in ARCHITECTURE.md has no row for src/misc"),
    "two libraries": ({"src/adapter/x/b.h": header("src/adapter/x/b.h", "#include <zlib.h>\n#include <uv.h>\n")},
                      "src/adapter/x/b.h:5: layer: an adapter adapts one library; src/adapter/x uses libuv, zlib"),
    "cycle": ({"src/core/track/run.h": header("src/core/track/run.h", "int run(void);\n", ["base/a.h", "base/types.h", "core/other/o.h"]),
               "src/core/other/o.h": header("src/core/other/o.h", "struct o;\n"), "src/core/other/README.md": "# o\n",
               "src/core/other/o_use.c": source('#include "core/track/run.h"\n', "core/other/o.h")},
              "src/core/other/o_use.c:3: cycle: src/core/track -> src/core/other -> src/core/track"),
    "long file": ({"src/base/a.c": CLEAN["src/base/a.c"] + "/* x */\n" * 800}, "src/base/a.c:808: size: the file has 808 lines; the limit is 800"),
    "long function": ({"src/base/a.c": source(LONG_FUNCTION)}, "src/base/a.c:4: size: the function has 71 lines; the limit is 70"),
    "banned": ({"src/base/a.c": source("int f(void)\n{\n    return atoi(\"1\");\n}\n")}, "src/base/a.c:5: banned: atoi() is banned: use str_parse_i64"),
    "tab": ({"src/base/a.c": source("int f(void)\n{\n\treturn 1;\n}\n")}, "src/base/a.c:5: blank: a tab"),
    "blanks": ({"src/base/a.c": source("int f(void) \n{\n    return 1;\n}\n")}, "src/base/a.c:3: blank: blanks at the end of the line"),
    "last line": ({"src/base/a.c": source("int f(void)\n{\n    return 1;\n}")}, "src/base/a.c:6: blank: no line break at the end of the file"),
    "todo": ({"src/base/a.c": source("/* x\n * TODO: all */\nint f(void)\n{\n    return 1;\n}\n")}, "src/base/a.c:4: todo: a TODO names its issue (#12)"),
    "comment": ({"src/base/a.c": source("int f(void)\n{\n    return 1; // one\n}\n")}, "src/base/a.c:5: comment: comments are /* */"),
    "no source": ({"src/base/lone.h": header("src/base/lone.h", "int lone(void);\n"), "src/base/a.c": CLEAN["src/base/a.c"] + '#include "base/lone.h"\n'},
                  "src/base/lone.h:1: twin: has no lone.c"),
    "no test": ({"src/base/b.h": header("src/base/b.h", "int b(void);\n"), "src/base/b.c": source("int b(void)\n{\n    return 2;\n}\n", "base/b.h")},
                "src/base/b.h:1: test: has no tests/unit/base/test_b.c, and no other test in tests/unit/base/ includes it"),
    "dead": ({"src/base/b.h": header("src/base/b.h", "int b(void);\n"), "src/base/b.c": source("int b(void)\n{\n    return 2;\n}\n", "base/b.h"),
              "tests/unit/base/test_b.c": source("int main(void)\n{\n    return b();\n}\n", "base/b.h")},
             "src/base/b.h:1: dead: nobody but its own source and test includes it"),
    "no header": ({"src/base/c.c": "#include <stdio.h>\n"}, "src/base/c.c:1: twin: has no header: neither its own nor one of its folder"),
    "not alone": ({"src/base/types.h": header("src/base/types.h", "struct pair {\n    size_t x;\n};\n")},
                  "src/base/types.h:1: alone: does not compile alone: .*unknown type name .size_t."),
    "vla in a header": ({"src/base/types.h": header("src/base/types.h", "static inline int v(int n)\n{\n    char x[n];\n    return x[0] = 1;\n}\n")},
                        "src/base/types.h:1: alone: does not compile alone: .*variable length array"),
    "guard": ({"src/base/types.h": "/* types.h - x. */\n#ifndef X_H\n#define X_H\n#endif\n"},
              "src/base/types.h:1: guard: a header is guarded by #ifndef INGOT_... and #define of the same name"),
    "head of a header": ({"src/base/types.h": header("src/base/types.h", "struct p;\n").replace("types.h - x", "else.h")},
                         "src/base/types.h:1: header: a header begins with `/* types.h - what it is for`"),
    "no readme": ({"src/base/README.md": None}, "src/base/README.md:1: readme: each folder of src/ says in a README.md what it is for"),
    "long readme": ({"src/base/README.md": "x\n" * 61}, "src/base/README.md:61: readme: has 61 lines; a page is 60"),
}


@pytest.mark.parametrize("name", SINS)
def test_sin_is_found(tmp_path, name):
    changes, want = SINS[name]
    code, out = tidy(tmp_path, changes)
    assert code == 1
    lines = out.splitlines()
    assert any(line == want or (".*" in want and re.match(want, line)) for line in lines), out


def test_what_is_no_sin(tmp_path):
    """Words in comments and literals, members of the same name, parts of a module, commands of a table."""
    body = 'struct q {\n    int (*rand)(void);\n};\nint f(void)\n{\n    struct q *q = 0;\n    const char *s = "atoi(x) // TODO";\n' \
           "    /* strcpy(a, b), #include <left-pad.h> */\n    return q->rand() + s[0];\n}\n"
    code, out = tidy(tmp_path, {
        "src/base/a.c": source(body),
        "src/base/a_more.c": source("/* TODO #12: more */\nint g;\n"),
        "src/app/command.h": header("src/app/command.h", "extern const int cmd_x;\n"),
        "src/app/cmd_x.c": source("const int cmd_x = 1;\n", "app/command.h"),
        "tests/unit/app/test_command.c": source("int main(void)\n{\n    return cmd_x;\n}\n", "app/command.h"),
    })
    assert code == 0, out


def test_waivers(tmp_path):
    long_file = {"src/base/a.c": CLEAN["src/base/a.c"] + "/* x */\n" * 800}
    waiver = "src/base/a.c size A table of generated constants.\n"
    code, out = tidy(tmp_path, {**long_file, "tools/tidy_waivers.txt": "# at most 1\n" + waiver})
    assert code == 0 and out.endswith("0 findings, 1 waivers\n"), out
    code, out = tidy(tmp_path, {**long_file, "tools/tidy_waivers.txt": "# at most 0\n" + waiver})
    assert code == 1 and "1 waivers; their number may only fall below 0" in out
    code, out = tidy(tmp_path, {"tools/tidy_waivers.txt": "# at most 1\n" + waiver})
    assert code == 1 and "tools/tidy_waivers.txt:2: waiver: nothing needs it any more: src/base/a.c size" in out
    code, out = tidy(tmp_path, {"tools/tidy_waivers.txt": "# at most 1\nsrc/base/a.c size\n"})
    assert code == 1 and "a waiver is `path rule reason`" in out


def test_this_repository():
    """The tree itself is tidy; the number of waivers is told and may only fall."""
    run = subprocess.run([sys.executable, TIDY], capture_output=True, text=True, check=False)
    print(run.stdout)
    assert run.returncode == 0, run.stdout
