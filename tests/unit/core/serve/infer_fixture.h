/* infer_fixture.h - serve_fixture.h plus models of the toy engine ("toys", version n has the text toy_files[n]), and requests in
 * one line. */
#ifndef TESTS_CORE_SERVE_INFER_FIXTURE_H
#define TESTS_CORE_SERVE_INFER_FIXTURE_H

#include "core/serve/infer.h"
#include "serve_fixture.h"
#include "toy_engine.h"

enum { TOYS = 10 };
static const char *toy_files[TOYS];

/* Model "toys" is ours, the rest is serve_fixture.h's. */
static inline enum err toy_fetch(const struct serve_source *self, struct op *op, struct str model, int64_t version, struct serve_files *ret)
{
    if (!str_eqc(model, "toys"))
        return fixture_fetch(self, op, model, version, ret);
    if (version < 1 || version >= TOYS || !toy_files[version])
        return op_fail(op, E_NOT_FOUND, "no such toy");
    *ret = (struct serve_files){.model = str_from(toy_files[version]), .reference = STR("")};
    return OK;
}

static inline int infer_setup(void **state)
{
    static const struct engine_ops *const engines[] = {&linear_engine, &toy_engine, NULL};
    int rc = fixture_setup(state);
    struct fixture *f = *state;
    serve_close(f->serve);
    f->config.engines = engines;
    f->config.source.fetch = toy_fetch;
    memset(toy_files, 0, sizeof(toy_files));
    atomic_store(&toy_runs, 0), atomic_store(&toy_rows, 0), atomic_store(&toy_most_rows, 0), atomic_store(&toy_most_now, 0);
    atomic_store(&toy_starts, 0), atomic_store(&toy_finishes, 0), atomic_store(&toy_forgets, 0);
    if (serve_open(&f->op, &f->config, &f->serve) != OK)
        fail_msg("%s", f->op.msg);
    return rc;
}

#define TOY_CONFIG "{\"model\":\"toys\"}"
#define LEN_OF(...) (sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))
#define UNWRAP(...) __VA_ARGS__

static inline struct tensor tensor_of(const char *name, enum tensor_type type, const int64_t *shape, uint32_t rank, const void *data)
{
    struct tensor t = {.name = str_from(name), .type = type, .rank = rank};
    memcpy(t.shape, shape, rank * sizeof(*shape));
    if (!tensor_count(shape, rank, SIZE_MAX, &t.count))
        fail_msg("shape of %s", name);
    if (type == TENSOR_BYTES)
        t.texts = data;
    else
        t.data = data;
    return t;
}
/* FP32("x", (1, 3), 1, 2, 3) */
#define TENSOR(type, ctype, name, shape, ...) \
    tensor_of(name, type, (int64_t[]){UNWRAP shape}, (uint32_t)LEN_OF(UNWRAP shape), (const ctype[]){__VA_ARGS__})
#define FP32(name, shape, ...) TENSOR(TENSOR_FP32, float, name, shape, __VA_ARGS__)
#define FP64(name, shape, ...) TENSOR(TENSOR_FP64, double, name, shape, __VA_ARGS__)
#define INT64(name, shape, ...) TENSOR(TENSOR_INT64, int64_t, name, shape, __VA_ARGS__)
#define BYTES(name, shape, ...) TENSOR(TENSOR_BYTES, struct str, name, shape, __VA_ARGS__)
#define INPUTS(...) .inputs = (const struct tensor[]){__VA_ARGS__}, .input_count = sizeof((const struct tensor[]){__VA_ARGS__}) / sizeof(struct tensor)

/* Asks and waits; the failure's text is in f->op. */
static inline enum err infer_ask(struct fixture *f, const char *endpoint, const struct infer_request *r, struct infer_answer *a)
{
    struct serve_endpoint *e = NULL;
    op_clear(&f->op);
    *a = (struct infer_answer){0};
    if (serve_acquire(&f->op, f->serve, str_from(endpoint), &e) != OK)
        fail_msg("%s", f->op.msg);
    enum err err = serve_infer(&f->op, e, r, a);
    serve_release(e);
    return err;
}

#define CHECK(e) \
    do { \
        if ((e) != OK) \
            fail_msg("%s", f->op.msg); \
    } while (0)

#endif
