#include "base/log.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/time.h"

#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <unistd.h>

#define LOG_LINE_BYTES ((size_t)64 << 10)
#define LOG_VALUE_BYTES 4096u /* longer values are cut and end in "..." */

static atomic_int log_min_level = LOG_INFO;
static atomic_int log_line_format = LOG_TEXT;
static const char *const log_level_names[] = {"debug", "info", "warn", "error"};

void log_setup(enum log_level min_level, enum log_format format)
{
    atomic_store(&log_min_level, (int)min_level);
    atomic_store(&log_line_format, (int)format);
}

enum log_level log_level_get(void)
{
    return (enum log_level)atomic_load(&log_min_level);
}

void log_level_set(enum log_level level)
{
    atomic_store(&log_min_level, (int)level);
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&log_min_level, memory_order_relaxed);
}

/* Both formats quote in JSON's way; bytes that are no UTF-8 come as \ufffd so that a line stays one line of
 * valid JSON whatever a peer sent. */
static void log_add_quoted(struct buf *b, struct str s)
{
    bool cut = s.len > LOG_VALUE_BYTES;
    if (cut)
        s.len = LOG_VALUE_BYTES;
    bool utf8 = str_is_utf8(s);
    buf_add_char(b, '"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\')
            buf_addf(b, "\\%c", c);
        else if (c == '\n')
            buf_add_cstr(b, "\\n");
        else if (c < 0x20 || c == 0x7f)
            buf_addf(b, "\\u%04x", c);
        else if (c >= 0x80 && !utf8)
            buf_add_cstr(b, "\\ufffd");
        else
            buf_add_char(b, (char)c);
    }
    if (cut)
        buf_add_cstr(b, "...");
    buf_add_char(b, '"');
}

/* In text a value without blanks, quotes or escapes stands bare. */
static bool log_is_plain(struct str s)
{
    if (s.len == 0 || s.len > LOG_VALUE_BYTES)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '=')
            return false;
    }
    return true;
}

static void log_add_f64(struct buf *b, double v, bool json)
{
    if (!isfinite(v)) {
        const char *name = isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity";
        buf_addf(b, json ? "\"%s\"" : "%s", name);
        return;
    }
    char text[32];
    buf_add(b, text, json_format_f64(v, text));
}

static void log_add_value(struct buf *b, const struct log_val *v, bool json)
{
    switch (v->type) {
    case LOG_VAL_STR:
        if (!json && log_is_plain(v->s))
            buf_add_str(b, v->s);
        else
            log_add_quoted(b, v->s);
        return;
    case LOG_VAL_I64:
        buf_addf(b, "%lld", (long long)v->i);
        return;
    case LOG_VAL_F64:
        log_add_f64(b, v->f, json);
        return;
    }
}

static void log_write(const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(STDERR_FILENO, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return; /* nowhere to report it to */
        p += done;
        n -= (size_t)done;
    }
}

void log_event(enum log_level level, const char *event, const struct log_kv *kvs, size_t n)
{
    if (!log_enabled(level))
        return;
    int saved = errno;
    bool json = atomic_load_explicit(&log_line_format, memory_order_relaxed) == LOG_JSON;
    char when[32];
    time_format(time_now_us(), when);
    struct buf b;
    buf_init(&b, LOG_LINE_BYTES);
    if (json)
        buf_addf(&b, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", when, log_level_names[level],
                 event);
    else
        buf_addf(&b, "%s %-5s %s", when, log_level_names[level], event);
    for (size_t i = 0; i < n; i++) {
        size_t before = b.len;
        buf_addf(&b, json ? ",\"%s\":" : " %s=", kvs[i].key);
        log_add_value(&b, &kvs[i].val, json);
        /* A pair that has no room is left out whole; two bytes stay free for the end of the line. */
        if (b.failed || b.len > LOG_LINE_BYTES - 2) {
            b.failed = false;
            b.len = before;
            break;
        }
    }
    buf_add_cstr(&b, json ? "}\n" : "\n");
    log_write(b.p, b.len);
    buf_clear(&b);
    errno = saved;
}
