#include "base/str.h"

#include "base/arena.h"

#include <assert.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

/* The longest number text that str_parse_f64 looks at. */
#define STR_NUMBER_BYTES 1024u

struct str str_from(const char *c)
{
    return c ? (struct str){c, strlen(c)} : (struct str){"", 0};
}

bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

bool str_eqc(struct str a, const char *c)
{
    return str_eq(a, str_from(c));
}

static char str_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool str_ieq(struct str a, struct str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (str_lower(a.p[i]) != str_lower(b.p[i]))
            return false;
    return true;
}

int str_cmp(struct str a, struct str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    if (c)
        return c;
    return a.len < b.len ? -1 : a.len > b.len;
}

bool str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_eq((struct str){s.p, prefix.len}, prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.len >= suffix.len &&
           (suffix.len == 0 || memcmp(s.p + (s.len - suffix.len), suffix.p, suffix.len) == 0);
}

size_t str_find(struct str s, struct str needle)
{
    if (needle.len == 0)
        return 0;
    if (s.len < needle.len)
        return SIZE_MAX;
    const char *at = memmem(s.p, s.len, needle.p, needle.len);
    return at ? (size_t)(at - s.p) : SIZE_MAX;
}

size_t str_find_char(struct str s, char c)
{
    const char *at = s.len ? memchr(s.p, c, s.len) : NULL;
    return at ? (size_t)(at - s.p) : SIZE_MAX;
}

struct str str_sub(struct str s, size_t from, size_t len)
{
    if (from >= s.len)
        return (struct str){s.len ? s.p + s.len : "", 0};
    if (len > s.len - from)
        len = s.len - from;
    return (struct str){s.p + from, len};
}

static bool str_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
    while (s.len > 0 && str_blank(s.p[0])) {
        s.p++;
        s.len--;
    }
    while (s.len > 0 && str_blank(s.p[s.len - 1]))
        s.len--;
    return s;
}

bool str_split(struct str *rest, char sep, struct str *ret_part)
{
    if (!rest->p)
        return false;
    size_t at = str_find_char(*rest, sep);
    if (at == SIZE_MAX) {
        *ret_part = *rest;
        *rest = (struct str){NULL, 0};
        return true;
    }
    *ret_part = (struct str){rest->p, at};
    *rest = (struct str){rest->p + at + 1, rest->len - at - 1};
    return true;
}

struct str str_dup(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.len + 1);
    if (s.len > 0)
        memcpy(p, s.p, s.len);
    return (struct str){p, s.len};
}

char *str_cstr(struct arena *a, struct str s)
{
    assert(str_find_char(s, '\0') == SIZE_MAX);
    char *p = arena_alloc(a, s.len + 1);
    if (s.len > 0)
        memcpy(p, s.p, s.len);
    return p;
}

bool str_parse_u64(struct str s, uint64_t *ret)
{
    uint64_t v = 0;
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
            return false;
    }
    *ret = v;
    return true;
}

int str_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool str_parse_i64(struct str s, int64_t *ret)
{
    bool negative = s.len > 0 && s.p[0] == '-';
    uint64_t v;
    if (!str_parse_u64(negative ? str_sub(s, 1, s.len) : s, &v))
        return false;
    if (v > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return false;
    *ret = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

static locale_t str_c_locale;
static pthread_once_t str_c_locale_once = PTHREAD_ONCE_INIT;

static void str_c_locale_make(void)
{
    str_c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!str_c_locale)
        abort();
}

static bool str_parse_special(struct str s, double *ret)
{
    double sign = 1;
    if (s.len > 0 && (s.p[0] == '-' || s.p[0] == '+')) {
        sign = s.p[0] == '-' ? -1 : 1;
        s = str_sub(s, 1, s.len);
    }
    if (str_ieq(s, STR("inf")) || str_ieq(s, STR("infinity"))) {
        *ret = sign * INFINITY;
        return true;
    }
    if (str_ieq(s, STR("nan"))) {
        *ret = copysign(NAN, sign);
        return true;
    }
    return false;
}

bool str_parse_f64(struct str s, bool special, double *ret)
{
    if (special && str_parse_special(s, ret))
        return true;
    if (s.len == 0 || s.len >= STR_NUMBER_BYTES)
        return false;
    char text[STR_NUMBER_BYTES];
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];
        if (!((c >= '0' && c <= '9') || c == '.' || c == 'e' || c == 'E' || c == '-' || c == '+'))
            return false;
        text[i] = c;
    }
    text[s.len] = '\0';
    pthread_once(&str_c_locale_once, str_c_locale_make);
    char *end;
    double v = strtod_l(text, &end, str_c_locale);
    if (end == text || *end != '\0' || isinf(v))
        return false;
    *ret = v;
    return true;
}

/* The length of the well-formed sequence at p (RFC 3629, table of section 4), or 0. */
static size_t str_utf8_sequence(const unsigned char *p, size_t left)
{
    unsigned char c = p[0];
    if (c < 0x80)
        return 1;
    size_t n = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    if (c < 0xC2 || c > 0xF4 || left < n)
        return 0;
    /* The second byte excludes overlong forms (E0, F0), surrogates (ED) and what lies above 10FFFF (F4). */
    unsigned char low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
    unsigned char high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    return n;
}

size_t str_utf8_prefix(struct str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t i = 0;
    while (i < s.len) {
        uint64_t word;
        if (s.len - i >= sizeof word) {
            memcpy(&word, p + i, sizeof word);
            if (!(word & 0x8080808080808080ULL)) {
                i += sizeof word;
                continue;
            }
        }
        size_t n = str_utf8_sequence(p + i, s.len - i);
        if (n == 0)
            break;
        i += n;
    }
    return i;
}

bool str_is_utf8(struct str s)
{
    return str_utf8_prefix(s) == s.len;
}
