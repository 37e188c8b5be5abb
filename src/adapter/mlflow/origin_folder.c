#include "adapter/mlflow/origin_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/mlflow/record.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/vec.h"

#define PAGE 500
#define READ_BYTES LIMIT_KIB(256)
#define VERSION 1

enum kind { EXPERIMENTS, RUNS, POINTS, LOGGED_MODELS, MODELS, VERSIONS, ARTIFACTS, KINDS };
static const char *const kind_names[KINDS] = {"experiments", "runs", "points", "logged_models", "models", "versions", "artifacts"};

struct artifact {
    struct str path, hex;
    int64_t size;
};
struct folder {
    struct arena *arena;       /* of the two indexes */
    char *dir;
    FILE *files[KINDS];
    struct map points;         /* run id -> where its lines begin: offset + 1 as a pointer */
    VEC(struct artifact) artifacts; /* in the order of the file: by path */
    struct origin_counts counts;
    char *line;                /* getline's */
    size_t line_room;
};

/* ---- lines ---- */

static enum err line_next(struct op *op, struct folder *f, enum kind k, struct json **ret)
{
    *ret = NULL;
    errno = 0;
    ssize_t n = getline(&f->line, &f->line_room, f->files[k]);
    if (n < 0)
        return feof(f->files[k]) ? OK : op_fail_errno(op, "read %s.jsonl", kind_names[k]);
    if ((size_t)n > LIMIT_JSON_BYTES)
        return op_fail(op, E_TOO_LARGE, "%s.jsonl has a line of %zd bytes", kind_names[k], n);
    /* The tree views the text, and the next line overwrites it. */
    struct str text = str_dup(op->arena, (struct str){f->line, (size_t)n});
    enum err e = json_parse(op, text, JSON_STRICT, ret);
    return e ? op_context(op, "%s.jsonl", kind_names[k]) : OK;
}

static enum err seek(struct op *op, struct folder *f, enum kind k, off_t at)
{
    return fseeko(f->files[k], at, SEEK_SET) ? op_fail_errno(op, "read %s.jsonl", kind_names[k]) : OK;
}

typedef enum err (*decode_fn)(struct op *op, const struct json *line, void *out);

/* A page of objects of `size` bytes; the cursor is the offset of the next line. */
static enum err page(struct op *op, struct folder *f, enum kind k, struct str *cursor, size_t size, decode_fn fn, void **ret, size_t *ret_n)
{
    int64_t at = 0;
    size_t n = 0;
    *ret_n = 0;
    if (cursor->len && (!str_parse_i64(*cursor, &at) || at < 0))
        return op_fail(op, E_INTERNAL, "a cursor that is none");
    char *out = arena_try_alloc(op->arena, PAGE, size);
    enum err e = out ? seek(op, f, k, (off_t)at) : op_fail(op, E_TOO_LARGE, "no memory for a page");
    while (!e && n < PAGE && arena_left(op->arena) > 2 * LIMIT_JSON_BYTES) {
        struct json *line;
        e = line_next(op, f, k, &line);
        if (e || !line)
            break;
        e = fn(op, line, out + n * size);
        n++;
    }
    *cursor = str_from(op_printf(op, "%lld", (long long)ftello(f->files[k])));
    *ret = out;
    *ret_n = e ? 0 : n;
    return e;
}

static enum err experiment_line(struct op *op, const struct json *line, void *out)
{
    return record_experiment(op, json_get(line, "mlflow"), out);
}

static enum err run_line(struct op *op, const struct json *line, void *out)
{
    struct origin_run *r = out;
    enum err e = record_run(op, json_get(line, "mlflow"), r);
    r->deleted_ms = record_i64(json_get(line, "more"), "deleted_ms");
    return e;
}

static enum err logged_model_line(struct op *op, const struct json *line, void *out)
{
    struct origin_logged_model *m = out;
    enum err e = record_logged_model(op, json_get(line, "mlflow"), m);
    m->deleted = record_bool(json_get(line, "more"), "deleted");
    return e;
}

static enum err model_line(struct op *op, const struct json *line, void *out)
{
    return record_model(op, json_get(line, "mlflow"), out);
}

static enum err version_line(struct op *op, const struct json *line, void *out)
{
    struct origin_version *v = out;
    const struct json *more = json_get(line, "more");
    enum err e = record_version(op, json_get(line, "mlflow"), v);
    v->deleted = record_bool(more, "deleted");
    v->storage_location = record_text(more, "storage_location");
    v->data_version = record_text(more, "data_version");
    v->signature = record_text(more, "signature");
    return e;
}

#define LISTING(name, type, kind, fn)                                                                                \
    static enum err name(void *self, struct op *op, struct str *cursor, struct type **ret, size_t *ret_n)             \
    {                                                                                                                 \
        void *items = NULL;                                                                                           \
        enum err e = page(op, self, kind, cursor, sizeof **ret, fn, &items, ret_n);                                   \
        *ret = items;                                                                                                 \
        return e;                                                                                                     \
    }
LISTING(folder_experiments, origin_experiment, EXPERIMENTS, experiment_line)
LISTING(folder_runs, origin_run, RUNS, run_line)
LISTING(folder_logged_models, origin_logged_model, LOGGED_MODELS, logged_model_line)
LISTING(folder_models, origin_model, MODELS, model_line)
LISTING(folder_versions, origin_version, VERSIONS, version_line)

static enum err folder_run_fill(void *self UNUSED, struct op *op UNUSED, struct origin_run *run UNUSED)
{
    return OK; /* the line has it all */
}

static enum err folder_counts(void *self, struct op *op UNUSED, struct origin_counts *ret)
{
    const struct folder *f = self;
    *ret = f->counts;
    return OK;
}

/* ---- points ---- */

static enum err points_line(struct op *op, const struct json *line, origin_points_fn fn, void *arg)
{
    struct str key = record_text(line, "key");
    const struct json *items = NULL;
    size_t n = record_items(line, "points", &items);
    struct origin_point *out = arena_array(op->arena, n + 1, struct origin_point);
    if (!out)
        return op_fail(op, E_TOO_LARGE, "a line of points does not fit in memory");
    for (size_t i = 0; i < n; i++) {
        const struct json *p = &items[i];
        double value = 0;
        bool nan = p->type == JSON_ARRAY && p->len == 3 && p->items[2].type == JSON_STRING;
        if (p->type != JSON_ARRAY || p->len != 3 || !json_as_i64(&p->items[0], &out[i].time_ms) || !json_as_i64(&p->items[1], &out[i].step) ||
            (!nan && !json_as_f64(&p->items[2], &value)))
            return op_fail(op, E_INVALID, "points.jsonl: a point is [time, step, value]");
        out[i].key = key;
        out[i].value = value;
        out[i].is_nan = nan;
    }
    return n ? fn(arg, out, n) : OK;
}

static enum err folder_points(void *self, struct op *op, const struct origin_run *run, origin_points_fn fn, void *arg)
{
    struct folder *f = self;
    uintptr_t place = (uintptr_t)map_find(&f->points, run->run_id);
    enum err e = place ? seek(op, f, POINTS, (off_t)(place - 1)) : OK;
    bool more = place != 0;
    while (!e && more) {
        AUTO(arena) struct arena *arena = arena_create(LIMIT_REQUEST_ARENA);
        struct op one;
        struct json *line;
        op_init(&one, arena);
        e = line_next(&one, f, POINTS, &line);
        more = !e && line && str_eq(record_text(line, "run_id"), run->run_id);
        if (more)
            e = points_line(&one, line, fn, arg);
        if (e)
            e = op_fail(op, e, "%s", one.msg ? one.msg : "a batch of points was refused");
    }
    return e;
}

static enum err points_index(struct op *op, struct folder *f)
{
    struct str last = STR("");
    for (;;) {
        AUTO(arena) struct arena *arena = arena_create(LIMIT_REQUEST_ARENA);
        struct op one;
        struct json *line;
        off_t at = ftello(f->files[POINTS]);
        op_init(&one, arena);
        if (line_next(&one, f, POINTS, &line))
            return op_fail(op, one.err, "%s", one.msg);
        if (!line)
            return OK;
        struct str run = record_text(line, "run_id");
        if (str_eq(run, last))
            continue;
        if (run.len > arena_left(f->arena) / 4)
            return op_fail(op, E_TOO_LARGE, "points.jsonl names too many runs");
        last = str_dup(f->arena, run);
        if (!map_has(&f->points, last) && !map_put(&f->points, last, (void *)((uintptr_t)at + 1)))
            return op_fail(op, E_TOO_LARGE, "points.jsonl names too many runs");
    }
}

/* ---- files ---- */

static bool is_sha256(struct str hex)
{
    for (size_t i = 0; i < hex.len; i++)
        if (str_hex_digit(hex.p[i]) < 0)
            return false;
    return hex.len == 64;
}

static enum err artifacts_index(struct op *op, struct folder *f)
{
    for (;;) {
        AUTO(arena) struct arena *arena = arena_create(LIMIT_REQUEST_ARENA);
        struct op one;
        struct json *line;
        op_init(&one, arena);
        if (line_next(&one, f, ARTIFACTS, &line))
            return op_fail(op, one.err, "%s", one.msg);
        if (!line)
            return OK;
        struct str path = record_text(line, "path"), hex = record_text(line, "sha256");
        if (!path.len || !is_sha256(hex))
            return op_fail(op, E_INVALID, "artifacts.jsonl: a line without a path or a digest");
        struct artifact *a = path.len < arena_left(f->arena) / 4 ? vec_push(&f->artifacts, f->arena) : NULL;
        if (!a)
            return op_fail(op, E_TOO_LARGE, "artifacts.jsonl names too many files");
        if (f->artifacts.len > 1 && str_cmp(a[-1].path, path) >= 0)
            return op_fail(op, E_INVALID, "artifacts.jsonl is not in the order of its paths");
        *a = (struct artifact){str_dup(f->arena, path), str_dup(f->arena, hex), record_i64(line, "size_bytes")};
    }
}

/* The first artifact whose path is not before `path`. */
static size_t artifact_from(const struct folder *f, struct str path)
{
    size_t lo = 0, hi = f->artifacts.len;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (str_cmp(f->artifacts.p[mid].path, path) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* "mlflow-artifacts:/7/r/artifacts", with or without a host, as "7/r/artifacts/". */
static enum err place_prefix(struct op *op, const struct origin_place *at, struct str *ret)
{
    struct str scheme = STR("mlflow-artifacts:/"), path = at->uri;
    if (!str_starts(path, scheme))
        return op_fail(op, E_UNSUPPORTED, "'%.*s' is not in the export", STR_FMT(at->uri));
    path = str_sub(path, scheme.len, path.len);
    if (path.len && path.p[0] == '/') { /* host and port, if any */
        size_t slash = str_find_char(str_sub(path, 1, path.len), '/');
        path = slash == SIZE_MAX ? STR("") : str_sub(path, slash + 2, path.len);
    }
    *ret = str_from(op_printf(op, "%.*s/", STR_FMT(path)));
    return OK;
}

static enum err folder_files(void *self, struct op *op, const struct origin_place *at, struct str *cursor, struct origin_file **ret, size_t *ret_n)
{
    const struct folder *f = self;
    struct str prefix;
    *ret_n = 0;
    if (cursor->len)
        return OK;
    *cursor = STR("end");
    enum err e = place_prefix(op, at, &prefix);
    if (e)
        return e;
    VEC(struct origin_file) v = {0};
    for (size_t i = artifact_from(f, prefix); i < f->artifacts.len && str_starts(f->artifacts.p[i].path, prefix); i++) {
        const struct artifact *a = &f->artifacts.p[i];
        struct origin_file *file = vec_push(&v, op->arena);
        if (!file)
            return op_fail(op, E_TOO_LARGE, "too many files below '%.*s'", STR_FMT(at->uri));
        *file = (struct origin_file){str_sub(a->path, prefix.len, a->path.len), a->size, 0};
    }
    *ret = v.p;
    *ret_n = v.len;
    return OK;
}

/* The bytes of a file whose name is their digest. */
static enum err blob_send(struct op *op, const char *name, struct str hex, origin_bytes_fn fn, void *arg)
{
    uint8_t is[HASH_SHA256_LEN], wanted[HASH_SHA256_LEN];
    FILE *file = fopen(name, "rbe");
    if (!file)
        return op_fail_errno(op, "open '%s'", name);
    char *piece = arena_alloc(op->arena, READ_BYTES);
    struct hash_state *hash = hash_create(HASH_SHA256);
    size_t n = 1;
    enum err e = OK;
    while (!e && n) {
        n = fread(piece, 1, READ_BYTES, file);
        hash_update(hash, piece, n);
        if (ferror(file))
            e = op_fail_errno(op, "read '%s'", name);
        else if (n)
            e = fn(arg, piece, n);
    }
    hash_finish(hash, is);
    fclose(file);
    if (!e && (!hash_unhex(hex, wanted, sizeof wanted) || memcmp(is, wanted, sizeof is) != 0))
        e = op_fail(op, E_INVALID, "'%s' is damaged: its bytes are not those of its name", name);
    return e;
}

static enum err folder_file(void *self, struct op *op, const struct origin_place *at, struct str path, origin_bytes_fn fn, void *arg)
{
    const struct folder *f = self;
    struct str prefix;
    enum err e = place_prefix(op, at, &prefix);
    if (e)
        return e;
    struct str full = str_from(op_printf(op, "%.*s%.*s", STR_FMT(prefix), STR_FMT(path)));
    size_t i = artifact_from(f, full);
    if (i == f->artifacts.len || !str_eq(f->artifacts.p[i].path, full))
        return op_fail(op, E_NOT_FOUND, "'%.*s' is not in the export", STR_FMT(full));
    const char *name = op_printf(op, "%s/blobs/%.2s/%.*s", f->dir, f->artifacts.p[i].hex.p, STR_FMT(f->artifacts.p[i].hex));
    return blob_send(op, name, f->artifacts.p[i].hex, fn, arg);
}

/* ---- the whole ---- */

static void folder_close(void *self)
{
    struct folder *f = self;
    for (size_t k = 0; k < KINDS; k++)
        if (f->files[k])
            fclose(f->files[k]);
    arena_destroy(f->arena);
    free(f->line);
    free(f->dir);
    free(f);
}

static const struct origin_ops folder_ops = {
    .name = "ingot export",
    .counts = folder_counts,
    .experiments = folder_experiments,
    .runs = folder_runs,
    .run_fill = folder_run_fill,
    .points = folder_points,
    .logged_models = folder_logged_models,
    .models = folder_models,
    .versions = folder_versions,
    .files = folder_files,
    .file = folder_file,
    .close = folder_close,
};

static enum err manifest_read(struct op *op, struct folder *f)
{
    struct str text;
    struct json *doc;
    enum err e = file_read(op, op_printf(op, "%s/manifest.json", f->dir), LIMIT_KIB(64), &text);
    if (e == E_NOT_FOUND)
        return op_fail(op, E_INVALID, "'%s' is no whole export of `ingot export`", f->dir);
    if (e || (e = json_parse(op, text, JSON_STRICT, &doc)))
        return e;
    if (!str_eqc(record_text(doc, "format"), "ingot-export") || record_i64(doc, "version") != VERSION)
        return op_fail(op, E_INVALID, "'%s' is no export of a version that is known here", f->dir);
    const struct json *c = json_get(doc, "counts");
    f->counts = (struct origin_counts){record_i64(c, kind_names[EXPERIMENTS]), record_i64(c, kind_names[RUNS]), -1, -1, record_i64(c, kind_names[POINTS]),
                                       record_i64(c, kind_names[LOGGED_MODELS]), record_i64(c, kind_names[MODELS]), record_i64(c, kind_names[VERSIONS]), 0};
    return OK;
}

/* A pipe or a device in its place would be waited for, or never end. */
static enum err part_open(struct op *op, const char *path, FILE **ret)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st)) {
        enum err e = op_fail_errno(op, "open '%s'", path);
        if (fd >= 0)
            close(fd);
        return e;
    }
    FILE *f = S_ISREG(st.st_mode) ? fdopen(fd, "rb") : NULL;
    if (!f) {
        close(fd);
        return op_fail(op, E_INVALID, "'%s' is no plain file", path);
    }
    *ret = f;
    return OK;
}

enum err mlflow_folder_origin(struct op *op, struct str dir, struct origin *ret)
{
    struct folder *f = calloc(1, sizeof *f);
    if (!f || !(f->dir = strndup(dir.p, dir.len)))
        abort();
    f->arena = arena_create(LIMIT_COMMAND_ARENA);
    map_init(&f->points, f->arena);
    enum err e = manifest_read(op, f);
    for (size_t k = 0; !e && k < KINDS; k++) {
        const char *path = op_printf(op, "%s/%s.jsonl", f->dir, kind_names[k]);
        e = part_open(op, path, &f->files[k]);
    }
    if (!e)
        e = points_index(op, f);
    if (!e)
        e = artifacts_index(op, f);
    if (e)
        folder_close(f);
    else
        *ret = (struct origin){&folder_ops, f};
    return e;
}
