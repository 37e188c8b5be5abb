/* The grammar, with words in any case:
 *     filter  := [expr]
 *     expr    := term { (AND | OR) term }          AND binds stronger
 *     term    := '(' expr ')' | clause
 *     clause  := name cmp value | name [NOT] IN '(' text {',' text} ')' | name IS [NOT] NULL
 *     name    := part { '.' part }                 the first part of several names the entity
 *     part    := word | `any` | "any"
 *     cmp     := = | != | < | <= | > | >= | LIKE | ILIKE
 *     value   := 'text' | "text" | number
 * Expressions become postfix steps by the shunting-yard method (Dijkstra, 1961), so that neither parsing nor
 * matching recurses over what a user wrote. MLflow knows only AND; the rest is an addition of ours. */
#include "core/track/filter.h"

#include "base/limits.h"
#include "base/vec.h"

#include <math.h>

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_TEXT, TOKEN_NUMBER, TOKEN_CMP, TOKEN_OPEN, TOKEN_CLOSE, TOKEN_COMMA, TOKEN_BAD };
struct token {
    enum token_kind kind;
    struct str raw;   /* as written */
    struct str text;  /* TOKEN_TEXT: without quotes */
    bool double_quoted;
};
struct lexer {
    struct op *op;
    struct str in;
    size_t at;
    struct token now;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || (unsigned char)c >= 0x80;
}

/* Index behind the closing quote of the text that starts at `from`, or 0 when there is none. */
static size_t quote_end(struct str in, size_t from)
{
    char q = in.p[from];
    for (size_t i = from + 1; i < in.len; i++) {
        if (in.p[i] != q)
            continue;
        if (q != '`' && i + 1 < in.len && in.p[i + 1] == q)
            i++;
        else
            return i + 1;
    }
    return 0;
}

/* Without the quotes, doubled ones made single. */
static struct str unquote(struct op *op, struct str raw)
{
    struct str inner = str_sub(raw, 1, raw.len - 2);
    if (str_find_char(inner, raw.p[0]) == SIZE_MAX)
        return inner;
    char *out = arena_alloc(op->arena, inner.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < inner.len; i++) {
        out[n++] = inner.p[i];
        if (inner.p[i] == raw.p[0])
            i++;
    }
    return (struct str){out, n};
}

static size_t scan_number(struct str in, size_t i)
{
    size_t start = i;
    if (i < in.len && (in.p[i] == '-' || in.p[i] == '+'))
        i++;
    size_t digits = i;
    while (i < in.len && (is_digit(in.p[i]) || in.p[i] == '.'))
        i++;
    if (i == digits)
        return start;
    if (i < in.len && (in.p[i] == 'e' || in.p[i] == 'E')) {
        size_t k = i + 1;
        if (k < in.len && (in.p[k] == '-' || in.p[k] == '+'))
            k++;
        size_t first = k;
        while (k < in.len && is_digit(in.p[k]))
            k++;
        if (k > first)
            i = k;
    }
    return i;
}

/* A dotted name; its parts may be quoted. 0 when a quote stays open. */
static size_t scan_name(struct str in, size_t i)
{
    while (i < in.len) {
        if (in.p[i] == '`' || in.p[i] == '"') {
            i = quote_end(in, i);
            if (i == 0)
                return 0;
        } else if (is_name(in.p[i]) || in.p[i] == '.') {
            i++;
        } else {
            break;
        }
    }
    return i;
}

static size_t scan_cmp(struct str in, size_t i)
{
    char c = in.p[i], d = i + 1 < in.len ? in.p[i + 1] : 0;
    if ((c == '!' && d == '=') || ((c == '<' || c == '>') && d == '='))
        return i + 2;
    return c == '=' || c == '<' || c == '>' ? i + 1 : i;
}

static void token_set(struct lexer *l, enum token_kind kind, size_t from, size_t to)
{
    l->now = (struct token){.kind = kind, .raw = str_sub(l->in, from, to - from)};
    l->at = to;
}

static void lex(struct lexer *l)
{
    while (l->at < l->in.len && is_space(l->in.p[l->at]))
        l->at++;
    size_t i = l->at;
    if (i >= l->in.len) {
        token_set(l, TOKEN_END, i, i);
        return;
    }
    char c = l->in.p[i];
    if (c == '(' || c == ')' || c == ',') {
        token_set(l, c == '(' ? TOKEN_OPEN : c == ')' ? TOKEN_CLOSE : TOKEN_COMMA, i, i + 1);
        return;
    }
    size_t end = c == '\'' ? quote_end(l->in, i) : 0;
    if (end) {
        token_set(l, TOKEN_TEXT, i, end);
        l->now.text = unquote(l->op, l->now.raw);
        return;
    }
    if ((end = scan_cmp(l->in, i)) > i) {
        token_set(l, TOKEN_CMP, i, end);
        return;
    }
    if ((end = scan_number(l->in, i)) > i && !(end < l->in.len && is_name(l->in.p[end]))) {
        token_set(l, TOKEN_NUMBER, i, end);
        return;
    }
    if (c != '.' && (end = scan_name(l->in, i)) > i) {
        token_set(l, TOKEN_WORD, i, end);
        l->now.double_quoted = c == '"' && quote_end(l->in, i) == end;
        return;
    }
    token_set(l, TOKEN_BAD, i, l->in.len);
}

static bool is_keyword(const struct token *t, const char *word)
{
    return t->kind == TOKEN_WORD && str_ieq(t->raw, str_from(word));
}

static enum err bad_clause(struct lexer *l, size_t from)
{
    return op_fail_field(l->op, "filter", "Invalid clause(s) in filter string: '%.*s'",
                         STR_FMT(str_sub(l->in, from, l->in.len)));
}

static struct str strip_quotes(struct op *op, struct str s)
{
    bool quoted = s.len >= 2 && s.p[0] == s.p[s.len - 1] && (s.p[0] == '`' || s.p[0] == '"' || s.p[0] == '\'');
    return quoted ? unquote(op, s) : s;
}

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

static enum err bad_attr(struct op *op, const struct filter_rules *rules, struct str key)
{
    char *list = op_printf(op, "%s", "");
    for (size_t i = 0; i < rules->attr_count; i++) {
        if (!rules->attrs[i].hidden)
            list = op_printf(op, "%s%s'%s'", list, *list ? ", " : "", rules->attrs[i].name);
    }
    return op_fail_field(op, "filter", "Invalid attribute key '%.*s' specified. Valid keys are '{%s}'",
                         STR_FMT(key), list);
}

/* "tags.a.b" into entity and key, checked against the vocabulary. */
static enum err name_resolve(struct op *op, const struct filter_rules *rules, struct str name,
                             enum filter_entity *ret_entity, struct str *ret_key, const struct filter_attr **ret_attr)
{
    static const struct filter_attr dataset_attrs[] = {
        {"name", 0, false, true, false}, {"digest", 1, false, true, false}, {"context", 2, false, true, false}};
    enum filter_entity entity = FILTER_ATTRIBUTE;
    struct str key = name;
    size_t dot = name.p[0] == '`' || name.p[0] == '"' ? SIZE_MAX : str_find_char(name, '.');
    if (dot != SIZE_MAX) {
        struct str head = str_sub(name, 0, dot);
        size_t i = 0;
        while (i < ARRAY_LEN(entity_names) && !str_eqc(head, entity_names[i].name))
            i++;
        if (i == ARRAY_LEN(entity_names) || !(rules->entities >> entity_names[i].entity & 1))
            return op_fail_field(op, "filter",
                                 "Invalid entity type '%.*s'. Valid values are ['metric', 'parameter', 'tag', "
                                 "'attribute', 'dataset']",
                                 STR_FMT(head));
        entity = entity_names[i].entity;
        key = str_sub(name, dot + 1, name.len);
    }
    key = strip_quotes(op, key);
    const struct filter_attr *attrs = entity == FILTER_DATASET ? dataset_attrs : rules->attrs;
    size_t count = entity == FILTER_DATASET ? ARRAY_LEN(dataset_attrs) : rules->attr_count;
    *ret_attr = NULL;
    if (entity == FILTER_ATTRIBUTE || entity == FILTER_DATASET) {
        for (size_t i = 0; i < count && !*ret_attr; i++) {
            if (str_eqc(key, attrs[i].name))
                *ret_attr = &attrs[i];
        }
        if (!*ret_attr && entity == FILTER_DATASET)
            return op_fail_field(op, "filter",
                                 "Invalid dataset key '%.*s' specified. Valid keys are '{'name', 'digest', 'context'}'",
                                 STR_FMT(key));
        if (!*ret_attr)
            return bad_attr(op, rules, key);
    }
    *ret_entity = entity;
    *ret_key = key;
    return OK;
}

static enum err value_number(struct lexer *l, struct filter_clause *c)
{
    const char *what = c->entity == FILTER_METRIC ? "metric" : "numeric attribute";
    if (l->now.kind != TOKEN_NUMBER)
        return op_fail_field(l->op, "filter", "Expected numeric value type for %s: %.*s. Found %.*s", what,
                             STR_FMT(c->key), STR_FMT(l->now.raw));
    c->numeric = true;
    c->integer = str_parse_i64(l->now.raw, &c->whole);
    if (!str_parse_f64(l->now.raw, false, &c->real) || !isfinite(c->real))
        return op_fail_field(l->op, "filter", "Expected numeric value type for %s: %.*s. Found %.*s", what,
                             STR_FMT(c->key), STR_FMT(l->now.raw));
    lex(l);
    return OK;
}

static enum err value_text(struct lexer *l, struct filter_clause *c)
{
    static const char *const what[] = {"attributes", "metric", "parameter", "tag", "dataset attributes"};
    if (l->now.kind == TOKEN_WORD && l->now.double_quoted)
        c->text = unquote(l->op, l->now.raw);
    else if (l->now.kind == TOKEN_TEXT)
        c->text = l->now.text;
    else
        return op_fail_field(l->op, "filter", "Expected a quoted string value for %s (e.g. 'my-value'). Got value %.*s",
                             what[c->entity], STR_FMT(l->now.raw));
    lex(l);
    return OK;
}

static enum err value_list(struct lexer *l, struct filter_clause *c)
{
    if (l->now.kind != TOKEN_OPEN)
        return op_fail_field(l->op, "filter", "Expected a list of quoted strings in parentheses behind IN");
    lex(l);
    VEC(struct str) items = {0};
    for (;;) {
        bool quoted = l->now.kind == TOKEN_TEXT || (l->now.kind == TOKEN_WORD && l->now.double_quoted);
        if (!quoted)
            return op_fail_field(l->op, "filter",
                                 "While parsing a list in the query, expected a non-empty list of string values, but "
                                 "got ill-formed list.");
        struct str *slot = vec_push(&items, l->op->arena);
        if (!slot)
            return op_fail(l->op, E_TOO_LARGE, "a list in the filter is too long");
        *slot = l->now.kind == TOKEN_TEXT ? l->now.text : unquote(l->op, l->now.raw);
        lex(l);
        if (l->now.kind == TOKEN_COMMA) {
            lex(l);
            if (l->now.kind != TOKEN_CLOSE)
                continue;
        }
        break;
    }
    if (l->now.kind != TOKEN_CLOSE)
        return op_fail_field(l->op, "filter",
                             "While parsing a list in the query, expected a non-empty list of string values, but got "
                             "ill-formed list.");
    lex(l);
    c->list = items.p;
    c->list_len = items.len;
    return OK;
}

/* The operator; IS [NOT] NULL and [NOT] IN are made of several words. */
static enum err clause_op(struct lexer *l, struct filter_clause *c)
{
    static const struct {
        const char *text;
        enum filter_op op;
    } ops[] = {{"=", FILTER_EQ}, {"!=", FILTER_NE}, {"<", FILTER_LT},     {"<=", FILTER_LE},
               {">", FILTER_GT}, {">=", FILTER_GE}, {"like", FILTER_LIKE}, {"ilike", FILTER_ILIKE}, {"in", FILTER_IN}};
    bool negated = false;
    if (is_keyword(&l->now, "is")) {
        lex(l);
        if ((negated = is_keyword(&l->now, "not")))
            lex(l);
        if (!is_keyword(&l->now, "null"))
            return op_fail_field(l->op, "filter", "Invalid comparison clause. Expected NULL found '%.*s'",
                                 STR_FMT(l->now.raw));
        lex(l);
        c->op = negated ? FILTER_NOT_NULL : FILTER_IS_NULL;
        return OK;
    }
    if ((negated = is_keyword(&l->now, "not")))
        lex(l);
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        if (str_ieq(l->now.raw, str_from(ops[i].text)) && (!negated || ops[i].op == FILTER_IN)) {
            c->op = negated ? FILTER_NOT_IN : ops[i].op;
            lex(l);
            return OK;
        }
    }
    return op_fail_field(l->op, "filter", "Invalid comparison clause. Expected comparison found '%.*s'",
                         STR_FMT(l->now.raw));
}

static enum err clause_check_op(struct op *op, const struct filter_clause *c, const struct filter_attr *attr, struct str raw)
{
    bool numeric = c->entity == FILTER_METRIC || (attr && attr->numeric);
    bool good = true;
    if (c->op == FILTER_IS_NULL || c->op == FILTER_NOT_NULL) {
        if (c->entity != FILTER_TAG && c->entity != FILTER_PARAM)
            return op_fail_field(op, "filter", "IS NULL / IS NOT NULL is only supported for tags and params, not for '%.*s'",
                                 STR_FMT(c->key));
    } else if (c->op == FILTER_IN || c->op == FILTER_NOT_IN) {
        if (numeric || (attr && !attr->list))
            return op_fail_field(op, "filter",
                                 "Only the 'run_id' attribute and others that say so support comparison with a list "
                                 "of quoted string values, not '%.*s'.",
                                 STR_FMT(c->key));
    } else if (numeric) {
        good = c->op <= FILTER_GE;
    } else {
        good = c->op == FILTER_EQ || c->op == FILTER_NE || c->op == FILTER_LIKE || c->op == FILTER_ILIKE;
    }
    if (!good)
        return op_fail_field(op, "filter", "Invalid comparator '%.*s' for '%.*s'", STR_FMT(raw), STR_FMT(c->key));
    return OK;
}

static enum err clause_parse(struct lexer *l, const struct filter_rules *rules, struct filter_clause *c)
{
    size_t from = l->at - l->now.raw.len;
    if (l->now.kind != TOKEN_WORD)
        return bad_clause(l, from);
    const struct filter_attr *attr = NULL;
    struct str name = l->now.raw;
    lex(l);
    if (l->now.kind != TOKEN_CMP && l->now.kind != TOKEN_WORD)
        return bad_clause(l, from);
    enum err e = name_resolve(l->op, rules, name, &c->entity, &c->key, &attr);
    if (e)
        return e;
    c->attr = attr ? attr->id : 0;
    struct str raw_op = l->now.raw;
    e = clause_op(l, c);
    if (!e)
        e = clause_check_op(l->op, c, attr, raw_op);
    if (e || c->op == FILTER_IS_NULL || c->op == FILTER_NOT_NULL)
        return e;
    if (c->op == FILTER_IN || c->op == FILTER_NOT_IN)
        return value_list(l, c);
    return c->entity == FILTER_METRIC || (attr && attr->numeric) ? value_number(l, c) : value_text(l, c);
}

struct parser {
    struct lexer lexer;
    const struct filter_rules *rules;
    VEC(struct filter_clause) clauses;
    VEC(struct filter_step) steps;
    char stack[LIMIT_TRACK_FILTER_DEPTH * 3]; /* pending '&', '|' and '(' */
    size_t depth;
    bool only_and;
};

static enum err push_step(struct parser *p, enum filter_step_kind kind, size_t clause)
{
    struct filter_step *s = vec_push(&p->steps, p->lexer.op->arena);
    if (!s)
        return op_fail(p->lexer.op, E_TOO_LARGE, "the filter is too long");
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
        return op_fail(p->lexer.op, E_TOO_LARGE, "the filter nests deeper than %d", LIMIT_TRACK_FILTER_DEPTH);
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
        lex(l);
    }
    if (e)
        return e;
    if (p->clauses.len == LIMIT_TRACK_FILTER_CLAUSES)
        return op_fail(l->op, E_TOO_LARGE, "the filter has more than %d clauses", LIMIT_TRACK_FILTER_CLAUSES);
    struct filter_clause *c = vec_push(&p->clauses, l->op->arena);
    if (!c)
        return op_fail(l->op, E_TOO_LARGE, "the filter is too long");
    *c = (struct filter_clause){0};
    e = clause_parse(l, p->rules, c);
    if (!e)
        e = push_step(p, FILTER_STEP_CLAUSE, p->clauses.len - 1);
    while (!e && l->now.kind == TOKEN_CLOSE) {
        e = pop_stronger(p, '|');
        if (!e && p->depth == 0)
            return bad_clause(l, l->at - 1);
        if (!e)
            p->depth--;
        lex(l);
    }
    return e;
}

static enum err parse_all(struct parser *p)
{
    struct lexer *l = &p->lexer;
    for (;;) {
        enum err e = parse_term(p);
        if (e)
            return e;
        if (l->now.kind == TOKEN_END)
            break;
        bool is_or = is_keyword(&l->now, "or");
        if (!is_or && !is_keyword(&l->now, "and"))
            return bad_clause(l, l->at - l->now.raw.len);
        p->only_and = p->only_and && !is_or;
        e = pop_stronger(p, is_or ? '|' : '&');
        if (!e)
            e = push_pending(p, is_or ? '|' : '&');
        if (e)
            return e;
        lex(l);
    }
    enum err e = pop_stronger(p, '|');
    if (!e && p->depth > 0)
        return op_fail_field(l->op, "filter", "Invalid filter: a parenthesis is not closed");
    return e;
}

enum err filter_parse(struct op *op, const struct filter_rules *rules, struct str text, struct filter *ret)
{
    if (text.len > LIMIT_TRACK_FILTER_BYTES)
        return op_fail(op, E_TOO_LARGE, "the filter is longer than %zu bytes", LIMIT_TRACK_FILTER_BYTES);
    if (!str_is_utf8(text))
        return op_fail_field(op, "filter", "Invalid filter: it is not UTF-8");
    struct parser p = {.lexer = {.op = op, .in = text}, .rules = rules, .only_and = true};
    lex(&p.lexer);
    if (p.lexer.now.kind != TOKEN_END) {
        enum err e = parse_all(&p);
        if (e)
            return e;
    }
    *ret = (struct filter){p.clauses.p, p.clauses.len, p.steps.p, p.steps.len, p.only_and};
    return OK;
}

enum err filter_parse_order(struct op *op, const struct filter_rules *rules, struct str text, struct filter_order *ret)
{
    if (text.len > LIMIT_TRACK_FILTER_BYTES || !str_is_utf8(text))
        return op_fail_field(op, "order_by", "Invalid order_by clause. Could not be parsed.");
    struct lexer l = {.op = op, .in = text};
    lex(&l);
    struct filter_order o = {0};
    const struct filter_attr *attr = NULL;
    if (l.now.kind != TOKEN_WORD)
        return op_fail_field(op, "order_by", "Invalid order_by clause '%.*s'. Could not be parsed.", STR_FMT(text));
    enum err e = name_resolve(op, rules, l.now.raw, &o.entity, &o.key, &attr);
    if (e) {
        op->field = "order_by";
        return e;
    }
    lex(&l);
    if (l.now.kind != TOKEN_END) {
        o.descending = is_keyword(&l.now, "desc");
        if (!o.descending && !is_keyword(&l.now, "asc"))
            return op_fail_field(op, "order_by", "Invalid ordering key in order_by clause '%.*s'.", STR_FMT(text));
        lex(&l);
        if (l.now.kind != TOKEN_END)
            return op_fail_field(op, "order_by", "Invalid order_by clause '%.*s'. Could not be parsed.", STR_FMT(text));
    }
    o.attr = attr ? attr->id : 0;
    *ret = o;
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

/* Greedy matching with one remembered '%': linear for ordinary patterns, quadratic at worst. */
bool filter_like(struct str value, struct str pattern, bool fold)
{
    size_t v = 0, p = 0, star = SIZE_MAX, star_v = 0;
    while (v < value.len) {
        if (p < pattern.len && pattern.p[p] == '%') {
            star = p++;
            star_v = v;
        } else if (p < pattern.len && pattern.p[p] == '_') {
            v += char_len(value, v);
            p++;
        } else if (p < pattern.len && (fold ? fold_char(pattern.p[p]) == fold_char(value.p[v]) : pattern.p[p] == value.p[v])) {
            v++;
            p++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            star_v += char_len(value, star_v);
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
