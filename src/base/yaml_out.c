/* Block YAML. Each open container has the column where its entries begin; the entry of a sequence may begin
 * behind the "- " of the line above, so a container remembers whether its first entry stands on a line
 * that is begun already. A key that is long (libyaml reads implicit keys up to 1024 characters of one line)
 * is written as "? key" with its value behind ":" on the next line. */
#include "base/yaml.h"

#include "base/yaml_scalar.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define YAML_OUT_DEPTH 128
#define YAML_KEY_BYTES 120

struct out_level {
    const struct json *node;
    uint32_t next;
    int column;   /* of the entries */
    bool on_line; /* the first entry goes on the line that is begun */
};

static void put_blanks(struct buf *b, int n)
{
    while (n-- > 0)
        buf_add_char(b, ' ');
}

/* Whether 'single quotes' can hold it: nothing that a reader would fold or refuse. */
static bool single_quotable(struct str s)
{
    if (!str_is_utf8(s))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c == 0x7F || c == 0xC2 || c == 0xE2 || c == 0xEF)
            return false; /* the latter three may begin U+0080..9F, line separators or the BOM */
    }
    return true;
}

static uint32_t take_code(const unsigned char *p, size_t left, size_t *ret_len)
{
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    *ret_len = 1;
    if (n > left || !str_is_utf8((struct str){(const char *)p, n}))
        return 0xFFFD;
    *ret_len = n;
    uint32_t code = n == 1 ? p[0] : p[0] & (0xFFu >> (n + 1));
    for (size_t i = 1; i < n; i++)
        code = code << 6 | (p[i] & 0x3F);
    return code;
}

static bool printable(uint32_t code)
{
    return (code >= 0x20 && code < 0x7F) || (code >= 0xA0 && code < 0x2028) ||
           (code > 0x2029 && code < 0xFEFF) || (code > 0xFEFF && code < 0xFFFE) || code > 0xFFFF;
}

static void put_double_quoted(struct buf *b, struct str s)
{
    static const char named[] = "\"\\\a\b\t\n\v\f\r\x1b", letters[] = "\"\\abtnvfre";
    const unsigned char *p = (const unsigned char *)s.p;
    buf_add_char(b, '"');
    for (size_t i = 0, n = 0; i < s.len; i += n) {
        uint32_t code = take_code(p + i, s.len - i, &n);
        const char *found = code > 0 && code < 0x80 ? strchr(named, (int)code) : NULL;
        if (found) {
            buf_add_char(b, '\\');
            buf_add_char(b, letters[found - named]);
        } else if (code == 0xFFFD && n == 1) {
            buf_add_cstr(b, "\xEF\xBF\xBD");
        } else if (printable(code)) {
            buf_add(b, p + i, n);
        } else if (code < 0x100) {
            buf_addf(b, "\\x%02X", (unsigned)code);
        } else {
            buf_addf(b, "\\u%04X", (unsigned)code);
        }
    }
    buf_add_char(b, '"');
}

static void put_string(struct buf *b, struct str s)
{
    if (yaml_scalar_plain(s)) {
        buf_add_str(b, s);
        return;
    }
    if (!single_quotable(s)) {
        put_double_quoted(b, s);
        return;
    }
    buf_add_char(b, '\'');
    for (size_t i = 0; i < s.len; i++)
        buf_add(b, s.p[i] == '\'' ? "''" : &s.p[i], s.p[i] == '\'' ? 2 : 1);
    buf_add_char(b, '\'');
}

static void put_real(struct buf *b, double v)
{
    char text[32];
    if (isfinite(v))
        buf_add(b, text, json_format_f64(v, text));
    else
        buf_add_cstr(b, isnan(v) ? ".nan" : v > 0 ? ".inf" : "-.inf");
}

static void put_scalar(struct buf *b, const struct json *j)
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
        put_real(b, j->f);
        return;
    case JSON_STRING:
        put_string(b, j->s);
        return;
    case JSON_ARRAY:
        buf_add_cstr(b, "[]"); /* only empty ones come here */
        return;
    case JSON_OBJECT:
        buf_add_cstr(b, "{}");
        return;
    default:
        buf_add_cstr(b, "null");
        return;
    }
}

static bool is_block(const struct json *j)
{
    return (j->type == JSON_ARRAY || j->type == JSON_OBJECT) && j->len > 0;
}

/* Writes "key:" or "? key" and ":"; true for the latter. */
static bool put_key(struct buf *b, struct str key, int column)
{
    bool long_key = key.len > YAML_KEY_BYTES;
    if (long_key)
        buf_add_cstr(b, "? ");
    put_string(b, key);
    if (long_key) {
        buf_add_char(b, '\n');
        put_blanks(b, column);
    }
    buf_add_char(b, ':');
    return long_key;
}

/* The next entry of the innermost container up to its value, which is returned; *ret_child says where the
 * value's own entries would begin. NULL at the end. */
static const struct json *put_entry(struct buf *b, struct out_level *l, struct out_level *ret_child)
{
    if (l->next == l->node->len)
        return NULL;
    uint32_t i = l->next++;
    if (i > 0 || !l->on_line)
        put_blanks(b, l->column);
    if (l->node->type == JSON_ARRAY) {
        buf_add_cstr(b, "- ");
        *ret_child = (struct out_level){.node = &l->node->items[i], .column = l->column + 2, .on_line = true};
        return ret_child->node;
    }
    const struct json *value = &l->node->members[i].value;
    bool long_key = put_key(b, l->node->members[i].key, l->column);
    /* Sequences are not indented under their key, as in DVC's files. */
    int indent = value->type == JSON_ARRAY && !long_key ? 0 : 2;
    *ret_child = (struct out_level){.node = value, .column = l->column + indent};
    buf_add_char(b, is_block(value) ? '\n' : ' ');
    return value;
}

void yaml_write(struct buf *b, const struct json *j)
{
    struct out_level open[YAML_OUT_DEPTH];
    int n = 0;
    if (!is_block(j)) {
        put_scalar(b, j);
        buf_add_char(b, '\n');
        return;
    }
    open[n++] = (struct out_level){.node = j};
    while (n > 0) {
        struct out_level child;
        const struct json *value = put_entry(b, &open[n - 1], &child);
        if (!value) {
            n--;
        } else if (is_block(value)) {
            assert(n < YAML_OUT_DEPTH);
            open[n++] = child;
        } else {
            put_scalar(b, value);
            buf_add_char(b, '\n');
        }
    }
}
