#include "base/op.h"

#include "base/time.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Longer error texts are cut. */
#define OP_MSG_BYTES 2048

void op_init(struct op *op, struct arena *arena)
{
    *op = (struct op){
        .arena = arena,
        .actor = {.name = STR("system"), .perms = UINT32_MAX},
        .request_id = STR(""),
        .now_us = time_now_us(),
    };
}

void op_clear(struct op *op)
{
    op->err = OK;
    op->msg = NULL;
    op->field = NULL;
}

/* An error is often that the arena is full, so the text must not need it: then the name of the error is
 * all that is said. */
static void op_set_msg(struct op *op, enum err e, const char *text)
{
    size_t n = strlen(text) + 1;
    char *copy = arena_try_alloc(op->arena, n, 1);
    op->err = e;
    op->msg = copy ? memcpy(copy, text, n) : err_name(e);
}

/* "text: cause" in op->msg, where the cause is the message that was there. */
PRINTF_LIKE(3, 0) static void op_put(struct op *op, enum err e, const char *fmt, va_list args)
{
    char text[OP_MSG_BYTES];
    int n = vsnprintf(text, sizeof text, fmt, args);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    text[len] = '\0';
    if (op->err && op->msg)
        snprintf(text + len, sizeof text - len, ": %s", op->msg);
    op_set_msg(op, e, text);
}

enum err op_fail(struct op *op, enum err e, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    op_put(op, e, fmt, args);
    va_end(args);
    return e;
}

enum err op_fail_field(struct op *op, const char *field, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    op_put(op, E_INVALID, fmt, args);
    va_end(args);
    size_t n = strlen(field) + 1;
    char *copy = arena_try_alloc(op->arena, n, 1);
    op->field = copy ? memcpy(copy, field, n) : NULL;
    return E_INVALID;
}

enum err op_fail_errno(struct op *op, const char *fmt, ...)
{
    int saved = errno;
    char text[OP_MSG_BYTES], reason[128];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    enum err e = saved == ENOENT ? E_NOT_FOUND : E_IO;
    op_fail(op, e, "%s: %s", text, strerror_r(saved, reason, sizeof reason));
    errno = saved;
    return e;
}

enum err op_context(struct op *op, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    op_put(op, op->err, fmt, args);
    va_end(args);
    return op->err;
}

enum err op_fail_from(struct op *op, const struct op *sub)
{
    if (!sub->err)
        return OK;
    size_t n = sub->field ? strlen(sub->field) + 1 : 0;
    char *field = n ? arena_try_alloc(op->arena, n, 1) : NULL;
    op_set_msg(op, sub->err, sub->msg);
    op->field = field ? memcpy(field, sub->field, n) : NULL;
    return sub->err;
}

enum err op_check_deadline(struct op *op)
{
    if (op->deadline_ms != 0 && time_mono_ms() >= op->deadline_ms)
        return op_fail(op, E_TIMEOUT, "the deadline has passed");
    return OK;
}

char *op_printf(struct op *op, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    size_t size = n < 0 ? 1 : (size_t)n + 1;
    char *p = arena_alloc(op->arena, size);
    va_start(args, fmt);
    vsnprintf(p, size, fmt, args);
    va_end(args);
    return p;
}
