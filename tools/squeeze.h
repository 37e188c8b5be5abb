/* squeeze.h - scripts and styles without what only people read: comments, blank lines and the blanks at the beginning of lines. A line break stays a line
 * break, and nothing within strings, templates and regular expressions is touched, so the meaning is the same and errors name the same function.
 *
 * It knows of JavaScript what that takes: strings, templates with code in ${}, comments, and where a slash begins a regular expression: behind an operator, an
 * opening bracket or a word such as `return`, not behind a name, a number or a closing bracket. */
#ifndef INGOT_TOOLS_SQUEEZE_H
#define INGOT_TOOLS_SQUEEZE_H

#include <ctype.h>
#include <stdbool.h>

#include "toolfile.h"

#define SQUEEZE_NESTED 64 /* templates within templates */

struct squeeze {
    const char *in;
    size_t at, size;
    char *out;
    size_t len;
    bool script;
    int braces[SQUEEZE_NESTED]; /* open ones in the code of each ${} */
    int nested;
};

static inline void squeeze_copy(struct squeeze *s, size_t n)
{
    memmove(s->out + s->len, s->in + s->at, n);
    s->len += n;
    s->at += n;
}

static inline bool squeeze_see(const struct squeeze *s, const char *text)
{
    size_t n = strlen(text);
    return s->size - s->at >= n && memcmp(s->in + s->at, text, n) == 0;
}

static inline bool squeeze_at_line_start(const struct squeeze *s)
{
    return s->len == 0 || s->out[s->len - 1] == '\n';
}

/* To the end of what began with a quote; line breaks end a string that has no end. */
static inline void squeeze_string(struct squeeze *s)
{
    char quote = s->in[s->at];
    squeeze_copy(s, 1);
    while (s->at < s->size && s->in[s->at] != quote && s->in[s->at] != '\n')
        squeeze_copy(s, s->in[s->at] == '\\' && s->at + 1 < s->size ? 2 : 1);
    if (s->at < s->size)
        squeeze_copy(s, 1);
}

/* The text of a template up to its end, or up to code within it. */
static inline void squeeze_template(struct squeeze *s)
{
    while (s->at < s->size && s->in[s->at] != '`' && !squeeze_see(s, "${"))
        squeeze_copy(s, s->in[s->at] == '\\' && s->at + 1 < s->size ? 2 : 1);
    if (squeeze_see(s, "${")) {
        if (s->nested == SQUEEZE_NESTED)
            tool_die("templates are nested too deeply");
        s->braces[s->nested++] = 0;
        squeeze_copy(s, 2);
    } else if (s->at < s->size) {
        squeeze_copy(s, 1);
    }
}

static inline void squeeze_regex(struct squeeze *s)
{
    bool class = false;
    squeeze_copy(s, 1);
    while (s->at < s->size && s->in[s->at] != '\n' && (class || s->in[s->at] != '/')) {
        class = s->in[s->at] == '[' || (class && s->in[s->at] != ']');
        squeeze_copy(s, s->in[s->at] == '\\' && s->at + 1 < s->size ? 2 : 1);
    }
    if (s->at < s->size)
        squeeze_copy(s, 1);
}

static inline bool squeeze_regex_begins(const struct squeeze *s)
{
    static const char *const words[] = {"return", "typeof", "case", "in", "of", "delete", "void", "throw", "new", "else", "do", "yield", "await"};
    size_t end = s->len;
    while (end > 0 && isspace((unsigned char)s->out[end - 1]))
        end--;
    if (end == 0)
        return true;
    char last = s->out[end - 1];
    if (strchr(")]}\"'`", last))
        return false;
    if (!isalnum((unsigned char)last) && last != '_' && last != '$')
        return true;
    size_t begin = end;
    while (begin > 0 && (isalnum((unsigned char)s->out[begin - 1]) || s->out[begin - 1] == '_' || s->out[begin - 1] == '$'))
        begin--;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == end - begin && memcmp(s->out + begin, words[i], end - begin) == 0)
            return true;
    return false;
}

/* Passes over a comment. What stood alone on its line takes the line with it. */
static inline void squeeze_comment(struct squeeze *s)
{
    bool block = squeeze_see(s, "/*");
    const char *from = s->in + s->at + 2, *end = block ? strstr(from, "*/") : strchr(from, '\n');
    s->at = end ? (size_t)(end - s->in) + (block ? 2 : 0) : s->size;
    if (squeeze_at_line_start(s)) {
        while (s->at < s->size && (s->in[s->at] == ' ' || s->in[s->at] == '\t'))
            s->at++;
        if (s->at < s->size && s->in[s->at] == '\n')
            s->at++;
    } else {
        while (!block && s->len > 0 && (s->out[s->len - 1] == ' ' || s->out[s->len - 1] == '\t'))
            s->len--;
    }
}

static inline void squeeze_code(struct squeeze *s)
{
    char c = s->in[s->at];
    if (squeeze_at_line_start(s) && isspace((unsigned char)c))
        s->at++;
    else if (squeeze_see(s, "/*") || (s->script && squeeze_see(s, "//")))
        squeeze_comment(s);
    else if (c == '"' || c == '\'')
        squeeze_string(s);
    else if (s->script && c == '/' && squeeze_regex_begins(s))
        squeeze_regex(s);
    else if (s->script && c == '`') {
        squeeze_copy(s, 1);
        squeeze_template(s);
    } else if (c == '}' && s->nested && s->braces[s->nested - 1] == 0) {
        s->nested--;
        squeeze_copy(s, 1);
        squeeze_template(s);
    } else {
        if (s->nested)
            s->braces[s->nested - 1] += c == '{' ? 1 : c == '}' ? -1 : 0;
        squeeze_copy(s, 1);
    }
}

/* In place: `bytes` has a NUL behind `size`. Returns the new size. `script`: JavaScript, else a style sheet. */
static inline size_t squeeze(char *bytes, size_t size, bool script)
{
    struct squeeze s = {.in = bytes, .size = size, .out = bytes, .script = script};
    while (s.at < s.size)
        squeeze_code(&s);
    bytes[s.len] = '\0';
    return s.len;
}

#endif
