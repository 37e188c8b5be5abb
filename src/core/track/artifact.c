#include "core/track/artifact.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/vec.h"
#include "core/track/store.h"
#include "sql_gen.h"

#include <stdlib.h>

#define UNESCAPE_ROUNDS 16
#define LIST_BATCH 512 /* rows of one query of a listing */
#define LIST_SKIP 16   /* rows of one folder that are read over before the query is given up for a jump */

static enum err bad_path(struct op *op)
{
    return op_fail_field(op, "path", "Invalid path");
}

/* One round of percent-decoding into `out`; false when nothing was encoded. */
static bool decode_once(struct str s, char *out, struct str *ret)
{
    size_t n = 0;
    bool changed = false;
    for (size_t i = 0; i < s.len; i++) {
        int hi = s.p[i] == '%' && i + 2 < s.len ? str_hex_digit(s.p[i + 1]) : -1;
        int lo = hi >= 0 ? str_hex_digit(s.p[i + 2]) : -1;
        if (lo >= 0) {
            out[n++] = (char)(hi << 4 | lo);
            i += 2;
            changed = true;
        } else {
            out[n++] = s.p[i];
        }
    }
    *ret = (struct str){out, n};
    return changed;
}

bool artifact_unescape(struct op *op, struct str raw, struct str *ret)
{
    char *out = arena_alloc(op->arena, raw.len + 1);
    struct str now = raw;
    /* In place is safe because writing never overtakes reading. */
    for (int i = 0; i < UNESCAPE_ROUNDS; i++) {
        if (!decode_once(now, out, &now)) {
            *ret = now;
            return true;
        }
    }
    return false;
}

static bool is_unsafe(struct str s)
{
    if (s.len > 0 && s.p[0] == '/')
        return true;
    if (s.len > 1 && s.p[1] == ':' && (s.len == 2 || s.p[2] == '/'))
        return true; /* a drive */
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c == 0x7f || c == '\\' || c == '#')
            return true;
    }
    struct str rest = s, part;
    while (s.len && str_split(&rest, '/', &part)) {
        if (str_eq(part, STR("..")))
            return true;
    }
    return false;
}

enum err artifact_path_clean(struct op *op, struct str raw, struct str *ret)
{
    struct str decoded;
    if (raw.len > LIMIT_TRACK_ARTIFACT_PATH_BYTES || !str_is_utf8(raw) || is_unsafe(raw))
        return bad_path(op);
    if (!artifact_unescape(op, raw, &decoded) || is_unsafe(decoded)) /* what is unsafe half decoded is still so at the end */
        return bad_path(op);
    char *out = arena_alloc(op->arena, raw.len + 1);
    size_t n = 0;
    struct str rest = raw, part;
    while (raw.len && str_split(&rest, '/', &part)) {
        if (part.len == 0 || str_eq(part, STR(".")))
            continue;
        if (n)
            out[n++] = '/';
        memcpy(out + n, part.p, part.len);
        n += part.len;
    }
    *ret = (struct str){out, n};
    return OK;
}

struct str artifact_path_join(struct op *op, struct str a, struct str b)
{
    if (a.len == 0 || b.len == 0)
        return a.len ? a : b.p ? b : STR("");
    return str_from(op_printf(op, "%.*s/%.*s", STR_FMT(a), STR_FMT(b)));
}

enum err artifact_root(struct op *op, struct str uri, struct str *ret)
{
    struct str scheme = STR("mlflow-artifacts:");
    if (!str_starts(uri, scheme))
        return op_fail(op, E_UNSUPPORTED, "artifacts at '%.*s' are not served by this server", STR_FMT(uri));
    struct str path = str_sub(uri, scheme.len, uri.len);
    if (str_starts(path, STR("//"))) { /* mlflow-artifacts://host:port/path */
        path = str_sub(path, 2, path.len);
        size_t slash = str_find_char(path, '/');
        path = slash == SIZE_MAX ? STR("") : str_sub(path, slash, path.len);
    }
    while (path.len && path.p[0] == '/')
        path = str_sub(path, 1, path.len);
    return artifact_path_clean(op, path, ret);
}

struct artifact_arg {
    struct str path;
    struct blob_id blob;
    uint64_t size;
    struct artifact_list list;
};

/* The first name in [from, to), if any. */
static enum err next_name(struct op *op, struct db_tx *tx, struct str from, struct str to, bool *ret_found, struct str *ret_path, int64_t *ret_size)
{
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, &sql_track_artifact_next, DB_ARGS(DB_TEXT(from), DB_TEXT(to)), &rows);
    if (e)
        return e;
    e = db_step(op, tx, rows, ret_found);
    if (!e && *ret_found) {
        *ret_path = db_col_dup(op, tx, rows, 0);
        *ret_size = db_col_i64(tx, rows, 1);
    }
    db_end(tx, rows);
    return e;
}

/* What lies below `folder` has names in [folder + "/", folder + "0"): '0' follows '/' in ASCII. */
static void range_below(struct op *op, struct str folder, struct str *ret_from, struct str *ret_to)
{
    *ret_from = folder.len ? str_from(op_printf(op, "%.*s/", STR_FMT(folder))) : STR("");
    *ret_to = folder.len ? str_from(op_printf(op, "%.*s0", STR_FMT(folder))) : STR("\xf4\x8f\xbf\xbf");
}

/* A file cannot be a folder too: no parent of `path` may be a file, and nothing may lie below it. */
enum err artifact_check_clash(struct op *op, struct db_tx *tx, struct str path)
{
    struct str from, to, name;
    int64_t size;
    bool found = false;
    range_below(op, path, &from, &to);
    enum err e = next_name(op, tx, from, to, &found, &name, &size);
    if (e)
        return e;
    if (found)
        return op_fail(op, E_CONFLICT, "'%.*s' is a folder", STR_FMT(path));
    for (size_t i = 0; i < path.len; i++) {
        struct db_val v[2];
        if (path.p[i] != '/')
            continue;
        e = db_query_one(op, tx, &sql_track_artifact_get, DB_ARGS(DB_TEXT(str_sub(path, 0, i))), v, ARRAY_LEN(v));
        if (!e)
            return op_fail(op, E_CONFLICT, "'%.*s' is a file", STR_FMT(str_sub(path, 0, i)));
        if (e != E_NOT_FOUND)
            return e;
        op_clear(op);
    }
    return OK;
}

enum err artifact_put_tx(struct op *op, struct db_tx *tx, struct str path, const struct blob_id *blob, uint64_t size_bytes)
{
    enum err e = artifact_check_clash(op, tx, path);
    struct str sha = {(const char *)blob->sha256, sizeof blob->sha256};
    return e ? e : db_exec(op, tx, &sql_track_artifact_put,
                           DB_ARGS(DB_TEXT(path), DB_BLOB(sha), DB_I64((int64_t)size_bytes), DB_I64(store_now_ms(op))), NULL);
}

static enum err put_tx(struct op *op, struct db_tx *tx, void *arg)
{
    const struct artifact_arg *a = arg;
    return artifact_put_tx(op, tx, a->path, &a->blob, a->size);
}

enum err artifact_put(struct op *op, struct db *db, struct str path, const struct blob_id *blob, uint64_t size_bytes)
{
    if (path.len == 0)
        return bad_path(op);
    struct artifact_arg a = {.path = path, .blob = *blob, .size = size_bytes};
    return db_write(op, db, put_tx, &a);
}

/* There is no file of that name: a folder, or nothing. */
static enum err absent(struct op *op, struct db_tx *tx, struct str path)
{
    struct str from, to, name;
    int64_t size;
    bool is_folder = path.len == 0;
    range_below(op, path, &from, &to);
    enum err e = is_folder ? OK : next_name(op, tx, from, to, &is_folder, &name, &size);
    if (e)
        return e;
    if (is_folder)
        return op_fail_field(op, "path", "Artifact path refers to a directory, not a file: '%.*s'", STR_FMT(path));
    return op_fail(op, E_NOT_FOUND, "No such artifact: '%.*s'", STR_FMT(path));
}

static enum err find_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct artifact_arg *a = arg;
    struct db_val v[2];
    enum err e = db_query_one(op, tx, &sql_track_artifact_get, DB_ARGS(DB_TEXT(a->path)), v, ARRAY_LEN(v));
    if (e == E_NOT_FOUND) {
        op_clear(op);
        return absent(op, tx, a->path);
    }
    if (e)
        return e;
    if (v[0].s.len != sizeof a->blob.sha256)
        return op_fail(op, E_CORRUPT, "artifact '%.*s' names no blob", STR_FMT(a->path));
    memcpy(a->blob.sha256, v[0].s.p, sizeof a->blob.sha256);
    a->size = (uint64_t)v[1].i;
    return OK;
}

enum err artifact_find(struct op *op, struct db *db, struct str path, struct blob_id *ret_blob, uint64_t *ret_size_bytes)
{
    struct artifact_arg a = {.path = path};
    enum err e = db_read(op, db, find_tx, &a);
    if (e)
        return e;
    *ret_blob = a.blob;
    *ret_size_bytes = a.size;
    return OK;
}

static int by_path(const void *pa, const void *pb)
{
    const struct artifact_info *a = pa, *b = pb;
    return str_cmp(a->path, b->path);
}

struct listing {
    struct artifact_info *p;
    size_t len, cap;
    size_t prefix;    /* bytes of a path before the child's name */
    struct str from;  /* where the next batch starts */
    bool end;
};

/* One row. *ret_jump: all up to l->from belongs to a folder that is listed already. */
static enum err list_row(struct op *op, struct listing *l, struct str path, int64_t size, int *skipped, bool *ret_jump)
{
    struct str rel = str_sub(path, l->prefix, path.len);
    size_t slash = str_find_char(rel, '/');
    bool dir = slash != SIZE_MAX;
    const struct artifact_info *last = l->len ? &l->p[l->len - 1] : NULL;
    *ret_jump = false;
    if (dir && last && last->is_dir && str_eq(last->path, str_sub(rel, 0, slash))) {
        *ret_jump = ++*skipped >= LIST_SKIP;
        return OK;
    }
    if (store_room(op, 0))
        return op->err;
    struct str copy = str_dup(op->arena, path);
    struct artifact_info *item = l->len < LIMIT_TRACK_ARTIFACT_LIST ? vec_push(l, op->arena) : NULL;
    if (!item)
        return op_fail(op, E_TOO_LARGE, "the folder holds more than %d names", LIMIT_TRACK_ARTIFACT_LIST);
    *item = (struct artifact_info){str_sub(copy, l->prefix, dir ? slash : rel.len), dir, dir ? 0 : size};
    *skipped = 0;
    l->from = dir ? str_from(op_printf(op, "%.*s0", STR_FMT(str_sub(copy, 0, l->prefix + slash))))
                  : str_from(op_printf(op, "%.*s\x01", STR_FMT(copy)));
    return OK;
}

/* The names from l->from on: a batch of rows, less when they turn out to lie deep in one folder. */
static enum err list_batch(struct op *op, struct db_tx *tx, struct listing *l, struct str to)
{
    struct db_rows *rows = NULL;
    int count = 0, skipped = 0;
    bool more = true, jump = false;
    enum err e = db_query(op, tx, &sql_track_artifact_page, DB_ARGS(DB_TEXT(l->from), DB_TEXT(to), DB_I64(LIST_BATCH)), &rows);
    if (e)
        return e;
    for (; !e && !jump; count++) {
        e = db_step(op, tx, rows, &more);
        if (e || !more)
            break;
        e = list_row(op, l, db_col_str(tx, rows, 0), db_col_i64(tx, rows, 1), &skipped, &jump);
    }
    db_end(tx, rows);
    l->end = !more && count < LIST_BATCH;
    return e;
}

/* Goes through the names in order, a batch at a time, and jumps over what lies below a folder: behind it come names from folder + "0"
 * on ('0' follows '/'), behind a file those from the next possible name on (names hold no control bytes). So a folder of ten thousand
 * files takes some twenty queries, and one of ten folders with a million files below takes ten. */
static enum err list_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct artifact_arg *a = arg;
    struct listing l = {0};
    struct str to;
    range_below(op, a->path, &l.from, &to);
    l.prefix = l.from.len;
    while (!l.end) {
        enum err e = list_batch(op, tx, &l, to);
        if (e)
            return e;
    }
    if (l.len > 1)
        qsort(l.p, l.len, sizeof *l.p, by_path);
    a->list = (struct artifact_list){l.p, l.len};
    return OK;
}

enum err artifact_list(struct op *op, struct db *db, struct str folder, struct artifact_list *ret)
{
    struct artifact_arg a = {.path = folder};
    enum err e = db_read(op, db, list_tx, &a);
    if (!e)
        *ret = a.list;
    return e;
}

static enum err delete_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct artifact_arg *a = arg;
    struct str from, to;
    int64_t one = 0, below = 0;
    range_below(op, a->path, &from, &to);
    enum err e = db_exec(op, tx, &sql_track_artifact_delete, DB_ARGS(DB_TEXT(a->path)), &one);
    if (!e)
        e = db_exec(op, tx, &sql_track_artifact_delete_below, DB_ARGS(DB_TEXT(from), DB_TEXT(to)), &below);
    if (!e && one + below == 0)
        return op_fail(op, E_NOT_FOUND, "No such artifact: '%.*s'", STR_FMT(a->path));
    return e ? e : store_audit(op, tx, "artifact.delete", "artifact", a->path, NULL, 0);
}

enum err artifact_delete(struct op *op, struct db *db, struct str path)
{
    if (path.len == 0)
        return bad_path(op);
    struct artifact_arg a = {.path = path};
    return db_write(op, db, delete_tx, &a);
}
