/* s3.c - a blob's name is the hash of its bytes, which is known when the last one has come. So:
 *
 * up to one part   held in memory, hashed, PUT under its name
 * more             uploaded in parts under a temporary key while it is hashed; then copied inside S3 to its name, by one request or
 *                  in parts; then the temporary object is deleted
 *
 * While one part is on its way, the next is filled: the part is sent by a thread of its own, which the writer waits for before it
 * hands over another. A writer so holds two parts.
 *
 * A name under blobs/ therefore always means "complete": PUT, CopyObject and completion are atomic in S3. Before a PUT of some size
 * or a copy, HEAD tells whether the blob is there already. Whatever dies on the way leaves at most temporary objects or parts,
 * which a later start removes after a day.
 *
 * Reading asks for ranges: a first small one, which also tells the size, then windows that grow while the reader goes on in
 * sequence. A reader that jumps starts small again. */
#include "adapter/s3/s3.h"

#include <stdio.h>
#include <stdlib.h>

#include "adapter/s3/multipart.h"
#include "adapter/s3/xml.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/thread.h"
#include "base/time.h"
#include "net/http.h"

#define HEX_LEN (2 * HASH_SHA256_LEN)
#define READ_FIRST_BYTES LIMIT_KIB(128)
#define HEAD_ABOVE_BYTES LIMIT_KIB(64) /* smaller ones are sent without asking: one round trip instead of two */
#define GROW_FIRST_BYTES LIMIT_KIB(64)
#define CLEAN_MS 20000

struct s3_store {
    struct blob_store store; /* what callers hold */
    struct s3_client *client;
    char *prefix;
    size_t part_bytes, copy_bytes, read_bytes;
};

struct blob_writer {
    struct s3_store *s;
    struct hash_state *hash;
    uint64_t size;
    char *part;              /* bytes not sent yet */
    size_t len, cap;
    struct multipart upload; /* id NULL: not begun; the thread's while it runs */
    bool sending;            /* a thread is on its way with `sent` */
    pthread_t thread;
    char *sent;
    size_t sent_len;
    enum err sent_err;
    struct op sent_op;       /* the thread's, with memory of its own */
};

struct blob_reader {
    struct s3_store *s;
    struct blob_id id;
    struct hash_state *hash; /* NULL once the blob is verified */
    uint64_t size, hashed;   /* the bytes before `hashed` are in `hash` */
    char *window;            /* bytes [at, at + len) of the blob */
    uint64_t at;
    size_t len, cap;
    size_t next;             /* how much to ask for when the reader goes on where the window ends */
};

static struct str blob_key(struct op *op, const struct blob_id *id)
{
    char hex[HEX_LEN + 1];
    hash_hex(id->sha256, HASH_SHA256_LEN, hex);
    return str_from(op_printf(op, "blobs/%.2s/%s", hex, hex + 2));
}

/* ---- objects ---- */

static enum err object_head(struct op *op, struct s3_store *s, struct str key, bool *ret_found, struct s3_answer *ret)
{
    struct s3_request r = {.method = "HEAD", .key = key};
    enum err e = s3_call(op, s->client, &r, ret);
    if (!e && ret->status != 200 && ret->status != 404)
        e = op_fail(op, E_IO, "S3 says %d about '%.*s'", ret->status, STR_FMT(key));
    if (!e)
        *ret_found = ret->status == 200;
    return e;
}

static enum err object_delete(struct op *op, struct s3_store *s, struct str key)
{
    struct s3_request r = {.method = "DELETE", .key = key};
    struct s3_answer a;
    return s3_call(op, s->client, &r, &a); /* 204, or 404 of servers that mind */
}

static enum err object_put(struct op *op, struct s3_store *s, struct str key, struct str bytes)
{
    struct s3_request r = {.method = "PUT", .key = key, .body = bytes};
    struct s3_answer a;
    enum err e = s3_call(op, s->client, &r, &a);
    if (!e && a.status / 100 != 2)
        e = op_fail(op, E_IO, "S3 did not store '%.*s': status %d", STR_FMT(key), a.status);
    return e;
}

static enum err object_copy(struct op *op, struct s3_store *s, struct str from, struct str to, uint64_t size)
{
    if (size <= s->copy_bytes) {
        struct s3_request r = {.method = "PUT", .key = to, .body = STR(""), .copy_source = from, .patient = true};
        struct s3_answer a;
        enum err e = s3_call(op, s->client, &r, &a);
        if (!e && (a.status != 200 || !xml_text(op, a.body, "ETag").len))
            e = op_fail(op, E_IO, "S3 did not copy to '%.*s': status %d", STR_FMT(to), a.status);
        return e;
    }
    struct multipart m;
    enum err e = multipart_begin(op, s->client, to, &m);
    if (e)
        return e;
    for (uint64_t at = 0; !e && at < size; at += s->copy_bytes)
        e = multipart_add_copy(op, &m, from, at, size - at < s->copy_bytes ? size - at : s->copy_bytes);
    if (!e)
        e = multipart_complete(op, &m);
    if (e)
        multipart_abort(&m);
    else
        multipart_clear(&m);
    return e;
}

/* Best effort, with memory and a deadline of its own: whatever comes of it, the request is answered. */
static void clean_up(struct s3_store *s, struct str key)
{
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(8));
    struct op op;
    op_init(&op, arena);
    op.deadline_ms = time_mono_ms() + CLEAN_MS;
    if (object_delete(&op, s, key))
        log_at(LOG_WARN, "s3.left_over", {"error", LOG_C(op.msg)}, {"effect", LOG_C("the object stays until the sweep of a later start")});
}

/* ---- writing ---- */

static enum err s3_writer_open(void *self, struct op *op, struct blob_writer **ret)
{
    struct blob_writer *w = calloc(1, sizeof *w);
    if (!w)
        return op_fail(op, E_BUSY, "out of memory");
    w->s = self;
    w->hash = hash_create(HASH_SHA256);
    *ret = w;
    return OK;
}

static void *send_main(void *arg)
{
    struct blob_writer *w = arg;
    w->sent_err = multipart_add(&w->sent_op, &w->upload, (struct str){w->sent, w->sent_len});
    return NULL;
}

/* Waits for the part that is on its way. */
static enum err send_wait(struct op *op, struct blob_writer *w)
{
    if (w->sending)
        thread_join(w->thread);
    w->sending = false;
    return w->sent_err ? op_fail(op, w->sent_err, "%s", w->sent_op.msg) : OK;
}

/* Sends the part that is full on a thread, and leaves an empty one. */
static enum err send_part(struct op *op, struct blob_writer *w)
{
    enum err e = send_wait(op, w);
    if (!e && !w->upload.id)
        e = multipart_begin(op, w->s->client, str_from(op_printf(op, "tmp/%s", hash_random_hex(op->arena, 16))), &w->upload);
    if (!e && !w->sent && !(w->sent = malloc(w->s->part_bytes)))
        e = op_fail(op, E_BUSY, "out of memory");
    if (e)
        return e;
    char *full = w->part;
    w->part = w->sent;
    w->sent = full;
    w->sent_len = w->len;
    w->len = 0;
    if (w->sent_op.arena)
        arena_reset(w->sent_op.arena);
    op_init(&w->sent_op, w->sent_op.arena ? w->sent_op.arena : arena_create(LIMIT_MIB(16)));
    w->sent_op.deadline_ms = op->deadline_ms;
    w->sending = true;
    w->thread = thread_start("s3-part", send_main, w);
    return OK;
}

/* Room for one more byte at least: small blobs do not pay for a whole part. */
static enum err grow(struct op *op, struct blob_writer *w)
{
    size_t cap = w->cap ? w->cap * 4 : GROW_FIRST_BYTES;
    if (cap > w->s->part_bytes)
        cap = w->s->part_bytes;
    char *p = realloc(w->part, cap);
    if (!p)
        return op_fail(op, E_BUSY, "out of memory");
    w->part = p;
    w->cap = cap;
    return OK;
}

static enum err s3_write(struct op *op, struct blob_writer *w, const void *p, size_t n)
{
    const char *from = p;
    hash_update(w->hash, p, n);
    w->size += n;
    while (n) {
        enum err e = OK;
        /* A full part is sent when more comes, so that a blob of just one part needs no upload in parts. */
        if (w->len == w->s->part_bytes)
            e = send_part(op, w);
        if (!e && w->len == w->cap)
            e = grow(op, w);
        if (e)
            return e;
        size_t take = w->cap - w->len < n ? w->cap - w->len : n;
        memcpy(w->part + w->len, from, take);
        w->len += take;
        from += take;
        n -= take;
    }
    return OK;
}

static void writer_free(struct blob_writer *w)
{
    hash_destroy(w->hash);
    multipart_clear(&w->upload);
    arena_destroy(w->sent_op.arena);
    free(w->sent);
    free(w->part);
    free(w);
}

static void s3_abort(struct blob_writer *w)
{
    if (w->sending)
        thread_join(w->thread);
    multipart_abort(&w->upload);
    writer_free(w);
}

/* The blob is there, and young enough that no sweep has its eye on it. */
static enum err is_stored(struct op *op, struct s3_store *s, struct str key, uint64_t size, bool *ret)
{
    struct s3_answer a;
    bool found = false;
    enum err e = object_head(op, s, key, &found, &a);
    if (!e)
        *ret = found && a.size == size && a.modified_us > time_now_us() - LIMIT_S3_RENEW_S * TIME_US_PER_S;
    return e;
}

static enum err commit_small(struct op *op, struct blob_writer *w, struct str key)
{
    bool stored = false;
    enum err e = w->size > HEAD_ABOVE_BYTES ? is_stored(op, w->s, key, w->size, &stored) : OK;
    return e || stored ? e : object_put(op, w->s, key, (struct str){w->part ? w->part : "", w->len});
}

static enum err commit_parts(struct op *op, struct blob_writer *w, struct str key)
{
    bool stored = false;
    enum err e = send_wait(op, w);
    if (!e)
        e = is_stored(op, w->s, key, w->size, &stored);
    if (e || stored) {
        multipart_abort(&w->upload);
        return e;
    }
    e = w->len ? multipart_add(op, &w->upload, (struct str){w->part, w->len}) : OK;
    if (!e)
        e = multipart_complete(op, &w->upload);
    if (e) {
        multipart_abort(&w->upload);
        return e;
    }
    struct str temporary = str_from(w->upload.key);
    e = object_copy(op, w->s, temporary, key, w->size);
    clean_up(w->s, temporary);
    return e;
}

static enum err s3_commit(struct op *op, struct blob_writer *w, struct blob_id *ret_id, uint64_t *ret_size)
{
    struct blob_id id;
    hash_finish(w->hash, id.sha256);
    w->hash = NULL;
    struct str key = blob_key(op, &id);
    uint64_t size = w->size;
    enum err e = w->upload.id ? commit_parts(op, w, key) : commit_small(op, w, key);
    writer_free(w);
    if (e)
        return e;
    *ret_id = id;
    *ret_size = size;
    return OK;
}

/* ---- reading ---- */

/* Makes the window [at, at + want), clipped to the blob. */
static enum err fetch(struct op *op, struct blob_reader *r, uint64_t at, size_t want, struct s3_answer *ret)
{
    if (want > r->cap) {
        char *p = realloc(r->window, want);
        if (!p)
            return op_fail(op, E_BUSY, "out of memory");
        r->window = p;
        r->cap = want;
    }
    struct s3_request q = {.method = "GET", .key = blob_key(op, &r->id), .ranged = true, .range_from = at, .range_len = want, .into = r->window};
    r->len = 0;
    enum err e = s3_call(op, r->s->client, &q, ret);
    if (e)
        return e;
    r->at = at;
    r->len = ret->got;
    return OK;
}

static void s3_reader_close(struct blob_reader *r)
{
    hash_destroy(r->hash);
    free(r->window);
    free(r);
}

static enum err s3_reader_open(void *self, struct op *op, const struct blob_id *id, struct blob_reader **ret, uint64_t *ret_size)
{
    struct s3_store *s = self;
    struct blob_reader *r = calloc(1, sizeof *r);
    if (!r)
        return op_fail(op, E_BUSY, "out of memory");
    *r = (struct blob_reader){.s = s, .id = *id, .hash = hash_create(HASH_SHA256), .next = READ_FIRST_BYTES};
    struct s3_answer a = {0};
    size_t first = READ_FIRST_BYTES < s->read_bytes ? READ_FIRST_BYTES : s->read_bytes;
    enum err e = fetch(op, r, 0, first, &a);
    if (!e && a.status == 404)
        e = op_fail(op, E_NOT_FOUND, "no stored file has the hash %.*s", STR_FMT(blob_id_hex(op, id)));
    bool found = true;
    if (!e && a.status == 416) { /* there is no first byte */
        e = object_head(op, s, blob_key(op, id), &found, &a);
        a.status = !e && found && !a.size ? 206 : 416;
    }
    if (!e && a.status != 404 && a.status != 206 && !(a.status == 200 && !a.size))
        e = op_fail(op, E_IO, "S3 says %d about a range of '%.*s'", a.status, STR_FMT(blob_key(op, id)));
    if (e) {
        s3_reader_close(r);
        return e;
    }
    r->size = a.size;
    *ret = r;
    *ret_size = r->size;
    return OK;
}

/* Adds what continues the hashed part; at the end of the blob the hash must be its name. */
static enum err verify(struct op *op, struct blob_reader *r, uint64_t offset, const char *p, size_t n)
{
    if (!r->hash || offset > r->hashed)
        return OK;
    if (offset + n > r->hashed) {
        size_t known = (size_t)(r->hashed - offset);
        hash_update(r->hash, p + known, n - known);
        r->hashed = offset + n;
    }
    if (r->hashed < r->size)
        return OK;
    uint8_t sha256[HASH_SHA256_LEN];
    hash_finish(r->hash, sha256);
    r->hash = NULL;
    if (!memcmp(sha256, r->id.sha256, sizeof sha256))
        return OK;
    struct str hex = blob_id_hex(op, &r->id);
    log_at(LOG_ERROR, "blob.corrupt", {"file", LOG_S(hex)}, {"size", LOG_I(r->size)});
    return op_fail(op, E_CORRUPT, "stored file %.*s is damaged: its bytes have another hash", STR_FMT(hex));
}

static enum err advance(struct op *op, struct blob_reader *r, uint64_t at, size_t n)
{
    bool in_sequence = at == r->at + r->len;
    size_t want = in_sequence ? r->next : READ_FIRST_BYTES;
    if (want < n)
        want = n;
    if (want > r->s->read_bytes)
        want = r->s->read_bytes;
    if (want > r->size - at)
        want = (size_t)(r->size - at);
    struct s3_answer a;
    enum err e = fetch(op, r, at, want, &a);
    if (!e && (a.status == 404 || !r->len))
        e = op_fail(op, E_CORRUPT, "stored file %.*s went away while it was read", STR_FMT(blob_id_hex(op, &r->id)));
    r->next = want < r->s->read_bytes / 4 ? want * 4 : r->s->read_bytes;
    return e;
}

static enum err s3_read(struct op *op, struct blob_reader *r, uint64_t offset, void *p, size_t n, size_t *ret_n)
{
    if (offset >= r->size)
        n = 0;
    else if (n > r->size - offset)
        n = (size_t)(r->size - offset);
    size_t got = 0;
    while (got < n) {
        uint64_t at = offset + got;
        if (at < r->at || at >= r->at + r->len) {
            enum err e = advance(op, r, at, n - got);
            if (e)
                return e;
        }
        size_t skip = (size_t)(at - r->at), take = r->len - skip < n - got ? r->len - skip : n - got;
        memcpy((char *)p + got, r->window + skip, take);
        got += take;
    }
    enum err e = verify(op, r, offset, p, got);
    if (!e)
        *ret_n = got;
    return e;
}

/* ---- the rest ---- */

static enum err s3_remove(void *self, struct op *op, const struct blob_id *id)
{
    return object_delete(op, self, blob_key(op, id));
}

static enum err s3_remove_old(void *self, struct op *op, const struct blob_id *id, int64_t before_us, bool *ret_removed)
{
    struct s3_store *s = self;
    struct str key = blob_key(op, id);
    struct s3_answer a;
    bool found = false;
    enum err e = object_head(op, s, key, &found, &a);
    /* Last-Modified is cut to the second. */
    bool old = !e && found && a.modified_us && a.modified_us < before_us - TIME_US_PER_S;
    if (old)
        e = object_delete(op, s, key);
    if (!e)
        *ret_removed = old;
    return e;
}

static enum err s3_local_path(void *self UNUSED, struct op *op, const struct blob_id *id UNUSED, struct str *ret_path UNUSED)
{
    return op_fail(op, E_UNSUPPORTED, "files in S3 have no path on this machine");
}

/* One record of a listing. `op` has memory for one page. */
typedef enum err (*record_fn)(void *arg, struct op *op, struct str key, struct str record);

/* Walks the pages of ListObjectsV2 (`uploads` false) or ListMultipartUploads under a folder. */
static enum err list_pages(struct op *op, struct s3_store *s, const char *folder, bool uploads, record_fn fn, void *arg)
{
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(64));
    struct str prefix = str_from(s->prefix);
    char token[2048] = "", token_id[2048] = "";
    for (;;) {
        arena_reset(arena);
        struct op page = *op; /* the deadline and the actor, with memory of its own */
        page.arena = arena;
        struct str under = http_percent_encode(arena, str_from(op_printf(&page, "%.*s%s", STR_FMT(prefix), folder)), true);
        struct str mark = http_percent_encode(arena, str_from(token), true), mark_id = http_percent_encode(arena, str_from(token_id), true);
        char *query = uploads ? op_printf(&page, "%s%.*s%sprefix=%.*s%s%.*s&uploads=", token[0] ? "key-marker=" : "", STR_FMT(mark), token[0] ? "&" : "",
                                          STR_FMT(under), token_id[0] ? "&upload-id-marker=" : "", STR_FMT(mark_id))
                              : op_printf(&page, "%s%.*s%slist-type=2&prefix=%.*s", token[0] ? "continuation-token=" : "", STR_FMT(mark), token[0] ? "&" : "",
                                          STR_FMT(under));
        struct s3_request r = {.method = "GET", .query = str_from(query)};
        struct s3_answer a;
        enum err e = s3_call(&page, s->client, &r, &a);
        if (!e && a.status != 200)
            e = op_fail(&page, E_IO, "S3 does not list '%s': status %d", folder, a.status);
        struct str rest = e ? STR("") : a.body, record;
        while (!e && xml_next(&rest, uploads ? "Upload" : "Contents", &record)) {
            struct str key = xml_text(&page, record, "Key");
            if (str_starts(key, prefix))
                e = fn(arg, &page, str_sub(key, prefix.len, key.len), record);
        }
        if (e)
            return op_fail(op, e, "%s", page.msg ? page.msg : "");
        struct str next = xml_text(&page, a.body, uploads ? "NextKeyMarker" : "NextContinuationToken");
        struct str next_id = uploads ? xml_text(&page, a.body, "NextUploadIdMarker") : STR("");
        if (!str_eqc(xml_text(&page, a.body, "IsTruncated"), "true"))
            return OK;
        if (!next.len || next.len >= sizeof token || next_id.len >= sizeof token_id || (str_eqc(next, token) && str_eqc(next_id, token_id)))
            return op_fail(op, E_IO, "S3's listing of '%s' does not go on", folder);
        snprintf(token, sizeof token, "%.*s", STR_FMT(next));
        snprintf(token_id, sizeof token_id, "%.*s", STR_FMT(next_id));
    }
}

struct walk {
    struct s3_store *s;
    blob_each_fn fn;
    void *arg;
    int64_t before_us, swept;
};

static enum err blob_record(void *arg, struct op *op, struct str key, struct str record)
{
    struct walk *w = arg;
    struct blob_info info;
    char hex[HEX_LEN + 1];
    /* "blobs/ab/cdef..." */
    if (key.len != 6 + 3 + HEX_LEN - 2 || !str_starts(key, STR("blobs/")) || key.p[8] != '/')
        return OK;
    snprintf(hex, sizeof hex, "%.2s%.*s", key.p + 6, HEX_LEN - 2, key.p + 9);
    if (!hash_unhex(str_from(hex), info.id.sha256, HASH_SHA256_LEN) || !str_parse_u64(xml_text(op, record, "Size"), &info.size_bytes) ||
        !time_parse(xml_text(op, record, "LastModified"), &info.stored_us))
        return OK;
    return w->fn(w->arg, op, &info);
}

static enum err s3_each(void *self, struct op *op, blob_each_fn fn, void *arg)
{
    struct walk w = {.s = self, .fn = fn, .arg = arg};
    return list_pages(op, self, "blobs/", false, blob_record, &w);
}

static enum err left_over_object(void *arg, struct op *op, struct str key, struct str record)
{
    struct walk *w = arg;
    int64_t stored_us = INT64_MAX;
    if (!str_starts(key, STR("tmp/")) || !time_parse(xml_text(op, record, "LastModified"), &stored_us) || stored_us >= w->before_us)
        return OK;
    w->swept++;
    return object_delete(op, w->s, key);
}

static enum err left_over_upload(void *arg, struct op *op, struct str key, struct str record)
{
    struct walk *w = arg;
    int64_t begun_us = INT64_MAX;
    bool ours = str_starts(key, STR("tmp/")) || str_starts(key, STR("blobs/"));
    if (!ours || !time_parse(xml_text(op, record, "Initiated"), &begun_us) || begun_us >= w->before_us)
        return OK;
    w->swept++;
    return multipart_end(op, w->s->client, key, xml_text(op, record, "UploadId"));
}

/* What uploads that never ended left behind. Failing is no reason not to start. */
static void sweep(struct op *op, struct s3_store *s)
{
    struct walk w = {.s = s, .before_us = time_now_us() - LIMIT_S3_LEFT_OVER_S * TIME_US_PER_S};
    struct op own = *op;
    own.deadline_ms = time_mono_ms() + CLEAN_MS;
    if (list_pages(&own, s, "tmp/", false, left_over_object, &w) || list_pages(&own, s, "", true, left_over_upload, &w))
        log_at(LOG_WARN, "s3.sweep", {"error", LOG_C(own.msg)}, {"effect", LOG_C("what broken uploads left behind stays until a later start")});
    else if (w.swept)
        log_at(LOG_INFO, "s3.sweep", {"objects", LOG_I(w.swept)});
}

static void s3_close(void *self)
{
    struct s3_store *s = self;
    s3_client_destroy(s->client);
    free(s->prefix);
    free(s);
}

static const struct blob_ops s3_ops = {
    .name = "s3",
    .writer_open = s3_writer_open,
    .write = s3_write,
    .commit = s3_commit,
    .abort = s3_abort,
    .reader_open = s3_reader_open,
    .read = s3_read,
    .reader_close = s3_reader_close,
    .remove = s3_remove,
    .each = s3_each,
    .remove_old = s3_remove_old,
    .local_path = s3_local_path,
    .close = s3_close,
};

enum err s3_open(struct op *op, const struct s3_config *config, const struct s3_tuning *tuning, struct blob_store **ret)
{
    static const struct s3_tuning usual = {0};
    const struct s3_tuning *t = tuning ? tuning : &usual;
    struct s3_store *s = calloc(1, sizeof *s);
    if (!s || !(s->prefix = strndup(config->prefix.p ? config->prefix.p : "", config->prefix.len)))
        abort();
    s->store = (struct blob_store){.ops = &s3_ops, .self = s};
    s->part_bytes = t->part_bytes ? t->part_bytes : LIMIT_S3_PART_BYTES;
    s->copy_bytes = t->copy_bytes ? t->copy_bytes : LIMIT_S3_COPY_BYTES;
    s->read_bytes = t->read_bytes ? t->read_bytes : LIMIT_S3_READ_BYTES;
    s->client = s3_client_create(config, t->tries);
    struct s3_request r = {.method = "GET", .query = str_from(op_printf(op, "list-type=2&max-keys=1&prefix=%.*sblobs%%2F", STR_FMT(http_percent_encode(op->arena, config->prefix, true))))};
    struct s3_answer a;
    enum err e = s3_call(op, s->client, &r, &a);
    if (!e && a.status != 200)
        e = op_fail(op, E_IO, "there is no bucket '%.*s' at %.*s: status %d", STR_FMT(config->bucket), STR_FMT(config->host), a.status);
    if (e) {
        s3_close(s);
        return op_context(op, "blobs in s3://%.*s", STR_FMT(config->bucket));
    }
    sweep(op, s);
    *ret = &s->store;
    return OK;
}
