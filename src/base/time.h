/* time.h - microseconds since 1970 UTC, and their RFC 3339 text. */
#ifndef INGOT_BASE_TIME_H
#define INGOT_BASE_TIME_H

#include "base/str.h"

#define TIME_US_PER_S 1000000LL
#define TIME_US_PER_MS 1000LL
#define TIME_US_PER_DAY 86400000000LL

int64_t time_now_us(void);  /* CLOCK_REALTIME */
int64_t time_mono_ms(void); /* CLOCK_MONOTONIC */
int64_t time_mono_ns(void);
/* CPU time of the whole process, nanoseconds. */
int64_t time_cpu_ns(void);
void time_sleep_ms(int64_t ms);
/* "2001-04-01T13:05:00Z" with 0, 3 or 6 fraction digits as needed; `out` has room for 32. Years outside
 * 0..9999 get a sign and six digits (ISO 8601, "+010000-01-01T00:00:00Z"), which time_parse does not take back. */
size_t time_format(int64_t us, char *out);
/* RFC 3339, also "YYYY-MM-DD", a blank for T, and no zone (= UTC). False on anything else, leap seconds
 * (":60") included. Digits of the fraction behind the sixth are dropped. */
MUST_USE bool time_parse(struct str s, int64_t *ret_us);
/* A length of time: digits and one of s m h d w, such as "90m" or "28d". False on anything else and above `max_us`. */
MUST_USE bool time_parse_span(struct str s, int64_t max_us, int64_t *ret_us);

#endif
