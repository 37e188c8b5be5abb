#include "api/web/site.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/media.h"
#include "api/web/links.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/map.h"
#include "net/gzip.h"
#include "web_gen.h"

#define INDEX "index.html"
#define VENDOR "vendor/"

struct site {
    struct arena *arena;
    struct map files;  /* name -> struct site_file */
    struct str build;
    int folder;        /* descriptor of --ui-src, or -1 */
};

struct str site_tag(struct arena *a, struct str bytes)
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

/* All styles that the page names, as one file: a browser paints nothing before it has the last of them. */
static enum err styles_join(struct op *op, struct site *site)
{
    const struct site_file *index = map_find(&site->files, STR(INDEX)), *one;
    struct str line, name, rest = index ? index->bytes : (struct str){0};
    struct buf all, packed;
    bool ok = true;
    buf_init(&all, LIMIT_WEB_FILE_BYTES);
    buf_init(&packed, LIMIT_WEB_FILE_BYTES);
    while (str_split(&rest, '\n', &line)) {
        if (!links_style(line, &name) || !name.p || !(one = map_find(&site->files, name)))
            continue;
        buf_add_str(&all, one->bytes);
        buf_add_char(&all, '\n');
    }
    if (all.len) {
        struct site_file *f = arena_new(site->arena, struct site_file);
        ok = gzip_pack(buf_str(&all), &packed) && !all.failed;
        f->bytes = str_dup(site->arena, buf_str(&all));
        f->packed = str_dup(site->arena, buf_str(&packed));
        f->tag = site_tag(site->arena, f->bytes);
        f->type = media_of_name(STR(SITE_STYLES));
        ok = ok && map_put(&site->files, STR(SITE_STYLES), f);
    }
    buf_clear(&all);
    buf_clear(&packed);
    return ok ? OK : op_fail(op, E_TOO_LARGE, "the styles of the web interface are too large");
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
        f->tag = site_tag(arena, f->bytes);
        f->type = media_of_name(str_from(files[i].path));
        if (!map_put(&site->files, str_from(files[i].path), f))
            e = op_fail(op, E_TOO_LARGE, "the web interface has too many files");
    }
    site->build = src ? STR("") : build_of(arena, files, n);
    if (!e && !src)
        e = styles_join(op, site);
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
    int at = fcntl(folder, F_DUPFD_CLOEXEC, 0);
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
            ret->tag = site_tag(op->arena, ret->bytes);
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
