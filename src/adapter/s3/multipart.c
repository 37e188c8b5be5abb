#include "adapter/s3/multipart.h"

#include <stdlib.h>

#include "adapter/s3/xml.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"
#include "net/http.h"

#define ABORT_MS 20000

static char *own(struct str s)
{
    char *p = malloc(s.len + 1);
    if (!p)
        abort();
    if (s.len)
        memcpy(p, s.p, s.len);
    p[s.len] = 0;
    return p;
}

static struct str id_query(struct op *op, struct str id)
{
    return str_from(op_printf(op, "uploadId=%.*s", STR_FMT(http_percent_encode(op->arena, id, true))));
}

enum err multipart_begin(struct op *op, struct s3_client *c, struct str key, struct multipart *ret)
{
    struct s3_request r = {.method = "POST", .key = key, .query = STR("uploads="), .body = STR("")};
    struct s3_answer a;
    enum err e = s3_call(op, c, &r, &a);
    if (e)
        return e;
    struct str id = xml_text(op, a.body, "UploadId");
    if (a.status != 200 || !id.len || id.len > 2048)
        return op_fail(op, E_IO, "S3 began no upload of '%.*s': status %d", STR_FMT(key), a.status);
    *ret = (struct multipart){.client = c, .key = own(key), .id = own(id)};
    return OK;
}

/* Sends one part; `r` says from where. */
static enum err add_part(struct op *op, struct multipart *m, struct s3_request *r, uint64_t len)
{
    struct s3_answer a;
    if (m->parts >= LIMIT_S3_PARTS)
        return op_fail(op, E_TOO_LARGE, "a file in S3 has at most %d parts of %zu bytes", LIMIT_S3_PARTS, LIMIT_S3_PART_BYTES);
    r->method = "PUT";
    r->key = str_from(m->key);
    r->query = str_from(op_printf(op, "partNumber=%zu&%.*s", m->parts + 1, STR_FMT(id_query(op, str_from(m->id)))));
    enum err e = s3_call(op, m->client, r, &a);
    if (e)
        return e;
    struct str tag = r->copy_source.len ? xml_text(op, a.body, "ETag") : a.etag;
    if (a.status != 200 || !tag.len || tag.len > 256 || str_find_char(tag, '<') != SIZE_MAX || str_find_char(tag, '&') != SIZE_MAX)
        return op_fail(op, E_IO, "S3 took no part %zu of '%s': status %d", m->parts + 1, m->key, a.status);
    if (m->parts == m->cap) {
        m->cap = m->cap ? m->cap * 2 : 16;
        if (!(m->tags = realloc(m->tags, m->cap * sizeof *m->tags)))
            abort();
    }
    m->tags[m->parts++] = own(tag);
    m->size += len;
    return OK;
}

enum err multipart_add(struct op *op, struct multipart *m, struct str bytes)
{
    struct s3_request r = {.body = bytes};
    return add_part(op, m, &r, bytes.len);
}

enum err multipart_add_copy(struct op *op, struct multipart *m, struct str source, uint64_t from, uint64_t len)
{
    struct s3_request r = {.body = STR(""), .copy_source = source, .ranged = true, .range_from = from, .range_len = len, .patient = true};
    return add_part(op, m, &r, len);
}

/* The upload is not known: either somebody ended it, or an earlier try completed it and its answer was lost. */
static enum err complete_lost(struct op *op, struct multipart *m)
{
    struct s3_request r = {.method = "HEAD", .key = str_from(m->key)};
    struct s3_answer a;
    enum err e = s3_call(op, m->client, &r, &a);
    if (e)
        return e;
    return a.status == 200 && a.size == m->size ? OK : op_fail(op, E_IO, "the upload of '%s' to S3 was ended by another", m->key);
}

enum err multipart_complete(struct op *op, struct multipart *m)
{
    AUTO(buf) struct buf list;
    buf_init(&list, LIMIT_S3_ANSWER_BYTES);
    buf_add_cstr(&list, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (size_t i = 0; i < m->parts; i++)
        buf_addf(&list, "<Part><PartNumber>%zu</PartNumber><ETag>%s</ETag></Part>", i + 1, m->tags[i]);
    buf_add_cstr(&list, "</CompleteMultipartUpload>");
    struct s3_request r = {.method = "POST", .key = str_from(m->key), .query = id_query(op, str_from(m->id)), .body = buf_str(&list), .patient = true};
    struct s3_answer a;
    enum err e = s3_call(op, m->client, &r, &a);
    if (!e && a.status == 404)
        return complete_lost(op, m);
    if (!e && (a.status != 200 || !xml_text(op, a.body, "ETag").len))
        e = op_fail(op, E_IO, "S3 did not complete the upload of '%s': status %d", m->key, a.status);
    return e;
}

enum err multipart_end(struct op *op, struct s3_client *c, struct str key, struct str id)
{
    struct s3_request r = {.method = "DELETE", .key = key, .query = id_query(op, id)};
    struct s3_answer a;
    return s3_call(op, c, &r, &a);
}

void multipart_clear(struct multipart *m)
{
    for (size_t i = 0; i < m->parts; i++)
        free(m->tags[i]);
    free(m->tags);
    free(m->key);
    free(m->id);
    *m = (struct multipart){0};
}

void multipart_abort(struct multipart *m)
{
    if (!m->id)
        return;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(8));
    struct op op;
    op_init(&op, arena);
    op.deadline_ms = time_mono_ms() + ABORT_MS; /* the caller's request has failed already: it is not kept waiting for long */
    if (multipart_end(&op, m->client, str_from(m->key), str_from(m->id)))
        log_at(LOG_WARN, "s3.left_over", {"error", LOG_C(op.msg)}, {"effect", LOG_C("the parts stay until the sweep of a later start")});
    multipart_clear(m);
}
