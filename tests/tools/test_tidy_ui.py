"""tools/tidy_ui.py on small interfaces: each sin is found, at its line, and a clean one has none."""
import os
import random
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))
import tidy_ui  # noqa: E402

CLEAN = {
    "ui/index.html": '<link rel="stylesheet" href="{{prefix}}/ui/style/base.css">\n<script src="{{prefix}}/ui/app.js"></script>\n',
    "ui/style/base.css": "a { color: red }\n",
    "ui/app.js": '/* app.js - begins. */\nimport { t } from "./lib/words.js";\nimport room from "./room.js";\n\n// innerHTML is not used\nexport_nothing();\n'
                 'document.title = t("Home") + t("{n} run|{n} runs", { n: room });\n',
    "ui/room.js": '/* room.js - a room. */\nimport * as words from "./lib/words.js";\n\nexport default function Room() {\n  return words.t("Home");\n}\n',
    "ui/lib/words.js": '/* words.js - texts. */\nimport { zh } from "../words/zh.js";\n\nexport function t(text) {\n  return zh[text] ?? text;\n}\n',
    "ui/words/zh.js": '/* zh.js - the Chinese. */\nexport const zh = {\n  "Home": "主页",\n  "{n} run|{n} runs": "{n} 个运行",\n};\n',
}


class Findings:
    def __init__(self, root):
        self.root, self.lines = str(root), []

    def find(self, path, line, rule, text):
        self.lines.append(f"{path}:{line}: {rule}: {text}")


def judged(folder, changes=()):
    for path, text in {**CLEAN, **dict(changes)}.items():
        if text is not None:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
    t = Findings(folder)
    tidy_ui.check_ui(t)
    return t.lines


def more(path, text):
    return {path: CLEAN[path] + text}


NOISE = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=700_000))
SINS = {
    "markup of text": (more("ui/app.js", "x.innerHTML = y;\n"), "ui/app.js:8: banned: innerHTML: text of users"),
    "code of text": (more("ui/app.js", "eval(y);\n"), "ui/app.js:8: banned: eval(: text never becomes code"),
    "a timer of text": (more("ui/app.js", 'setTimeout("f()", 1);\n'), 'ui/app.js:8: banned: setTimeout(": text'),
    "a style in markup": (more("ui/app.js", 'html`<b style="color: red">`;\n'), "ui/app.js:8: banned: <b style="),
    "fetch elsewhere": (more("ui/app.js", "fetch(x);\n"), "ui/app.js:8: banned: fetch(: lib/api.js"),
    "storage elsewhere": (more("ui/app.js", "localStorage.x = 1;\n"), "ui/app.js:8: banned: localStorage: lib/store.js"),
    "another host": (more("ui/app.js", 'load("https://cdn.evil/x.js");\n'), "ui/app.js:8: banned: https://: nothing is asked"),
    "long file": (more("ui/app.js", "f();\n" * 800), "ui/app.js:807: size: the file has 807 lines"),
    "long function": (more("ui/app.js", "function f() {\n" + "  g();\n" * 71 + "}\n"), "ui/app.js:8: size: the function has 71 lines"),
    "long arrow": (more("ui/app.js", "const f = async x => {\n" + "  g();\n" * 71 + "};\n"), "ui/app.js:8: size: the function has 71 lines"),
    "a tab": (more("ui/style/base.css", "\tb {}\n"), "ui/style/base.css:2: blank: a tab"),
    "no line break": (more("ui/style/base.css", "b {}"), "ui/style/base.css:2: blank: no line break"),
    "no header": ({"ui/app.js": CLEAN["ui/app.js"].replace("/* app.js - begins. */", "/* begins */")}, "ui/app.js:1: header: a script begins"),
    "a bare import": (more("ui/app.js", 'import { x } from "preact";\n'), 'ui/app.js:8: import: "preact": imports are relative'),
    "an import of nothing": (more("ui/app.js", 'import { x } from "./no.js";\n'), 'ui/app.js:8: import: "./no.js": there is no ui/no.js'),
    "a loaded nothing": (more("ui/app.js", 'const x = () => import("./no.js");\n'), 'ui/app.js:8: import: "./no.js": there is no ui/no.js'),
    "a name that is not exported": (more("ui/app.js", 'import { u } from "./lib/words.js";\n'), "ui/app.js:8: import: ui/lib/words.js exports no u"),
    "Preact directly": (more("ui/app.js", 'import { h } from "./vendor/preact.js";\n'), "ui/app.js:8: import: Preact comes through lib/html.js"),
    "a dead script": ({"ui/lib/dead.js": "/* dead.js - x. */\nf();\n"}, "ui/lib/dead.js:1: dead: no other file names it"),
    "a dead style": ({"ui/style/dead.css": "a {}\n"}, "ui/style/dead.css:1: dead: no other file names it"),
    "a dead export": (more("ui/words/zh.js", "export const more = 1;\n"), "ui/words/zh.js:6: dead: nobody imports more"),
    "no Chinese": (more("ui/app.js", 't("Away");\n'), 'ui/app.js:8: words: "Away" has no Chinese'),
    "Chinese of nothing": ({"ui/words/zh.js": CLEAN["ui/words/zh.js"].replace("};", '  "Gone": "不见",\n};')}, 'ui/words/zh.js:5: words: nothing says "Gone"'),
    "two translations": ({"ui/words/zh.js": CLEAN["ui/words/zh.js"].replace("};", '  "Home": "家",\n};')}, 'ui/words/zh.js:5: words: "Home" has another'),
    "a lost place": ({"ui/words/zh.js": CLEAN["ui/words/zh.js"].replace("{n} 个运行", "{m} 个运行")}, "ui/words/zh.js:4: words: "),
    "too many bytes": (more("ui/style/base.css", f"a::after {{ content: \"{NOISE}\" }}\n"), "ui/index.html:1: budget: script and style are "),
}


def test_a_clean_interface(tmp_path):
    assert judged(tmp_path) == []


@pytest.mark.parametrize("name", SINS)
def test_sin_is_found(tmp_path, name):
    changes, want = SINS[name]
    lines = judged(tmp_path, changes)
    assert len(lines) == 1 and lines[0].startswith(want), lines


def test_what_is_no_sin(tmp_path):
    """Owners, the namespaces of SVG, words in comments and strings."""
    assert judged(tmp_path, {
        "ui/lib/api.js": "/* api.js - asks. innerHTML, http://evil.test */\nexport const get = path => fetch(path); // eval(x)\n",
        "ui/lib/store.js": '/* store.js - keeps. */\nexport const load = key => localStorage.getItem(key);\nexport const svg = "http://www.w3.org/2000/svg";\n',
        **more("ui/app.js", 'import { get } from "./lib/api.js";\nimport { load, svg } from "./lib/store.js";\nrefetch(get, load, svg, "t(", style => ({ style }));\n'),
    }) == []


def test_a_tree_without_an_interface(tmp_path):
    t = Findings(tmp_path)
    tidy_ui.check_ui(t)
    assert t.lines == []
