/* What CPython's json.dumps(value, sort_keys=...) prints with its defaults, byte for byte: separators ", " and ": ",
 * everything outside blank..'~' as \uXXXX (surrogate pairs above FFFF, DEL included), floats as repr(), NaN and
 * the infinities bare. Python compares strings by code point, which for UTF-8 is byte order.
 * Source: CPython 3.11 Lib/json/encoder.py (behaviour), and reference texts made with it in the tests. */
#include "base/json.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define PYTHON_DEPTH 128

/* The code point at *p, which is moved behind it. The text is valid UTF-8 or comes as U+FFFD per byte. */
static uint32_t python_take_char(const unsigned char **p, const unsigned char *end)
{
    const unsigned char *c = *p;
    size_t n = c[0] < 0x80 ? 1 : c[0] < 0xE0 ? 2 : c[0] < 0xF0 ? 3 : 4;
    if (n > (size_t)(end - c) || !str_is_utf8((struct str){(const char *)c, n})) {
        *p = c + 1;
        return 0xFFFD;
    }
    *p = c + n;
    uint32_t code = n == 1 ? c[0] : c[0] & (0xFFu >> (n + 1));
    for (size_t i = 1; i < n; i++)
        code = code << 6 | (c[i] & 0x3F);
    return code;
}

static void python_string(struct buf *b, struct str s)
{
    static const char named[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const unsigned char *p = (const unsigned char *)s.p, *end = p + s.len;
    buf_add_char(b, '"');
    while (p < end) {
        uint32_t code = python_take_char(&p, end);
        const char *found = code > 0 && code < 0x80 ? strchr(named, (int)code) : NULL;
        if (found) {
            buf_add_char(b, '\\');
            buf_add_char(b, letters[found - named]);
        } else if (code >= 0x20 && code <= 0x7E) {
            buf_add_char(b, (char)code);
        } else if (code < 0x10000) {
            buf_addf(b, "\\u%04x", (unsigned)code);
        } else {
            code -= 0x10000;
            buf_addf(b, "\\u%04x\\u%04x", (unsigned)(0xD800 + (code >> 10)),
                     (unsigned)(0xDC00 + (code & 0x3FF)));
        }
    }
    buf_add_char(b, '"');
}

static void python_real(struct buf *b, double v)
{
    char text[32];
    if (isfinite(v))
        buf_add(b, text, json_format_f64(v, text));
    else
        buf_add_cstr(b, isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity");
}

static void python_scalar(struct buf *b, const struct json *j)
{
    switch (j->type) {
    case JSON_BOOL:
        buf_add_cstr(b, j->boolean ? "true" : "false");
        return;
    case JSON_INT:
        buf_addf(b, "%lld", (long long)j->i);
        return;
    case JSON_UINT:
        buf_addf(b, "%llu", (unsigned long long)j->u);
        return;
    case JSON_REAL:
        python_real(b, j->f);
        return;
    case JSON_STRING:
        python_string(b, j->s);
        return;
    default:
        buf_add_cstr(b, "null");
        return;
    }
}

static int python_member_compare(const void *a, const void *b)
{
    const struct json_member *const *x = a, *const *y = b;
    return str_cmp((*x)->key, (*y)->key);
}

struct python_open {
    const struct json *node;
    const struct json_member **sorted; /* heap; NULL for arrays */
    uint32_t next;
};

static bool python_enter(struct buf *b, const struct json *node, bool sort_keys, struct python_open *ret)
{
    *ret = (struct python_open){.node = node};
    buf_add_char(b, node->type == JSON_OBJECT ? '{' : '[');
    if (node->type != JSON_OBJECT || node->len == 0)
        return true;
    ret->sorted = calloc(node->len, sizeof *ret->sorted);
    if (!ret->sorted)
        return false;
    for (uint32_t i = 0; i < node->len; i++)
        ret->sorted[i] = &node->members[i];
    if (sort_keys)
        qsort(ret->sorted, node->len, sizeof *ret->sorted, python_member_compare);
    return true;
}

/* The next member, its separator and key written; NULL at the end. */
static const struct json *python_next(struct buf *b, struct python_open *o)
{
    uint32_t i = o->next++;
    bool object = o->node->type == JSON_OBJECT;
    if (i == o->node->len) {
        buf_add_char(b, object ? '}' : ']');
        free(o->sorted);
        return NULL;
    }
    if (i > 0)
        buf_add_cstr(b, ", ");
    if (!object)
        return &o->node->items[i];
    python_string(b, o->sorted[i]->key);
    buf_add_cstr(b, ": ");
    return &o->sorted[i]->value;
}

void json_dumps_python(struct buf *b, const struct json *j, bool sort_keys)
{
    struct python_open open[PYTHON_DEPTH];
    int n = 0;
    for (const struct json *v = j; v;) {
        if (v->type == JSON_ARRAY || v->type == JSON_OBJECT) {
            assert(n < PYTHON_DEPTH);
            if (!python_enter(b, v, sort_keys, &open[n++])) {
                b->failed = true;
                n--;
                break;
            }
        } else {
            python_scalar(b, v);
        }
        v = NULL;
        while (n > 0 && !v) {
            v = python_next(b, &open[n - 1]);
            if (!v)
                n--;
        }
    }
    while (n > 0)
        free(open[--n].sorted);
}
