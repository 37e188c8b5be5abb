/* python.c - every installed distribution leaves a folder NAME-VERSION.dist-info in a folder of packages (PyPA, "Recording
 * installed projects"), which is all that `pip freeze` needs too, but a directory listing takes a millisecond where starting pip takes
 * a second. conda leaves conda-meta/NAME-VERSION-BUILD.json. A virtual environment is known by pyvenv.cfg beside its bin (PEP 405);
 * an interpreter outside of one has its packages below its prefix, and on Debian in dist-packages. */
#include "core/capture/python.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/vec.h"

struct packages {
    struct str *p;
    size_t len, cap;
};

static struct str base_of(struct str path)
{
    for (size_t i = path.len; i > 0; i--)
        if (path.p[i - 1] == '/')
            return str_sub(path, i, SIZE_MAX);
    return path;
}

static struct str folder_of(struct str path)
{
    struct str base = base_of(path);
    return path.len > base.len ? str_sub(path, 0, path.len - base.len - 1) : STR(".");
}

/* "python", "python3", "python3.11", "ipython", "pypy3". */
static bool is_python(struct str word)
{
    struct str base = base_of(word);
    static const struct str names[] = {STR_INIT("python"), STR_INIT("ipython"), STR_INIT("pypy")};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!str_starts(base, names[i]))
            continue;
        struct str rest = str_sub(base, names[i].len, SIZE_MAX);
        size_t n = 0;
        while (n < rest.len && (rest.p[n] == '.' || (rest.p[n] >= '0' && rest.p[n] <= '9')))
            n++;
        return n == rest.len;
    }
    return false;
}

static bool executable_find(struct op *op, struct str word, struct str path, struct str *ret)
{
    struct str folder;
    if (str_find_char(word, '/') != SIZE_MAX) {
        *ret = word;
        return access(str_cstr(op->arena, word), X_OK) == 0;
    }
    while (path.len && str_split(&path, ':', &folder)) {
        const char *full = op_printf(op, "%.*s/%.*s", STR_FMT(folder.len ? folder : STR(".")), STR_FMT(word));
        if (access(full, X_OK) == 0) {
            *ret = str_from(full);
            return true;
        }
    }
    return false;
}

static enum err package_add(struct op *op, struct packages *list, struct str name, struct str version)
{
    struct str *slot = list->len < LIMIT_CAPTURE_PACKAGES ? vec_push(list, op->arena) : NULL;
    if (!slot)
        return op_fail(op, E_TOO_LARGE, "the Python environment has more than %d packages", LIMIT_CAPTURE_PACKAGES);
    *slot = str_from(op_printf(op, "%.*s==%.*s", STR_FMT(name), STR_FMT(version)));
    return OK;
}

static size_t last_dash(struct str s)
{
    size_t at = SIZE_MAX;
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] == '-')
            at = i;
    return at;
}

/* One entry of a folder of packages, or of conda-meta. */
static enum err entry_add(struct op *op, struct packages *list, struct str name)
{
    bool conda = str_ends(name, STR(".json"));
    struct str end = conda ? STR(".json") : STR(".dist-info");
    if (!str_ends(name, end))
        return OK;
    name = str_sub(name, 0, name.len - end.len);
    if (conda && last_dash(name) != SIZE_MAX)
        name = str_sub(name, 0, last_dash(name)); /* the build */
    size_t dash = last_dash(name);
    if (dash == SIZE_MAX || dash == 0)
        return OK;
    return package_add(op, list, str_sub(name, 0, dash), str_sub(name, dash + 1, SIZE_MAX));
}

/* A folder that is not there holds nothing. */
static enum err folder_add(struct op *op, struct packages *list, const char *folder)
{
    DIR *d = opendir(folder);
    enum err e = OK;
    for (const struct dirent *entry = d ? readdir(d) : NULL; entry && !e; entry = readdir(d))
        e = entry_add(op, list, str_from(entry->d_name));
    if (d)
        closedir(d);
    return e;
}

/* The folders of packages below PREFIX/lib: python3.11/site-packages and its like. The version is that of the last one seen. */
static enum err lib_add(struct op *op, struct packages *list, const char *lib, struct str *version)
{
    DIR *d = opendir(lib);
    enum err e = OK;
    for (const struct dirent *entry = d ? readdir(d) : NULL; entry && !e; entry = readdir(d)) {
        struct str name = str_from(entry->d_name);
        if (!str_starts(name, STR("python3")) && !str_starts(name, STR("pypy3")))
            continue;
        size_t front = str_starts(name, STR("python")) ? 6 : 4;
        if (!version->len && str_find_char(name, '.') != SIZE_MAX)
            *version = str_dup(op->arena, str_sub(name, front, SIZE_MAX));
        e = folder_add(op, list, op_printf(op, "%s/%s/site-packages", lib, entry->d_name));
        if (!e)
            e = folder_add(op, list, op_printf(op, "%s/%s/dist-packages", lib, entry->d_name));
    }
    if (d)
        closedir(d);
    return e;
}

/* "version = 3.11.2" or "version_info = 3.11.2.final.0" of pyvenv.cfg. */
static void venv_version(struct op *op, const char *prefix, struct str *version)
{
    struct str text, line;
    if (file_read(op, op_printf(op, "%s/pyvenv.cfg", prefix), LIMIT_KIB(64), &text)) {
        op_clear(op);
        return;
    }
    while (text.len && str_split(&text, '\n', &line)) {
        size_t eq = str_starts(line, STR("version")) ? str_find_char(line, '=') : SIZE_MAX;
        if (eq != SIZE_MAX) {
            *version = str_trim(str_sub(line, eq + 1, SIZE_MAX));
            return;
        }
    }
}

static int by_text(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void sort_once(struct packages *list)
{
    size_t n = 0;
    if (list->len > 1)
        qsort(list->p, list->len, sizeof *list->p, by_text);
    for (size_t i = 0; i < list->len; i++)
        if (!n || !str_eq(list->p[n - 1], list->p[i]))
            list->p[n++] = list->p[i];
    list->len = n;
}

enum err capture_python_find(struct op *op, struct str word, struct str path, bool *ret_found, struct capture_python *ret)
{
    struct capture_python found = {0};
    struct packages list = {0};
    struct stat st;
    *ret_found = false;
    if (!is_python(word) || !executable_find(op, word, path, &found.executable))
        return OK;
    const char *prefix = op_printf(op, "%.*s/..", STR_FMT(folder_of(found.executable)));
    venv_version(op, prefix, &found.version);
    const char *conda = op_printf(op, "%s/conda-meta", prefix);
    found.conda = stat(conda, &st) == 0;
    enum err e = lib_add(op, &list, op_printf(op, "%s/lib", prefix), &found.version);
    if (!e && str_starts(found.executable, STR("/usr/bin/"))) /* where Debian's interpreter has what pip added */
        e = lib_add(op, &list, "/usr/local/lib", &found.version);
    if (!e && found.conda)
        e = folder_add(op, &list, conda);
    if (e)
        return e;
    sort_once(&list);
    found.packages = list.p;
    found.count = list.len;
    *ret = found;
    *ret_found = true;
    return OK;
}
