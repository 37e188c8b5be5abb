#include "core/dataset/regex.h"

#include <regex.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/hash.h"

#define PATTERN_MAX 1024
#define REPEAT_MAX 255
#define MEMO_SLOTS 4096
#define MEMO_TEXT 24

struct memo {
    uint8_t len; /* + 1; 0 = empty */
    bool matches;
    char text[MEMO_TEXT];
};
struct regex {
    regex_t compiled;
    uint64_t seed;
    struct memo memo[MEMO_SLOTS];
};

struct translate {
    struct op *op;
    struct str in;
    size_t at;
    bool in_class;
    struct buf out;
};

static enum err refuse(struct translate *t, const char *what)
{
    return op_fail_field(t->op, "regex", "regex '%.*s': %s", STR_FMT(t->in), what);
}

/* The escape at t->at (behind the backslash). */
static enum err translate_escape(struct translate *t)
{
    if (t->at >= t->in.len)
        return refuse(t, "ends with a backslash");
    char c = t->in.p[t->at++];
    static const struct {
        char c;
        const char *inside, *outside;
    } rows[] = {
        {'d', "0-9", "[0-9]"}, {'w', "a-zA-Z0-9_", "[a-zA-Z0-9_]"}, {'s', " \t\n\r\f\v", "[ \t\n\r\f\v]"},
        {'D', NULL, "[^0-9]"}, {'W', NULL, "[^a-zA-Z0-9_]"},        {'S', NULL, "[^ \t\n\r\f\v]"},
        {'b', NULL, "\\b"},    {'n', "\n", "\n"},                   {'t', "\t", "\t"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *to = t->in_class ? rows[i].inside : rows[i].outside;
        if (rows[i].c != c)
            continue;
        if (!to)
            return refuse(t, "a negated class inside a class is not known");
        buf_add_cstr(&t->out, to);
        return OK;
    }
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return refuse(t, "an escape that is not known (back-references, \\A, \\Z and \\p are not)");
    if (t->in_class && (c == ']' || c == '^' || c == '-'))
        return refuse(t, "an escaped ], ^ or - inside a class is not known; put it first or last");
    if (!t->in_class)
        buf_add_char(&t->out, '\\');
    buf_add_char(&t->out, c);
    return OK;
}

static enum err translate_char(struct translate *t)
{
    char c = t->in.p[t->at++];
    char next = t->at < t->in.len ? t->in.p[t->at] : 0;
    if (c == '\\')
        return translate_escape(t);
    if (t->in_class) {
        t->in_class = c != ']';
    } else if (c == '[') {
        t->in_class = true;
        buf_add_char(&t->out, c);
        if (next == '^') {
            buf_add_char(&t->out, next);
            t->at++;
        }
        if (t->at < t->in.len && t->in.p[t->at] == ']') { /* a ] that comes first is a member */
            buf_add_char(&t->out, ']');
            t->at++;
        }
        return OK;
    } else if (c == '(' && next == '?') {
        if (t->at + 1 >= t->in.len || t->in.p[t->at + 1] != ':')
            return refuse(t, "look-around, flags and named groups are not known");
        t->at += 2;
    } else if ((c == '*' || c == '+' || c == '?' || c == '}') && (next == '?' || next == '+')) {
        return refuse(t, "lazy and possessive quantifiers are not known");
    } else if (c == '{') {
        for (size_t i = t->at, n = 0; i < t->in.len && t->in.p[i] != '}'; i++) {
            n = t->in.p[i] >= '0' && t->in.p[i] <= '9' ? n * 10 + (size_t)(t->in.p[i] - '0') : 0;
            if (n > REPEAT_MAX)
                return refuse(t, "repeats more than 255 times");
        }
    }
    buf_add_char(&t->out, c);
    return OK;
}

enum err regex_create(struct op *op, struct str pattern, struct regex **ret)
{
    struct translate t = {.op = op, .in = pattern};
    if (pattern.len > PATTERN_MAX || memchr(pattern.p ? pattern.p : "", 0, pattern.len))
        return op_fail_field(op, "regex", "a regex has at most %d bytes and no NUL", PATTERN_MAX);
    buf_init(&t.out, PATTERN_MAX * 32);
    enum err e = OK;
    while (!e && t.at < pattern.len)
        e = translate_char(&t);
    struct regex *r = e ? NULL : calloc(1, sizeof *r);
    if (!e && !r)
        abort(); /* a fixed allocation */
    if (!e) {
        buf_add_char(&t.out, 0);
        int rc = regcomp(&r->compiled, t.out.p, REG_EXTENDED | REG_NOSUB);
        if (rc) {
            char text[128];
            regerror(rc, &r->compiled, text, sizeof text);
            e = refuse(&t, text);
            free(r);
        }
    }
    buf_clear(&t.out);
    if (e)
        return e;
    hash_random(&r->seed, sizeof r->seed);
    *ret = r;
    return OK;
}

void regex_destroy(struct regex *r)
{
    if (!r)
        return;
    regfree(&r->compiled);
    free(r);
}

/* The GNU search takes a length; regexec() would want a terminating NUL. */
static bool run(struct regex *r, struct str text)
{
    regoff_t n = (regoff_t)(text.len > INT32_MAX ? INT32_MAX : text.len);
    return re_search(&r->compiled, text.p ? text.p : "", n, 0, n, NULL) >= 0;
}

bool regex_matches(struct regex *r, struct str text)
{
    if (text.len > MEMO_TEXT)
        return run(r, text);
    struct memo *m = &r->memo[hash64(text.p, text.len, r->seed) % MEMO_SLOTS];
    if (m->len != text.len + 1 || (text.len && memcmp(m->text, text.p, text.len) != 0)) {
        m->matches = run(r, text);
        m->len = (uint8_t)(text.len + 1);
        if (text.len)
            memcpy(m->text, text.p, text.len);
    }
    return m->matches;
}
