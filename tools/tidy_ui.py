"""The house's rules for ui/ (tidy.py runs them): calls that turn text into markup or code, sizes, imports and exports that nothing stands behind or
nobody uses, texts without Chinese, and the budget of bytes.

JavaScript is not parsed but read by its habits here: strings in double quotes, imports and exports at the beginning of a line, functions that end
with a brace in the column where they began. test_tidy.py holds a sin for each rule.
"""
import gzip
import os
import re

FILE_LINES_MAX = 800
FUNCTION_LINES_MAX = 70
BUDGET_BYTES = 300_000  # of all script and style, compressed
VENDOR = {"vendor/preact.js": "htm/preact/standalone.module.js", "vendor/uplot.js": "uplot/dist/uPlot.iife.min.js", "vendor/uplot.css": "uplot/dist/uPlot.min.css"}

# What may not stand in a script, why, and the files that may hold it.
BANNED = [
    (r"\b(?:inner|outer)HTML\b|\binsertAdjacentHTML\b|\bdangerouslySetInnerHTML\b|\bcreateContextualFragment\b|\bDOMParser\b", "text of users never becomes markup: give it as a child", None),
    (r"\beval\s*\(|\bnew\s+Function\b|\bsetTimeout\s*\(\s*[\"'`]|\bsetInterval\s*\(\s*[\"'`]", "text never becomes code", None),
    (r"\bdocument\.write", "text never becomes markup", None),
    (r"<[a-z][^>]*\sstyle=\"|\bstyle=\"|\.cssText\b", "the policy forbids styles in markup: a class, or style=${{...}} for computed geometry", None),
    (r"(?<![\w.])fetch\s*\(|\bXMLHttpRequest\b", "lib/api.js talks to the server", "lib/api.js"),
    (r"\bEventSource\b|\bWebSocket\b", "lib/events.js listens to the server", "lib/events.js"),
    (r"\blocalStorage\b|\bsessionStorage\b|\bdocument\.cookie\b|\bindexedDB\b", "lib/store.js keeps what a user prefers", "lib/store.js early.js"),
    (r"https?://(?!(?:www\.w3\.org/)|[^\"'` ]*\.example)", "nothing is asked of another host", None),
]
IMPORT = re.compile(r'^(?:import|export)\s+(?:(\*\s+as\s+\w+|\w+)?\s*,?\s*(?:\{([^}]*)\})?\s*(\*)?\s*from\s+)?"([^"]+)"', re.M)
DYNAMIC = re.compile(r'\bimport\(\s*"([^"]+)"\s*\)')
EXPORT = re.compile(r"^export\s+(?:async\s+)?(?:function\*?|class|const|let)\s+(\w+)", re.M)
EXPORT_LIST = re.compile(r"^export\s*\{([^}]*)\}", re.M)
STRING = r'"((?:\\.|[^"\\\n])*)"'
TEXT = re.compile(r"(?<![\w.])t\(\s*" + STRING)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def without_comments(text):
    """Comments become blanks. A string or a template that holds their marks does not begin one."""
    pattern = re.compile(r'"(?:\\.|[^"\\\n])*"|/\*.*?\*/|(?<![:"\'`\\])//[^\n]*', re.S)
    return pattern.sub(lambda m: m.group(0) if m.group(0)[0] == '"' else re.sub(r"[^\n]", " ", m.group(0)), text)


def line_of(text, at):
    return text.count("\n", 0, at) + 1


class Files:
    def __init__(self, root):
        self.root, self.text, self.code = root, {}, {}
        for base, dirs, names in os.walk(os.path.join(root, "ui")):
            dirs.sort()
            for name in sorted(names):
                path = os.path.relpath(os.path.join(base, name), os.path.join(root, "ui"))
                if path.endswith((".js", ".css", ".html", ".svg")) and path != "report.html":  # the page of a command
                    self.text[path] = read(os.path.join(base, name))
        for path, text in self.text.items():
            self.code[path] = without_comments(text) if path.endswith(".js") else text
        tests = os.path.join(root, "tests/ui")
        self.tests = {n: read(os.path.join(tests, n)) for n in sorted(os.listdir(tests)) if n.endswith(".mjs")} if os.path.isdir(tests) else {}

    def scripts(self):
        return [p for p in self.text if p.endswith(".js")]


def check_text(t, files):
    for path, text in files.text.items():
        lines = text.split("\n")
        if len(lines) - 1 > FILE_LINES_MAX:
            t.find("ui/" + path, len(lines) - 1, "size", f"the file has {len(lines) - 1} lines; the limit is {FILE_LINES_MAX}")
        for i, line in enumerate(lines, 1):
            if "\t" in line or line != line.rstrip():
                t.find("ui/" + path, i, "blank", "a tab, or blanks at the end of the line")
        if not text.endswith("\n"):
            t.find("ui/" + path, len(lines), "blank", "no line break at the end of the file")
    for path in files.scripts():
        if not files.text[path].startswith("/* " + os.path.basename(path)):
            t.find("ui/" + path, 1, "header", f"a script begins with `/* {os.path.basename(path)} - what it is for`")
        for pattern, why, owners in BANNED:
            for m in re.finditer(pattern, files.code[path]):
                if path not in (owners or "").split():
                    t.find("ui/" + path, line_of(files.code[path], m.start()), "banned", f"{m.group(0).strip()}: {why}")
        check_functions(t, path, files.code[path].split("\n"))


def check_functions(t, path, lines):
    for i, line in enumerate(lines):
        m = re.match(r"(\s*)(?:export\s+)?(?:default\s+)?(?:async\s+)?(?:function\b|(?:const|let)\s+\w+\s*=\s*(?:async\s*)?(?:\([^)]*\)|\w+)\s*=>)[^;]*\{\s*$", line)
        if m:
            end = next((k for k in range(i + 1, len(lines)) if re.match(re.escape(m.group(1)) + r"\}", lines[k])), i)
            if end - i - 1 > FUNCTION_LINES_MAX:
                t.find("ui/" + path, i + 1, "size", f"the function has {end - i - 1} lines; the limit is {FUNCTION_LINES_MAX}")


def names_in(part):
    """The names of `{ a, b as c }` on the side of the module that exports them."""
    return [re.split(r"\s+as\s+", n.strip())[0] for n in part.split(",") if n.strip()]


def exports_of(code):
    names = {m.group(1) for m in EXPORT.finditer(code)} | ({"default"} if re.search(r"^export default\b", code, re.M) else set())
    for m in EXPORT_LIST.finditer(code):
        names |= {re.split(r"\s+as\s+", n.strip())[-1] for n in m.group(1).split(",") if n.strip()}
    return names


def check_modules(t, files):
    exports = {p: exports_of(files.code[p]) for p in files.scripts()}
    used = {p: set() for p in exports}
    reached = {path for path in files.text if f'src="{{{{prefix}}}}/ui/{path}"' in files.text.get("index.html", "")}

    def take(path, line, target, names, whole):
        where = os.path.normpath(os.path.join(os.path.dirname(path), target))
        if not target.startswith("."):
            t.find("ui/" + path, line, "import", f'"{target}": imports are relative, with the extension')
        elif where in VENDOR:
            if path != "lib/html.js" and where == "vendor/preact.js":
                t.find("ui/" + path, line, "import", "Preact comes through lib/html.js")
        elif where not in exports:
            t.find("ui/" + path, line, "import", f'"{target}": there is no ui/{where}')
        else:
            reached.add(where)
            used[where] |= exports[where] if whole else set(names)
            for name in sorted(set(names) - exports[where]):
                if not re.search(r"^export \*", files.code[where], re.M):
                    t.find("ui/" + path, line, "import", f"ui/{where} exports no {name}")

    for path in files.scripts():
        code = files.code[path]
        for m in IMPORT.finditer(code):
            single, braces, star, target = m.groups()
            names = names_in(braces or "") + (["default"] if single and not single.startswith("*") else [])
            take(path, line_of(code, m.start()), target, names, bool(star) or bool(single and single.startswith("*")))
        for m in DYNAMIC.finditer(code):
            take(path, line_of(code, m.start()), m.group(1), ["default"], False)
    for name, text in files.tests.items():
        for m in IMPORT.finditer(text):
            where = os.path.normpath(os.path.join("tests/ui", m.group(4)))
            if where.startswith("ui/") and where[3:] in used:
                used[where[3:]] |= set(names_in(m.group(2) or "")) | (exports[where[3:]] if m.group(1) else set())
    index = files.text.get("index.html", "")
    for path in files.text:
        if path.endswith(".js") and path not in reached or path.endswith((".css", ".svg")) and "/ui/" + path not in index:
            t.find("ui/" + path, 1, "dead", "no other file names it")
    for path, names in exports.items():
        for name in sorted(names - used[path]):
            at = re.search(r"\b" + name + r"\b", files.code[path])
            t.find("ui/" + path, line_of(files.code[path], at.start() if at else 0), "dead", f"nobody imports {name}")


def unescape(text):
    return re.sub(r"\\(u[0-9a-fA-F]{4}|.)", lambda m: chr(int(m.group(1)[1:], 16)) if len(m.group(1)) == 5 else {"n": "\n", "t": "\t"}.get(m.group(1), m.group(1)), text)


def check_words(t, files):
    chinese, literals = {}, set()
    for path in files.scripts():
        code = files.code[path]
        if not path.startswith("words/"):
            literals |= {unescape(m.group(1)) for m in re.finditer(STRING, code)}
            continue
        for m in re.finditer(r"^\s*" + STRING + r"\s*:\s*" + STRING, code, re.M):
            key, value = unescape(m.group(1)), unescape(m.group(2))
            line = line_of(code, m.start())
            if chinese.get(key, (value,))[0] != value:
                t.find("ui/" + path, line, "words", f'"{key}" has another translation in ui/{chinese[key][1]}')
            if set(re.findall(r"\{\w+\}", key)) - set(re.findall(r"\{\w+\}", value)) - {"{n}"} or set(re.findall(r"\{\w+\}", value)) - set(re.findall(r"\{\w+\}", key)):
                t.find("ui/" + path, line, "words", f'"{key}": the translation has other {{places}}')
            chinese.setdefault(key, (value, path, line))
    for path in files.scripts():
        if path.startswith("words/"):
            continue
        code = files.code[path]
        wanted = list(TEXT.finditer(code)) + (list(re.finditer(r"\brail:\s*" + STRING, code)) if path == "rooms.js" else [])
        for m in wanted:
            if unescape(m.group(1)) not in chinese:
                t.find("ui/" + path, line_of(code, m.start()), "words", f'"{m.group(1)}" has no Chinese in ui/words/zh/')
    for key, (_, path, line) in chinese.items():
        if key not in literals:
            t.find("ui/" + path, line, "words", f'nothing says "{key}"')


def squeezed(text):
    """Nearly what tools/squeeze.h leaves of a file."""
    return re.sub(r"(?m)^[ \t]+|\n(?=\n)", "", re.sub(r"(?m)^[ \t]*/\*.*?\*/[ \t]*\n", "", text, flags=re.S))


def check_budget(t, files):
    total = sum(len(gzip.compress(squeezed(text).encode(), 9)) for path, text in files.text.items() if path.endswith((".js", ".css")))
    for source in VENDOR.values():
        path = os.path.join(files.root, "node_modules", source)
        if os.path.exists(path):
            with open(path, "rb") as f:
                total += len(gzip.compress(f.read(), 9))
    if total > BUDGET_BYTES:
        t.find("ui/index.html", 1, "budget", f"script and style are {total} bytes compressed; the limit is {BUDGET_BYTES}")


def check_ui(t):
    files = Files(t.root)
    if not files.text:
        return
    for check in (check_text, check_modules, check_words, check_budget):
        check(t, files)
