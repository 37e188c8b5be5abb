#include "core/track/page.h"

#include "base/json.h"
#include "base/limits.h"

#include <inttypes.h>

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static struct str base64(struct op *op, struct str s)
{
    char *out = arena_alloc(op->arena, (s.len + 2) / 3 * 4 + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.len; i += 3) {
        size_t have = s.len - i;
        uint32_t v = (uint32_t)(unsigned char)s.p[i] << 16;
        if (have > 1)
            v |= (uint32_t)(unsigned char)s.p[i + 1] << 8;
        if (have > 2)
            v |= (unsigned char)s.p[i + 2];
        out[n++] = base64_digits[v >> 18];
        out[n++] = base64_digits[v >> 12 & 63];
        out[n++] = have > 1 ? base64_digits[v >> 6 & 63] : '=';
        out[n++] = have > 2 ? base64_digits[v & 63] : '=';
    }
    return (struct str){out, n};
}

static bool unbase64(struct op *op, struct str s, struct str *ret)
{
    if (s.len == 0 || s.len % 4 != 0 || s.len > LIMIT_TRACK_PAGE_TOKEN)
        return false;
    char *out = arena_alloc(op->arena, s.len);
    size_t n = 0, pad = 0;
    uint32_t v = 0;
    for (size_t i = 0; i < s.len; i++) {
        const char *at = s.p[i] ? strchr(base64_digits, s.p[i]) : NULL;
        if (s.p[i] == '=' && i + 2 >= s.len)
            pad++;
        else if (!at || pad)
            return false;
        v = v << 6 | (at ? (uint32_t)(at - base64_digits) : 0);
        if (i % 4 == 3) {
            out[n++] = (char)(v >> 16 & 255);
            out[n++] = (char)(v >> 8 & 255);
            out[n++] = (char)(v & 255);
            v = 0;
        }
    }
    *ret = (struct str){out, n - pad};
    return true;
}

static enum err token_object(struct op *op, struct str token, struct json **ret)
{
    struct str text;
    if (!unbase64(op, token, &text))
        return op_fail_field(op, "page_token", "Invalid page token, could not base64-decode");
    if (json_parse(op, text, JSON_STRICT, ret)) {
        op_clear(op);
        return op_fail_field(op, "page_token", "Invalid page token, it does not hold a position");
    }
    return OK;
}

struct str page_token_close(struct op *op, struct str object)
{
    return base64(op, object);
}

struct str page_token(struct op *op, int64_t offset)
{
    return base64(op, str_from(op_printf(op, "{\"offset\": %" PRId64 "}", offset)));
}

enum err page_offset(struct op *op, struct str token, int64_t *ret_offset)
{
    struct json *j = NULL;
    return page_offset_and(op, token, ret_offset, &j);
}

enum err page_offset_and(struct op *op, struct str token, int64_t *ret_offset, struct json **ret)
{
    if (token.len == 0) {
        *ret_offset = 0;
        *ret = NULL;
        return OK;
    }
    struct json *j = NULL;
    enum err e = token_object(op, token, &j);
    if (e)
        return e;
    const struct json *offset = json_get(j, "offset");
    int64_t v = 0;
    if (!offset || !json_as_i64(offset, &v) || v <= 0)
        return op_fail_field(op, "page_token", "Invalid page token, it does not hold an offset");
    *ret_offset = v;
    *ret = j;
    return OK;
}

struct str page_point_token(struct op *op, const struct page_point *p)
{
    return base64(op, str_from(op_printf(op, "{\"after\": [%" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64 "]}",
                                         p->time_ms, p->step, p->value, p->is_nan)));
}

enum err page_point_parse(struct op *op, struct str token, struct page_point *ret)
{
    struct json *j = NULL;
    enum err e = token_object(op, token, &j);
    if (e)
        return e;
    const struct json *a = json_get(j, "after");
    int64_t v[4];
    if (!a || a->type != JSON_ARRAY || a->len != 4)
        return op_fail_field(op, "page_token", "Invalid page token, it does not hold a point");
    for (uint32_t i = 0; i < 4; i++) {
        if (a->items[i].type != JSON_INT)
            return op_fail_field(op, "page_token", "Invalid page token, it does not hold a point");
        v[i] = a->items[i].i;
    }
    *ret = (struct page_point){v[0], v[1], v[2], v[3]};
    return OK;
}
