/* The patterns are those of ruamel.yaml's 1.2 resolver (its documented behaviour, checked against 0.19):
 *   bool   true True TRUE false False FALSE         null   ~ null Null NULL and nothing
 *   int    [-+]? (0b[01_]+ | 0o[0-7_]+ | 0x[0-9a-fA-F_]+ | [0-9_]+)
 *   real   [-+]? [0-9][0-9_]* . [0-9_]* ([eE][-+]?[0-9]+)?  |  [-+]? [0-9][0-9_]* [eE][-+]?[0-9]+
 *          [-+]? . [0-9_]+ ([eE][-+][0-9]+)?        (here the exponent needs its sign)
 *          [-+]? .inf .Inf .INF,  .nan .NaN .NAN */
#include "base/yaml_scalar.h"

#include <math.h>

#define SCALAR_NUMBER_BYTES 1024 /* longer texts are strings */

static bool one_of(struct str s, const char *const *words)
{
    for (; *words; words++)
        if (str_eqc(s, *words))
            return true;
    return false;
}

static bool char_in(char c, const char *set)
{
    return c != '\0' && strchr(set, c);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The value of a digit in any base up to 16, or 99. */
static unsigned digit_value(char c)
{
    if (is_digit(c))
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10;
    if (c >= 'A' && c <= 'F')
        return (unsigned)(c - 'A') + 10;
    return 99;
}

enum scalar_kind { SCALAR_NO_NUMBER, SCALAR_NUMBER, SCALAR_TOO_LARGE };

static enum scalar_kind resolve_magnitude(uint64_t v, bool negative, struct json *ret)
{
    if (!negative || v == 0) {
        *ret = v <= INT64_MAX ? (struct json){.type = JSON_INT, .i = (int64_t)v}
                              : (struct json){.type = JSON_UINT, .u = v};
        return SCALAR_NUMBER;
    }
    if (v > (uint64_t)INT64_MAX + 1)
        return SCALAR_TOO_LARGE;
    *ret = (struct json){.type = JSON_INT, .i = (int64_t)(0 - v)};
    return SCALAR_NUMBER;
}

/* Digits and underscores in `base`, at least one digit. */
static enum scalar_kind resolve_integer(struct str s, unsigned base, bool negative, struct json *ret)
{
    uint64_t v = 0;
    bool any = false, over = false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '_')
            continue;
        unsigned d = digit_value(s.p[i]);
        if (d >= base)
            return SCALAR_NO_NUMBER;
        any = true;
        over |= __builtin_mul_overflow(v, (uint64_t)base, &v) || __builtin_add_overflow(v, (uint64_t)d, &v);
    }
    if (!any)
        return SCALAR_NO_NUMBER;
    return over ? SCALAR_TOO_LARGE : resolve_magnitude(v, negative, ret);
}

static size_t count_digits(struct str s, size_t at, bool underscores)
{
    size_t n = 0;
    while (at + n < s.len && (is_digit(s.p[at + n]) || (underscores && s.p[at + n] == '_')))
        n++;
    return n;
}

/* Whether the unsigned text has the form of a real number. */
static bool real_form(struct str s)
{
    size_t whole = count_digits(s, 0, true), i = whole;
    if (whole > 0 && !is_digit(s.p[0]))
        return false;
    bool point = i < s.len && s.p[i] == '.';
    if (point)
        i += 1 + count_digits(s, i + 1, true);
    if (whole == 0 && (!point || i < 2))
        return false;
    if (i == s.len)
        return point;
    if (s.p[i] != 'e' && s.p[i] != 'E')
        return false;
    i++;
    bool sign = i < s.len && (s.p[i] == '-' || s.p[i] == '+');
    if (whole == 0 && !sign)
        return false;
    i += sign;
    size_t n = count_digits(s, i, false);
    return n > 0 && i + n == s.len;
}

/* `s` with its sign, without underscores. */
static enum scalar_kind read_real(struct str s, struct json *ret)
{
    char text[SCALAR_NUMBER_BYTES];
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] != '_')
            text[n++] = s.p[i];
    ret->type = JSON_REAL;
    if (str_parse_f64((struct str){text, n}, false, &ret->f))
        return SCALAR_NUMBER;
    /* Either no digit was there ("._") or it is beyond a double. */
    for (size_t i = 0; i < n; i++)
        if (is_digit(text[i]))
            return SCALAR_TOO_LARGE;
    return SCALAR_NO_NUMBER;
}

static enum scalar_kind resolve_number(struct str s, struct json *ret)
{
    if (s.len == 0 || s.len >= SCALAR_NUMBER_BYTES)
        return SCALAR_NO_NUMBER;
    bool sign = s.p[0] == '-' || s.p[0] == '+', negative = s.p[0] == '-';
    struct str u = str_sub(s, sign, s.len);
    if (u.len == 0 || !(is_digit(u.p[0]) || u.p[0] == '.' || (sign && u.p[0] == '_')))
        return SCALAR_NO_NUMBER;
    if (str_eqc(u, ".inf") || str_eqc(u, ".Inf") || str_eqc(u, ".INF")) {
        *ret = (struct json){.type = JSON_REAL, .f = negative ? -INFINITY : INFINITY};
        return SCALAR_NUMBER;
    }
    if (!sign && (str_eqc(u, ".nan") || str_eqc(u, ".NaN") || str_eqc(u, ".NAN"))) {
        *ret = (struct json){.type = JSON_REAL, .f = NAN};
        return SCALAR_NUMBER;
    }
    static const struct {
        const char *prefix;
        unsigned base;
    } bases[] = {{"0b", 2}, {"0o", 8}, {"0x", 16}};
    for (size_t i = 0; i < ARRAY_LEN(bases); i++)
        if (str_starts(u, str_from(bases[i].prefix)))
            return resolve_integer(str_sub(u, 2, u.len), bases[i].base, negative, ret);
    if (real_form(u))
        return read_real(s, ret);
    enum scalar_kind kind = resolve_integer(u, 10, negative, ret);
    return kind == SCALAR_TOO_LARGE ? read_real(s, ret) : kind;
}

bool yaml_scalar_resolve(struct str text, struct json *ret)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    *ret = (struct json){.type = JSON_NULL};
    if (one_of(text, nulls))
        return true;
    bool yes = one_of(text, trues);
    if (yes || one_of(text, falses)) {
        *ret = (struct json){.type = JSON_BOOL, .boolean = yes};
        return true;
    }
    enum scalar_kind kind = resolve_number(text, ret);
    if (kind == SCALAR_NO_NUMBER)
        *ret = (struct json){.type = JSON_STRING, .s = text};
    return kind != SCALAR_TOO_LARGE;
}

/* "2001-..": a date for ruamel. "12:30:45": a number for YAML 1.1. */
static bool looks_like_time(struct str s)
{
    size_t digits = count_digits(s, 0, false);
    return digits > 0 && digits < s.len && (s.p[digits] == ':' || (digits == 4 && s.p[digits] == '-'));
}

static bool plain_char(struct str s, size_t i)
{
    unsigned char c = (unsigned char)s.p[i];
    if (c < 0x20 || c == 0x7F)
        return false;
    if (c == ':')
        return i + 1 < s.len && s.p[i + 1] != ' ';
    if (c == '#')
        return i > 0 && s.p[i - 1] != ' ';
    /* C2 80..9F, E2 80 A8/A9, EF BB BF: controls, line breaks and the BOM; EF BF BE/BF: no characters. */
    if (c == 0xC2 && (unsigned char)s.p[i + 1] < 0xA0)
        return false;
    if (c == 0xE2 && (unsigned char)s.p[i + 1] == 0x80 && ((unsigned char)s.p[i + 2] & 0xFE) == 0xA8)
        return false;
    if (c == 0xEF && (unsigned char)s.p[i + 1] == 0xBB && (unsigned char)s.p[i + 2] == 0xBF)
        return false;
    return !(c == 0xEF && (unsigned char)s.p[i + 1] == 0xBF && (unsigned char)s.p[i + 2] >= 0xBE);
}

bool yaml_scalar_plain(struct str text)
{
    static const char *const old_words[] = {"y",   "Y",   "n",  "N",  "yes", "Yes", "YES",
                                            "no",  "No",  "NO", "on", "On",  "ON",  "off",
                                            "Off", "OFF", "=",  "<<", "---", "...", NULL};
    struct json value;
    if (!str_is_utf8(text) || !yaml_scalar_resolve(text, &value) || value.type != JSON_STRING)
        return false;
    if (one_of(text, old_words) || looks_like_time(text) || str_starts(text, STR("---")) ||
        str_starts(text, STR("...")))
        return false;
    /* A sign or a point before a digit, or a prefix of a base: numbers of some dialect or other. */
    if (text.p[0] == '0' && text.len > 1 && char_in(text.p[1], "xXoObB"))
        return false;
    if (char_in(text.p[0], "+-.") && text.len > 1 &&
        (is_digit(text.p[1]) || text.p[1] == '.' || text.p[1] == '_'))
        return false;
    if (char_in(text.p[0], ",[]{}#&*!|>'\"%@` ") || text.p[text.len - 1] == ' ')
        return false;
    if (char_in(text.p[0], "-?:") && (text.len == 1 || text.p[1] == ' '))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!plain_char(text, i))
            return false;
    return true;
}
