/* buf.h - a growable byte buffer with a maximum. Errors stick: after the first refused append the
 * buffer keeps its bytes, `failed` is set and later appends do nothing, so callers check once. */
#ifndef INGOT_BASE_BUF_H
#define INGOT_BASE_BUF_H

#include "base/cc.h"
#include "base/str.h"

struct buf {
    char *p; /* NUL-terminated behind len once anything was added */
    size_t len, cap, max;
    bool failed; /* the maximum or memory was exceeded */
};

/* No allocation yet. `max` > 0. Heap memory: buf_clear() frees it. */
void buf_init(struct buf *b, size_t max);
void buf_clear(struct buf *b);
void buf_reset(struct buf *b); /* length 0, keeps the memory, forgets the failure */
void buf_add(struct buf *b, const void *p, size_t n);
void buf_add_str(struct buf *b, struct str s);
void buf_add_cstr(struct buf *b, const char *s);
void buf_add_char(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Room for n more bytes at p + len, or NULL; the caller then adds to len. */
char *buf_reserve(struct buf *b, size_t n);
void buf_consume(struct buf *b, size_t n); /* drops n bytes from the front */
static inline struct str buf_str(const struct buf *b) { return (struct str){b->p ? b->p : "", b->len}; }
static inline void buf_auto(struct buf *b) { buf_clear(b); }

#endif
