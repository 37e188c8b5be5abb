/* upload.c - parts are blobs before they are an artifact, so whatever dies on the way leaves rows that expire and blobs that no row
 * names, which the sweep of blobs takes. Completing reads every part from front to end, so each is verified against its hash on
 * the way into the whole; the name of the artifact and the end of the upload are one transaction. */
#include "core/track/upload.h"

#include "base/limits.h"
#include "base/vec.h"
#include "core/track/store.h"
#include "sql_gen.h"

#define PIECE_BYTES ((size_t)256 << 10)

struct stored_part {
    int64_t number;
    struct blob_id blob;
    uint64_t size;
};
struct upload_arg {
    struct str id, secret, path;
    int64_t row, parts, number;
    bool done;
    struct blob_id blob;
    uint64_t size;
    struct stored_part *stored;
    size_t stored_count;
};

/* What is stored of an id. */
static struct str secret_of(struct op *op, struct str id)
{
    uint8_t digest[HASH_SHA256_LEN];
    char *hex = arena_alloc(op->arena, 2 * HASH_SHA256_LEN + 1);
    hash_sha256(id.p ? id.p : "", id.len, digest);
    hash_hex(digest, sizeof digest, hex);
    return str_from(hex);
}

static enum err not_found(struct op *op)
{
    op_clear(op);
    return op_fail(op, E_NOT_FOUND, "There is no such upload: it was never begun, was aborted, or expired");
}

/* The row of a->secret into a. `path` given: it must be the upload's. */
static enum err find(struct op *op, struct db_tx *tx, struct upload_arg *a, bool check_path)
{
    struct db_val v[4];
    enum err e = db_query_one(op, tx, &sql_upload_get, DB_ARGS(DB_TEXT(a->secret), DB_I64(store_now_ms(op))), v, ARRAY_LEN(v));
    if (e)
        return e == E_NOT_FOUND ? not_found(op) : e;
    if (check_path && !str_eq(v[1].s, a->path))
        return op_fail_field(op, "path", "the upload is one of another file");
    a->row = v[0].i;
    a->path = v[1].s;
    a->parts = v[2].i;
    a->done = v[3].i != 0;
    return OK;
}

static int64_t expiry_ms(const struct op *op)
{
    return store_now_ms(op) + (int64_t)LIMIT_TRACK_UPLOAD_S * 1000;
}

static enum err create_tx(struct op *op, struct db_tx *tx, void *arg)
{
    const struct upload_arg *a = arg;
    enum err e = db_exec(op, tx, &sql_upload_part_expire, DB_ARGS(DB_I64(store_now_ms(op))), NULL);
    if (!e)
        e = db_exec(op, tx, &sql_upload_expire, DB_ARGS(DB_I64(store_now_ms(op))), NULL);
    if (!e)
        e = artifact_check_clash(op, tx, a->path);
    return e ? e : db_exec(op, tx, &sql_upload_insert, DB_ARGS(DB_TEXT(a->secret), DB_TEXT(a->path), DB_I64(a->parts), DB_I64(expiry_ms(op))), NULL);
}

enum err upload_create(struct op *op, struct db *db, struct str path, int64_t parts, struct str *ret_id)
{
    if (path.len == 0)
        return op_fail_field(op, "path", "Invalid path");
    if (parts < 1 || parts > LIMIT_TRACK_UPLOAD_PARTS)
        return op_fail_field(op, "num_parts", "num_parts must be 1 to %d, not %lld", LIMIT_TRACK_UPLOAD_PARTS, (long long)parts);
    struct str id = str_from(hash_random_hex(op->arena, 32));
    struct upload_arg a = {.secret = secret_of(op, id), .path = path, .parts = parts};
    enum err e = db_write(op, db, create_tx, &a);
    if (!e)
        *ret_id = id;
    return e;
}

static enum err check_number(struct op *op, struct db_tx *tx, struct upload_arg *a)
{
    enum err e = find(op, tx, a, false);
    if (!e && a->done)
        return not_found(op);
    if (!e && (a->number < 1 || a->number > a->parts))
        return op_fail_field(op, "part_number", "the upload has parts 1 to %lld", (long long)a->parts);
    return e;
}

static enum err check_tx(struct op *op, struct db_tx *tx, void *arg)
{
    return check_number(op, tx, arg);
}

enum err upload_check_part(struct op *op, struct db *db, struct str id, int64_t number)
{
    struct upload_arg a = {.secret = secret_of(op, id), .number = number};
    return db_read(op, db, check_tx, &a);
}

static enum err part_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct upload_arg *a = arg;
    struct str sha = {(const char *)a->blob.sha256, sizeof a->blob.sha256};
    enum err e = check_number(op, tx, a);
    if (!e)
        e = db_exec(op, tx, &sql_upload_part_put, DB_ARGS(DB_I64(a->row), DB_I64(a->number), DB_BLOB(sha), DB_I64((int64_t)a->size)), NULL);
    return e ? e : db_exec(op, tx, &sql_upload_renew, DB_ARGS(DB_I64(a->row), DB_I64(expiry_ms(op))), NULL);
}

enum err upload_put_part(struct op *op, struct db *db, struct str id, int64_t number, const struct blob_id *blob, uint64_t size_bytes, struct str *ret_etag)
{
    struct upload_arg a = {.secret = secret_of(op, id), .number = number, .blob = *blob, .size = size_bytes};
    enum err e = db_write(op, db, part_tx, &a);
    if (!e)
        *ret_etag = str_from(op_printf(op, "\"%.*s\"", STR_FMT(blob_id_hex(op, blob))));
    return e;
}

/* ---- completing ---- */

static enum err parts_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct upload_arg *a = arg;
    VEC(struct stored_part) v = {0};
    struct db_rows *rows = NULL;
    enum err e = find(op, tx, a, true);
    if (e || a->done)
        return e;
    if ((e = db_query(op, tx, &sql_upload_part_list, DB_ARGS(DB_I64(a->row)), &rows)))
        return e;
    for (bool more = true; !e && more;) {
        e = db_step(op, tx, rows, &more);
        if (e || !more)
            break;
        struct stored_part *p = vec_push(&v, op->arena);
        struct str sha = db_col_str(tx, rows, 1);
        if (!p)
            e = op_fail(op, E_TOO_LARGE, "the upload's parts do not fit in memory");
        else if (sha.len != sizeof p->blob.sha256)
            e = op_fail(op, E_CORRUPT, "a part of the upload names no blob");
        if (e)
            break;
        *p = (struct stored_part){.number = db_col_i64(tx, rows, 0), .size = (uint64_t)db_col_i64(tx, rows, 2)};
        memcpy(p->blob.sha256, sha.p, sizeof p->blob.sha256);
    }
    db_end(tx, rows);
    a->stored = v.p;
    a->stored_count = v.len;
    return e;
}

static struct str without_quotes(struct str s)
{
    if (s.len >= 2 && s.p[0] == '"' && s.p[s.len - 1] == '"')
        return str_sub(s, 1, s.len - 2);
    return s;
}

/* The stored parts that make the artifact, in place of all that came. */
static enum err choose(struct op *op, struct upload_arg *a, const struct upload_part *parts, size_t n)
{
    size_t at = 0;
    if (n == 0)
        return op_fail_field(op, "parts", "an upload is completed with at least one part");
    for (size_t i = 0; i < n; i++) {
        if (i && parts[i].number <= parts[i - 1].number)
            return op_fail_field(op, "parts", "the parts must be in rising order; %lld stands behind %lld", (long long)parts[i].number, (long long)parts[i - 1].number);
        while (at < a->stored_count && a->stored[at].number < parts[i].number)
            at++;
        if (at == a->stored_count || a->stored[at].number != parts[i].number)
            return op_fail_field(op, "parts", "part %lld did not come", (long long)parts[i].number);
        struct str etag = without_quotes(parts[i].etag);
        if (etag.len && !str_eq(etag, blob_id_hex(op, &a->stored[at].blob)))
            return op_fail_field(op, "parts", "part %lld has another etag: other bytes came", (long long)parts[i].number);
        a->stored[i] = a->stored[at++]; /* i <= at: nothing is overwritten that is still needed */
    }
    a->stored_count = n;
    return OK;
}

static enum err append_part(struct op *op, struct blob_store *blobs, const struct stored_part *p, struct blob_writer *w, char *piece)
{
    struct blob_reader *r = NULL;
    uint64_t size = 0;
    enum err e = blob_reader_open(op, blobs, &p->blob, &r, &size);
    if (e)
        return op_context(op, "part %lld", (long long)p->number);
    for (uint64_t at = 0;;) {
        size_t n = 0;
        e = blob_read(op, blobs, r, at, piece, PIECE_BYTES, &n);
        if (e || n == 0)
            break;
        if ((e = op_check_deadline(op)) || (e = blob_write(op, blobs, w, piece, n)))
            break;
        at += n;
    }
    blob_reader_close(blobs, r);
    return e;
}

static enum err concatenate(struct op *op, struct blob_store *blobs, struct upload_arg *a)
{
    struct blob_writer *w = NULL;
    char *piece = arena_alloc(op->arena, PIECE_BYTES);
    enum err e = blob_writer_open(op, blobs, &w);
    if (e)
        return e;
    for (size_t i = 0; !e && i < a->stored_count; i++)
        e = append_part(op, blobs, &a->stored[i], w, piece);
    if (!e)
        return blob_commit(op, blobs, w, &a->blob, &a->size);
    blob_abort(blobs, w);
    return e;
}

static enum err complete_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct upload_arg *a = arg;
    enum err e = find(op, tx, a, true);
    if (e || a->done) /* another try was faster: the artifact is there */
        return e;
    if ((e = artifact_put_tx(op, tx, a->path, &a->blob, a->size)) || (e = db_exec(op, tx, &sql_upload_part_delete, DB_ARGS(DB_I64(a->row)), NULL)))
        return e;
    return db_exec(op, tx, &sql_upload_finish, DB_ARGS(DB_I64(a->row)), NULL);
}

enum err upload_complete(struct op *op, struct db *db, struct blob_store *blobs, struct str id, struct str path, const struct upload_part *parts, size_t n)
{
    struct upload_arg a = {.secret = secret_of(op, id), .path = path};
    enum err e = db_read(op, db, parts_tx, &a);
    if (e || a.done)
        return e;
    if ((e = choose(op, &a, parts, n)))
        return e;
    if (n == 1) {
        a.blob = a.stored[0].blob;
        a.size = a.stored[0].size;
    } else if ((e = concatenate(op, blobs, &a))) {
        return e;
    }
    return db_write(op, db, complete_tx, &a);
}

static enum err abort_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct upload_arg *a = arg;
    enum err e = find(op, tx, a, true);
    if (!e)
        e = db_exec(op, tx, &sql_upload_part_delete, DB_ARGS(DB_I64(a->row)), NULL);
    return e ? e : db_exec(op, tx, &sql_upload_delete, DB_ARGS(DB_I64(a->row)), NULL);
}

enum err upload_abort(struct op *op, struct db *db, struct str id, struct str path)
{
    struct upload_arg a = {.secret = secret_of(op, id), .path = path};
    return db_write(op, db, abort_tx, &a);
}
