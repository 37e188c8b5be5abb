/* Recursive descent over one text: a shape is alternatives, an alternative a word, a list, a map, an object or a name. Depth is bounded by MAX_DEPTH,
 * for a name whose members are spread into itself. Schemas are written as people write them: "type": ["integer", "null"], one "enum" for texts,
 * and "anyOf" only where the alternatives have nothing in common. */
#include "api/shape.h"

#include <string.h>

#define MAX_DEPTH 24 /* also keeps a name that is spread into itself from going on for ever */

struct reader {
    struct op *op;
    const struct shape_name *names;
    const char *at, *start;
    int depth;
};

static const struct {
    const char *word, *schema_type;
    enum shape_kind kind;
} words[] = {
    {"int", "integer", SHAPE_INT}, {"num", "number", SHAPE_NUM},  {"text", "string", SHAPE_TEXT},    {"bool", "boolean", SHAPE_BOOL},
    {"null", "null", SHAPE_NULL},  {"any", NULL, SHAPE_ANY},      {"object", "object", SHAPE_OBJECT},
};

static enum err shape_read(struct reader *r, struct shape **ret);
static enum err fields_read(struct reader *r, char end, struct shape_field **at);

static enum err wrong(struct reader *r, const char *want)
{
    return op_fail(r->op, E_INTERNAL, "shape, at %d: %s is wanted before '%.40s'", (int)(r->at - r->start), want, r->at);
}

static void blanks_pass(struct reader *r, bool lines)
{
    while (*r->at == ' ' || (lines && (*r->at == '\n' || *r->at == ',')))
        r->at++;
}

static bool taken(struct reader *r, char c)
{
    blanks_pass(r, false);
    if (*r->at != c)
        return false;
    r->at++;
    return true;
}

static struct str name_take(struct reader *r)
{
    const char *from = r->at;
    while ((*r->at >= 'a' && *r->at <= 'z') || (*r->at >= 'A' && *r->at <= 'Z') || (*r->at >= '0' && *r->at <= '9') || *r->at == '_')
        r->at++;
    return (struct str){from, (size_t)(r->at - from)};
}

/* "(1..100)", either side may be missing. */
static enum err range_read(struct reader *r, struct shape *s)
{
    if (*r->at != '(')
        return OK;
    const char *from = ++r->at, *dots = strstr(from, ".."), *end = strchr(from, ')');
    if (!dots || !end || dots > end)
        return wrong(r, "a range such as (1..9)");
    s->min = (struct str){from, (size_t)(dots - from)};
    s->max = (struct str){dots + 2, (size_t)(end - dots - 2)};
    r->at = end + 1;
    double number;
    bool good = (s->min.len || s->max.len) && (!s->min.len || str_parse_f64(s->min, false, &number)) && (!s->max.len || str_parse_f64(s->max, false, &number));
    return good ? OK : wrong(r, "numbers in a range");
}

static enum err word_read(struct reader *r, struct shape *s)
{
    struct str word = name_take(r);
    if (word.len && word.p[0] >= 'A' && word.p[0] <= 'Z') {
        s->kind = SHAPE_NAMED;
        s->text = str_from(op_printf(r->op, "#/components/schemas/%.*s", STR_FMT(word)));
        for (const struct shape_name *n = r->names; n && n->name; n++)
            if (str_eqc(word, n->name))
                return OK;
        return wrong(r, "a name that is known");
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!str_eqc(word, words[i].word))
            continue;
        s->kind = words[i].kind;
        return s->kind == SHAPE_INT || s->kind == SHAPE_NUM ? range_read(r, s) : OK;
    }
    return wrong(r, "a type");
}

static enum err within_read(struct reader *r, struct shape *s, enum shape_kind kind, char end)
{
    struct shape *items = NULL;
    s->kind = kind;
    enum err e = shape_read(r, &items);
    s->items = items;
    return e ? e : taken(r, end) ? OK : wrong(r, "the end of a list");
}

static enum err one_read(struct reader *r, struct shape *s)
{
    blanks_pass(r, false);
    if (taken(r, '['))
        return within_read(r, s, SHAPE_LIST, ']');
    if (taken(r, '<'))
        return within_read(r, s, SHAPE_MAP, '>');
    if (taken(r, '{')) {
        s->kind = SHAPE_OBJECT;
        s->closed = true;
        return fields_read(r, '}', &s->fields);
    }
    if (!taken(r, '\''))
        return word_read(r, s);
    const char *end = strchr(r->at, '\'');
    if (!end)
        return wrong(r, "a closing quote");
    s->kind = SHAPE_WORD;
    s->text = (struct str){r->at, (size_t)(end - r->at)};
    r->at = end + 1;
    return OK;
}

static enum err shape_read(struct reader *r, struct shape **ret)
{
    if (++r->depth > MAX_DEPTH)
        return wrong(r, "less depth");
    struct shape *first = op_new(r->op, struct shape), *s = first;
    enum err e = one_read(r, s);
    while (!e && taken(r, '|')) {
        s->or = op_new(r->op, struct shape);
        s = s->or;
        e = one_read(r, s);
    }
    r->depth--;
    *ret = first;
    return e;
}

/* "...Name" */
static enum err spread_read(struct reader *r, struct shape_field ***end)
{
    struct str name = name_take(r);
    for (const struct shape_name *n = r->names; n && n->name; n++) {
        if (!str_eqc(name, n->name))
            continue;
        struct reader inner = {r->op, r->names, n->text, n->text, r->depth + 1};
        enum err e = inner.depth > MAX_DEPTH ? wrong(r, "less depth") : fields_read(&inner, 0, *end);
        while (!e && **end)
            *end = &(**end)->next;
        return e;
    }
    return wrong(r, "a name that is known");
}

static enum err field_read(struct reader *r, struct shape_field *f)
{
    struct shape *shape = NULL;
    f->name = name_take(r);
    if (!f->name.len)
        return wrong(r, "a member's name");
    f->optional = taken(r, '?');
    if (!taken(r, ':'))
        return wrong(r, "a colon");
    enum err e = shape_read(r, &shape);
    if (e)
        return e;
    f->shape = shape;
    blanks_pass(r, false);
    if (!strncmp(r->at, "--", 2)) {
        const char *end = strchr(r->at, '\n');
        size_t len = end ? (size_t)(end - r->at) : strlen(r->at);
        f->help = str_trim((struct str){r->at + 2, len - 2});
        r->at += len;
    }
    return OK;
}

/* `end` is taken too; 0: the text's own. */
static enum err fields_read(struct reader *r, char end, struct shape_field **at)
{
    for (;;) {
        blanks_pass(r, true);
        if (*r->at == end) {
            r->at += end != 0;
            return OK;
        }
        enum err e;
        if (!strncmp(r->at, "...", 3)) {
            r->at += 3;
            e = spread_read(r, &at);
        } else {
            *at = op_new(r->op, struct shape_field);
            e = field_read(r, *at);
            at = &(*at)->next;
        }
        if (e)
            return e;
        blanks_pass(r, false);
        if (*r->at != end && *r->at != ',' && *r->at != '\n')
            return wrong(r, "a comma or the end of the line");
    }
}

enum err shape_parse(struct op *op, const char *text, const struct shape_name *names, struct shape **ret)
{
    struct reader r = {op, names, text, text, 0};
    struct shape *s = NULL;
    enum err e;
    bool whole = *text && (strchr("['<{", *text) || (*text >= 'A' && *text <= 'Z'));
    if (whole) {
        e = shape_read(&r, &s);
        if (!e && *r.at)
            e = wrong(&r, "the end");
    } else {
        s = op_new(op, struct shape);
        s->kind = SHAPE_OBJECT;
        s->closed = true;
        e = fields_read(&r, 0, &s->fields);
    }
    if (!e)
        *ret = s;
    return e;
}

/* ---- the schema ---- */

static const char *type_of(const struct shape *s)
{
    if (s->kind == SHAPE_WORD)
        return "string";
    if (s->kind == SHAPE_LIST)
        return "array";
    if (s->kind == SHAPE_MAP)
        return "object";
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (words[i].kind == s->kind)
            return words[i].schema_type;
    return NULL; /* any, a name */
}

static void schema_members(struct json_out *w, const struct shape *s, bool null_too, bool null_absent);

static void object_members(struct json_out *w, const struct shape *s, bool null_absent)
{
    bool required = false;
    if (!s->closed)
        return;
    json_key(w, "properties");
    json_begin_object(w);
    for (const struct shape_field *f = s->fields; f; f = f->next) {
        required = required || !f->optional;
        json_key_str(w, f->name);
        json_begin_object(w);
        schema_members(w, f->shape, f->optional && null_absent, null_absent);
        if (f->help.len)
            json_kv_str(w, "description", f->help);
        json_end_object(w);
    }
    json_end_object(w);
    if (!required)
        return;
    json_key(w, "required");
    json_begin_array(w);
    for (const struct shape_field *f = s->fields; f; f = f->next)
        if (!f->optional)
            json_str(w, f->name);
    json_end_array(w);
}

/* One alternative, or null. */
static void one_members(struct json_out *w, const struct shape *s, bool null_too, bool null_absent)
{
    const char *type = type_of(s);
    if (type) {
        json_key(w, "type");
        if (null_too) {
            json_begin_array(w);
            json_cstr(w, type);
            json_cstr(w, "null");
            json_end_array(w);
        } else {
            json_cstr(w, type);
        }
    }
    if (s->min.len) {
        json_key(w, "minimum");
        json_raw(w, s->min);
    }
    if (s->max.len) {
        json_key(w, "maximum");
        json_raw(w, s->max);
    }
    if (s->kind == SHAPE_NAMED) {
        json_kv_str(w, "$ref", s->text);
    }
    if (s->items) {
        json_key(w, s->kind == SHAPE_LIST ? "items" : "additionalProperties");
        shape_schema(w, s->items, null_absent);
    }
    if (s->kind == SHAPE_OBJECT)
        object_members(w, s, null_absent);
}

static void words_members(struct json_out *w, const struct shape *s, bool null_too)
{
    json_key(w, "type");
    json_raw(w, null_too ? STR("[\"string\",\"null\"]") : STR("\"string\""));
    json_key(w, "enum");
    json_begin_array(w);
    for (; s; s = s->or)
        if (s->kind == SHAPE_WORD)
            json_str(w, s->text);
    if (null_too)
        json_null(w);
    json_end_array(w);
}

static void null_write(struct json_out *w)
{
    json_begin_object(w);
    json_kv_cstr(w, "type", "null");
    json_end_object(w);
}

/* The members of a schema, into the object that is open. */
static void schema_members(struct json_out *w, const struct shape *s, bool null_too, bool null_absent)
{
    size_t n = 0, texts = 0;
    const struct shape *last = s;
    for (const struct shape *a = s; a; a = a->or) {
        null_too = null_too || a->kind == SHAPE_NULL;
        n += a->kind != SHAPE_NULL;
        texts += a->kind == SHAPE_WORD;
        if (a->kind != SHAPE_NULL)
            last = a;
    }
    if (n && texts == n) {
        words_members(w, s, null_too);
        return;
    }
    if (n == 0 || (n == 1 && (last->kind != SHAPE_NAMED || !null_too))) {
        one_members(w, last, n && null_too, null_absent);
        return;
    }
    json_key(w, "anyOf");
    json_begin_array(w);
    for (const struct shape *a = s; a; a = a->or) {
        if (a->kind == SHAPE_NULL)
            continue;
        json_begin_object(w);
        if (a->kind == SHAPE_WORD)
            json_kv_str(w, "const", a->text);
        else
            one_members(w, a, false, null_absent);
        json_end_object(w);
    }
    if (null_too)
        null_write(w);
    json_end_array(w);
}

void shape_schema(struct json_out *w, const struct shape *s, bool null_absent)
{
    json_begin_object(w);
    schema_members(w, s, false, null_absent);
    json_end_object(w);
}
