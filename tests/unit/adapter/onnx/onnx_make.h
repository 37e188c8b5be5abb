/* onnx_make.h - writes small ONNX files for tests: messages as nested buffers, with the public field numbers. */
#ifndef INGOT_TESTS_ONNX_MAKE_H
#define INGOT_TESTS_ONNX_MAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/op.h"

static inline void put_varint(struct buf *b, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_add_char(b, (char)(v | 0x80));
    buf_add_char(b, (char)v);
}

static inline void put_int(struct buf *b, uint32_t field, int64_t v)
{
    put_varint(b, field << 3);
    put_varint(b, (uint64_t)v);
}

static inline void put_bytes(struct buf *b, uint32_t field, const void *p, size_t n)
{
    put_varint(b, field << 3 | 2);
    put_varint(b, n);
    buf_add(b, p, n);
}

static inline void put_text(struct buf *b, uint32_t field, const char *text)
{
    put_bytes(b, field, text, strlen(text));
}

/* The message that was written into `inner`, which is cleared. */
static inline void put_message(struct buf *b, uint32_t field, struct buf *inner)
{
    put_bytes(b, field, inner->p ? inner->p : "", inner->len);
    buf_clear(inner);
    buf_init(inner, LIMIT_MIB(64));
}

/* NodeProto: `names` are inputs, then after a "" outputs, ended by NULL. `extra` (or NULL) is appended: attributes, a domain. */
static inline void put_node(struct buf *graph, uint32_t field, const char *op_type, const char *const *names, struct buf *extra)
{
    struct buf node;
    buf_init(&node, LIMIT_MIB(64));
    bool outputs = false;
    for (; *names; names++) {
        if (!**names)
            outputs = true;
        else
            put_text(&node, outputs ? 2 : 1, *names);
    }
    put_text(&node, 4, op_type);
    if (extra)
        buf_add_str(&node, buf_str(extra));
    put_message(graph, field, &node);
    buf_clear(&node);
}
#define NODE(graph, op_type, ...) put_node(graph, 1, op_type, (const char *const[]){__VA_ARGS__, NULL}, NULL)

/* ValueInfoProto of a tensor; lengths < 0 are the symbol "N". `rank` lengths. */
static inline void put_value(struct buf *graph, uint32_t field, const char *name, int type, size_t rank, const int64_t *lengths)
{
    struct buf value, tp, tensor, shape, dim;
    struct buf *all[] = {&value, &tp, &tensor, &shape, &dim};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        buf_init(all[i], LIMIT_MIB(1));
    for (size_t i = 0; i < rank; i++) {
        if (lengths[i] < 0)
            put_text(&dim, 2, "N");
        else
            put_int(&dim, 1, lengths[i]);
        put_message(&shape, 1, &dim);
    }
    put_int(&tensor, 1, type);
    put_message(&tensor, 2, &shape);
    put_message(&tp, 1, &tensor);
    put_text(&value, 1, name);
    put_message(&value, 2, &tp);
    put_message(graph, field, &value);
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        buf_clear(all[i]);
}
#define INPUT(graph, name, type, ...) \
    put_value(graph, 11, name, type, sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (const int64_t[]){__VA_ARGS__})
#define OUTPUT(graph, name, type, ...) \
    put_value(graph, 12, name, type, sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (const int64_t[]){__VA_ARGS__})

/* An initializer with raw_data. */
static inline void put_tensor(struct buf *graph, uint32_t field, const char *name, int type, size_t rank, const int64_t *dims, const void *raw, size_t bytes)
{
    struct buf t;
    buf_init(&t, LIMIT_MIB(64));
    for (size_t i = 0; i < rank; i++)
        put_int(&t, 1, dims[i]);
    put_int(&t, 2, type);
    put_text(&t, 8, name);
    put_bytes(&t, 9, raw, bytes);
    put_message(graph, field, &t);
    buf_clear(&t);
}

static inline void put_opset(struct buf *model, const char *domain, int version)
{
    struct buf b;
    buf_init(&b, LIMIT_KIB(4));
    if (*domain)
        put_text(&b, 1, domain);
    put_int(&b, 2, version);
    put_message(model, 8, &b);
    buf_clear(&b);
}

/* A whole file around the graph, which is cleared; operator set 17. `extra` (or NULL): functions, metadata. */
static inline void put_model(struct buf *model, struct buf *graph, struct buf *extra)
{
    put_text(graph, 2, "g");
    put_int(model, 1, 8);
    put_message(model, 7, graph);
    put_opset(model, "", 17);
    if (extra)
        buf_add_str(model, buf_str(extra));
}

#endif
