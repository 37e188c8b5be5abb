/* The exact JSON parser: RFC 8259 to the letter, with line and column. It runs when simdjson has refused a
 * text or the text is large, so being clear goes before being fast.
 *
 * No recursion: members of all open containers wait on one stack and are moved into the arena when their
 * container closes, which makes each container one contiguous array. The stack counts against what the
 * arena may still hand out, so a hostile text cannot take more memory than its request may. */
#include "base/json_parse.h"

#include "base/limits.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct open_container {
    bool object;
    size_t first; /* of its members on the stack */
};

struct json_text {
    struct op *op;
    struct str text;
    size_t at;
    unsigned flags;
    struct json_member *stack;
    size_t len, cap;
    struct str key; /* of the value that comes next */
    struct open_container open[LIMIT_JSON_DEPTH];
    int depth;
};

/* Lines end with LF; columns count characters from 1. */
static enum err text_fail(struct json_text *t, size_t at, const char *what)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < at && i < t->text.len; i++) {
        if (t->text.p[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)t->text.p[i] & 0xC0) != 0x80) {
            column++;
        }
    }
    return op_fail(t->op, E_INVALID, "JSON line %zu column %zu: %s", line, column, what);
}

static enum err text_full(struct json_text *t)
{
    return op_fail(t->op, E_TOO_LARGE, "the JSON text needs more memory than the request may use");
}

static int text_peek(const struct json_text *t)
{
    return t->at < t->text.len ? (unsigned char)t->text.p[t->at] : -1;
}

static void text_skip_blanks(struct json_text *t)
{
    while (t->at < t->text.len) {
        char c = t->text.p[t->at];
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t')
            break;
        t->at++;
    }
}

static bool text_take_word(struct json_text *t, const char *word)
{
    if (!str_starts(str_sub(t->text, t->at, t->text.len), str_from(word)))
        return false;
    t->at += strlen(word);
    return true;
}

/* Four hex digits at `at`, or -1. */
static int text_hex4(const struct json_text *t, size_t at)
{
    int v = 0;
    if (t->text.len - at < 4)
        return -1;
    for (size_t i = at; i < at + 4; i++) {
        int digit = str_hex_digit(t->text.p[i]);
        if (digit < 0)
            return -1;
        v = v * 16 + digit;
    }
    return v;
}

static size_t put_utf8(char *p, unsigned code)
{
    if (code < 0x80) {
        p[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        p[0] = (char)(0xC0 | code >> 6);
        p[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        p[0] = (char)(0xE0 | code >> 12);
        p[1] = (char)(0x80 | (code >> 6 & 0x3F));
        p[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    p[0] = (char)(0xF0 | code >> 18);
    p[1] = (char)(0x80 | (code >> 12 & 0x3F));
    p[2] = (char)(0x80 | (code >> 6 & 0x3F));
    p[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

/* "\uXXXX" behind the backslash at t->at, a surrogate pair as one character. */
static enum err text_unicode_escape(struct json_text *t, char *to, size_t *io_len)
{
    int code = text_hex4(t, t->at + 2);
    if (code < 0)
        return text_fail(t, t->at, "\\u needs four hex digits");
    size_t taken = 6;
    if (code >= 0xDC00 && code <= 0xDFFF)
        return text_fail(t, t->at, "a low surrogate stands alone");
    if (code >= 0xD800 && code <= 0xDBFF) {
        size_t second = t->at + 6;
        int low = second + 6 <= t->text.len && t->text.p[second] == '\\' && t->text.p[second + 1] == 'u'
                      ? text_hex4(t, second + 2)
                      : -1;
        if (low < 0xDC00 || low > 0xDFFF)
            return text_fail(t, t->at, "a high surrogate stands alone");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        taken = 12;
    }
    *io_len += put_utf8(to + *io_len, (unsigned)code);
    t->at += taken;
    return OK;
}

static enum err text_escape(struct json_text *t, char *to, size_t *io_len)
{
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    char c = t->at + 1 < t->text.len ? t->text.p[t->at + 1] : '\0';
    if (c == 'u')
        return text_unicode_escape(t, to, io_len);
    const char *found = c ? strchr(from, c) : NULL;
    if (!found)
        return text_fail(t, t->at, "an unknown escape");
    to[(*io_len)++] = into[found - from];
    t->at += 2;
    return OK;
}

/* Finds the closing quote, so that the room is known before anything is copied: an escape is never
 * shorter than what it stands for. */
static enum err text_string_end(struct json_text *t, size_t *ret_end)
{
    size_t i = t->at;
    for (; i < t->text.len && t->text.p[i] != '"'; i++) {
        if ((unsigned char)t->text.p[i] < 0x20)
            return text_fail(t, i, "a control character stands in a string");
        if (t->text.p[i] == '\\')
            i++;
    }
    if (i >= t->text.len)
        return text_fail(t, t->text.len, "the text ends inside a string");
    *ret_end = i;
    return OK;
}

/* At the opening quote. */
static enum err text_string(struct json_text *t, struct str *ret)
{
    size_t start = ++t->at, end = 0, len = 0;
    enum err e = text_string_end(t, &end);
    if (e)
        return e;
    size_t good = str_utf8_prefix((struct str){t->text.p + start, end - start});
    if (good < end - start)
        return text_fail(t, start + good, "a string is not UTF-8");
    char *to = arena_try_alloc(t->op->arena, end - start + 1, 1);
    if (!to)
        return text_full(t);
    while (t->at < end) {
        if (t->text.p[t->at] != '\\')
            to[len++] = t->text.p[t->at++];
        else if ((e = text_escape(t, to, &len)))
            return e;
    }
    t->at = end + 1;
    *ret = (struct str){to, len};
    return OK;
}

static size_t text_digits(const struct json_text *t, size_t at)
{
    size_t n = 0;
    while (at + n < t->text.len && t->text.p[at + n] >= '0' && t->text.p[at + n] <= '9')
        n++;
    return n;
}

static enum err text_number(struct json_text *t, struct json *ret)
{
    size_t start = t->at, i = t->at;
    bool negative = t->text.p[i] == '-', integer = true;
    i += negative;
    size_t n = text_digits(t, i);
    if (n == 0)
        return text_fail(t, i, "a digit is missing");
    if (n > 1 && t->text.p[i] == '0')
        return text_fail(t, i, "a number begins with 0");
    i += n;
    if (i < t->text.len && t->text.p[i] == '.') {
        integer = false;
        n = text_digits(t, ++i);
        if (n == 0)
            return text_fail(t, i, "a digit is missing");
        i += n;
    }
    if (i < t->text.len && (t->text.p[i] == 'e' || t->text.p[i] == 'E')) {
        integer = false;
        i++;
        if (i < t->text.len && (t->text.p[i] == '+' || t->text.p[i] == '-'))
            i++;
        n = text_digits(t, i);
        if (n == 0)
            return text_fail(t, i, "a digit is missing");
        i += n;
    }
    t->at = i;
    struct str number = {t->text.p + start, i - start};
    if (integer && str_parse_i64(number, &ret->i)) {
        ret->type = JSON_INT;
        return OK;
    }
    if (integer && str_parse_u64(number, &ret->u)) {
        ret->type = JSON_UINT;
        return OK;
    }
    ret->type = JSON_REAL;
    if (!json_number_f64(number, &ret->f))
        return text_fail(t, start, "a number is too large for a double");
    return OK;
}

static bool text_nan(struct json_text *t, struct json *ret)
{
    if (!(t->flags & JSON_NAN))
        return false;
    if (text_take_word(t, "NaN"))
        ret->f = NAN;
    else if (text_take_word(t, "Infinity"))
        ret->f = INFINITY;
    else if (text_take_word(t, "-Infinity"))
        ret->f = -INFINITY;
    else
        return false;
    ret->type = JSON_REAL;
    return true;
}

static enum err text_scalar(struct json_text *t, struct json *ret)
{
    int c = text_peek(t);
    *ret = (struct json){.type = JSON_NULL};
    if (c == '"') {
        ret->type = JSON_STRING;
        return text_string(t, &ret->s);
    }
    if (text_take_word(t, "null"))
        return OK;
    ret->type = JSON_BOOL;
    if (text_take_word(t, "false"))
        return OK;
    ret->boolean = true;
    if (text_take_word(t, "true"))
        return OK;
    if (text_nan(t, ret))
        return OK;
    if (c == '-' || (c >= '0' && c <= '9'))
        return text_number(t, ret);
    return text_fail(t, t->at,
                     c < 0 ? "the text ends where a value should stand" : "a value should stand here");
}

/* A member's key and its colon. */
static enum err text_key(struct json_text *t)
{
    text_skip_blanks(t);
    if (text_peek(t) != '"')
        return text_fail(t, t->at, "a key in double quotes should stand here");
    enum err e = text_string(t, &t->key);
    if (e)
        return e;
    text_skip_blanks(t);
    if (text_peek(t) != ':')
        return text_fail(t, t->at, "':' should stand here");
    t->at++;
    return OK;
}

static enum err text_push(struct json_text *t, const struct json *value)
{
    if (t->len == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 64;
        struct json_member *p = NULL;
        if (cap <= arena_left(t->op->arena) / sizeof *p)
            p = reallocarray(t->stack, cap, sizeof *p);
        if (!p)
            return text_full(t);
        t->stack = p;
        t->cap = cap;
    }
    t->stack[t->len++] = (struct json_member){t->key, *value};
    return OK;
}

static enum err text_open(struct json_text *t, bool object)
{
    if (t->depth == LIMIT_JSON_DEPTH)
        return text_fail(t, t->at, "nested too deep");
    t->open[t->depth++] = (struct open_container){object, t->len};
    t->at++;
    return OK;
}

/* JSON_PACK: `n` values as one array of numbers. False with *ret_full unset where they are none, or not exact in one type. */
static bool text_pack(struct json_text *t, const struct json_member *from, size_t n, struct json *ret, bool *ret_full)
{
    const int64_t exact_max = (int64_t)1 << 53;
    bool real = false, exact = true;
    *ret_full = false;
    for (size_t i = 0; i < n; i++) {
        const struct json *v = &from[i].value;
        if (v->type == JSON_INT)
            exact = exact && v->i >= -exact_max && v->i <= exact_max;
        else if (v->type == JSON_REAL || v->type == JSON_NULL)
            real = true;
        else
            return false;
    }
    if (!n || (real && !exact))
        return false;
    struct json packed = {.type = real ? JSON_REALS : JSON_INTS, .len = (uint32_t)n};
    if (real)
        packed.reals = arena_array(t->op->arena, n, double);
    else
        packed.ints = arena_array(t->op->arena, n, int64_t);
    *ret_full = !(real ? (void *)packed.reals : (void *)packed.ints);
    for (size_t i = 0; i < n && !*ret_full; i++) {
        const struct json *v = &from[i].value;
        if (!real)
            packed.ints[i] = v->i;
        else
            packed.reals[i] = v->type == JSON_REAL ? v->f : v->type == JSON_INT ? (double)v->i : (double)NAN;
    }
    *ret = packed;
    return !*ret_full;
}

/* Moves the members of the innermost container into the arena. */
static enum err text_close(struct json_text *t, struct json *ret)
{
    const struct open_container *c = &t->open[--t->depth];
    size_t n = t->len - c->first;
    if (n > UINT32_MAX)
        return text_full(t);
    *ret = (struct json){.type = c->object ? JSON_OBJECT : JSON_ARRAY, .len = (uint32_t)n};
    t->at++;
    t->len = c->first;
    if (c->object) {
        ret->members = arena_array(t->op->arena, n, struct json_member);
        if (!ret->members)
            return text_full(t);
        if (n > 0)
            memcpy(ret->members, t->stack + c->first, n * sizeof *ret->members);
        uint32_t second;
        enum err e = OK;
        if (json_unique_keys(t->op, ret, t->flags, &second, &e))
            return OK;
        if (e)
            return e;
        char what[160];
        snprintf(what, sizeof what, "the object has the key \"%.*s\" twice",
                 STR_FMT(str_sub(ret->members[second].key, 0, 100)));
        return text_fail(t, t->at - 1, what);
    }
    bool full = false;
    if ((t->flags & JSON_PACK) && text_pack(t, t->stack + c->first, n, ret, &full))
        return OK;
    ret->items = full ? NULL : arena_array(t->op->arena, n, struct json);
    if (!ret->items)
        return text_full(t);
    for (size_t i = 0; i < n; i++)
        ret->items[i] = t->stack[c->first + i].value;
    return OK;
}

/* Behind a complete value inside a container: a comma (then *ret_closed is false), or the end. */
static enum err text_after_value(struct json_text *t, bool *ret_closed)
{
    bool object = t->open[t->depth - 1].object;
    text_skip_blanks(t);
    int c = text_peek(t);
    *ret_closed = c == (object ? '}' : ']');
    if (*ret_closed)
        return OK;
    if (c != ',')
        return text_fail(t, t->at, object ? "',' or '}' should stand here" : "',' or ']' should stand here");
    t->at++;
    return object ? text_key(t) : OK;
}

/* A scalar, or an opened container (*ret_done false) whose first member comes next. */
static enum err text_begin_value(struct json_text *t, struct json *ret, bool *ret_done)
{
    text_skip_blanks(t);
    int c = text_peek(t);
    *ret_done = true;
    if (c != '{' && c != '[')
        return text_scalar(t, ret);
    /* The key that leads to this container waits on the stack below its members. */
    struct json mark = {.type = JSON_NULL};
    enum err e = text_push(t, &mark);
    if (!e)
        e = text_open(t, c == '{');
    if (e)
        return e;
    text_skip_blanks(t);
    if (text_peek(t) == (c == '{' ? '}' : ']'))
        return text_close(t, ret);
    *ret_done = false;
    return c == '{' ? text_key(t) : OK;
}

static enum err text_document(struct json_text *t, struct json *ret)
{
    struct json value;
    for (;;) {
        bool done;
        enum err e = text_begin_value(t, &value, &done);
        if (e)
            return e;
        while (done) {
            bool container = value.type >= JSON_ARRAY;
            if (container) {
                assert(t->stack && t->len > 0); /* its mark lies there */
                t->key = t->stack[--t->len].key;
            }
            if (t->depth == 0) {
                *ret = value;
                return OK;
            }
            if ((e = text_push(t, &value)) || (e = text_after_value(t, &done)))
                return e;
            if (done && (e = text_close(t, &value)))
                return e;
        }
    }
}

enum err json_parse_exact(struct op *op, struct str text, unsigned flags, struct json **ret)
{
    struct json_text t = {.op = op, .text = text, .flags = flags};
    struct json top;
    enum err e = text_document(&t, &top);
    free(t.stack);
    if (e)
        return e;
    text_skip_blanks(&t);
    if (t.at < text.len)
        return text_fail(&t, t.at, "more text stands behind the value");
    struct json *node = arena_try_alloc(op->arena, 1, sizeof *node);
    if (!node)
        return text_full(&t);
    *node = top;
    *ret = node;
    return OK;
}
