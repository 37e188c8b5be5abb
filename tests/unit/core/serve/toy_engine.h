/* toy_engine.h - a tensor model for tests that is as slow and as faulty as its file says:
 *     "toy fixed_us=200 row_us=10 joins=1 width=2 add=0"
 * Inputs "x" FP32 [-1, width] and, optional, "s" BYTES [-1]. Outputs "sum" FP32 [-1] (of each row, plus add), "echo" BYTES [-1] (s, or
 * ""), "pair" FP32 [-1, 2] ({-sum, sum}). A row whose first value is 666 fails the whole run with E_IO. Counts what it is asked.
 * apart=1: asked as if it were in another process, and while runs wait there it goes on by itself. */
#ifndef TESTS_CORE_SERVE_TOY_H
#define TESTS_CORE_SERVE_TOY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "port/engine.h"

static atomic_int toy_runs, toy_rows, toy_most_rows, toy_now, toy_most_now, toy_loaded;
static atomic_int toy_starts, toy_finishes, toy_forgets;
static atomic_bool toy_closed; /* runs wait while it is set */
static pthread_t toy_unload_thread;

struct toy {
    struct engine_info info;
    struct tensor_spec in[2], out[3];
    int fixed_us, row_us, width;
    float add;
    bool apart;
};

static inline int toy_option(struct str bytes, const char *key, int dflt)
{
    size_t at = str_find(bytes, str_from(key));
    if (at == SIZE_MAX)
        return dflt;
    char text[16] = {0};
    struct str rest = str_sub(bytes, at + strlen(key) + 1, 12);
    memcpy(text, rest.p, rest.len);
    return (int)strtol(text, NULL, 10);
}

static inline bool toy_accepts(struct str bytes)
{
    return str_starts(bytes, STR("toy"));
}

static inline enum err toy_load(struct op *op, struct str bytes, void **ret)
{
    if (str_find(bytes, STR("broken")) != SIZE_MAX)
        return op_fail(op, E_INVALID, "the toy is broken");
    struct toy *t = calloc(1, sizeof(*t));
    *t = (struct toy){.fixed_us = toy_option(bytes, "fixed_us", 0), .row_us = toy_option(bytes, "row_us", 0), .width = toy_option(bytes, "width", 2),
                      .add = (float)toy_option(bytes, "add", 0)};
    t->apart = toy_option(bytes, "apart", 0) != 0;
    t->in[0] = (struct tensor_spec){.name = STR("x"), .type = TENSOR_FP32, .rank = 2, .shape = {-1, t->width}};
    t->in[1] = (struct tensor_spec){.name = STR("s"), .type = TENSOR_BYTES, .rank = 1, .shape = {-1}, .optional = true};
    t->out[0] = (struct tensor_spec){.name = STR("sum"), .type = TENSOR_FP32, .rank = 1, .shape = {-1}};
    t->out[1] = (struct tensor_spec){.name = STR("echo"), .type = TENSOR_BYTES, .rank = 1, .shape = {-1}};
    t->out[2] = (struct tensor_spec){.name = STR("pair"), .type = TENSOR_FP32, .rank = 2, .shape = {-1, 2}};
    t->info = (struct engine_info){.format = STR("toy"), .memory_bytes = (size_t)toy_option(bytes, "memory", 1000), .inputs_spec = t->in,
                                   .outputs_spec = t->out, .input_count = 2, .output_count = 3, .joins = toy_option(bytes, "joins", 1) != 0};
    atomic_fetch_add(&toy_loaded, 1);
    *ret = t;
    return OK;
}

static inline void toy_unload(void *model)
{
    toy_unload_thread = pthread_self();
    atomic_fetch_sub(&toy_loaded, 1);
    free(model);
}

static inline const struct engine_info *toy_info(const void *model)
{
    return &((const struct toy *)model)->info;
}

static inline void toy_most(atomic_int *most, int v)
{
    int seen = atomic_load(most);
    while (v > seen && !atomic_compare_exchange_weak(most, &seen, v))
        ;
}

static inline enum err toy_run(struct op *op, const void *model, const struct tensor *in, const bool *wanted, struct tensor *out)
{
    const struct toy *t = model;
    const size_t rows = (size_t)in[0].shape[0];
    atomic_fetch_add(&toy_runs, 1);
    atomic_fetch_add(&toy_rows, (int)rows);
    toy_most(&toy_most_rows, (int)rows);
    toy_most(&toy_most_now, atomic_fetch_add(&toy_now, 1) + 1);
    int64_t until = time_mono_ns() + 1000LL * (t->fixed_us + t->row_us * (int64_t)rows);
    while (atomic_load(&toy_closed))
        time_sleep_ms(1);
    while (time_mono_ns() < until)
        ;
    atomic_fetch_sub(&toy_now, 1);
    const float *x = in[0].data;
    float *sum = arena_array(op->arena, rows + 1, float), *pair = arena_array(op->arena, 2 * rows + 1, float);
    struct str *echo = arena_array(op->arena, rows + 1, struct str);
    for (size_t i = 0; i < rows; i++) {
        if (x[i * (size_t)t->width] == 666)
            return op_fail(op, E_IO, "the toy fell over row %zu", i);
        sum[i] = t->add;
        for (int k = 0; k < t->width; k++)
            sum[i] += x[i * (size_t)t->width + (size_t)k];
        pair[2 * i] = -sum[i];
        pair[2 * i + 1] = sum[i];
        echo[i] = in[1].type == TENSOR_BYTES ? str_dup(op->arena, in[1].texts[i]) : STR("");
    }
    if (!wanted || wanted[0])
        out[0] = (struct tensor){.name = STR("sum"), .type = TENSOR_FP32, .rank = 1, .shape = {(int64_t)rows}, .count = rows, .data = sum};
    if (!wanted || wanted[1])
        out[1] = (struct tensor){.name = STR("echo"), .type = TENSOR_BYTES, .rank = 1, .shape = {(int64_t)rows}, .count = rows, .texts = echo};
    if (!wanted || wanted[2])
        out[2] = (struct tensor){.name = STR("pair"), .type = TENSOR_FP32, .rank = 2, .shape = {(int64_t)rows, 2}, .count = 2 * rows, .data = pair};
    return OK;
}

/* What goes on by itself; in the arena of who asked. */
struct toy_pending {
    const struct tensor *in;
    const bool *wanted;
};

static inline bool toy_is_apart(const void *model)
{
    return ((const struct toy *)model)->apart;
}

static inline enum err toy_run_start(struct op *op, const void *model, const struct tensor *in, const bool *wanted, int64_t patience_ms, struct tensor *out,
                                     void **ret_pending)
{
    (void)patience_ms;
    atomic_fetch_add(&toy_starts, 1);
    *ret_pending = NULL;
    if (!atomic_load(&toy_closed))
        return toy_run(op, model, in, wanted, out);
    struct toy_pending *p = arena_array(op->arena, 1, struct toy_pending);
    *p = (struct toy_pending){in, wanted};
    *ret_pending = p;
    return OK;
}

static inline enum err toy_run_finish(struct op *op, const void *model, void *take_pending, struct tensor *out)
{
    const struct toy_pending *p = take_pending;
    atomic_fetch_add(&toy_finishes, 1);
    return toy_run(op, model, p->in, p->wanted, out);
}

static inline void toy_run_forget(const void *model, void *take_pending)
{
    (void)model;
    (void)take_pending;
    atomic_fetch_add(&toy_forgets, 1);
}

static const struct engine_ops toy_engine = {.name = "toy", .accepts = toy_accepts, .load = toy_load, .unload = toy_unload, .info = toy_info, .run = toy_run,
                                             .is_apart = toy_is_apart, .run_start = toy_run_start, .run_finish = toy_run_finish, .run_forget = toy_run_forget};

#endif
