/* Follows the tokens of sqlparse, with which MLflow reads filters, where they matter: a run of the characters <>=~! is one
 * comparison; a quote ends at its next like, doubled ones aside, and stays doubled in the text; a sign belongs to a
 * number only if it is a minus. */
#include "core/track/filter_lex.h"

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

struct str lex_unquote(struct str s)
{
    bool quoted = s.len >= 2 && s.p[0] == s.p[s.len - 1] && (s.p[0] == '`' || s.p[0] == '"' || s.p[0] == '\'');
    return quoted ? str_sub(s, 1, s.len - 2) : s;
}

static size_t scan_digits(struct str in, size_t i)
{
    while (i < in.len && is_digit(in.p[i]))
        i++;
    return i;
}

static size_t scan_number(struct str in, size_t start)
{
    size_t i = start;
    if (i < in.len && in.p[i] == '-')
        i++;
    size_t first = i;
    i = scan_digits(in, i);
    bool any = i > first;
    if (i < in.len && in.p[i] == '.') {
        size_t end = scan_digits(in, i + 1);
        any = any || end > i + 1;
        i = end;
    }
    if (!any)
        return start; /* a sign or a dot alone */
    if (i < in.len && (in.p[i] == 'e' || in.p[i] == 'E')) {
        size_t k = i + 1;
        if (k < in.len && (in.p[k] == '-' || in.p[k] == '+'))
            k++;
        size_t end = scan_digits(in, k);
        if (end > k)
            i = end;
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
    while (i < in.len && in.p[i] && strchr("<>=~!", in.p[i]))
        i++;
    return i;
}

static void token_set(struct lexer *l, enum token_kind kind, size_t from, size_t to)
{
    l->now = (struct token){.kind = kind, .raw = str_sub(l->in, from, to - from)};
    l->at = to;
}

void lex_next(struct lexer *l)
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
        l->now.text = lex_unquote(l->now.raw);
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

bool lex_is(const struct lexer *l, const char *word)
{
    return l->now.kind == TOKEN_WORD && str_ieq(l->now.raw, str_from(word));
}

size_t lex_start(const struct lexer *l)
{
    return l->at - l->now.raw.len;
}
