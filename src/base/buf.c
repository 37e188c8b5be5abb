#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BUF_FIRST_BYTES 256u

void buf_init(struct buf *b, size_t max)
{
    assert(max > 0 && max < SIZE_MAX / 2);
    *b = (struct buf){.max = max};
}

void buf_clear(struct buf *b)
{
    free(b->p);
    *b = (struct buf){.max = b->max};
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->failed = false;
    if (b->p)
        b->p[0] = '\0';
}

/* Grows to hold `need` bytes and the NUL behind them. `cap` does not count the NUL. */
static bool buf_grow(struct buf *b, size_t need)
{
    size_t cap = b->cap ? b->cap : BUF_FIRST_BYTES;
    while (cap < need)
        cap *= 2; /* cannot overflow: need <= max < SIZE_MAX / 2 */
    if (cap > b->max)
        cap = b->max;
    char *p = realloc(b->p, cap + 1);
    if (!p)
        return false;
    b->p = p;
    b->cap = cap;
    return true;
}

char *buf_reserve(struct buf *b, size_t n)
{
    if (b->failed)
        return NULL;
    if (n > b->max - b->len) {
        b->failed = true;
        return NULL;
    }
    if ((!b->p || b->cap - b->len < n) && !buf_grow(b, b->len + n)) {
        b->failed = true;
        return NULL;
    }
    return b->p + b->len;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
    if (n == 0)
        return;
    char *to = !b->failed && b->p && n <= b->cap - b->len ? b->p + b->len : buf_reserve(b, n);
    if (!to)
        return;
    memcpy(to, p, n);
    b->len += n;
    b->p[b->len] = '\0';
}

void buf_add_str(struct buf *b, struct str s)
{
    buf_add(b, s.p, s.len);
}

void buf_add_cstr(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_add_char(struct buf *b, char c)
{
    if (!b->failed && b->p && b->len < b->cap) {
        b->p[b->len++] = c;
        b->p[b->len] = '\0';
        return;
    }
    buf_add(b, &c, 1);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
    char small[512];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(small, sizeof small, fmt, args);
    va_end(args);
    if (n < 0) {
        b->failed = true;
        return;
    }
    if ((size_t)n < sizeof small) {
        buf_add(b, small, (size_t)n);
        return;
    }
    char *to = buf_reserve(b, (size_t)n);
    if (!to)
        return;
    va_start(args, fmt);
    vsnprintf(to, (size_t)n + 1, fmt, args); /* the NUL has its place behind cap */
    va_end(args);
    b->len += (size_t)n;
}

void buf_consume(struct buf *b, size_t n)
{
    assert(n <= b->len);
    if (n == 0)
        return;
    memmove(b->p, b->p + n, b->len - n);
    b->len -= n;
    b->p[b->len] = '\0';
}
