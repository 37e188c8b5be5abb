#!/usr/bin/env python3
"""The house's linter: tidy.py [ROOT]

Checks what compilers do not: which layer may include which (the table in ARCHITECTURE.md), sizes, banned functions, that each
header compiles alone, that headers, sources and tests come in threes, dead files, TODOs without an issue, blanks; tidy_ui.py has the rules for ui/. Prints findings as
`file:line: rule: text` and ends with status 1, or prints `tidy: N files, 0 findings`.

A finding is waived by a line `path rule reason...` in tools/tidy_waivers.txt. The first line of that file, `# at most N`, bounds
their number, and a waiver that nothing needs any more is a finding itself, so the number can only fall.
"""
import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys

from tidy_ui import check_ui

FILE_LINES_MAX = 800
FUNCTION_LINES_MAX = 70
README_LINES_MAX = 60

BANNED = {
    "strcpy": "buf_add or memcpy with a size", "strcat": "buf_add", "sprintf": "snprintf or buf_addf", "vsprintf": "vsnprintf",
    "gets": "getline", "strtok": "str_split", "atoi": "str_parse_i64", "atol": "str_parse_i64", "atoll": "str_parse_i64",
    "atof": "str_parse_f64", "system": "posix_spawn", "popen": "posix_spawn", "rand": "hash_random or a seeded generator of ours",
    "srand": "a seeded generator of ours", "alloca": "the arena", "setjmp": "enum err", "longjmp": "enum err",
    "localtime": "time_format", "gmtime": "time_format", "ctime": "time_format", "asctime": "time_format", "tmpnam": "mkstemp",
}

# An outside header and the library it belongs to, by the name that the layer table uses.
LIBRARIES = [
    (r"simdjson\.h", "simdjson"), (r"yaml\.h", "libyaml"), (r"gnutls/.*", "gnutls"), (r"uv(/.*)?\.h|uv\.h", "libuv"),
    (r"llhttp\.h", "llhttp"), (r"curl/.*", "curl"), (r"zlib\.h", "zlib"), (r"nghttp2/.*", "nghttp2"), (r"sqlite3\.h", "sqlite"),
    (r"duckdb\.h", "duckdb"), (r"xgboost/.*", "xgboost"), (r"linear\.h", "liblinear"), (r"svm\.h", "libsvm"), (r"lmdb\.h", "lmdb"),
    (r"hiredis/.*", "hiredis"), (r"librdkafka/.*", "librdkafka"), (r"libpq-fe\.h|postgresql/.*", "libpq"),
    (r"protobuf-c/.*|\w+\.pb-c\.h", "protobuf-c"), (r"cblas\.h|lapacke\.h", "blas"), (r"onnxruntime_c_api\.h", "onnxruntime"),
    (r"llama\.h|ggml.*\.h", "llama.cpp"), (r"cmocka\.h", "cmocka"),
]
LIBC = set("""aio alloca arpa/inet assert byteswap complex cpio ctype dirent dlfcn elf endian err errno error execinfo fcntl features
fenv float fnmatch ftw getopt glob grp inttypes iso646 langinfo libgen limits linux/audit linux/filter linux/fs linux/futex linux/landlock linux/seccomp link locale malloc math memory net/if
netdb netinet/in netinet/tcp poll pthread pty pwd regex sched search semaphore setjmp signal spawn stdalign stdarg stdatomic
stdbool stddef stdint stdio stdlib stdnoreturn string strings sys/epoll sys/eventfd sys/file sys/inotify sys/ioctl sys/mman sys/mount
sys/param sys/prctl sys/random sys/resource sys/select sys/sendfile sys/socket sys/stat sys/statfs sys/statvfs sys/syscall
sys/sysinfo sys/time sys/times sys/timerfd sys/types sys/uio sys/un sys/utsname sys/vfs sys/wait sysexits syslog tgmath threads time
uchar unistd utime wchar wctype sanitizer/asan_interface sanitizer/lsan_interface sanitizer/tsan_interface""".split())
LAYERS = {"base", "num", "port", "net", "core", "adapter", "api", "app"}


class Tidy:
    def __init__(self, root):
        self.root = os.path.abspath(root)
        self.findings = []
        self.sources = {}  # path relative to the root -> text
        self.code = {}  # the same without comments and literals, line for line
        for folder in ("src", "tools", "tests", "bench"):
            for base, dirs, names in os.walk(os.path.join(self.root, folder)):
                dirs[:] = sorted(d for d in dirs if d not in ("corpus", "node_modules", "__pycache__"))
                for name in sorted(names):
                    if name.endswith((".c", ".h", ".cc")):
                        path = os.path.relpath(os.path.join(base, name), self.root)
                        with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as f:
                            self.sources[path] = f.read()
        for path, text in self.sources.items():
            self.code[path] = blank_out(text)

    def find(self, path, line, rule, text):
        self.findings.append((path, line, rule, text))

    def src(self):
        return [p for p in self.sources if p.startswith("src/")]

    def includes(self, path):
        """(line, name, quoted) of each #include that is not in a comment."""
        without_comments = blank_out(self.sources[path], keep_literals=True)
        for i, line in enumerate(without_comments.split("\n"), 1):
            m = re.match(r'\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)', line)
            if m:
                yield i, m.group(1) or m.group(2), m.group(1) is not None


def blank_out(text, keep_literals=False):
    """Comments (and string and character literals) become blanks; line breaks stay."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)

    def blank(m):
        s = m.group(0)
        if s[0] in "\"'":
            return s if keep_literals else s[0] + re.sub(r"[^\n]", " ", s[1:-1]) + s[-1]
        return re.sub(r"[^\n]", " ", s)

    return pattern.sub(blank, text)


# ---- layers


def read_layer_table(t):
    """Rows of the first table whose header is | folder | may include | third-party headers |."""
    path = os.path.join(t.root, "ARCHITECTURE.md")
    rows, inside = {}, False
    with open(path, encoding="utf-8") as f:
        for line in f:
            cells = [c.strip() for c in line.strip().strip("|").split("|")] if line.startswith("|") else []
            if len(cells) == 3 and cells[0].lower() == "folder" and cells[1].lower() == "may include":
                inside = True
            elif inside and not cells:
                break
            elif inside and not set(cells[0]) <= set("-: "):
                rows[cells[0].strip("`")] = (cells[1], cells[2])
    if not rows:
        raise SystemExit("tidy: ARCHITECTURE.md has no layer table")
    return rows


def row_of(rows, folder):
    """`folder` is src/a or src/a/b."""
    parts = folder.split("/")
    if folder in rows:
        return folder
    if len(parts) >= 3 and "/".join(parts[:2]) + "/x" in rows:
        return "/".join(parts[:2]) + "/x"
    return "/".join(parts[:2]) if "/".join(parts[:2]) in rows else None


def allowed_layers(cell):
    words = re.findall(r"[a-z]+(?:/x)?", cell.lower())
    return set(LAYERS) if "all" in words else {w for w in words if w.split("/")[0] in LAYERS}


def library_of(header):
    for pattern, library in LIBRARIES:
        if re.fullmatch(pattern, header):
            return library
    return None


def is_libc(header, path):
    return header.endswith(".h") and header[:-2] in LIBC or (path.endswith(".cc") and re.fullmatch(r"[a-z_]+", header))


def check_outside(t, rows, row, path, line, header, used):
    library = library_of(header)
    if library is None:
        t.find(path, line, "layer", f"<{header}> is not known: name its library in tools/tidy.py")
        return
    cell = rows[row][1].lower()
    used.setdefault(os.path.dirname(path), {}).setdefault(library, (path, line))
    if "library it adapts" in cell:
        return  # exactly one, checked per folder
    m = re.search(r"\b" + re.escape(library) + r"\b(?:\s+in\s+([\w.]+))?", cell)
    if not m:
        t.find(path, line, "layer", f"{row} may not include <{header}> ({library})")
    elif m.group(1) and m.group(1).rstrip(".") != os.path.basename(path):
        t.find(path, line, "layer", f"<{header}> belongs in {m.group(1)} alone")


def check_layers(t):
    rows = read_layer_table(t)
    edges, used = {}, {}
    for path in t.src():
        folder = os.path.dirname(path)
        row = row_of(rows, folder)
        if row is None:
            t.find(path, 1, "layer", f"the table in ARCHITECTURE.md has no row for {folder}")
            continue
        for line, name, quoted in t.includes(path):
            if not quoted:
                if not is_libc(name, path):
                    check_outside(t, rows, row, path, line, name, used)
                continue
            target = "src/" + name
            if target not in t.sources:
                if "/" in name or not re.fullmatch(r"[a-z0-9_]+(_gen|_embed)\.h", name):
                    t.find(path, line, "layer", f'"{name}" is neither below src/ nor generated (*_gen.h, *_embed.h)')
                continue
            target_folder = os.path.dirname(target)
            if target_folder == folder:
                continue
            layer = target_folder.split("/")[1]
            allowed = allowed_layers(rows[row][0])
            if layer not in allowed:
                t.find(path, line, "layer", f'{row} may not include "{name}" ({layer})')
            elif layer in ("core", "api", "adapter"):
                edges.setdefault(folder, {}).setdefault(target_folder, (path, line, name))
    for folder, libraries in used.items():
        if folder.startswith("src/adapter/") and len(libraries) > 1:
            for library, (path, line) in sorted(libraries.items())[1:]:
                t.find(path, line, "layer", f"an adapter adapts one library; {folder} uses {', '.join(sorted(libraries))}")
    check_cycles(t, edges)


def check_cycles(t, edges):
    """Folders of one layer may need each other along a DAG only."""
    state, stack = {}, []

    def visit(folder):
        state[folder] = 1
        stack.append(folder)
        for to, (path, line, _) in sorted(edges.get(folder, {}).items()):
            if state.get(to) == 1:
                t.find(path, line, "cycle", " -> ".join(stack[stack.index(to):] + [to]))
            elif to not in state:
                visit(to)
        stack.pop()
        state[folder] = 2

    for folder in sorted(edges):
        if folder not in state:
            visit(folder)


# ---- text


def check_sizes(t):
    for path, code in t.code.items():
        lines = code.split("\n")
        count = len(lines) - 1
        if count > FILE_LINES_MAX:
            t.find(path, count, "size", f"the file has {count} lines; the limit is {FILE_LINES_MAX}")
        # A brace alone on its line behind a parameter list opens a function; the same column closes it.
        start = None
        for i, line in enumerate(lines, 1):
            m = re.fullmatch(r"(\s*)\{\s*", line)
            if m and start is None and re.search(r"\)(\s*(const|noexcept|override))*\s*$", previous_text(lines, i)):
                start, indent = i, m.group(1)
            elif start is not None and line.startswith(indent + "}") and len(line) - len(line.lstrip()) == len(indent):
                length = i - start - 1
                if length > FUNCTION_LINES_MAX:
                    t.find(path, start, "size", f"the function has {length} lines; the limit is {FUNCTION_LINES_MAX}")
                start = None


def previous_text(lines, i):
    for line in reversed(lines[: i - 1]):
        if line.strip():
            return line
    return ""


def check_text(t):
    banned = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
    for path, code in t.code.items():
        raw = t.sources[path].split("\n")
        for i, line in enumerate(code.split("\n"), 1):
            for m in banned.finditer(line):
                t.find(path, i, "banned", f"{m.group(1)}() is banned: use {BANNED[m.group(1)]}")
        for i, line in enumerate(raw, 1):
            if "\t" in line:
                t.find(path, i, "blank", "a tab")
            if line != line.rstrip():
                t.find(path, i, "blank", "blanks at the end of the line")
        if t.sources[path] and not t.sources[path].endswith("\n"):
            t.find(path, len(raw), "blank", "no line break at the end of the file")
        for m in re.finditer(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|(//)', t.sources[path], re.S):
            line = t.sources[path].count("\n", 0, m.start()) + 1
            if m.group(1):
                t.find(path, line, "comment", "comments are /* */")
            elif m.group(0).startswith("/*"):
                for i, part in enumerate(m.group(0).split("\n")):
                    if re.search(r"\b(TODO|FIXME)\b", part) and not re.search(r"#\d+", part):
                        t.find(path, line + i, "todo", "a TODO names its issue (#12)")


def check_guards(t):
    seen = {}
    for path in t.src():
        if not path.endswith(".h"):
            continue
        m = re.search(r"^#ifndef (\w+)\n#define (\w+)\n", t.code[path], re.M)
        if not m or m.group(1) != m.group(2) or not m.group(1).startswith("INGOT_"):
            t.find(path, 1, "guard", "a header is guarded by #ifndef INGOT_... and #define of the same name")
        elif m.group(1) in seen:
            t.find(path, 1, "guard", f"{m.group(1)} guards {seen[m.group(1)]} as well")
        else:
            seen[m.group(1)] = path
        if not t.sources[path].startswith("/* " + os.path.basename(path)):
            t.find(path, 1, "header", f"a header begins with `/* {os.path.basename(path)} - what it is for`")


# ---- files


def owner_headers(t, path):
    """The headers that a source implements: its twin; or that of a module it is a part of (json_out.c: json.h); or, as
    the commands of a table or the wires of a connection, headers of its folder that it includes."""
    stem = re.sub(r"\.(c|cc)$", "", path)
    folder = os.path.dirname(path)
    if stem + ".h" in t.sources:
        return [stem + ".h"]
    part = stem
    while "_" in os.path.basename(part):
        part = os.path.join(folder, os.path.basename(part).rsplit("_", 1)[0])
        if part + ".h" in t.sources:
            return [part + ".h"]
    todo, found = [path], []
    while todo:
        for _, name, quoted in t.includes(todo.pop()):
            header = "src/" + name
            if quoted and os.path.dirname(header) == folder and header in t.sources and header not in found:
                found.append(header)
                todo.append(header)
    return found


def declares_something(code):
    """Whether a header has prototypes or `extern` objects: then a source must stand behind it, and a test. Types, macros
    and static inline functions need none."""
    code = re.sub(r"^\s*#(?:.*\\\n)*.*$", "", code, flags=re.M)
    depth, statement = 0, ""
    for c in code:
        if c == "{":
            depth += 1
        elif c == "}":
            depth -= 1
            if depth == 0 and re.search(r"\)\s*$", statement):
                statement = ""  # the body of an inline function ends here without a ';'
        elif depth == 0 and c == ";":
            one = " ".join(statement.split())
            statement = ""
            one = re.sub(r"^(C_BEGIN|C_END)\s+", "", one)
            if one.startswith("extern ") or (not one.startswith("typedef ") and re.match(r"[\w\s*]+\(.*\)", one)
                                             and not re.match(r"_?[Ss]tatic_assert", one)):
                return True
        elif depth == 0:
            statement += c
    return False


def check_twins(t):
    includers, implemented = {}, {}
    for path in t.sources:
        for _, name, quoted in t.includes(path):
            if quoted:
                includers.setdefault("src/" + name, set()).add(path)
    for path in t.src():
        if path.endswith((".c", ".cc")):
            owners = owner_headers(t, path)
            for header in owners:
                implemented.setdefault(header, set()).add(path)
            if not owners and path != "src/app/main.c":
                t.find(path, 1, "twin", "has no header: neither its own nor one of its folder")
    for path in t.src():
        if not path.endswith(".h"):
            continue
        stem = path[:-2]
        tests = ["tests/unit/" + stem[4:].rpartition("/")[0] + "/test_" + os.path.basename(stem) + ".c"]
        if path.startswith("src/port/"):
            tests.append("tests/contract/test_" + os.path.basename(stem) + ".c")
        if declares_something(t.code[path]):
            if path not in implemented:
                t.find(path, 1, "twin", f"has no {os.path.basename(stem)}.c")
            mirror = os.path.dirname(tests[0]) + "/"
            users = includers.get(path, set())
            if not any(test in t.sources for test in tests) and not any(u.startswith(mirror) for u in users):
                t.find(path, 1, "test", f"has no {' or '.join(tests)}, and no other test in {mirror} includes it")
        own = {p for p in implemented.get(path, ()) if p.startswith(stem + ".") or p.startswith(stem + "_")}
        if not includers.get(path, set()) - own - set(tests):
            t.find(path, 1, "dead", "nobody but its own source and test includes it")


def check_readmes(t):
    for folder in sorted({os.path.dirname(p) for p in t.src() if p.endswith((".c", ".cc"))}):
        path = os.path.join(folder, "README.md")
        full = os.path.join(t.root, path)
        if not os.path.exists(full):
            t.find(path, 1, "readme", "each folder of src/ says in a README.md what it is for")
            continue
        with open(full, encoding="utf-8") as f:
            count = sum(1 for _ in f)
        if count > README_LINES_MAX:
            t.find(path, count, "readme", f"has {count} lines; a page is {README_LINES_MAX}")


def closure_key(t, path, known):
    """A digest of the header and of all that it includes from src/."""
    todo, seen = [path], set()
    while todo:
        p = todo.pop()
        if p in seen or p not in t.sources:
            continue
        seen.add(p)
        todo += ["src/" + name for _, name, quoted in t.includes(p) if quoted]
    digest = hashlib.sha256()
    for p in sorted(seen):
        digest.update(p.encode() + b"\0" + t.sources[p].encode("utf-8", "replace") + b"\0")
    return digest.hexdigest()


def compile_header(t, path, gen):
    command = ["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall", "-Wextra", "-Wvla", "-Werror", "-x", "c", "-I" + t.root + "/src"]
    command += ["-isystem", gen] if gen else []
    command += ["-isystem", t.root + "/node_modules/duckdb/src/duckdb/src/include", "-isystem", "/usr/share/include/llhttp",
                "-isystem", "/usr/include/postgresql"]
    # Through a one-line source, so that the header is no main file (that would warn about static functions).
    run = subprocess.run(command + ["-"], input=f'#include "{path[4:]}"\n', capture_output=True, text=True)
    return None if run.returncode == 0 else run.stderr.strip().split("\n")


def check_headers_alone(t):
    cache_path = os.path.join(t.root, "build", "tidy-cache.json")
    try:
        with open(cache_path, encoding="utf-8") as f:
            cache = json.load(f)
    except (OSError, ValueError):
        cache = {}
    gens = sorted(os.path.join(t.root, "build", d, "gen") for d in (os.listdir(os.path.join(t.root, "build")) if os.path.isdir(os.path.join(t.root, "build")) else []))
    gen = next((g for g in gens if os.path.exists(os.path.join(g, "sql_gen.h"))), None)
    headers = [p for p in t.src() if p.endswith(".h")]
    keys = {p: closure_key(t, p, cache) for p in headers}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        todo = [p for p in headers if cache.get(p) != keys[p]]
        for path, error in zip(todo, pool.map(lambda p: compile_header(t, p, gen), todo)):
            if error:
                first = next((e for e in error if "error" in e), error[0])
                t.find(path, 1, "alone", "does not compile alone: " + first)
                keys.pop(path)
    if os.path.isdir(os.path.dirname(cache_path)):
        with open(cache_path + ".new", "w", encoding="utf-8") as f:
            json.dump(keys, f)
        os.replace(cache_path + ".new", cache_path)


# ---- waivers


def apply_waivers(t):
    name = "tools/tidy_waivers.txt"
    path = os.path.join(t.root, name)
    if not os.path.exists(path):
        return 0
    with open(path, encoding="utf-8") as f:
        lines = f.read().split("\n")
    m = re.match(r"# at most (\d+)$", lines[0])
    if not m:
        t.find(name, 1, "waiver", "the first line says `# at most N`")
    waivers = []
    for i, line in enumerate(lines[1:], 2):
        if line.strip() and not line.startswith("#"):
            parts = line.split(None, 2)
            if len(parts) < 3:
                t.find(name, i, "waiver", "a waiver is `path rule reason`")
            else:
                waivers.append((i, parts[0], parts[1]))
    kept, needed = [], set()
    for finding in t.findings:
        hits = [w for w in waivers if w[1] == finding[0] and w[2] == finding[2]]
        needed.update(hits)
        if not hits:
            kept.append(finding)
    t.findings = kept
    for w in waivers:
        if w not in needed:
            t.find(name, w[0], "waiver", f"nothing needs it any more: {w[1]} {w[2]}")
    if m and len(waivers) > int(m.group(1)):
        t.find(name, 1, "waiver", f"{len(waivers)} waivers; their number may only fall below {m.group(1)}")
    return len(waivers)


def main():
    t = Tidy(sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    for check in (check_layers, check_sizes, check_text, check_guards, check_twins, check_readmes, check_headers_alone, check_ui):
        check(t)
    waived = apply_waivers(t)
    for path, line, rule, text in sorted(t.findings):
        print(f"{path}:{line}: {rule}: {text}")
    print(f"tidy: {len(t.sources)} files, {len(t.findings)} findings" + (f", {waived} waivers" if waived else ""))
    return 1 if t.findings else 0


if __name__ == "__main__":
    sys.exit(main())
