/* log.h - structured logs on stderr: one line per event, either JSON or text ("time level event k=v").
 *     log_at(LOG_INFO, "server.start", {"listen", LOG_S(addr)}, {"threads", LOG_I(n)});
 * Keys are literals. Values have newlines and control bytes escaped. Secrets are never logged: there is no
 * way to pass a header or a body. Thread-safe: one write(2) per line. */
#ifndef INGOT_BASE_LOG_H
#define INGOT_BASE_LOG_H

#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

struct log_val {
    enum { LOG_VAL_STR, LOG_VAL_I64, LOG_VAL_F64 } type;
    struct str s;
    int64_t i;
    double f;
};
struct log_kv {
    const char *key;
    struct log_val val;
};

#define LOG_S(v) ((struct log_val){.type = LOG_VAL_STR, .s = (v)})
#define LOG_C(v) ((struct log_val){.type = LOG_VAL_STR, .s = str_from(v)})
#define LOG_I(v) ((struct log_val){.type = LOG_VAL_I64, .i = (int64_t)(v)})
#define LOG_F(v) ((struct log_val){.type = LOG_VAL_F64, .f = (v)})

void log_setup(enum log_level min_level, enum log_format format);
bool log_enabled(enum log_level level);
/* The lowest level that is written, alone. */
enum log_level log_level_get(void);
void log_level_set(enum log_level level);
/* `kvs` has n pairs. */
void log_event(enum log_level level, const char *event, const struct log_kv *kvs, size_t n);

/* log_at(LOG_INFO, "db.open", {"path", LOG_C(path)}, {"pages", LOG_I(n)}); at least one pair */
#define log_at(level, event, ...)                                                                  \
    log_event((level), (event), (const struct log_kv[]){__VA_ARGS__},                              \
              sizeof((const struct log_kv[]){__VA_ARGS__}) / sizeof(struct log_kv))

#endif
