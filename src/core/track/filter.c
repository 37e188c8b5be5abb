/* The grammar, with words in any case:
 *     filter  := [expr]
 *     expr    := term { (AND | OR) term }          AND binds stronger
 *     term    := '(' expr ')' | clause
 *     clause  := name cmp value | name [NOT] IN '(' value {',' value} ')' | name IS [NOT] NULL
 *     name    := part { '.' part }                 the first part of several names the entity
 *     part    := word | `any` | "any"
 *     cmp     := = | != | < | <= | > | >= | LIKE | ILIKE
 *     value   := 'text' | "text" | number
 * Expressions become postfix steps by the shunting-yard method (Dijkstra, 1961), so that neither parsing nor
 * matching recurses over what a user wrote. MLflow knows only AND, lists of few attributes and IS NULL of tags and
 * parameters; the rest is an addition of ours. Like MLflow we read over an AND that joins nothing. Refusals have
 * MLflow's texts where MLflow refuses for the same reason; its sets, whose order is chance there, are sorted. */
#include "core/track/filter.h"

#include "base/limits.h"
#include "base/vec.h"
#include "core/track/filter_lex.h"

#include <math.h>
#include <stdlib.h>

struct parser {
    struct op *op;
    struct lexer lexer;
    const struct filter_rules *rules;
    VEC(struct filter_clause) clauses;
    VEC(struct filter_step) steps;
    char stack[LIMIT_TRACK_FILTER_DEPTH * 3]; /* pending '&', '|' and '(' */
    size_t depth;
    bool only_and;
};
/* What a name stands for. */
struct subject {
    enum filter_entity entity;
    struct str key;
    const struct filter_attr *attr; /* of attributes and datasets */
};

static enum err bad_clause(struct parser *p, size_t from)
{
    return op_fail_field(p->op, "filter", "Invalid clause(s) in filter string: '%.*s'",
                         STR_FMT(str_sub(p->lexer.in, from, p->lexer.in.len)));
}

/* ---- names ---- */

static const struct {
    const char *name;
    enum filter_entity entity;
} entity_names[] = {
    {"attribute", FILTER_ATTRIBUTE}, {"attributes", FILTER_ATTRIBUTE}, {"attr", FILTER_ATTRIBUTE},
    {"run", FILTER_ATTRIBUTE},       {"metric", FILTER_METRIC},        {"metrics", FILTER_METRIC},
    {"parameter", FILTER_PARAM},     {"parameters", FILTER_PARAM},     {"param", FILTER_PARAM},
    {"params", FILTER_PARAM},        {"tag", FILTER_TAG},              {"tags", FILTER_TAG},
    {"dataset", FILTER_DATASET},     {"datasets", FILTER_DATASET},
};

static int name_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum err bad_attr(struct op *op, const struct filter_rules *rules, struct str key)
{
    const char **names = arena_array(op->arena, rules->attr_count + 1, const char *);
    char *list = op_printf(op, "%s", "");
    if (!names)
        return op_fail(op, E_TOO_LARGE, "the filter is too long");
    for (size_t i = 0; i < rules->attr_count; i++)
        names[i] = rules->attrs[i].name;
    if (rules->attr_count > 1)
        qsort(names, rules->attr_count, sizeof *names, name_compare);
    for (size_t i = 0; i < rules->attr_count; i++)
        list = op_printf(op, "%s%s'%s'", list, *list ? ", " : "", names[i]);
    return op_fail_field(op, "filter", "Invalid attribute key '%.*s' specified. Valid keys are '{%s}'", STR_FMT(key), list);
}

static enum err bad_entity(struct op *op, const struct filter_rules *rules, struct str entity)
{
    switch (rules->dialect) {
    case FILTER_RUNS:
        return op_fail_field(op, "filter", "Invalid entity type '%.*s'. Valid values are ['metric', 'parameter', 'tag', 'attribute', 'dataset']",
                             STR_FMT(entity));
    case FILTER_LOGGED_MODELS:
        return op_fail_field(op, "filter", "Invalid entity type: '%.*s'. Expected one of ['attributes', 'metrics', 'params', 'tags'].",
                             STR_FMT(entity));
    default:
        return op_fail_field(op, "filter", "Invalid entity type '%.*s'. Valid entity types are ('attribute', 'tag', 'tags')", STR_FMT(entity));
    }
}

/* "tags.a.b" into entity and key, checked against the vocabulary. */
static enum err name_resolve(struct op *op, const struct filter_rules *rules, struct str name, struct subject *ret)
{
    static const struct filter_attr dataset_attrs[] = {
        {"name", 0, false, true, false}, {"digest", 1, false, true, false}, {"context", 2, false, true, false}};
    struct subject s = {.entity = FILTER_ATTRIBUTE, .key = name};
    size_t dot = str_find_char(name, '.');
    bool whole = lex_unquote(name).len != name.len && str_find_char(lex_unquote(name), name.p[0]) == SIZE_MAX;
    if (dot != SIZE_MAX && !whole) {
        struct str head = str_sub(name, 0, dot), bare = head.p[0] == '`' ? lex_unquote(head) : head;
        size_t i = 0;
        while (i < ARRAY_LEN(entity_names) && !str_eqc(bare, entity_names[i].name))
            i++;
        if (i == ARRAY_LEN(entity_names) || !(rules->entities >> entity_names[i].entity & 1))
            return bad_entity(op, rules, bare);
        s.entity = entity_names[i].entity;
        s.key = str_sub(name, dot + 1, name.len);
    }
    s.key = lex_unquote(s.key);
    const struct filter_attr *attrs = s.entity == FILTER_DATASET ? dataset_attrs : rules->attrs;
    size_t count = s.entity == FILTER_DATASET ? ARRAY_LEN(dataset_attrs) : s.entity == FILTER_ATTRIBUTE ? rules->attr_count : 0;
    for (size_t i = 0; i < count && !s.attr; i++) {
        if (str_eqc(s.key, attrs[i].name))
            s.attr = &attrs[i];
    }
    if (s.entity == FILTER_DATASET && !s.attr)
        return op_fail_field(op, "filter", "Invalid dataset key '%.*s' specified. Valid keys are '{'context', 'digest', 'name'}'", STR_FMT(s.key));
    if (s.entity == FILTER_ATTRIBUTE && !s.attr)
        return bad_attr(op, rules, s.key);
    *ret = s;
    return OK;
}

/* ---- values ---- */

static bool is_numeric(const struct subject *s)
{
    return s->entity == FILTER_METRIC || (s->attr && s->attr->numeric);
}

static enum err bad_number(struct parser *p, const struct subject *s)
{
    struct str raw = p->lexer.now.raw;
    if (s->entity == FILTER_METRIC)
        return op_fail_field(p->op, "filter", "Expected numeric value type for metric. Found %.*s", STR_FMT(raw));
    if (p->rules->dialect == FILTER_REGISTRY || (p->rules->dialect == FILTER_EXPERIMENTS && p->lexer.now.kind == TOKEN_NUMBER))
        return op_fail_field(p->op, "filter", "Invalid value for numeric attribute '%.*s': '%.*s'", STR_FMT(s->key), STR_FMT(lex_unquote(raw)));
    return op_fail_field(p->op, "filter", "Expected numeric value type for numeric attribute: %.*s. Found %.*s", STR_FMT(s->key), STR_FMT(raw));
}

/* One number; the registry takes a quoted one too, and neither it nor experiments take a fraction for an attribute. */
static enum err value_number(struct parser *p, const struct subject *s, struct filter_number *ret)
{
    const struct token *t = &p->lexer.now;
    bool quoted = p->rules->dialect == FILTER_REGISTRY && t->kind == TOKEN_TEXT;
    struct str digits = quoted ? t->text : t->raw;
    if (!quoted && t->kind != TOKEN_NUMBER)
        return bad_number(p, s);
    struct filter_number n = {.integer = str_parse_i64(digits, &n.whole)};
    bool must_be_whole = s->attr && (p->rules->dialect == FILTER_REGISTRY || p->rules->dialect == FILTER_EXPERIMENTS);
    if ((must_be_whole && !n.integer) || !str_parse_f64(digits, false, &n.real) || !isfinite(n.real))
        return bad_number(p, s);
    lex_next(&p->lexer);
    *ret = n;
    return OK;
}

static enum err bad_text(struct parser *p, const struct subject *s)
{
    struct str raw = p->lexer.now.raw;
    bool registry = p->rules->dialect == FILTER_REGISTRY;
    if (p->lexer.now.kind == TOKEN_WORD && !lex_is(&p->lexer, "null") && !lex_is(&p->lexer, "true") && !lex_is(&p->lexer, "false"))
        return op_fail_field(p->op, "filter", "Parameter value is either not quoted or unidentified quote types used for string value %.*s. Use "
                             "either single or double quotes.", STR_FMT(raw));
    switch (s->entity) {
    case FILTER_PARAM:
    case FILTER_TAG:
        return op_fail_field(p->op, "filter", "Expected a quoted string value for %s (e.g. 'my-value'). Got value %.*s",
                             s->entity == FILTER_TAG ? "tag" : "parameter", STR_FMT(raw));
    case FILTER_DATASET:
        return op_fail_field(p->op, "filter", "Expected a quoted string value for dataset attributes. Got value %.*s", STR_FMT(raw));
    default:
        return op_fail_field(p->op, "filter", "Expected a quoted string value%s for attributes. Got value %.*s",
                             registry ? " or a list of quoted string values" : "", STR_FMT(raw));
    }
}

static enum err value_text(struct parser *p, const struct subject *s, struct str *ret)
{
    const struct token *t = &p->lexer.now;
    bool loose = p->rules->dialect == FILTER_LOGGED_MODELS && (t->kind == TOKEN_WORD || t->kind == TOKEN_NUMBER);
    if (t->kind == TOKEN_TEXT)
        *ret = t->text;
    else if (loose)
        *ret = t->raw;
    else if (t->kind == TOKEN_WORD && t->double_quoted)
        *ret = lex_unquote(t->raw);
    else
        return bad_text(p, s);
    lex_next(&p->lexer);
    return OK;
}

static enum err bad_list(struct parser *p, bool empty)
{
    return op_fail_field(p->op, "filter", "While parsing a list in the query, expected a non-empty list of string values, but got %s",
                         empty ? "empty list" : "ill-formed list.");
}

static enum err value_list(struct parser *p, const struct subject *s, struct filter_clause *c)
{
    struct lexer *l = &p->lexer;
    VEC(struct str) texts = {0};
    VEC(struct filter_number) numbers = {0};
    lex_next(l);
    if (l->now.kind == TOKEN_CLOSE)
        return bad_list(p, true);
    for (;;) {
        struct str *text = c->numeric ? NULL : vec_push(&texts, p->op->arena);
        struct filter_number *number = c->numeric ? vec_push(&numbers, p->op->arena) : NULL;
        bool quoted = l->now.kind == TOKEN_TEXT || (l->now.kind == TOKEN_WORD && l->now.double_quoted);
        if (!text && !number)
            return op_fail(p->op, E_TOO_LARGE, "a list in the filter is too long");
        if (!c->numeric && !quoted)
            return bad_list(p, false);
        enum err e = OK;
        if (number) {
            e = value_number(p, s, number);
        } else {
            *text = lex_unquote(l->now.raw);
            lex_next(l);
        }
        if (e)
            return e;
        if (l->now.kind == TOKEN_COMMA)
            lex_next(l);
        else if (l->now.kind != TOKEN_CLOSE)
            return bad_list(p, false);
        if (l->now.kind == TOKEN_CLOSE)
            break;
    }
    lex_next(l);
    c->list = texts.p;
    c->numbers = numbers.p;
    c->list_len = c->numeric ? numbers.len : texts.len;
    return OK;
}

/* ---- clauses ---- */

#define OP_BAD ((enum filter_op)-1) /* words and signs that are comparisons, but none that we know */

/* The operator; IS [NOT] NULL and [NOT] IN are made of several words. */
static enum err clause_op(struct parser *p, struct filter_clause *c, struct str *ret_raw)
{
    static const struct {
        const char *text;
        enum filter_op op;
    } ops[] = {{"=", FILTER_EQ}, {"!=", FILTER_NE}, {"<", FILTER_LT}, {"<=", FILTER_LE}, {">", FILTER_GT}, {">=", FILTER_GE},
               {"like", FILTER_LIKE}, {"ilike", FILTER_ILIKE}, {"in", FILTER_IN}, {"rlike", OP_BAD}};
    struct lexer *l = &p->lexer;
    size_t from = lex_start(l);
    bool negated = false, is = lex_is(l, "is");
    if (is)
        lex_next(l);
    if ((negated = lex_is(l, "not")))
        lex_next(l);
    bool found = is && lex_is(l, "null");
    if (is && !found)
        return op_fail_field(p->op, "filter", "Invalid comparison clause. Expected NULL found '%.*s'", STR_FMT(l->now.raw));
    c->op = is ? (negated ? FILTER_NOT_NULL : FILTER_IS_NULL) : OP_BAD;
    for (size_t i = 0; i < ARRAY_LEN(ops) && !found; i++) {
        found = str_ieq(l->now.raw, str_from(ops[i].text));
        if (found)
            c->op = negated && ops[i].op != FILTER_IN ? OP_BAD : negated ? FILTER_NOT_IN : ops[i].op;
    }
    if (!found && l->now.kind != TOKEN_CMP)
        return op_fail_field(p->op, "filter", "Invalid comparison clause. Expected comparison found '%.*s'", STR_FMT(l->now.raw));
    *ret_raw = str_sub(l->in, from, l->at - from);
    lex_next(l);
    return OK;
}

/* The comparison in capitals, as MLflow shows it. */
static struct str upper(struct op *op, struct str s)
{
    char *out = arena_alloc(op->arena, s.len + 1);
    for (size_t i = 0; i < s.len; i++)
        out[i] = s.p[i] >= 'a' && s.p[i] <= 'z' ? (char)(s.p[i] - 32) : s.p[i];
    return (struct str){out, s.len};
}

static enum err bad_op(struct parser *p, const struct subject *s, struct str raw)
{
    static const char numbers[] = "'!=', '<', '<=', '=', '>', '>='", texts[] = "'!=', '=', 'ILIKE', 'IN', 'LIKE', 'NOT IN'",
                      keyed[] = "'!=', '=', 'ILIKE', 'IS NOT NULL', 'IS NULL', 'LIKE'";
    struct str up = upper(p->op, raw);
    enum filter_dialect d = p->rules->dialect;
    bool numeric = is_numeric(s);
    if (d == FILTER_LOGGED_MODELS) {
        static const char *const entities[] = {"attributes", "metrics", "params", "tags", "datasets"};
        return op_fail_field(p->op, "filter", "Invalid comparison operator for %s.%.*s: '%.*s'. Expected one of %s.", entities[s->entity],
                             STR_FMT(s->key), STR_FMT(up), numeric ? "('<', '<=', '>', '>=', '=', '!=')" : "('=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT IN')");
    }
    if (d != FILTER_RUNS && s->entity == FILTER_TAG)
        return op_fail_field(p->op, "filter", "Invalid comparator for tag: %.*s", STR_FMT(d == FILTER_REGISTRY ? up : raw));
    if (d == FILTER_REGISTRY)
        return op_fail_field(p->op, "filter", "Invalid comparator for attribute%s%.*s: %.*s", numeric ? " " : "",
                             STR_FMT(numeric ? s->key : STR("")), STR_FMT(up));
    const char *set = s->entity == FILTER_METRIC ? numbers : s->entity == FILTER_PARAM || s->entity == FILTER_TAG ? keyed : texts;
    bool closed = s->entity == FILTER_PARAM || (s->entity == FILTER_ATTRIBUTE && !numeric);
    return op_fail_field(p->op, "filter", "Invalid comparator '%.*s' not one of '{%s}%s", STR_FMT(d == FILTER_EXPERIMENTS ? raw : up), set, closed ? "'" : "");
}

static bool op_fits(const struct subject *s, enum filter_op op)
{
    if (op == OP_BAD)
        return false;
    if (op >= FILTER_IN)
        return true;
    return is_numeric(s) ? op <= FILTER_GE : op == FILTER_EQ || op == FILTER_NE || op == FILTER_LIKE || op == FILTER_ILIKE;
}

static enum err clause_parse(struct parser *p, struct filter_clause *c)
{
    struct lexer *l = &p->lexer;
    size_t from = lex_start(l);
    if (l->now.kind != TOKEN_WORD)
        return bad_clause(p, from);
    struct str name = l->now.raw, raw_op = {0};
    struct subject s;
    lex_next(l);
    if (l->now.kind != TOKEN_CMP && l->now.kind != TOKEN_WORD)
        return bad_clause(p, from);
    enum err e = name_resolve(p->op, p->rules, name, &s);
    if (!e)
        e = clause_op(p, c, &raw_op);
    if (e)
        return e;
    c->entity = s.entity;
    c->key = s.key;
    c->attr = s.attr ? s.attr->id : 0;
    if (c->op == FILTER_IS_NULL || c->op == FILTER_NOT_NULL)
        return OK;
    c->numeric = is_numeric(&s);
    bool wants_list = c->op == FILTER_IN || c->op == FILTER_NOT_IN;
    if (wants_list && l->now.kind != TOKEN_OPEN)
        return op_fail_field(p->op, "filter", "Expected a list of values in parentheses behind %.*s", STR_FMT(raw_op));
    if (wants_list)
        return value_list(p, &s, c);
    struct filter_number number = {0};
    e = c->numeric ? value_number(p, &s, &number) : value_text(p, &s, &c->text);
    c->real = number.real;
    c->whole = number.whole;
    c->integer = number.integer;
    return e || op_fits(&s, c->op) ? e : bad_op(p, &s, raw_op);
}

/* ---- expressions ---- */

static enum err push_step(struct parser *p, enum filter_step_kind kind, size_t clause)
{
    struct filter_step *s = vec_push(&p->steps, p->op->arena);
    if (!s)
        return op_fail(p->op, E_TOO_LARGE, "the filter is too long");
    s->kind = kind;
    s->clause = clause;
    return OK;
}

/* Moves operators that bind at least as strongly as `c` from the stack to the steps. */
static enum err pop_stronger(struct parser *p, char c)
{
    while (p->depth > 0) {
        char top = p->stack[p->depth - 1];
        if (top == '(' || (c == '&' && top == '|'))
            return OK;
        enum err e = push_step(p, top == '&' ? FILTER_STEP_AND : FILTER_STEP_OR, 0);
        if (e)
            return e;
        p->depth--;
    }
    return OK;
}

static enum err push_pending(struct parser *p, char c)
{
    if (p->depth == sizeof p->stack)
        return op_fail(p->op, E_TOO_LARGE, "the filter nests deeper than %d", LIMIT_TRACK_FILTER_DEPTH);
    p->stack[p->depth++] = c;
    return OK;
}

static enum err parse_term(struct parser *p)
{
    struct lexer *l = &p->lexer;
    enum err e = OK;
    while (!e && l->now.kind == TOKEN_OPEN) {
        p->only_and = false;
        e = push_pending(p, '(');
        lex_next(l);
    }
    if (e)
        return e;
    if (p->clauses.len == LIMIT_TRACK_FILTER_CLAUSES)
        return op_fail(p->op, E_TOO_LARGE, "the filter has more than %d clauses", LIMIT_TRACK_FILTER_CLAUSES);
    struct filter_clause *c = vec_push(&p->clauses, p->op->arena);
    if (!c)
        return op_fail(p->op, E_TOO_LARGE, "the filter is too long");
    *c = (struct filter_clause){0};
    e = clause_parse(p, c);
    if (!e)
        e = push_step(p, FILTER_STEP_CLAUSE, p->clauses.len - 1);
    while (!e && l->now.kind == TOKEN_CLOSE) {
        e = pop_stronger(p, '|');
        if (!e && p->depth == 0)
            return bad_clause(p, lex_start(l));
        if (!e)
            p->depth--;
        lex_next(l);
    }
    return e;
}

/* ANDs that stand at the start, at the end or behind another AND join nothing. */
static bool skip_and(struct lexer *l)
{
    bool any = false;
    for (; lex_is(l, "and"); any = true)
        lex_next(l);
    return any;
}

static enum err parse_all(struct parser *p)
{
    struct lexer *l = &p->lexer;
    skip_and(l);
    while (l->now.kind != TOKEN_END) {
        enum err e = parse_term(p);
        if (e)
            return e;
        bool is_or = lex_is(l, "or");
        if (!is_or && l->now.kind != TOKEN_END && !lex_is(l, "and"))
            return bad_clause(p, lex_start(l));
        if (is_or)
            lex_next(l);
        else
            skip_and(l);
        if (l->now.kind == TOKEN_END && !is_or)
            break;
        if (l->now.kind == TOKEN_END)
            return bad_clause(p, l->in.len);
        p->only_and = p->only_and && !is_or;
        e = pop_stronger(p, is_or ? '|' : '&');
        if (!e)
            e = push_pending(p, is_or ? '|' : '&');
        if (e)
            return e;
    }
    enum err e = pop_stronger(p, '|');
    if (!e && p->depth > 0)
        return op_fail_field(p->op, "filter", "Invalid filter: a parenthesis is not closed");
    return e;
}

enum err filter_parse(struct op *op, const struct filter_rules *rules, struct str text, struct filter *ret)
{
    if (text.len > LIMIT_TRACK_FILTER_BYTES)
        return op_fail(op, E_TOO_LARGE, "the filter is longer than %zu bytes", LIMIT_TRACK_FILTER_BYTES);
    if (!str_is_utf8(text))
        return op_fail_field(op, "filter", "Invalid filter: it is not UTF-8");
    struct parser p = {.op = op, .lexer = {.in = text}, .rules = rules, .only_and = true};
    lex_next(&p.lexer);
    enum err e = parse_all(&p);
    if (!e)
        *ret = (struct filter){p.clauses.p, p.clauses.len, p.steps.p, p.steps.len, p.only_and};
    return e;
}

enum err filter_parse_order(struct op *op, const struct filter_rules *rules, struct str text, struct filter_order *ret)
{
    if (text.len > LIMIT_TRACK_FILTER_BYTES || !str_is_utf8(text))
        return op_fail_field(op, "order_by", "Invalid order_by clause. Could not be parsed.");
    struct lexer l = {.in = text};
    lex_next(&l);
    if (l.now.kind != TOKEN_WORD)
        return op_fail_field(op, "order_by", "Invalid order_by clause '%.*s'. Could not be parsed.", STR_FMT(text));
    struct subject s;
    bool descending = false;
    enum err e = name_resolve(op, rules, l.now.raw, &s);
    if (e) {
        op->field = "order_by";
        return e;
    }
    lex_next(&l);
    if (l.now.kind != TOKEN_END) {
        descending = lex_is(&l, "desc");
        bool known = descending || lex_is(&l, "asc");
        if (!known)
            return op_fail_field(op, "order_by", "Invalid ordering key in order_by clause '%.*s'.", STR_FMT(text));
        lex_next(&l);
        if (l.now.kind != TOKEN_END)
            return op_fail_field(op, "order_by", "Invalid order_by clause '%.*s'. Could not be parsed.", STR_FMT(text));
    }
    *ret = (struct filter_order){s.entity, s.attr ? s.attr->id : 0, s.key, descending};
    return OK;
}

enum err filter_match(struct op *op, const struct filter *f, filter_clause_fn fn, void *arg, bool *ret)
{
    bool stack[LIMIT_TRACK_FILTER_CLAUSES + 1] = {true};
    size_t n = f->step_count ? 0 : 1;
    for (size_t i = 0; i < f->step_count; i++) {
        const struct filter_step *s = &f->steps[i];
        if (s->kind != FILTER_STEP_CLAUSE) {
            n--;
            stack[n - 1] = s->kind == FILTER_STEP_AND ? stack[n - 1] && stack[n] : stack[n - 1] || stack[n];
            continue;
        }
        bool hit = false;
        enum err e = fn(op, arg, &f->clauses[s->clause], &hit);
        if (e)
            return e;
        if (!hit && f->only_and) {
            *ret = false;
            return OK;
        }
        stack[n++] = hit;
    }
    *ret = stack[0];
    return OK;
}

static char fold_char(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static size_t char_len(struct str s, size_t i)
{
    size_t n = 1;
    while (i + n < s.len && ((unsigned char)s.p[i + n] & 0xc0) == 0x80)
        n++;
    return n;
}

/* Behind a '%': from v on, the first place where the pattern can go on, if that is easily found; the end if there is none. */
static size_t like_skip(struct str value, size_t v, struct str pattern, size_t p, bool fold)
{
    if (p == pattern.len)
        return value.len;
    if (fold || pattern.p[p] == '%' || pattern.p[p] == '_' || ((unsigned char)pattern.p[p] & 0xc0) == 0x80)
        return v;
    const char *at = v < value.len ? memchr(value.p + v, pattern.p[p], value.len - v) : NULL;
    return at ? (size_t)(at - value.p) : value.len;
}

/* Greedy matching with one remembered '%': linear for ordinary patterns, quadratic at worst. */
bool filter_like(struct str value, struct str pattern, bool fold)
{
    size_t v = 0, p = 0, star = SIZE_MAX, star_v = 0;
    while (v < value.len) {
        if (p < pattern.len && pattern.p[p] == '%') {
            star = p++;
            v = like_skip(value, v, pattern, p, fold);
            star_v = v;
        } else if (p < pattern.len && pattern.p[p] == '_') {
            v += char_len(value, v);
            p++;
        } else if (p < pattern.len && (fold ? fold_char(pattern.p[p]) == fold_char(value.p[v]) : pattern.p[p] == value.p[v])) {
            v++;
            p++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            star_v = like_skip(value, star_v + char_len(value, star_v), pattern, p, fold);
            v = star_v;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.p[p] == '%')
        p++;
    return p == pattern.len;
}

bool filter_test_text(const struct filter_clause *c, struct str value)
{
    bool in = false;
    switch (c->op) {
    case FILTER_EQ:
        return str_eq(value, c->text);
    case FILTER_NE:
        return !str_eq(value, c->text);
    case FILTER_LIKE:
    case FILTER_ILIKE:
        return filter_like(value, c->text, c->op == FILTER_ILIKE);
    case FILTER_IN:
    case FILTER_NOT_IN:
        for (size_t i = 0; i < c->list_len && !in; i++)
            in = str_eq(value, c->list[i]);
        return in == (c->op == FILTER_IN);
    case FILTER_NOT_NULL:
        return true;
    default:
        return false;
    }
}

static bool in_numbers(const struct filter_clause *c, double real, const int64_t *whole)
{
    for (size_t i = 0; i < c->list_len; i++) {
        const struct filter_number *n = &c->numbers[i];
        if (whole && n->integer ? *whole == n->whole : real == n->real)
            return true;
    }
    return false;
}

bool filter_test_f64(const struct filter_clause *c, double value)
{
    switch (c->op) {
    case FILTER_NOT_NULL:
        return true;
    case FILTER_IN:
    case FILTER_NOT_IN:
        return in_numbers(c, value, NULL) == (c->op == FILTER_IN);
    case FILTER_EQ:
        return value == c->real;
    case FILTER_NE:
        return value != c->real;
    case FILTER_LT:
        return value < c->real;
    case FILTER_LE:
        return value <= c->real;
    case FILTER_GT:
        return value > c->real;
    case FILTER_GE:
        return value >= c->real;
    default:
        return false;
    }
}

bool filter_test_i64(const struct filter_clause *c, int64_t value)
{
    if (c->op == FILTER_IN || c->op == FILTER_NOT_IN)
        return in_numbers(c, (double)value, &value) == (c->op == FILTER_IN);
    if (!c->integer)
        return filter_test_f64(c, (double)value);
    switch (c->op) {
    case FILTER_EQ:
        return value == c->whole;
    case FILTER_NE:
        return value != c->whole;
    case FILTER_LT:
        return value < c->whole;
    case FILTER_LE:
        return value <= c->whole;
    case FILTER_GT:
        return value > c->whole;
    case FILTER_GE:
        return value >= c->whole;
    default:
        return false;
    }
}
