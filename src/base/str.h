/* str.h - a borrowed view of bytes: pointer and length, not NUL-terminated, never NULL when len > 0.
 * Text is UTF-8 where a header says so. A view owns nothing; str_dup() copies into an arena. */
#ifndef INGOT_BASE_STR_H
#define INGOT_BASE_STR_H

#include "base/cc.h"

#include <string.h>

struct arena;

struct str {
    const char *p;
    size_t len;
};

/* A view of a string literal. */
#define STR(lit) ((struct str){("" lit), sizeof(lit) - 1})
#define STR_INIT(lit) {("" lit), sizeof(lit) - 1}
/* For printf: "%.*s", STR_FMT(s). Views longer than INT_MAX are cut. */
#define STR_FMT(s) (int)((s).len > 0x7fffffff ? 0x7fffffff : (s).len), ((s).p ? (s).p : "")

/* `c` may be NULL: the empty view. */
struct str str_from(const char *c);
bool str_eq(struct str a, struct str b);
bool str_eqc(struct str a, const char *c);
bool str_ieq(struct str a, struct str b); /* ASCII case folded */
int str_cmp(struct str a, struct str b);  /* bytes, then length: <0, 0, >0 */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
/* Index of the first `needle`, or SIZE_MAX. */
size_t str_find(struct str s, struct str needle);
size_t str_find_char(struct str s, char c);
struct str str_sub(struct str s, size_t from, size_t len); /* clipped to s */
struct str str_trim(struct str s);                         /* ASCII blanks at both ends */
/* Takes the part before the first `sep` off the front of `*rest`; false when `*rest` was used up.
 * "a,,b" gives "a", "", "b"; start with a copy whose p is not NULL. */
bool str_split(struct str *rest, char sep, struct str *ret_part);

/* Copies into the arena, NUL-terminated behind the view's end. */
struct str str_dup(struct arena *a, struct str s);
/* The same as a C string. The view must hold no NUL (asserted). */
char *str_cstr(struct arena *a, struct str s);

/* 0..15 for a hex digit of either case, else -1. */
int str_hex_digit(char c);
/* Whole-string number parsers: false when anything but one number in range stands there. Integers are
 * digits with at most a leading '-' (i64): no '+', no blanks, so they fit Content-Length too. */
MUST_USE bool str_parse_i64(struct str s, int64_t *ret);
MUST_USE bool str_parse_u64(struct str s, uint64_t *ret);
/* Accepts what strtod accepts in the C locale but blanks and hex, up to 1023 bytes; "inf"/"nan" only if
 * `special`. Overflow is refused, underflow is not. */
MUST_USE bool str_parse_f64(struct str s, bool special, double *ret);
/* Strict UTF-8 (RFC 3629): no surrogates, no overlong forms, no code point above 10FFFF. */
bool str_is_utf8(struct str s);
/* How many bytes at the front are such UTF-8: s.len when all of it is. */
size_t str_utf8_prefix(struct str s);

#endif
