/* Tokens are made one at a time, with one of look-ahead. Selection sets and values nest; both are built with a stack of their own, bounded
 * by LIMIT_GRAPHQL_NESTING, so that no text can make the program recurse. Every list of the tree is a chain
 * whose last link is kept while it grows. */
#include "api/graphql/document.h"

#include "base/limits.h"

#include <stdio.h>
#include <string.h>

enum token_kind { T_END, T_PUNCT, T_NAME, T_INT, T_FLOAT, T_STRING };
struct token {
    enum token_kind kind;
    char punct;       /* '.' stands for "..." */
    struct str text;  /* a string's is unescaped */
    size_t at, end;
};
struct parser {
    struct op *op;
    struct str text;
    struct token now;
    size_t end;       /* of the token before */
};

static enum err syntax(struct parser *p, size_t at, const char *what)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < at && i < p->text.len; i++) {
        column++;
        if (p->text.p[i] == '\n') {
            line++;
            column = 1;
        }
    }
    return op_fail_field(p->op, "query", "Syntax Error: %s (line %zu, column %zu)", what, line, column);
}

static const char *token_shown(struct parser *p)
{
    if (p->now.kind == T_END)
        return "<EOF>";
    return op_printf(p->op, "'%.*s'", STR_FMT(str_sub(p->text, p->now.at, p->now.end - p->now.at > 40 ? 40 : p->now.end - p->now.at)));
}

static enum err unexpected(struct parser *p, const char *wanted)
{
    return syntax(p, p->now.at, op_printf(p->op, wanted ? "Expected %s, found %s." : "%sUnexpected %s.", wanted ? wanted : "", token_shown(p)));
}

/* ---- tokens ---- */

static bool name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static char char_at(const struct parser *p, size_t i)
{
    return i < p->text.len ? p->text.p[i] : '\0';
}

static size_t skip_ignored(const struct parser *p, size_t i)
{
    for (; i < p->text.len; i++) {
        char c = p->text.p[i];
        if (c == '#') {
            while (i + 1 < p->text.len && p->text.p[i + 1] != '\n' && p->text.p[i + 1] != '\r')
                i++;
        } else if (c == '\xEF' && i + 2 < p->text.len && p->text.p[i + 1] == '\xBB' && p->text.p[i + 2] == '\xBF') {
            i += 2; /* a byte order mark */
        } else if (c != ' ' && c != '\t' && c != '\n' && c != '\r' && c != ',') {
            break;
        }
    }
    return i;
}

static enum err number_token(struct parser *p, size_t i)
{
    size_t at = i, digits;
    enum token_kind kind = T_INT;
    i += char_at(p, i) == '-';
    for (digits = i; digit(char_at(p, i));)
        i++;
    if (i == digits || (p->text.p[digits] == '0' && i - digits > 1))
        return syntax(p, i, "Invalid number.");
    if (char_at(p, i) == '.') {
        kind = T_FLOAT;
        for (digits = ++i; digit(char_at(p, i));)
            i++;
        if (i == digits)
            return syntax(p, i, "Invalid number, expected digit.");
    }
    if (char_at(p, i) == 'e' || char_at(p, i) == 'E') {
        kind = T_FLOAT;
        i++;
        i += char_at(p, i) == '+' || char_at(p, i) == '-';
        for (digits = i; digit(char_at(p, i));)
            i++;
        if (i == digits)
            return syntax(p, i, "Invalid number, expected digit.");
    }
    if (name_start(char_at(p, i)) || char_at(p, i) == '.')
        return syntax(p, i, "Invalid number.");
    p->now = (struct token){kind, 0, str_sub(p->text, at, i - at), at, i};
    return OK;
}

static size_t put_utf8(char *p, uint32_t code)
{
    if (code < 0x80) {
        p[0] = (char)code;
        return 1;
    }
    size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n - 1; i > 0; i--, code >>= 6)
        p[i] = (char)(0x80 | (code & 0x3F));
    p[0] = (char)(lead[n] | code);
    return n;
}

/* The code point of \uXXXX (or a pair of them) or \u{X...} at i, and where it ends; false: malformed. */
static bool unicode_escape(const struct parser *p, size_t i, uint32_t *ret, size_t *ret_end)
{
    uint32_t code = 0;
    size_t n = 0;
    bool braces = char_at(p, i + 2) == '{';
    for (i += braces ? 3 : 2; n < (braces ? 8 : 4); n++, i++) {
        int d = str_hex_digit(char_at(p, i));
        if (d < 0)
            break;
        code = code << 4 | (uint32_t)d;
    }
    if (braces ? n == 0 || char_at(p, i) != '}' : n < 4)
        return false;
    i += braces;
    if (!braces && code >= 0xD800 && code < 0xDC00 && char_at(p, i) == '\\' && char_at(p, i + 1) == 'u') {
        uint32_t low = 0;
        for (n = 0; n < 4; n++) {
            int d = str_hex_digit(char_at(p, i + 2 + n));
            if (d < 0)
                return false;
            low = low << 4 | (uint32_t)d;
        }
        if (low < 0xDC00 || low > 0xDFFF)
            return false;
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        i += 6;
    }
    *ret = code;
    *ret_end = i;
    return code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
}

static enum err string_token(struct parser *p, size_t at)
{
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    size_t end = at + 1;
    while (end < p->text.len && p->text.p[end] != '"' && p->text.p[end] != '\n' && p->text.p[end] != '\r')
        end += p->text.p[end] == '\\' ? 2 : 1;
    if (end >= p->text.len || p->text.p[end] != '"')
        return syntax(p, end, "Unterminated string.");
    char *out = arena_try_alloc(p->op->arena, end - at + 1, 1);
    size_t n = 0;
    if (!out)
        return op_fail(p->op, E_TOO_LARGE, "the document does not fit in memory");
    for (size_t i = at + 1; i < end;) {
        char c = p->text.p[i];
        if ((unsigned char)c < 0x20 && c != '\t')
            return syntax(p, i, "Invalid character within String.");
        if (c != '\\') {
            out[n++] = c;
            i++;
        } else if (char_at(p, i + 1) == 'u') {
            uint32_t code;
            size_t next;
            if (!unicode_escape(p, i, &code, &next))
                return syntax(p, i, "Invalid Unicode escape sequence.");
            n += put_utf8(out + n, code); /* never longer than the escape */
            i = next;
        } else {
            const char *found = strchr(from, char_at(p, i + 1));
            if (!found || !*found)
                return syntax(p, i, "Invalid character escape sequence.");
            out[n++] = into[found - from];
            i += 2;
        }
    }
    p->now = (struct token){T_STRING, 0, {out, n}, at, end + 1};
    return OK;
}

/* The value of a block string (section 2.9.4): the common indentation of all lines but the first goes, and so do blank lines at
 * both ends. Works in place: the result is never longer. */
static size_t block_value(char *s, size_t len)
{
    size_t common = SIZE_MAX, out = 0, keep = 0;
    bool first = true, any = false;
    for (size_t i = 0; i < len; first = false) {
        size_t indent = 0, start = i;
        while (i < len && s[i] != '\n')
            i++;
        while (start + indent < i && (s[start + indent] == ' ' || s[start + indent] == '\t'))
            indent++;
        if (!first && start + indent < i && indent < common)
            common = indent;
        i++;
    }
    first = true;
    for (size_t i = 0; i < len; first = false) {
        size_t start = i;
        while (i < len && s[i] != '\n')
            i++;
        size_t end = i++, blank = start;
        while (blank < end && (s[blank] == ' ' || s[blank] == '\t'))
            blank++;
        if (!first && common != SIZE_MAX)
            start += end - start < common ? end - start : common;
        if (blank == end && !any)
            continue; /* a blank line in front */
        if (any)
            s[out++] = '\n';
        any = true;
        memmove(s + out, s + start, end - start);
        out += end - start;
        if (blank < end)
            keep = out;
    }
    return keep;
}

static enum err block_token(struct parser *p, size_t at)
{
    char *out = arena_try_alloc(p->op->arena, p->text.len - at + 1, 1);
    size_t n = 0, i = at + 3;
    if (!out)
        return op_fail(p->op, E_TOO_LARGE, "the document does not fit in memory");
    while (i < p->text.len && !str_starts(str_sub(p->text, i, 3), STR("\"\"\""))) {
        char c = p->text.p[i];
        if (str_starts(str_sub(p->text, i, 4), STR("\\\"\"\""))) {
            memcpy(out + n, "\"\"\"", 3);
            n += 3;
            i += 4;
        } else if (c == '\r') {
            out[n++] = '\n';
            i += char_at(p, i + 1) == '\n' ? 2 : 1;
        } else {
            if ((unsigned char)c < 0x20 && c != '\t' && c != '\n')
                return syntax(p, i, "Invalid character within String.");
            out[n++] = c;
            i++;
        }
    }
    if (i >= p->text.len)
        return syntax(p, i, "Unterminated string.");
    p->now = (struct token){T_STRING, 0, {out, block_value(out, n)}, at, i + 3};
    return OK;
}

static enum err next_token(struct parser *p)
{
    p->end = p->now.end;
    size_t i = skip_ignored(p, p->now.end), at = i;
    char c = char_at(p, i);
    if (i >= p->text.len) {
        p->now = (struct token){T_END, 0, {"", 0}, i, i};
        return OK;
    }
    if (name_start(c)) {
        while (name_start(char_at(p, i)) || digit(char_at(p, i)))
            i++;
        p->now = (struct token){T_NAME, 0, str_sub(p->text, at, i - at), at, i};
        return OK;
    }
    if (digit(c) || c == '-')
        return number_token(p, i);
    if (c == '"')
        return str_starts(str_sub(p->text, i, 3), STR("\"\"\"")) ? block_token(p, i) : string_token(p, i);
    bool dots = str_starts(str_sub(p->text, i, 3), STR("..."));
    if (!dots && (!c || !strchr("!$&()[]{}:=@|", c)))
        return syntax(p, i, op_printf(p->op, "Unexpected character: U+%04X.", (unsigned char)c));
    p->now = (struct token){T_PUNCT, dots ? '.' : c, {"", 0}, at, i + (dots ? 3 : 1)};
    return OK;
}

static bool is(const struct parser *p, char punct)
{
    return p->now.kind == T_PUNCT && p->now.punct == punct;
}

static bool is_word(const struct parser *p, const char *word)
{
    return p->now.kind == T_NAME && str_eqc(p->now.text, word);
}

static enum err take(struct parser *p, char punct)
{
    char shown[] = {'\'', punct, '\'', 0};
    return is(p, punct) ? next_token(p) : unexpected(p, punct == '.' ? "'...'" : shown);
}

static enum err take_name(struct parser *p, struct str *ret)
{
    if (p->now.kind != T_NAME)
        return unexpected(p, "Name");
    *ret = p->now.text;
    return next_token(p);
}

/* ---- values ---- */

/* The value that begins here; of a list or object only its opening bracket is taken. */
static enum err value_open(struct parser *p, bool constant, struct gql_value *v)
{
    static const enum gql_value_kind kinds[] = {[T_INT] = GQL_INT, [T_FLOAT] = GQL_FLOAT, [T_STRING] = GQL_STRING};
    size_t at = p->now.at;
    enum err e = OK;
    v->text = p->now.text;
    if (is(p, '$') && !constant) {
        v->kind = GQL_VARIABLE;
        e = next_token(p);
        if (!e)
            e = take_name(p, &v->text);
    } else if (is(p, '[') || is(p, '{')) {
        v->kind = is(p, '[') ? GQL_LIST : GQL_OBJECT;
        e = next_token(p);
    } else if (p->now.kind == T_NAME) {
        v->kind = is_word(p, "null") ? GQL_NULL : is_word(p, "true") || is_word(p, "false") ? GQL_BOOLEAN : GQL_ENUM;
        e = next_token(p);
    } else if (p->now.kind == T_INT || p->now.kind == T_FLOAT || p->now.kind == T_STRING) {
        v->kind = kinds[p->now.kind];
        e = next_token(p);
    } else {
        return unexpected(p, NULL);
    }
    v->source = str_sub(p->text, at, p->end - at);
    return e;
}

static enum err parse_value(struct parser *p, bool constant, struct gql_value *ret)
{
    struct {
        struct gql_value *v, **last;
    } open[LIMIT_GRAPHQL_NESTING];
    int depth = 0;
    struct gql_value *v = ret;
    for (;;) {
        enum err e = value_open(p, constant, v);
        if (e)
            return e;
        if (v->kind == GQL_LIST || v->kind == GQL_OBJECT) {
            if (depth == LIMIT_GRAPHQL_NESTING)
                return op_fail(p->op, E_TOO_LARGE, "Syntax Error: values nest more than %d deep", LIMIT_GRAPHQL_NESTING);
            open[depth].v = v;
            open[depth++].last = &v->first;
        }
        while (depth > 0 && is(p, open[depth - 1].v->kind == GQL_LIST ? ']' : '}')) {
            if ((e = next_token(p)))
                return e;
            struct gql_value *done = open[--depth].v;
            size_t from = (size_t)(done->source.p - p->text.p);
            done->source = str_sub(p->text, from, p->end - from);
        }
        if (depth == 0)
            return OK;
        v = op_new(p->op, struct gql_value);
        *open[depth - 1].last = v;
        open[depth - 1].last = &v->next;
        if (open[depth - 1].v->kind == GQL_OBJECT && ((e = take_name(p, &v->name)) || (e = take(p, ':'))))
            return e;
    }
}

static enum err parse_arguments(struct parser *p, bool constant, struct gql_argument **last)
{
    if (!is(p, '('))
        return OK;
    enum err e = next_token(p);
    do {
        struct gql_argument *a = op_new(p->op, struct gql_argument);
        *last = a;
        last = &a->next;
        if (e || (e = take_name(p, &a->name)) || (e = take(p, ':')) || (e = parse_value(p, constant, &a->value)))
            return e;
    } while (!is(p, ')'));
    return next_token(p);
}

static enum err parse_directives(struct parser *p, bool constant, struct gql_directive **last)
{
    while (is(p, '@')) {
        struct gql_directive *d = op_new(p->op, struct gql_directive);
        *last = d;
        last = &d->next;
        enum err e = next_token(p);
        if (e || (e = take_name(p, &d->name)) || (e = parse_arguments(p, constant, &d->arguments)))
            return e;
    }
    return OK;
}

/* ---- selections ---- */

static enum err parse_field(struct parser *p, struct gql_selection *s)
{
    enum err e = take_name(p, &s->name);
    if (!e && is(p, ':')) {
        s->alias = s->name;
        e = next_token(p);
        if (!e)
            e = take_name(p, &s->name);
    }
    if (!e)
        e = parse_arguments(p, false, &s->arguments);
    return e ? e : parse_directives(p, false, &s->directives);
}

static enum err parse_spread(struct parser *p, struct gql_selection *s)
{
    enum err e = take(p, '.');
    s->kind = GQL_SPREAD;
    if (!e && p->now.kind == T_NAME && !is_word(p, "on")) {
        e = take_name(p, &s->name);
        return e ? e : parse_directives(p, false, &s->directives);
    }
    s->kind = GQL_INLINE;
    if (!e && is_word(p, "on")) {
        e = next_token(p);
        if (!e)
            e = take_name(p, &s->type);
    }
    if (!e)
        e = parse_directives(p, false, &s->directives);
    if (!e && !is(p, '{'))
        e = unexpected(p, "'{'");
    return e;
}

/* A selection set from its opening to its closing brace. */
static enum err parse_set(struct parser *p, struct gql_selection **first)
{
    struct gql_selection **open[LIMIT_GRAPHQL_NESTING];
    int depth = 0;
    enum err e = take(p, '{');
    open[depth++] = first;
    while (!e && depth > 0) {
        struct gql_selection *s = op_new(p->op, struct gql_selection);
        *open[depth - 1] = s;
        open[depth - 1] = &s->next;
        e = is(p, '.') ? parse_spread(p, s) : parse_field(p, s);
        if (!e && is(p, '{')) {
            if (s->kind == GQL_SPREAD)
                return unexpected(p, "Name");
            if (depth == LIMIT_GRAPHQL_NESTING)
                return op_fail(p->op, E_TOO_LARGE, "Syntax Error: selections nest more than %d deep", LIMIT_GRAPHQL_NESTING);
            s->has_set = true;
            open[depth++] = &s->first;
            e = next_token(p);
            continue; /* a set holds at least one selection */
        }
        while (!e && depth > 0 && is(p, '}')) {
            depth--;
            e = next_token(p);
        }
    }
    return e;
}

/* ---- definitions ---- */

static enum err parse_type(struct parser *p, struct str *ret)
{
    size_t depth = 0, n = 0;
    char text[LIMIT_GRAPHQL_NAME + 4 * LIMIT_GRAPHQL_NESTING];
    struct str name;
    enum err e = OK;
    for (; !e && is(p, '[') && depth < LIMIT_GRAPHQL_NESTING; e = next_token(p), depth++)
        text[n++] = '[';
    if (!e)
        e = take_name(p, &name);
    if (e)
        return e;
    if (name.len > LIMIT_GRAPHQL_NAME)
        return op_fail(p->op, E_TOO_LARGE, "Syntax Error: a type's name is longer than %d characters", LIMIT_GRAPHQL_NAME);
    memcpy(text + n, name.p, name.len);
    n += name.len;
    for (;; depth--) {
        if (is(p, '!')) {
            text[n++] = '!';
            if ((e = next_token(p)))
                return e;
        }
        if (depth == 0)
            break;
        text[n++] = ']';
        if ((e = take(p, ']')))
            return e;
    }
    *ret = str_dup(p->op->arena, (struct str){text, n});
    return OK;
}

static enum err parse_variables(struct parser *p, struct gql_variable **last)
{
    if (!is(p, '('))
        return OK;
    enum err e = next_token(p);
    do {
        struct gql_variable *v = op_new(p->op, struct gql_variable);
        *last = v;
        last = &v->next;
        if (e || (e = take(p, '$')) || (e = take_name(p, &v->name)) || (e = take(p, ':')) || (e = parse_type(p, &v->type)))
            return e;
        if (is(p, '=')) {
            v->dflt = op_new(p->op, struct gql_value);
            if ((e = next_token(p)) || (e = parse_value(p, true, v->dflt)))
                return e;
        }
        if ((e = parse_directives(p, true, &v->directives)))
            return e;
    } while (!is(p, ')'));
    return next_token(p);
}

static enum err parse_operation(struct parser *p, struct gql_operation *o)
{
    enum err e = OK;
    if (!is(p, '{')) {
        o->kind = is_word(p, "query") ? GQL_QUERY : is_word(p, "mutation") ? GQL_MUTATION : GQL_SUBSCRIPTION;
        e = next_token(p);
        if (!e && p->now.kind == T_NAME)
            e = take_name(p, &o->name);
        if (!e)
            e = parse_variables(p, &o->variables);
        if (!e)
            e = parse_directives(p, false, &o->directives);
    }
    return e ? e : parse_set(p, &o->first);
}

static enum err parse_fragment(struct parser *p, struct gql_fragment *f)
{
    enum err e = next_token(p);
    if (!e && is_word(p, "on"))
        e = unexpected(p, NULL);
    if (!e)
        e = take_name(p, &f->name);
    if (!e && !is_word(p, "on"))
        e = unexpected(p, "'on'");
    if (!e)
        e = next_token(p);
    if (!e)
        e = take_name(p, &f->type);
    if (!e)
        e = parse_directives(p, false, &f->directives);
    return e ? e : parse_set(p, &f->first);
}

enum err gql_document_parse(struct op *op, struct str text, struct gql_document **ret)
{
    struct parser p = {.op = op, .text = text};
    struct gql_document *d = op_new(op, struct gql_document);
    struct gql_operation **operation = &d->operations;
    struct gql_fragment **fragment = &d->fragments;
    if (text.len > LIMIT_GRAPHQL_BYTES)
        return op_fail(op, E_TOO_LARGE, "the GraphQL document is larger than %zu bytes", (size_t)LIMIT_GRAPHQL_BYTES);
    if (!str_is_utf8(text))
        return op_fail_field(op, "query", "Syntax Error: the document is not UTF-8");
    enum err e = next_token(&p);
    if (!e && p.now.kind == T_END)
        return unexpected(&p, NULL);
    while (!e && p.now.kind != T_END) {
        if (is_word(&p, "fragment")) {
            *fragment = op_new(op, struct gql_fragment);
            e = parse_fragment(&p, *fragment);
            fragment = &(*fragment)->next;
        } else if (is(&p, '{') || is_word(&p, "query") || is_word(&p, "mutation") || is_word(&p, "subscription")) {
            *operation = op_new(op, struct gql_operation);
            e = parse_operation(&p, *operation);
            operation = &(*operation)->next;
        } else {
            e = unexpected(&p, NULL);
        }
    }
    if (e)
        return e;
    *ret = d;
    return OK;
}

struct gql_fragment *gql_fragment_find(const struct gql_document *d, struct str name)
{
    struct gql_fragment *f = d->fragments;
    while (f && !str_eq(f->name, name))
        f = f->next;
    return f;
}

struct gql_variable *gql_variable_find(const struct gql_operation *o, struct str name)
{
    struct gql_variable *v = o->variables;
    while (v && !str_eq(v->name, name))
        v = v->next;
    return v;
}
