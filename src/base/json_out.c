/* Strings are written in runs: most bytes need no escape, so the scan looks for the next one that does and
 * copies what lies before it. Misuse of the writer is a bug of ours and asserts. */
#include "base/json.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OUT_OBJECT = 1, OUT_HAS_MEMBERS = 2 };
#define OUT_DEPTH ((int)sizeof(((struct json_out *)0)->stack))

void json_out_init(struct json_out *w, struct buf *b, int indent)
{
    *w = (struct json_out){.buf = b, .indent = indent};
}

static void out_line(struct json_out *w)
{
    static const char blanks[] = "                                                                ";
    size_t n = (size_t)w->indent * (size_t)w->depth;
    buf_add_char(w->buf, '\n');
    while (n > 0) {
        size_t part = n < sizeof blanks - 1 ? n : sizeof blanks - 1;
        buf_add(w->buf, blanks, part);
        n -= part;
    }
}

/* The comma and line break before a key or an element. */
static void out_separate(struct json_out *w)
{
    uint8_t *level = &w->stack[w->depth - 1];
    if (*level & OUT_HAS_MEMBERS)
        buf_add_char(w->buf, ',');
    *level |= OUT_HAS_MEMBERS;
    if (w->indent > 0)
        out_line(w);
}

static void out_before_value(struct json_out *w)
{
    if (w->depth == 0)
        return;
    if (w->stack[w->depth - 1] & OUT_OBJECT) {
        assert(w->after_key);
        w->after_key = false;
        return;
    }
    out_separate(w);
}

static void out_begin(struct json_out *w, char c, uint8_t kind)
{
    out_before_value(w);
    assert(w->depth < OUT_DEPTH);
    w->stack[w->depth++] = kind;
    buf_add_char(w->buf, c);
}

static void out_end(struct json_out *w, char c, uint8_t kind)
{
    assert(w->depth > 0 && !w->after_key);
    uint8_t level = w->stack[--w->depth];
    assert((level & OUT_OBJECT) == kind);
    if (w->indent > 0 && (level & OUT_HAS_MEMBERS))
        out_line(w);
    buf_add_char(w->buf, c);
}

void json_begin_object(struct json_out *w)
{
    out_begin(w, '{', OUT_OBJECT);
}

void json_end_object(struct json_out *w)
{
    out_end(w, '}', OUT_OBJECT);
}

void json_begin_array(struct json_out *w)
{
    out_begin(w, '[', 0);
}

void json_end_array(struct json_out *w)
{
    out_end(w, ']', 0);
}

/* The short escape of a byte, or 0. */
static char out_short_escape(unsigned char c)
{
    switch (c) {
    case '"':
        return '"';
    case '\\':
        return '\\';
    case '\b':
        return 'b';
    case '\t':
        return 't';
    case '\n':
        return 'n';
    case '\f':
        return 'f';
    case '\r':
        return 'r';
    default:
        return 0;
    }
}

static void out_escape(struct buf *b, unsigned char c)
{
    char shorter = out_short_escape(c);
    if (shorter) {
        buf_add_char(b, '\\');
        buf_add_char(b, shorter);
    } else {
        buf_addf(b, "\\u%04x", c);
    }
}

/* The length of the character at p; 0 when it is not UTF-8. */
static size_t out_char_len(const unsigned char *p, size_t left)
{
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    return n <= left && str_is_utf8((struct str){(const char *)p, n}) ? n : 0;
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* No byte of the word is below 0x20, a quote, a backslash, or not ASCII: subtracting sets the high bit of a byte that is too small, XOR makes a
 * zero of one that is equal. A borrow reaches the next byte only from one that is special itself. */
static inline bool out_word_is_plain(uint64_t x)
{
    return !((x | (x - EACH(0x20)) | ((x ^ EACH('"')) - EACH(1)) | ((x ^ EACH('\\')) - EACH(1))) & EACH(0x80));
}

/* Whether a string is written as it is. Words overlap at the end; a short one is put together of overlapping parts. */
static bool out_is_plain(struct str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    uint64_t word;
    if (s.len < 4) {
        if (!s.len)
            return true;
        return out_word_is_plain(EACH('a') << 24 | (uint64_t)p[s.len - 1] << 16 | (uint64_t)p[s.len / 2] << 8 | p[0]);
    }
    if (s.len < 8) {
        uint32_t a, b;
        memcpy(&a, p, sizeof a);
        memcpy(&b, p + s.len - sizeof b, sizeof b);
        return out_word_is_plain((uint64_t)a << 32 | b);
    }
    for (size_t i = 0; i + sizeof word < s.len; i += sizeof word) {
        memcpy(&word, p + i, sizeof word);
        if (!out_word_is_plain(word))
            return false;
    }
    memcpy(&word, p + s.len - sizeof word, sizeof word);
    return out_word_is_plain(word);
}

/* A plain string in quotes, with what stands before and behind it. */
static void out_plain(struct buf *b, bool comma, struct str s, bool colon)
{
    size_t n = s.len + 2 + comma + colon;
    char *to = buf_reserve(b, n);
    if (!to)
        return;
    *to = ',';
    to += comma;
    *to++ = '"';
    if (s.len)
        memcpy(to, s.p, s.len);
    to += s.len;
    *to++ = '"';
    *to = ':';
    to += colon;
    *to = '\0';
    b->len += n;
}

static void out_string(struct buf *b, struct str s)
{
    if (out_is_plain(s)) {
        out_plain(b, false, s, false);
        return;
    }
    const unsigned char *p = (const unsigned char *)s.p;
    bool utf8 = str_is_utf8(s);
    size_t from = 0, i = 0;
    buf_add_char(b, '"');
    while (i < s.len) {
        unsigned char c = p[i];
        if (c >= 0x20 && c != '"' && c != '\\' && (c < 0x80 || utf8)) {
            i++;
            continue;
        }
        size_t n = c < 0x80 ? 0 : out_char_len(p + i, s.len - i);
        if (n > 0) {
            i += n;
            continue;
        }
        buf_add(b, p + from, i - from);
        if (c < 0x80)
            out_escape(b, c);
        else
            buf_add_cstr(b, "\xEF\xBF\xBD");
        from = ++i;
    }
    buf_add(b, p + from, i - from);
    buf_add_char(b, '"');
}

void json_key_str(struct json_out *w, struct str key)
{
    assert(w->depth > 0 && (w->stack[w->depth - 1] & OUT_OBJECT) && !w->after_key);
    w->after_key = true;
    uint8_t *level = &w->stack[w->depth - 1];
    if (w->indent == 0 && out_is_plain(key)) {
        out_plain(w->buf, *level & OUT_HAS_MEMBERS, key, true);
        *level |= OUT_HAS_MEMBERS;
        return;
    }
    out_separate(w);
    out_string(w->buf, key);
    buf_add(w->buf, ": ", w->indent > 0 ? 2 : 1);
}

void json_key(struct json_out *w, const char *key)
{
    json_key_str(w, str_from(key));
}

void json_str(struct json_out *w, struct str s)
{
    out_before_value(w);
    out_string(w->buf, s);
}

void json_cstr(struct json_out *w, const char *s)
{
    if (s)
        json_str(w, str_from(s));
    else
        json_null(w);
}

/* Decimal digits, written from the end. */
static void out_u64(struct buf *b, uint64_t v, bool negative)
{
    char text[24];
    size_t at = sizeof text;
    do {
        text[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    if (negative)
        text[--at] = '-';
    buf_add(b, text + at, sizeof text - at);
}

void json_i64(struct json_out *w, int64_t v)
{
    out_before_value(w);
    out_u64(w->buf, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0);
}

void json_u64(struct json_out *w, uint64_t v)
{
    out_before_value(w);
    out_u64(w->buf, v, false);
}

static const char *out_nonfinite_name(double v)
{
    return isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity";
}

static void out_nonfinite(struct json_out *w, double v)
{
    switch (w->nonfinite) {
    case JSON_NONFINITE_STRING:
        buf_addf(w->buf, "\"%s\"", out_nonfinite_name(v));
        return;
    case JSON_NONFINITE_BARE:
        buf_add_cstr(w->buf, out_nonfinite_name(v));
        return;
    case JSON_NONFINITE_NULL:
        buf_add_cstr(w->buf, "null");
        return;
    }
}

void json_f64(struct json_out *w, double v)
{
    out_before_value(w);
    if (!isfinite(v)) {
        out_nonfinite(w, v);
        return;
    }
    char text[32];
    buf_add(w->buf, text, json_format_f64(v, text));
}

void json_f32(struct json_out *w, float v)
{
    out_before_value(w);
    if (!isfinite(v)) {
        out_nonfinite(w, (double)v);
        return;
    }
    char text[32];
    buf_add(w->buf, text, json_format_f32(v, text));
}

void json_bool(struct json_out *w, bool v)
{
    out_before_value(w);
    buf_add_cstr(w->buf, v ? "true" : "false");
}

void json_null(struct json_out *w)
{
    out_before_value(w);
    buf_add_cstr(w->buf, "null");
}

void json_raw(struct json_out *w, struct str json_text)
{
    out_before_value(w);
    buf_add_str(w->buf, json_text);
}

static void out_scalar(struct json_out *w, const struct json *j)
{
    switch (j->type) {
    case JSON_BOOL:
        json_bool(w, j->boolean);
        return;
    case JSON_INT:
        json_i64(w, j->i);
        return;
    case JSON_UINT:
        json_u64(w, j->u);
        return;
    case JSON_REAL:
        json_f64(w, j->f);
        return;
    case JSON_STRING:
        json_str(w, j->s);
        return;
    case JSON_INTS:
    case JSON_REALS:
        json_begin_array(w);
        for (uint32_t i = 0; i < j->len; i++) {
            if (j->type == JSON_INTS)
                json_i64(w, j->ints[i]);
            else
                json_f64(w, j->reals[i]);
        }
        json_end_array(w);
        return;
    default:
        json_null(w);
        return;
    }
}

static bool out_is_container(const struct json *j)
{
    return j->type == JSON_ARRAY || j->type == JSON_OBJECT;
}

void json_value(struct json_out *w, const struct json *j)
{
    struct {
        const struct json *node;
        uint32_t next;
    } open[sizeof w->stack];
    int n = 0;
    for (const struct json *v = j; v;) {
        if (out_is_container(v)) {
            assert(n < OUT_DEPTH);
            out_begin(w, v->type == JSON_OBJECT ? '{' : '[', v->type == JSON_OBJECT ? OUT_OBJECT : 0);
            open[n].node = v;
            open[n++].next = 0;
        } else {
            out_scalar(w, v);
        }
        v = NULL;
        while (n > 0 && !v) {
            const struct json *node = open[n - 1].node;
            uint32_t i = open[n - 1].next++;
            if (i == node->len) {
                n--;
                out_end(w, node->type == JSON_OBJECT ? '}' : ']', node->type == JSON_OBJECT ? OUT_OBJECT : 0);
            } else if (node->type == JSON_OBJECT) {
                json_key_str(w, node->members[i].key);
                v = &node->members[i].value;
            } else {
                v = &node->items[i];
            }
        }
    }
}

void json_kv_str(struct json_out *w, const char *key, struct str v)
{
    json_key(w, key);
    json_str(w, v);
}

void json_kv_cstr(struct json_out *w, const char *key, const char *v)
{
    json_key(w, key);
    json_cstr(w, v);
}

void json_kv_i64(struct json_out *w, const char *key, int64_t v)
{
    json_key(w, key);
    json_i64(w, v);
}

void json_kv_f64(struct json_out *w, const char *key, double v)
{
    json_key(w, key);
    json_f64(w, v);
}

void json_kv_bool(struct json_out *w, const char *key, bool v)
{
    json_key(w, key);
    json_bool(w, v);
}
