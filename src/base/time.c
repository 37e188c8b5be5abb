/* Civil dates by era arithmetic on the proleptic Gregorian calendar: an era is 400 years = 146097 days,
 * years begin in March so that the leap day comes last (the method of Howard Hinnant's
 * "chrono-compatible low-level date algorithms"). */
#include "base/time.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define DAYS_TO_1970 719468 /* from 0000-03-01 */
#define DAYS_PER_ERA 146097

static int64_t time_clock_ns(clockid_t id)
{
    struct timespec ts;
    if (clock_gettime(id, &ts) != 0)
        abort();
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t time_now_us(void)
{
    return time_clock_ns(CLOCK_REALTIME) / 1000;
}

int64_t time_mono_ms(void)
{
    return time_clock_ns(CLOCK_MONOTONIC) / 1000000;
}

int64_t time_mono_ns(void)
{
    return time_clock_ns(CLOCK_MONOTONIC);
}

int64_t time_cpu_ns(void)
{
    return time_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

void time_sleep_ms(int64_t ms)
{
    if (ms <= 0)
        return;
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
        continue;
}

/* Days since 1970-01-01. */
static int64_t days_from_civil(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970;
}

static void civil_from_days(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
    days += DAYS_TO_1970;
    int64_t era = (days >= 0 ? days : days - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    int64_t doe = days - era * DAYS_PER_ERA;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / (DAYS_PER_ERA - 1)) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *day = doy - (153 * mp + 2) / 5 + 1;
    *month = mp < 10 ? mp + 3 : mp - 9;
    *year = yoe + era * 400 + (*month <= 2 ? 1 : 0);
}

static char *put_digits(char *p, int64_t v, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        p[i] = (char)('0' + v % 10);
        v /= 10;
    }
    return p + width;
}

size_t time_format(int64_t us, char *out)
{
    int64_t days = us / TIME_US_PER_DAY, rest = us % TIME_US_PER_DAY;
    if (rest < 0) {
        rest += TIME_US_PER_DAY;
        days--;
    }
    int64_t year, month, day;
    civil_from_days(days, &year, &month, &day);
    int64_t s = rest / TIME_US_PER_S, fraction = rest % TIME_US_PER_S;
    char *p = out;
    if (year >= 0 && year <= 9999) {
        p = put_digits(p, year, 4);
    } else { /* ISO 8601's expanded form: the instant may come from a file or a peer, so every one has a text */
        *p++ = year < 0 ? '-' : '+';
        p = put_digits(p, year < 0 ? -year : year, 6);
    }
    *p++ = '-';
    p = put_digits(p, month, 2);
    *p++ = '-';
    p = put_digits(p, day, 2);
    *p++ = 'T';
    p = put_digits(p, s / 3600, 2);
    *p++ = ':';
    p = put_digits(p, s / 60 % 60, 2);
    *p++ = ':';
    p = put_digits(p, s % 60, 2);
    if (fraction != 0) {
        *p++ = '.';
        p = fraction % 1000 == 0 ? put_digits(p, fraction / 1000, 3) : put_digits(p, fraction, 6);
    }
    *p++ = 'Z';
    *p = '\0';
    return (size_t)(p - out);
}

/* Takes exactly `width` digits off the front. */
static bool take_digits(struct str *s, size_t width, int64_t *ret)
{
    int64_t v = 0;
    if (s->len < width)
        return false;
    for (size_t i = 0; i < width; i++) {
        if (s->p[i] < '0' || s->p[i] > '9')
            return false;
        v = v * 10 + (s->p[i] - '0');
    }
    *s = str_sub(*s, width, s->len);
    *ret = v;
    return true;
}

static bool take_char(struct str *s, char c)
{
    if (s->len == 0 || s->p[0] != c)
        return false;
    *s = str_sub(*s, 1, s->len);
    return true;
}

static bool take_date(struct str *s, int64_t *ret_days)
{
    static const int8_t month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t y, m, d;
    if (!take_digits(s, 4, &y) || !take_char(s, '-') || !take_digits(s, 2, &m) || !take_char(s, '-') ||
        !take_digits(s, 2, &d))
        return false;
    if (m < 1 || m > 12 || d < 1)
        return false;
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    if (d > month_days[m - 1] + (m == 2 && leap ? 1 : 0))
        return false;
    *ret_days = days_from_civil(y, m, d);
    return true;
}

/* "hh:mm:ss" and a fraction of any length, of which microseconds are kept. */
static bool take_clock(struct str *s, int64_t *ret_us)
{
    int64_t h, m, sec, fraction = 0;
    if (!take_digits(s, 2, &h) || !take_char(s, ':') || !take_digits(s, 2, &m) || !take_char(s, ':') ||
        !take_digits(s, 2, &sec))
        return false;
    if (h > 23 || m > 59 || sec > 59)
        return false;
    if (take_char(s, '.')) {
        int64_t scale = TIME_US_PER_S / 10, digit;
        if (!take_digits(s, 1, &digit))
            return false;
        do {
            fraction += digit * scale;
            scale /= 10;
        } while (take_digits(s, 1, &digit));
    }
    *ret_us = ((h * 60 + m) * 60 + sec) * TIME_US_PER_S + fraction;
    return true;
}

/* "Z", "+hh:mm", "-hh:mm" or nothing: microseconds east of UTC. */
static bool take_zone(struct str *s, int64_t *ret_us)
{
    *ret_us = 0;
    if (s->len == 0 || take_char(s, 'Z') || take_char(s, 'z'))
        return true;
    bool west = take_char(s, '-');
    int64_t h, m;
    if (!west && !take_char(s, '+'))
        return false;
    if (!take_digits(s, 2, &h) || !take_char(s, ':') || !take_digits(s, 2, &m) || h > 23 || m > 59)
        return false;
    *ret_us = (west ? -1 : 1) * (h * 60 + m) * 60 * TIME_US_PER_S;
    return true;
}

bool time_parse(struct str s, int64_t *ret_us)
{
    int64_t days, clock_us = 0, zone_us = 0;
    if (!take_date(&s, &days))
        return false;
    if (s.len > 0) {
        if (!take_char(&s, 'T') && !take_char(&s, 't') && !take_char(&s, ' '))
            return false;
        if (!take_clock(&s, &clock_us) || !take_zone(&s, &zone_us) || s.len > 0)
            return false;
    }
    *ret_us = days * TIME_US_PER_DAY + clock_us - zone_us;
    return true;
}

bool time_parse_span(struct str s, int64_t max_us, int64_t *ret_us)
{
    static const struct {
        char unit;
        int64_t us;
    } units[] = {{'s', TIME_US_PER_S}, {'m', 60 * TIME_US_PER_S}, {'h', 3600 * TIME_US_PER_S}, {'d', TIME_US_PER_DAY}, {'w', 7 * TIME_US_PER_DAY}};
    int64_t n = 0;
    if (s.len < 2 || s.p[0] == '-' || !str_parse_i64(str_sub(s, 0, s.len - 1), &n))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (s.p[s.len - 1] == units[i].unit && n <= max_us / units[i].us) {
            *ret_us = n * units[i].us;
            return true;
        }
    }
    return false;
}
