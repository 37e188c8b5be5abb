/* h2_helper.h - HTTP/2 frames made and read by hand for the tests of src/net (RFC 9113, 7541), so that nothing of what is
 * tested makes its own input. Fields are sent as literals without a table; what comes back is unpacked by nghttp2's inflater. */
#ifndef INGOT_TESTS_NET_H2_HELPER_H
#define INGOT_TESTS_NET_H2_HELPER_H

#include "loop_helper.h"

#include <nghttp2/nghttp2.h>

enum { H2_DATA, H2_HEADERS, H2_PRIORITY, H2_RST, H2_SETTINGS, H2_PUSH, H2_PING, H2_GOAWAY, H2_WINDOW, H2_CONTINUATION };
enum { H2_END_STREAM = 1, H2_ACK = 1, H2_END_HEADERS = 4, H2_PADDED = 8, H2_WITH_PRIORITY = 0x20 };

struct h2_bytes {
    char *p;
    size_t len, cap;
};

UNUSED static void h2_raw(struct h2_bytes *b, const void *p, size_t n)
{
    if (b->len + n > b->cap) {
        b->cap = (b->len + n) * 2;
        b->p = realloc(b->p, b->cap);
        assert_non_null(b->p);
    }
    if (n)
        memcpy(b->p + b->len, p, n);
    b->len += n;
}

UNUSED static void h2_frame(struct h2_bytes *b, int type, int flags, uint32_t id, const void *p, size_t n)
{
    uint8_t head[9] = {(uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n, (uint8_t)type, (uint8_t)flags, (uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id};
    h2_raw(b, head, sizeof head);
    h2_raw(b, p, n);
}

UNUSED static void h2_frame_u32(struct h2_bytes *b, int type, uint32_t id, uint32_t v)
{
    uint8_t p[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    h2_frame(b, type, 0, id, p, 4);
}

/* The preface, settings, and the peer's consent to ours (before it saw them; nobody can tell); with `window`, answers may have up to 2^30 bytes. */
UNUSED static void h2_hello(struct h2_bytes *b, bool window)
{
    static const uint8_t large[] = {0, 4, 0x40, 0, 0, 0};
    h2_raw(b, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
    h2_frame(b, H2_SETTINGS, 0, 0, large, window ? sizeof large : 0);
    h2_frame(b, H2_SETTINGS, H2_ACK, 0, NULL, 0);
    if (window)
        h2_frame_u32(b, H2_WINDOW, 0, 1u << 30);
}

UNUSED static void h2_length(struct h2_bytes *b, size_t n)
{
    uint8_t first = n < 127 ? (uint8_t)n : 127;
    h2_raw(b, &first, 1);
    if (n < 127)
        return;
    for (n -= 127; n >= 128; n >>= 7) {
        uint8_t more = (uint8_t)(0x80 | (n & 0x7f));
        h2_raw(b, &more, 1);
    }
    uint8_t last = (uint8_t)n;
    h2_raw(b, &last, 1);
}

UNUSED static void h2_field(struct h2_bytes *block, const char *name, struct str value)
{
    h2_raw(block, "", 1);
    h2_length(block, strlen(name));
    h2_raw(block, name, strlen(name));
    h2_length(block, value.len);
    h2_raw(block, value.p, value.len);
}

/* Fields as "name: value" lines, pseudo fields too, into a block. */
UNUSED static void h2_block(struct h2_bytes *block, const char *fields)
{
    struct str rest = str_from(fields), line;
    while (rest.p && str_split(&rest, '\n', &line)) {
        size_t at = str_find(str_sub(line, 1, SIZE_MAX), STR(": ")) + 1;
        if (line.len == 0)
            continue;
        char name[100];
        snprintf(name, sizeof name, "%.*s", (int)at, line.p);
        h2_field(block, name, str_sub(line, at + 2, SIZE_MAX));
    }
}

UNUSED static void h2_headers(struct h2_bytes *b, uint32_t id, const char *fields, bool end)
{
    struct h2_bytes block = {0};
    h2_block(&block, fields);
    h2_frame(b, H2_HEADERS, H2_END_HEADERS | (end ? H2_END_STREAM : 0), id, block.p, block.len);
    free(block.p);
}

#define H2_GET(path) ":method: GET\n:scheme: http\n:authority: localhost\n:path: " path "\n"
#define H2_POST(path) ":method: POST\n:scheme: http\n:authority: localhost\n:path: " path "\n"

UNUSED static void h2_get(struct h2_bytes *b, uint32_t id, const char *fields)
{
    h2_headers(b, id, fields, true);
}

/* A whole request; the body in one frame. */
UNUSED static void h2_post(struct h2_bytes *b, uint32_t id, const char *fields, const char *body)
{
    h2_headers(b, id, fields, false);
    h2_frame(b, H2_DATA, H2_END_STREAM, id, body, strlen(body));
}

/* ---- what came back ---- */

struct h2_stream {
    uint32_t id;
    int status, interim;      /* of the final head; how many 1xx came before it */
    bool head_ends;           /* END_STREAM on the first head */
    bool ended;
    int64_t reset;            /* RST_STREAM's code; -1: none */
    char fields[2000], trailers[500]; /* "name: value\n" ... */
    struct buf body;
    int data_frames;
};
struct h2_seen {
    struct h2_stream streams[300];
    size_t count;
    int64_t goaway;           /* the last GOAWAY's code; -1: none */
    uint32_t goaway_last;
    int goaways, pings, settings_acks, window_updates;
};

UNUSED static struct h2_stream *h2_stream(struct h2_seen *s, uint32_t id)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->streams[i].id == id)
            return &s->streams[i];
    }
    assert_true(s->count < ARRAY_LEN(s->streams));
    struct h2_stream *st = &s->streams[s->count++];
    st->id = id;
    st->reset = -1;
    buf_init(&st->body, LIMIT_MIB(64));
    return st;
}

UNUSED static void h2_unpack(nghttp2_hd_inflater *inf, const uint8_t *p, size_t n, struct h2_stream *st)
{
    bool trailer = st->status >= 200;
    char *to = trailer ? st->trailers : st->fields;
    size_t cap = trailer ? sizeof st->trailers : sizeof st->fields;
    for (;;) {
        nghttp2_nv nv;
        int flags = 0;
        ssize_t k = nghttp2_hd_inflate_hd2(inf, &nv, &flags, p, n, 1);
        assert_true(k >= 0);
        p += k;
        n -= (size_t)k;
        if (flags & NGHTTP2_HD_INFLATE_EMIT) {
            if (nv.namelen == 7 && memcmp(nv.name, ":status", 7) == 0) {
                int status = (nv.value[0] - '0') * 100 + (nv.value[1] - '0') * 10 + (nv.value[2] - '0');
                if (status < 200)
                    st->interim++;
                st->status = status;
            } else {
                size_t at = strlen(to);
                snprintf(to + at, cap - at, "%.*s: %.*s\n", (int)nv.namelen, (const char *)nv.name, (int)nv.valuelen, (const char *)nv.value);
            }
        }
        if (flags & NGHTTP2_HD_INFLATE_FINAL)
            break;
    }
    nghttp2_hd_inflate_end_headers(inf);
}

UNUSED static uint32_t h2_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

UNUSED static void h2_take(struct h2_seen *s, nghttp2_hd_inflater *inf, const uint8_t *head, const uint8_t *p, size_t n)
{
    int type = head[3], flags = head[4];
    uint32_t id = h2_u32(head + 5);
    struct h2_stream *st = id && type != H2_WINDOW ? h2_stream(s, id) : NULL;
    if (type == H2_HEADERS) {
        assert_true(flags & H2_END_HEADERS);
        bool first = st->status < 200;
        h2_unpack(inf, p, n, st);
        st->head_ends |= first && (flags & H2_END_STREAM);
    } else if (type == H2_DATA) {
        assert_false(st->ended);
        st->data_frames++;
        buf_add(&st->body, p, n);
    } else if (type == H2_RST) {
        st->reset = h2_u32(p);
    } else if (type == H2_GOAWAY) {
        s->goaways++;
        s->goaway_last = h2_u32(p);
        s->goaway = h2_u32(p + 4);
    }
    s->pings += type == H2_PING && (flags & H2_ACK);
    s->settings_acks += type == H2_SETTINGS && (flags & H2_ACK);
    s->window_updates += type == H2_WINDOW;
    if ((type == H2_HEADERS || type == H2_DATA) && (flags & H2_END_STREAM))
        st->ended = true;
}

UNUSED static void h2_seen_clear(struct h2_seen *s)
{
    for (size_t i = 0; i < s->count; i++)
        buf_clear(&s->streams[i].body);
    s->count = 0;
}

/* All frames of an output, which must end with a whole one. `s` holds nothing yet. */
UNUSED static void h2_read(struct h2_seen *s, struct str out)
{
    nghttp2_hd_inflater *inf;
    assert_int_equal(nghttp2_hd_inflate_new(&inf), 0);
    memset(s, 0, sizeof *s);
    s->goaway = -1;
    const uint8_t *p = (const uint8_t *)out.p;
    for (size_t at = 0; at < out.len;) {
        assert_true(out.len - at >= 9);
        size_t n = h2_u32(p + at) >> 8;
        assert_true(out.len - at - 9 >= n);
        h2_take(s, inf, p + at, p + at + 9, n);
        at += n + 9;
    }
    nghttp2_hd_inflate_del(inf);
}

/* Sends what `b` holds over a fresh connection. */
UNUSED static void h2_talk(struct talk *t, const struct h2_bytes *b, size_t piece, struct h2_seen *s)
{
    talk_raw(t, b->p, b->len, piece);
    h2_read(s, buf_str(&t->out));
}

UNUSED static const size_t h2_pieces[] = {0, 1, 2, 3, 7, 64, 1000};

/* Bytes that are one request, an answer's status (-1: any) or a reset, and whether the connection ends. */
UNUSED static void h2_expect(const struct h2_bytes *b, uint32_t id, int status, int64_t reset, int64_t goaway)
{
    for (size_t k = 0; k < ARRAY_LEN(h2_pieces); k++) {
        struct talk t = {0};
        struct h2_seen s;
        h2_talk(&t, b, h2_pieces[k], &s);
        struct h2_stream *st = h2_stream(&s, id);
        if ((status >= 0 && st->status != status) || st->reset != reset || s.goaway != goaway || t.closed != (goaway >= 0))
            fail_msg("piece %zu, stream %u: status %d (want %d), reset %lld (%lld), goaway %lld (%lld), closed %d", h2_pieces[k], id, st->status, status, (long long)st->reset,
                     (long long)reset, (long long)s.goaway, (long long)goaway, t.closed);
        h2_seen_clear(&s);
        talk_end(&t);
    }
}

UNUSED static bool h2_has(const char *fields, const char *line)
{
    return strstr(fields, line) != NULL;
}

#endif
