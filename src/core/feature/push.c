#include "core/feature/push.h"

#include <endian.h>

#include "base/limits.h"

#define MAGIC "IFP1"
#define NULL_KEY 0xffffu

static void add_u16(struct buf *b, uint16_t v)
{
    v = htole16(v);
    buf_add(b, &v, sizeof v);
}

static void add_i64s(struct buf *b, const int64_t *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t u = htole64((uint64_t)v[i]);
        buf_add(b, &u, sizeof u);
    }
}

void push_pack(const struct feature_view *view, const struct feature_events *events, struct buf *out)
{
    uint32_t n = htole32((uint32_t)events->n);
    bool with_ids = view->id_field.len > 0;
    buf_add_cstr(out, MAGIC);
    buf_add(out, &n, sizeof n);
    buf_add_char(out, (char)view->key_len);
    buf_add_char(out, (char)with_ids);
    add_i64s(out, events->available_at_us, events->n);
    if (with_ids)
        add_i64s(out, events->ids, events->n);
    buf_add(out, events->labels, events->n);
    for (size_t k = 0; k < view->key_len; k++) {
        for (size_t i = 0; i < events->n; i++) {
            struct str s = events->keys[k][i];
            add_u16(out, s.p ? (uint16_t)s.len : NULL_KEY);
            if (s.p)
                buf_add_str(out, s);
        }
    }
}

/* Takes n bytes off the front; NULL when there are fewer. */
static const char *take(struct str *rest, size_t n)
{
    if (rest->len < n)
        return NULL;
    const char *p = rest->p;
    *rest = (struct str){p + n, rest->len - n};
    return p;
}

static bool take_i64s(struct str *rest, int64_t *out, size_t n)
{
    const char *p = take(rest, n * sizeof(uint64_t));
    for (size_t i = 0; p && i < n; i++) {
        uint64_t u;
        memcpy(&u, p + i * sizeof u, sizeof u);
        out[i] = (int64_t)le64toh(u);
    }
    return p != NULL;
}

static bool take_keys(struct str *rest, struct str *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *p = take(rest, sizeof(uint16_t));
        uint16_t len;
        if (!p)
            return false;
        memcpy(&len, p, sizeof len);
        len = le16toh(len);
        if (len == NULL_KEY) {
            out[i] = (struct str){NULL, 0};
            continue;
        }
        p = take(rest, len);
        if (!p || len > LIMIT_FEATURE_KEY_BYTES)
            return false;
        out[i] = (struct str){p, len};
    }
    return true;
}

static bool unpack_arrays(struct op *op, const struct feature_view *view, struct str rest, size_t n, struct feature_events *ev)
{
    bool with_ids = view->id_field.len > 0;
    int64_t *at = arena_array(op->arena, n, int64_t);
    int64_t *ids = with_ids ? arena_array(op->arena, n, int64_t) : NULL;
    struct str **keys = arena_array(op->arena, view->key_len, struct str *);
    if (!at || (with_ids && !ids) || !keys || !take_i64s(&rest, at, n) || (with_ids && !take_i64s(&rest, ids, n)))
        return false;
    const char *labels = take(&rest, n);
    for (size_t i = 0; labels && i < n; i++) {
        if (labels[i] & ~1)
            return false;
    }
    for (size_t k = 0; labels && k < view->key_len; k++) {
        keys[k] = arena_array(op->arena, n, struct str);
        if (!keys[k] || !take_keys(&rest, keys[k], n))
            return false;
    }
    *ev = (struct feature_events){n, ids, (const struct str *const *)keys, at, (const uint8_t *)labels};
    return labels && !rest.len;
}

enum err push_unpack(struct op *op, const struct feature_view *view, struct str bytes, struct feature_events *ret)
{
    struct str rest = bytes;
    const char *head = take(&rest, 10);
    uint32_t n = 0;
    if (head)
        memcpy(&n, head + 4, sizeof n);
    n = le32toh(n);
    if (!head || memcmp(head, MAGIC, 4) != 0 || !n || n > LIMIT_FEATURE_PUSH_ROWS || (size_t)head[8] != view->key_len ||
        head[9] != (view->id_field.len > 0) || !unpack_arrays(op, view, rest, n, ret))
        return op_fail(op, E_CORRUPT, "a stored push of view '%.*s' is damaged", STR_FMT(view->name));
    return OK;
}
