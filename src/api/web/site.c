/* Modules and time: a browser learns what a module imports when it has it, so a tree of imports five deep costs five trips before the first
 * line runs. The page therefore names all modules that its first script reaches by static imports (<link rel="modulepreload">), found by walking the
 * files: `from "./x.js"` and `import "./x.js"` at the beginning of a line, which is how ours are written; import() is for what is loaded later. A
 * line that the walk misreads costs a line in the page or a trip, nothing else. */
#include "api/web/site.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/media.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/vec.h"
#include "web_gen.h"

#define INDEX "index.html"
#define VENDOR "vendor/"
#define FILES "{{prefix}}/ui/" /* how index.html begins the address of a file */

struct site {
    struct arena *arena;
    struct map files;  /* name -> struct site_file */
    struct str build;
    int folder;        /* descriptor of --ui-src, or -1 */
};

struct name_list {
    struct str *p;
    size_t len, cap;
};

static struct str tag_of(struct arena *a, struct str bytes)
{
    uint64_t halves[2] = {hash64(bytes.p, bytes.len, 1), hash64(bytes.p, bytes.len, 2)};
    char hex[2 * sizeof halves + 3];
    hash_hex((const uint8_t *)halves, sizeof halves, hex + 1);
    hex[0] = '"';
    hex[2 * sizeof halves + 1] = '"';
    return str_dup(a, (struct str){hex, 2 * sizeof halves + 2});
}

/* A new build for every change of any file's name or bytes. */
static struct str build_of(struct arena *a, const struct embed_file *files, size_t n)
{
    uint64_t sum = 0;
    char hex[17];
    for (size_t i = 0; i < n; i++) {
        sum = hash64(files[i].path, strlen(files[i].path), sum);
        sum = hash64(files[i].bytes, files[i].size, sum);
    }
    hash_hex((const uint8_t *)&sum, sizeof sum, hex);
    return str_dup(a, str_from(hex));
}

enum err site_open(struct op *op, const struct embed_file *files, size_t n, const char *src, struct site **ret)
{
    struct arena *arena = arena_create(LIMIT_MIB(4));
    struct site *site = arena_new(arena, struct site);
    enum err e = n > LIMIT_WEB_FILES ? op_fail(op, E_TOO_LARGE, "the web interface has more than %d files", LIMIT_WEB_FILES) : OK;
    site->arena = arena;
    site->folder = -1;
    map_init(&site->files, arena);
    for (size_t i = 0; i < n && !e; i++) {
        struct site_file *f = arena_new(arena, struct site_file);
        f->bytes = (struct str){(const char *)files[i].bytes, files[i].size};
        f->packed = (struct str){(const char *)files[i].packed, files[i].packed_size};
        f->tag = tag_of(arena, f->bytes);
        f->type = media_of_name(str_from(files[i].path));
        if (!map_put(&site->files, str_from(files[i].path), f))
            e = op_fail(op, E_TOO_LARGE, "the web interface has too many files");
    }
    site->build = src ? STR("") : build_of(arena, files, n);
    if (!e && src) {
        site->folder = open(src, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (site->folder < 0)
            e = op_fail_errno(op, "ui-src %s", src);
        else if (faccessat(site->folder, INDEX, R_OK, 0))
            e = op_fail(op, E_NOT_FOUND, "ui-src %s holds no " INDEX ": it must be the folder ui/ of Ingot's source", src);
    }
    if (e) {
        site_close(site);
        return e;
    }
    *ret = site;
    return OK;
}

void site_close(struct site *site)
{
    if (!site)
        return;
    if (site->folder >= 0)
        close(site->folder);
    arena_destroy(site->arena);
}

struct str site_build(const struct site *site)
{
    return site->build;
}

/* ---- files of a folder ---- */

/* Opens a name below a folder one part at a time, so that no part may be a link. -1: there is no such file. */
static int open_below(struct op *op, int folder, struct str name)
{
    struct str part;
    int at = dup(folder);
    while (at >= 0 && str_split(&name, '/', &part)) {
        bool last = name.p == NULL || name.len == 0;
        if (!part.len || part.p[0] == '.' || memchr(part.p, 0, part.len)) {
            close(at);
            return -1;
        }
        int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (last ? 0 : O_DIRECTORY);
        int next = openat(at, str_cstr(op->arena, part), flags);
        close(at);
        at = next;
    }
    return at;
}

/* The folder holds what is no part of the interface, too: a command's page, a description for Node. */
static bool is_part(struct str name)
{
    return str_eqc(name, INDEX) || str_ends(name, STR(".js")) || str_ends(name, STR(".css")) || str_ends(name, STR(".svg"));
}

static enum err folder_file(struct op *op, const struct site *site, struct str name, struct site_file *ret)
{
    int fd = is_part(name) ? open_below(op, site->folder, name) : -1;
    struct stat st;
    enum err e = OK;
    if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        e = op_fail(op, E_NOT_FOUND, "No such file");
    } else if (st.st_size > (off_t)LIMIT_WEB_FILE_BYTES) {
        e = op_fail(op, E_TOO_LARGE, "the file is larger than %d bytes", (int)LIMIT_WEB_FILE_BYTES);
    } else {
        size_t size = (size_t)st.st_size, got = 0;
        char *p = arena_array(op->arena, size + 1, char);
        ssize_t n = 1;
        while (p && got < size && (n = read(fd, p + got, size - got)) > 0)
            got += (size_t)n;
        if (!p)
            e = op_fail(op, E_TOO_LARGE, "the file is too large");
        else if (n < 0)
            e = op_fail_errno(op, "read '%.*s'", STR_FMT(name));
        else
            *ret = (struct site_file){.bytes = {p, got}, .type = media_of_name(name)};
        if (!e)
            ret->tag = tag_of(op->arena, ret->bytes);
    }
    if (fd >= 0)
        close(fd);
    return e;
}

enum err site_find(struct op *op, const struct site *site, struct str name, struct site_file *ret)
{
    if (site->folder >= 0 && !str_starts(name, STR(VENDOR)))
        return folder_file(op, site, name, ret);
    const struct site_file *f = map_find(&site->files, name);
    if (!f)
        return op_fail(op, E_NOT_FOUND, "No such file");
    *ret = *f;
    return OK;
}

/* ---- the page ---- */

/* `relative` as `from` imports it: "./x.js" and "../y/z.js" of "a/b.js" are "a/x.js" and "y/z.js". p NULL: not below us. */
static struct str name_beside(struct op *op, struct str from, struct str relative)
{
    size_t cut = from.len;
    while (cut > 0 && from.p[cut - 1] != '/')
        cut--;
    struct str folder = str_sub(from, 0, cut); /* with its slash */
    while (str_starts(relative, STR("../"))) {
        if (!folder.len)
            return (struct str){0};
        relative = str_sub(relative, 3, SIZE_MAX);
        folder.len--;
        while (folder.len && folder.p[folder.len - 1] != '/')
            folder.len--;
    }
    if (str_starts(relative, STR("./")))
        relative = str_sub(relative, 2, SIZE_MAX);
    return str_from(op_printf(op, "%.*s%.*s", STR_FMT(folder), STR_FMT(relative)));
}

/* What stands between the quotes behind `word`, if the line has that. */
static struct str quoted_after(struct str line, struct str word)
{
    size_t at = str_find(line, word);
    if (at == SIZE_MAX)
        return (struct str){0};
    struct str rest = str_sub(line, at + word.len, SIZE_MAX);
    size_t end = str_find_char(rest, '"');
    return end == SIZE_MAX ? (struct str){0} : str_sub(rest, 0, end);
}

static bool list_holds(const struct name_list *list, struct str name)
{
    for (size_t i = 0; i < list->len; i++)
        if (str_eq(list->p[i], name))
            return true;
    return false;
}

static void note_imports(struct op *op, struct str name, struct str text, struct name_list *list)
{
    struct str line;
    while (str_split(&text, '\n', &line)) {
        bool begins = str_starts(line, STR("import ")) || str_starts(line, STR("export ")) || str_starts(line, STR("} from "));
        struct str target = begins ? quoted_after(line, STR(" from \"")) : (struct str){0};
        if (!target.p && str_starts(line, STR("import \"")))
            target = quoted_after(line, STR("import \""));
        struct str found = target.p && target.p[0] == '.' ? name_beside(op, name, target) : (struct str){0};
        if (found.len && list->len < LIMIT_WEB_FILES && !list_holds(list, found))
            *vec_push(list, op->arena) = found;
    }
}

/* All modules that the page's script reaches, itself first. */
static void modules_of(struct op *op, const struct site *site, struct str script, struct name_list *list)
{
    struct site_file f;
    *vec_push(list, op->arena) = script;
    for (size_t i = 0; i < list->len; i++) {
        if (site_find(op, site, list->p[i], &f))
            op_clear(op); /* the browser will say so */
        else if (!str_starts(list->p[i], STR(VENDOR)))
            note_imports(op, list->p[i], f.bytes, list);
    }
}

static void add_escaped(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        const char *entity = s.p[i] == '&' ? "&amp;" : s.p[i] == '"' ? "&quot;" : s.p[i] == '<' ? "&lt;" : s.p[i] == '>' ? "&gt;" : NULL;
        if (entity)
            buf_add_cstr(out, entity);
        else
            buf_add_char(out, s.p[i]);
    }
}

/* "PREFIX/ui/BUILD/" */
static void add_base(struct buf *out, const struct site *site, struct str prefix)
{
    add_escaped(out, prefix);
    buf_add_cstr(out, "/ui/");
    buf_add_str(out, site->build);
    if (site->build.len)
        buf_add_char(out, '/');
}

static void add_preload(struct op *op, const struct site *site, struct str index, struct str prefix, struct str home, struct buf *out)
{
    struct name_list modules = {0};
    struct str script = quoted_after(index, STR("src=\"" FILES));
    if (script.p)
        modules_of(op, site, script, &modules);
    buf_add_cstr(out, "<meta name=\"ingot-home\" content=\"");
    add_escaped(out, home);
    buf_add_cstr(out, "\">\n");
    for (size_t i = 1; i < modules.len; i++) {
        buf_add_cstr(out, "<link rel=\"modulepreload\" href=\"");
        add_base(out, site, prefix);
        add_escaped(out, modules.p[i]);
        buf_add_cstr(out, "\">\n");
    }
}

/* One {{word}} of index.html. */
static void add_word(struct op *op, const struct site *site, struct str index, struct str word, struct str prefix, struct str home, struct buf *out)
{
    if (str_eqc(word, "files"))
        add_base(out, site, prefix);
    else if (str_eqc(word, "prefix"))
        add_escaped(out, prefix);
    else if (str_eqc(word, "preload"))
        add_preload(op, site, index, prefix, home, out);
}

enum err site_page(struct op *op, const struct site *site, struct str prefix, struct str home, struct site_file *ret)
{
    struct site_file index;
    enum err e = site_find(op, site, STR(INDEX), &index);
    if (e || !map_has(&site->files, STR(VENDOR "preact.js"))) {
        op_clear(op);
        return op_fail(op, E_UNSUPPORTED, "this program was built without the web interface: `npm ci` before CMake brings the parts that it needs");
    }
    AUTO(buf) struct buf out;
    buf_init(&out, LIMIT_WEB_FILE_BYTES);
    struct str rest = index.bytes;
    for (size_t at, end; (at = str_find(rest, STR("{{"))) != SIZE_MAX;) {
        buf_add_str(&out, str_sub(rest, 0, at));
        rest = str_sub(rest, at, SIZE_MAX);
        bool files = str_starts(rest, STR(FILES));
        if ((end = str_find(rest, STR("}}"))) == SIZE_MAX)
            break;
        add_word(op, site, index.bytes, files ? STR("files") : str_sub(rest, 2, end - 2), prefix, home, &out);
        rest = str_sub(rest, files ? strlen(FILES) : end + 2, SIZE_MAX);
    }
    buf_add_str(&out, rest);
    if (out.failed)
        return op_fail(op, E_TOO_LARGE, "the page is too large");
    *ret = (struct site_file){.bytes = str_dup(op->arena, buf_str(&out)), .type = "text/html; charset=utf-8"};
    ret->tag = tag_of(op->arena, ret->bytes);
    return OK;
}
