/* MLflow's build is a page (index.html) whose addresses are relative: "static-files/static/js/main.<hash>.js", "ajax-api/2.0/...". Names below
 * static/ carry a hash of their content, so browsers may keep them for 28 days, as MLflow lets them; the page itself is asked for again
 * each time and answered by 304 where it has not changed.
 *
 * The policy names what that build does: scripts and data of this origin only, its own workers (also as blob:), styles that its
 * components write into the page, pictures from data: and blob: addresses. "wasm-unsafe-eval" and "unsafe-eval" are for the charts and the
 * notebook viewer. Nothing may be fetched from elsewhere, which is also what keeps a logged artifact from phoning home. */
#include "api/ui/ui.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/ask.h"
#include "api/media.h"
#include "api/services.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/vec.h"

#define POLICY                                                                                                                       \
    "default-src 'self'; script-src 'self' 'unsafe-eval' 'wasm-unsafe-eval'; worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; "      \
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; frame-src 'self' blob:; " \
    "object-src 'none'; base-uri 'self'; form-action 'self'"

struct file {
    char *path;       /* where it lies */
    const char *type;
};

struct ui {
    struct arena *arena;
    struct map files; /* name below the folder -> struct file */
};

/* ---- listing ---- */

static enum err file_note(struct op *op, struct ui *ui, const char *path, const char *name)
{
    struct file *f = arena_new(ui->arena, struct file);
    *f = (struct file){str_cstr(ui->arena, str_from(path)), media_of_name(str_from(name))};
    if (ui->files.len == LIMIT_UI_FILES || !map_put(&ui->files, str_dup(ui->arena, str_from(name)), f))
        return op_fail(op, E_TOO_LARGE, "the folder of the web interface holds more than %d files", LIMIT_UI_FILES);
    return OK;
}

struct str_walk {
    struct str *p;
    size_t len, cap;
};

/* One folder: its files are noted, its folders join the list of what is still to be walked. */
static enum err folder_walk(struct op *op, struct ui *ui, const char *root, struct str below, struct str_walk *todo)
{
    const char *at = below.len ? op_printf(op, "%s/%.*s", root, STR_FMT(below)) : root;
    DIR *dir = opendir(at);
    if (!dir)
        return op_fail_errno(op, "the folder of the web interface, %s", at);
    enum err e = OK;
    for (struct dirent *d = readdir(dir); d && !e; d = readdir(dir)) {
        struct stat st;
        if (d->d_name[0] == '.')
            continue;
        const char *path = op_printf(op, "%s/%s", at, d->d_name);
        const char *name = below.len ? op_printf(op, "%.*s/%s", STR_FMT(below), d->d_name) : op_printf(op, "%s", d->d_name);
        if (lstat(path, &st))
            e = op_fail_errno(op, "%s", path);
        else if (S_ISREG(st.st_mode))
            e = file_note(op, ui, path, name);
        else if (S_ISDIR(st.st_mode) && todo->len < LIMIT_UI_FILES)
            *vec_push(todo, op->arena) = str_from(name);
    }
    closedir(dir);
    return e;
}

enum err ui_open(struct op *op, const char *dir, struct ui **ret)
{
    struct arena *arena = arena_create(LIMIT_MIB(16));
    struct ui *ui = arena_new(arena, struct ui);
    struct str_walk todo = {0};
    ui->arena = arena;
    map_init(&ui->files, arena);
    enum err e = folder_walk(op, ui, dir, STR(""), &todo);
    for (size_t i = 0; i < todo.len && !e; i++)
        e = folder_walk(op, ui, dir, todo.p[i], &todo);
    if (!e && !map_has(&ui->files, STR("index.html")))
        e = op_fail(op, E_NOT_FOUND, "ui-dir %s holds no index.html: it must be the built interface, mlflow/server/js/build of MLflow's wheel", dir);
    if (e) {
        ui_close(ui);
        return e;
    }
    *ret = ui;
    return OK;
}

void ui_close(struct ui *ui)
{
    if (ui)
        arena_destroy(ui->arena);
}

size_t ui_listed_count(const struct ui *ui)
{
    return ui->files.len;
}

/* ---- serving ---- */

static enum err body_fill(struct op *op, int fd, size_t size, struct http_res *res)
{
    char *p = buf_reserve(&res->body, size ? size : 1);
    size_t got = 0;
    if (!p)
        return op_fail(op, E_TOO_LARGE, "the file is too large");
    while (got < size) {
        ssize_t n = read(fd, p + got, size - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return op_fail(op, E_IO, "a file of the web interface changed while it was read");
        got += (size_t)n;
    }
    res->body.len += size;
    return OK;
}

static enum err file_send(struct op *op, const struct file *f, const struct http_req *req, struct http_res *res, bool keep)
{
    int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size > (off_t)LIMIT_UI_FILE_BYTES) {
        if (fd >= 0)
            close(fd);
        return op_fail(op, E_NOT_FOUND, "this file of the web interface is gone");
    }
    const char *tag = op_printf(op, "\"%llx-%llx\"", (unsigned long long)st.st_mtime, (unsigned long long)st.st_size);
    http_set_header(res, "ETag", str_from(tag));
    http_set_header(res, "Cache-Control", keep ? STR("public, max-age=2419200") : STR("no-cache"));
    http_set_header(res, "Content-Security-Policy", STR(POLICY));
    http_set_type(res, f->type);
    struct str known = http_header_get(req, "if-none-match");
    enum err e = OK;
    if (known.p && str_find(known, str_from(tag)) != SIZE_MAX)
        http_set_status(res, 304);
    else
        e = body_fill(op, fd, (size_t)st.st_size, res);
    close(fd);
    return e;
}

static enum err send_named(struct op *op, struct services *s, const struct http_req *req, struct http_res *res, struct str name)
{
    const struct file *f = s->ui ? map_find(&s->ui->files, name) : NULL;
    if (!f)
        return op_fail(op, E_NOT_FOUND, s->ui ? "No such file" : "This server has no web interface here; --ui-dir names the folder of MLflow's");
    return file_send(op, f, req, res, str_starts(name, STR("static/")));
}

/* The page's addresses are relative, so below a prefix (--static-prefix /ml) it must be asked for as /ml/, not /ml. */
static enum err index_page(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    size_t query = str_find_char(req->target, '?');
    struct str path = str_sub(req->target, 0, query == SIZE_MAX ? req->target.len : query);
    if (s->ui && str_starts(path, STR("/")) && !str_ends(path, STR("/"))) {
        http_set_status(res, 308);
        http_set_header(res, "Location", str_from(op_printf(op, "%.*s/", STR_FMT(path))));
        return OK;
    }
    return send_named(op, s, req, res, STR("index.html"));
}

static enum err static_file(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    return send_named(op, s, req, res, req->path_args[0]);
}

/* The page and its scripts hold nothing that is worth hiding, but a browser asks its user for the token best when the page itself is refused. */
static const struct route rows[] = {
    {"GET", "/", index_page, PERM_READ, ROUTE_POOL, 0, "MLflow's web interface (with --ui-dir)."},
    {"GET", "/static-files/{path*}", static_file, PERM_READ, ROUTE_POOL, 0, "Its scripts, styles and pictures."},
};
const struct route_table ui_routes = {.dialect = "ui", .rows = rows, .len = ARRAY_LEN(rows), .error = ask_plain_error};
/* Without --ui-dir "/" belongs to api/web. */
const struct route_table ui_absent_routes = {.dialect = "ui", .rows = rows + 1, .len = ARRAY_LEN(rows) - 1, .error = ask_plain_error};
