#include "api/download.h"

#include <inttypes.h>

#define PIECE_BYTES ((size_t)128 << 10)

/* Does a list of tags ("a", W/"b", or *) hold ours? The weak mark is no matter: equal bytes are equal. */
static bool holds_tag(struct str list, struct str tag)
{
    struct str part;
    while (list.len && str_split(&list, ',', &part)) {
        part = str_trim(part);
        if (str_starts(part, STR("W/")))
            part = str_sub(part, 2, part.len);
        if (str_eq(part, tag) || str_eqc(part, "*"))
            return true;
    }
    return false;
}

static enum err send_range(struct op *op, struct blob_store *blobs, struct http_req *req, struct http_res *res, const struct blob_id *id, uint64_t from, uint64_t len)
{
    if (req->method == HTTP_HEAD)
        return http_stream_begin(op, res, len);
    struct blob_reader *r = NULL;
    uint64_t size = 0;
    char *piece = arena_alloc(op->arena, PIECE_BYTES);
    enum err e = blob_reader_open(op, blobs, id, &r, &size);
    if (!e && from + len > size)
        e = op_fail(op, E_CORRUPT, "the blob is shorter than its record");
    bool begun = false;
    for (uint64_t at = from; !e && (at < from + len || !begun);) {
        size_t want = from + len - at < PIECE_BYTES ? (size_t)(from + len - at) : PIECE_BYTES, n = 0;
        if (want)
            e = blob_read(op, blobs, r, at, piece, want, &n);
        if (!e && n == 0 && want)
            e = op_fail(op, E_CORRUPT, "the blob is shorter than its record");
        /* The head follows the first bytes: when they cannot be had, the answer is an error and not one that breaks off. */
        if (!e && !begun)
            e = http_stream_begin(op, res, len);
        begun = true;
        if (!e && n)
            e = http_stream_write(op, res, piece, n);
        at += n;
    }
    if (r)
        blob_reader_close(blobs, r);
    return e;
}

enum err download_blob(struct op *op, struct blob_store *blobs, struct http_req *req, struct http_res *res, const struct blob_id *id, uint64_t size)
{
    uint64_t from = 0, len = size;
    bool unsatisfiable = false;
    res->no_compress = true;
    http_set_header(res, "Accept-Ranges", STR("bytes"));
    /* The name of the bytes is their hash: the best of tags. Whoever keeps them asks each time whether they are still those. */
    struct str tag = str_from(op_printf(op, "\"%.*s\"", STR_FMT(blob_id_hex(op, id))));
    http_set_header(res, "ETag", tag);
    http_set_header(res, "Cache-Control", STR("private, no-cache"));
    if (holds_tag(http_header_get(req, "if-none-match"), tag)) {
        http_set_status(res, 304);
        return OK;
    }
    struct str range = http_header_get(req, "range"), if_range = http_header_get(req, "if-range");
    if (if_range.p && !str_eq(if_range, tag)) /* a part of other bytes than those the client has: all of them, then */
        range = (struct str){0};
    if (http_range_parse(range, size, &from, &len, &unsatisfiable)) {
        if (unsatisfiable) {
            http_set_status(res, 416);
            http_set_header(res, "Content-Range", str_from(op_printf(op, "bytes */%" PRIu64, size)));
            return OK;
        }
        http_set_status(res, 206);
        http_set_header(res, "Content-Range",
                        str_from(op_printf(op, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, from, from + len - 1, size)));
    } else {
        from = 0;
        len = size;
    }
    return send_range(op, blobs, req, res, id, from, len);
}
