/* A message that is open is a frame on a stack of fixed depth, never a call: how deep a text goes is the schema's affair and bounded by
 * LIMIT_PBTXT_DEPTH. A frame collects its values in the order of the text; when its message closes they become one object, in which the
 * values of a repeated field stand together where the first of them stood. */
#include "base/pbtxt.h"

#include <math.h>
#include <stdio.h>

#include "base/limits.h"

struct node {
    const struct pbtxt_field *field;
    struct str key;                      /* of a map's entry */
    struct json value;
    struct node *next;
};
struct frame {
    const struct pbtxt_message *schema;
    const struct pbtxt_field *field;     /* of the message around it; NULL at the top */
    struct node *first, *last;
    size_t count;                        /* of these */
    uint64_t seen;                       /* singular fields, by place */
    uint32_t chosen;                     /* oneofs, by number */
    size_t from;                         /* where it was opened */
    char close;
    bool listed;                         /* an element of a list in brackets */
};
struct parser {
    struct op *op;
    struct str text;
    size_t at;
    struct frame stack[LIMIT_PBTXT_DEPTH];
    size_t depth;                        /* of the innermost frame */
};

static enum err fail_at(struct parser *p, size_t at, const char *what, struct str which)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < at && i < p->text.len; i++) {
        column = p->text.p[i] == '\n' ? 1 : column + 1;
        line += p->text.p[i] == '\n';
    }
    return op_fail(p->op, E_INVALID, "line %zu, column %zu: %s%s%.*s%s", line, column, what, which.len ? " \"" : "", STR_FMT(str_sub(which, 0, 80)),
                   which.len ? "\"" : "");
}

static enum err no_memory(struct parser *p)
{
    return op_fail(p->op, E_TOO_LARGE, "no memory for a text of %zu bytes", p->text.len);
}

/* ---- tokens ---- */

static int look(const struct parser *p)
{
    return p->at < p->text.len ? (unsigned char)p->text.p[p->at] : -1;
}

static void skip_blanks(struct parser *p)
{
    for (int c; (c = look(p)) >= 0; p->at++) {
        if (c == '#')
            while (look(p) >= 0 && look(p) != '\n')
                p->at++;
        else if (c != ' ' && !(c >= '\t' && c <= '\r'))
            return;
    }
}

/* The next byte that is no blank, taken if it is `c`. */
static bool take(struct parser *p, char c)
{
    skip_blanks(p);
    if (look(p) != (unsigned char)c)
        return false;
    p->at++;
    return true;
}

static bool is_letter(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static struct str take_name(struct parser *p)
{
    size_t from = p->at;
    while (is_letter(look(p)) || (p->at > from && is_digit(look(p))))
        p->at++;
    return str_sub(p->text, from, p->at - from);
}

static void add_utf8(struct buf *b, uint32_t c)
{
    const char lead[] = {(char)(0xc0 | c >> 6), (char)(0xe0 | c >> 12), (char)(0xf0 | c >> 18)};
    if (c < 0x80) {
        buf_add_char(b, (char)c);
        return;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    buf_add_char(b, lead[more - 1]);
    while (more--)
        buf_add_char(b, (char)(0x80 | (c >> (6 * more) & 0x3f)));
}

/* Up to `most` digits of a base of 8 or 16; false: there is none. */
static bool take_digits(struct parser *p, int base, int most, uint32_t *ret)
{
    uint32_t v = 0;
    int n = 0;
    for (int d; n < most && look(p) >= 0 && (d = str_hex_digit((char)look(p))) >= 0 && d < base; n++, p->at++)
        v = v * (uint32_t)base + (uint32_t)d;
    *ret = v;
    return n > 0;
}

/* What stands behind a backslash. */
static bool take_escape(struct parser *p, struct buf *out)
{
    static const char from[] = "abfnrtv\\'\"?", to[] = "\a\b\f\n\r\t\v\\'\"?";
    int c = look(p);
    uint32_t v = 0;
    const char *known = c > 0 ? strchr(from, c) : NULL;
    if (known) {
        p->at++;
        buf_add_char(out, to[known - from]);
        return true;
    }
    if (c >= '0' && c <= '7') {
        if (!take_digits(p, 8, 3, &v) || v > 0xff)
            return false;
        buf_add_char(out, (char)v);
        return true;
    }
    p->at++;
    if (c == 'x' || c == 'X') {
        if (!take_digits(p, 16, 2, &v))
            return false;
        buf_add_char(out, (char)v);
        return true;
    }
    size_t start = p->at, want = c == 'u' ? 4 : 8;
    if ((c != 'u' && c != 'U') || !take_digits(p, 16, (int)want, &v) || p->at - start != want || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
        return false;
    add_utf8(out, v);
    return true;
}

/* One text, or several in a row that are one. */
static enum err take_string(struct parser *p, struct json *ret)
{
    AUTO(buf) struct buf out;
    const size_t from = p->at;
    buf_init(&out, LIMIT_PBTXT_BYTES * 4);
    for (int quote = look(p); quote == '"' || quote == '\''; quote = look(p)) {
        size_t open = p->at++;
        for (int c; (c = look(p)) != quote;) {
            if (c < 0 || c == '\n')
                return fail_at(p, open, "a text that does not end", STR(""));
            p->at++;
            if (c != '\\')
                buf_add_char(&out, (char)c);
            else if (!take_escape(p, &out))
                return fail_at(p, p->at, "an unknown escape in a text", STR(""));
        }
        p->at++;
        skip_blanks(p);
    }
    if (out.failed || arena_left(p->op->arena) < out.len + 64)
        return no_memory(p);
    if (!str_is_utf8(buf_str(&out)))
        return fail_at(p, from, "a text that is not UTF-8", STR(""));
    *ret = (struct json){.type = JSON_STRING, .s = str_dup(p->op->arena, buf_str(&out))};
    return OK;
}

static enum err take_number(struct parser *p, bool negative, struct json *ret)
{
    const size_t from = p->at;
    while (is_letter(look(p)) || is_digit(look(p)) || look(p) == '.' || ((look(p) == '-' || look(p) == '+') && (p->text.p[p->at - 1] | 0x20) == 'e'))
        p->at++;
    struct str s = str_sub(p->text, from, p->at - from);
    const bool hex = s.len > 2 && s.p[0] == '0' && (s.p[1] | 0x20) == 'x', octal = !hex && s.len > 1 && s.p[0] == '0';
    uint64_t v = 0;
    bool whole = s.len > 0;
    for (size_t i = hex ? 2 : 0; i < s.len && whole; i++) {
        const int d = str_hex_digit(s.p[i]), base = hex ? 16 : octal ? 8 : 10;
        whole = d >= 0 && d < base && v <= (UINT64_MAX - (uint64_t)d) / (uint64_t)base;
        v = whole ? v * (uint64_t)base + (uint64_t)d : v;
    }
    if (whole && negative && v <= (uint64_t)INT64_MAX + 1)
        *ret = (struct json){.type = JSON_INT, .i = v ? -(int64_t)(v - 1) - 1 : 0};
    else if (whole && !negative)
        *ret = v > INT64_MAX ? (struct json){.type = JSON_UINT, .u = v} : (struct json){.type = JSON_INT, .i = (int64_t)v};
    else {
        double f = 0;
        if (s.len > 1 && !hex && (s.p[s.len - 1] | 0x20) == 'f')
            s.len--;
        if (hex || (octal && str_find_char(s, '.') == SIZE_MAX && str_find_char(s, 'e') == SIZE_MAX) || !str_parse_f64(s, false, &f))
            return fail_at(p, from, "it is no number:", s);
        *ret = (struct json){.type = JSON_REAL, .f = negative ? -f : f};
    }
    return OK;
}

static enum err take_scalar(struct parser *p, const struct pbtxt_field *field, struct json *ret)
{
    skip_blanks(p);
    const size_t from = p->at;
    enum err e = OK;
    bool bare = false;
    if (look(p) == '"' || look(p) == '\'') {
        e = take_string(p, ret);
    } else {
        bool negative = take(p, '-');
        skip_blanks(p);
        if (is_letter(look(p))) {
            struct str name = take_name(p);
            bare = true;
            *ret = (struct json){.type = JSON_STRING, .s = name};
            if (negative && (str_ieq(name, STR("inf")) || str_ieq(name, STR("infinity"))))
                *ret = (struct json){.type = JSON_REAL, .f = -INFINITY};
            else if (negative)
                return fail_at(p, from, "a sign before", name);
        } else if (is_digit(look(p)) || look(p) == '.') {
            e = take_number(p, negative, ret);
        } else {
            return fail_at(p, p->at, "a value is missing for", str_from(field->name));
        }
    }
    if (e)
        return e;
    const char *want = pbtxt_fit(field, bare, ret);
    if (!want)
        return OK;
    return fail_at(p, from, op_printf(p->op, "%s is wanted for", want), str_from(field->name));
}

/* ---- what fits a field ---- */

static const char *fit_whole(enum pbtxt_kind kind, struct json *v)
{
    int64_t i = 0;
    const bool is_unsigned = kind == PBTXT_UINT32 || kind == PBTXT_UINT64, small = kind == PBTXT_UINT32 || kind == PBTXT_INT32;
    if (v->type == JSON_UINT && kind == PBTXT_UINT64)
        return NULL;
    bool ok = v->type == JSON_INT || v->type == JSON_REAL;
    if (v->type == JSON_REAL)
        ok = json_as_i64(v, &i);
    else if (ok)
        i = v->i;
    const int64_t least = is_unsigned ? 0 : small ? INT32_MIN : INT64_MIN, most = !small ? INT64_MAX : is_unsigned ? UINT32_MAX : INT32_MAX;
    if (!ok || i < least || i > most)
        return is_unsigned ? (small ? "a whole number from 0 to 4294967295" : "a whole number of 0 or more") : small ? "a whole number of 32 bits" : "a whole number of 64 bits";
    *v = (struct json){.type = JSON_INT, .i = i};
    return NULL;
}

static const char *fit_float(bool bare, struct json *v)
{
    double f = 0;
    if (bare && (str_ieq(v->s, STR("inf")) || str_ieq(v->s, STR("infinity"))))
        f = INFINITY;
    else if (bare && str_ieq(v->s, STR("nan")))
        f = NAN;
    else if (!json_as_f64(v, &f))
        return "a number";
    *v = (struct json){.type = JSON_REAL, .f = f};
    return NULL;
}

static const char *fit_bool(bool bare, struct json *v)
{
    static const char *const words[] = {"false", "true", "f", "t", "False", "True"};
    if (v->type == JSON_BOOL)
        return NULL;
    if (v->type == JSON_INT && (v->i == 0 || v->i == 1)) {
        *v = (struct json){.type = JSON_BOOL, .boolean = v->i == 1};
        return NULL;
    }
    for (size_t i = 0; bare && i < ARRAY_LEN(words); i++) {
        if (!str_eqc(v->s, words[i]))
            continue;
        *v = (struct json){.type = JSON_BOOL, .boolean = i % 2 == 1};
        return NULL;
    }
    return "true or false";
}

static const char *fit_word(const char *const *words, struct json *v)
{
    for (int64_t i = 0; words[i]; i++) {
        if (!(v->type == JSON_INT && v->i == i) && !(v->type == JSON_STRING && str_eqc(v->s, words[i])))
            continue;
        *v = (struct json){.type = JSON_STRING, .s = str_from(words[i])};
        return NULL;
    }
    return "a name of its enumeration";
}

const char *pbtxt_fit(const struct pbtxt_field *field, bool bare, struct json *v)
{
    switch (field->kind) {
    case PBTXT_INT32:
    case PBTXT_INT64:
    case PBTXT_UINT32:
    case PBTXT_UINT64:
        return fit_whole(field->kind, v);
    case PBTXT_FLOAT:
        return fit_float(bare, v);
    case PBTXT_BOOL:
        return fit_bool(bare, v);
    case PBTXT_ENUM:
        return fit_word(field->words, v);
    case PBTXT_STRING:
        return v->type == JSON_STRING && !bare ? NULL : "a text in quotes";
    case PBTXT_MESSAGE:
    case PBTXT_MAP:
        break;
    }
    return "a message in braces";
}

const struct pbtxt_field *pbtxt_field_find(const struct pbtxt_message *message, struct str name)
{
    for (const struct pbtxt_field *f = message->fields; f->name; f++)
        if (str_eqc(name, f->name))
            return f;
    return NULL;
}

/* ---- messages ---- */

static bool is_message(const struct pbtxt_field *f)
{
    return f->kind == PBTXT_MESSAGE || f->kind == PBTXT_MAP;
}

static bool is_many(const struct pbtxt_field *f)
{
    return f->repeated || f->kind == PBTXT_MAP;
}

static enum err node_add(struct parser *p, const struct pbtxt_field *field, struct str key, struct json value)
{
    struct frame *f = &p->stack[p->depth];
    if (f->count++ == LIMIT_PBTXT_VALUES)
        return op_fail(p->op, E_TOO_LARGE, "more than %d values in one message", LIMIT_PBTXT_VALUES);
    struct node *n = arena_array(p->op->arena, 1, struct node);
    if (!n)
        return no_memory(p);
    *n = (struct node){.field = field, .key = key, .value = value};
    if (f->last)
        f->last->next = n;
    else
        f->first = n;
    f->last = n;
    return OK;
}

/* All values of `first`'s field from there on. Of two entries of a map with one key the later one stands, as protobuf has it. */
static enum err many_make(struct parser *p, const struct node *first, struct json *ret)
{
    const bool map = first->field->kind == PBTXT_MAP;
    uint32_t n = 0;
    for (const struct node *k = first; k; k = k->next)
        n += k->field == first->field;
    *ret = (struct json){.type = map ? JSON_OBJECT : JSON_ARRAY};
    if (map)
        ret->members = arena_array(p->op->arena, n, struct json_member);
    else
        ret->items = arena_array(p->op->arena, n, struct json);
    if (map ? !ret->members : !ret->items)
        return no_memory(p);
    for (const struct node *k = first; k; k = k->next) {
        if (k->field != first->field)
            continue;
        uint32_t at = 0;
        while (map && at < ret->len && !str_eq(ret->members[at].key, k->key))
            at++;
        if (map)
            ret->members[at] = (struct json_member){k->key, k->value};
        else
            ret->items[at = ret->len] = k->value;
        ret->len += at == ret->len;
    }
    return OK;
}

static enum err frame_make(struct parser *p, const struct frame *f, struct json *ret)
{
    uint64_t done = 0;
    uint32_t n = 0;
    for (const struct node *k = f->first; k; k = k->next)
        n++;
    n = n < 64 ? n : 64;
    *ret = (struct json){.type = JSON_OBJECT, .members = arena_array(p->op->arena, n + 1, struct json_member)};
    if (!ret->members)
        return no_memory(p);
    for (const struct node *k = f->first; k; k = k->next) {
        const uint64_t bit = 1ULL << (k->field - f->schema->fields);
        if (done & bit)
            continue;
        done |= bit;
        struct json_member *m = &ret->members[ret->len++];
        m->key = str_from(k->field->name);
        m->value = k->value;
        enum err e = is_many(k->field) ? many_make(p, k, &m->value) : OK;
        if (e)
            return e;
    }
    return OK;
}

/* The key of a map's entry as a text; an absent key is the default of its kind. */
static enum err entry_key(struct parser *p, const struct frame *f, const struct json *entry, struct str *ret)
{
    const struct json *key = json_get(entry, "key");
    if (key && key->type == JSON_STRING)
        *ret = key->s;
    else if (key && key->type == JSON_UINT)
        *ret = str_from(op_printf(p->op, "%llu", (unsigned long long)key->u));
    else if (key)
        *ret = str_from(op_printf(p->op, "%lld", (long long)key->i));
    else
        return fail_at(p, f->from, "an entry has no key:", str_from(f->field->name));
    return OK;
}

static enum err frame_open(struct parser *p, const struct pbtxt_field *field, bool listed)
{
    const size_t from = p->at;
    const char close = take(p, '{') ? '}' : take(p, '<') ? '>' : '\0';
    if (!close)
        return fail_at(p, p->at, "a message in braces is wanted for", str_from(field->name));
    if (p->depth + 1 == LIMIT_PBTXT_DEPTH)
        return fail_at(p, from, "messages lie too deep in each other:", str_from(field->name));
    p->stack[++p->depth] = (struct frame){.schema = field->message, .field = field, .close = close, .listed = listed, .from = from};
    return OK;
}

static void skip_separator(struct parser *p)
{
    if (!take(p, ','))
        (void)take(p, ';');
}

static enum err frame_close(struct parser *p)
{
    const struct frame done = p->stack[p->depth];
    struct json value;
    struct str key = STR("");
    p->at++;
    enum err e = frame_make(p, &done, &value);
    if (!e && done.field->kind == PBTXT_MAP) {
        e = entry_key(p, &done, &value, &key);
        const struct json *v = e ? NULL : json_get(&value, "value");
        if (!e && !v)
            e = fail_at(p, done.from, "an entry has no value:", str_from(done.field->name));
        if (!e)
            value = (struct json)*v;
    }
    p->depth--;
    if (!e)
        e = node_add(p, done.field, key, value);
    if (e)
        return e;
    if (done.listed && take(p, ','))
        return frame_open(p, done.field, true);
    if (done.listed && !take(p, ']'))
        return fail_at(p, p->at, "a list is not closed:", str_from(done.field->name));
    skip_separator(p);
    return OK;
}

/* Once only, and one of a choice only. */
static enum err field_count(struct parser *p, const struct pbtxt_field *field, size_t at)
{
    struct frame *f = &p->stack[p->depth];
    const uint64_t bit = 1ULL << (field - f->schema->fields);
    const uint32_t choice = field->oneof ? 1u << field->oneof : 0;
    if (!is_many(field) && f->seen & bit)
        return fail_at(p, at, "it is given twice:", str_from(field->name));
    if (f->chosen & choice)
        return fail_at(p, at, "another member of the same choice is given already; this one is", str_from(field->name));
    f->seen |= bit;
    f->chosen |= choice;
    return OK;
}

static enum err scalars_read(struct parser *p, const struct pbtxt_field *field)
{
    struct json v;
    const bool list = field->repeated && take(p, '[');
    enum err e = OK;
    if (list && take(p, ']'))
        return OK;
    do {
        if ((e = take_scalar(p, field, &v)) || (e = node_add(p, field, STR(""), v)))
            return e;
    } while (list && take(p, ','));
    if (list && !take(p, ']'))
        return fail_at(p, p->at, "a list is not closed:", str_from(field->name));
    return OK;
}

static enum err field_read(struct parser *p)
{
    const struct frame *f = &p->stack[p->depth];
    const size_t at = p->at;
    struct str name = take_name(p);
    if (!name.len)
        return fail_at(p, at, "the name of a field is wanted", STR(""));
    const struct pbtxt_field *field = pbtxt_field_find(f->schema, name);
    if (!field)
        return fail_at(p, at, op_printf(p->op, "%s has no field", f->schema->name), name);
    enum err e = field_count(p, field, at);
    if (e)
        return e;
    bool colon = take(p, ':');
    if (!is_message(field) && !colon)
        return fail_at(p, p->at, "a colon is wanted behind", name);
    if (is_message(field)) {
        const bool listed = is_many(field) && take(p, '[');
        if (!listed || !take(p, ']'))
            return frame_open(p, field, listed);
    } else if ((e = scalars_read(p, field))) {
        return e;
    }
    skip_separator(p);
    return OK;
}

enum err pbtxt_parse(struct op *op, struct str text, const struct pbtxt_message *schema, struct json **ret)
{
    struct parser *p = arena_array(op->arena, 1, struct parser);
    struct json *tree = p ? arena_array(op->arena, 1, struct json) : NULL;
    if (text.len > LIMIT_PBTXT_BYTES)
        return op_fail(op, E_TOO_LARGE, "a text of %zu bytes; %zu are allowed", text.len, (size_t)LIMIT_PBTXT_BYTES);
    if (!tree)
        return op_fail(op, E_TOO_LARGE, "no memory for a text of %zu bytes", text.len);
    p->op = op;
    p->text = text;
    p->stack[0] = (struct frame){.schema = schema};
    enum err e = OK;
    while (!e) {
        skip_blanks(p);
        const struct frame *f = &p->stack[p->depth];
        if (look(p) < 0)
            break;
        e = p->depth && look(p) == f->close ? frame_close(p) : field_read(p);
    }
    if (!e && p->depth)
        e = fail_at(p, p->stack[p->depth].from, "a message is not closed:", str_from(p->stack[p->depth].field->name));
    if (!e)
        e = frame_make(p, &p->stack[0], tree);
    if (!e)
        *ret = tree;
    return e;
}
