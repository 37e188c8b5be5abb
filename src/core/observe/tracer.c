#include "core/observe/tracer.h"

#include <math.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/thread.h"
#include "core/observe/shipper.h"

struct tracer {
    struct tracer_config config;
    uint64_t threshold;        /* of 2^56: ids whose low 56 bits are below it are sampled */
    struct shipper *shipper;
    atomic_uint_fast64_t sampled;
    atomic_bool rule_on;
    atomic_int_fast64_t rule_rate, rule_left; /* left < 0: without an end */
    atomic_uint_fast64_t rule_seen;
};

static const uint64_t ID_SPAN = 1ULL << 56;

struct tracer *tracer_create(const struct tracer_config *config)
{
    struct tracer *t = calloc(1, sizeof *t);
    if (!t)
        abort();
    t->config = *config;
    t->threshold = config->ratio >= 1 ? ID_SPAN : config->ratio > 0 ? (uint64_t)ldexp(config->ratio, 56) : 0;
    atomic_store(&t->rule_rate, 1000);
    atomic_store(&t->rule_left, -1);
    t->shipper = shipper_create(config->sink, config->delay_ms);
    return t;
}

void tracer_destroy(struct tracer *t)
{
    if (!t)
        return;
    shipper_destroy(t->shipper);
    free(t);
}

/* xoshiro256** (Blackman, Vigna 2018), seeded from the kernel once per thread: ids need to be distinct, not secret. */
static uint64_t random_next(void)
{
    static _Thread_local uint64_t s[4];
    if (!(s[0] | s[1] | s[2] | s[3]))
        hash_random(s, sizeof s);
    uint64_t x = s[1] * 5, t = s[1] << 17;
    s[2] ^= s[0], s[3] ^= s[1], s[1] ^= s[2], s[0] ^= s[3], s[2] ^= t;
    s[3] = s[3] << 45 | s[3] >> 19;
    return (x << 7 | x >> 57) * 9;
}

/* The last 56 bits of the id, which level 2 of the W3C's text says are random. */
static uint64_t id_number(const uint8_t id[TRACE_ID_BYTES])
{
    uint64_t n = 0;
    for (size_t i = 9; i < TRACE_ID_BYTES; i++)
        n = n << 8 | id[i];
    return n;
}

static bool rule_takes(struct tracer *t)
{
    if (!atomic_load_explicit(&t->rule_on, memory_order_relaxed))
        return false;
    uint64_t n = atomic_fetch_add_explicit(&t->rule_seen, 1, memory_order_relaxed) + 1;
    if (n % (uint64_t)atomic_load_explicit(&t->rule_rate, memory_order_relaxed))
        return false;
    int_fast64_t left = atomic_load(&t->rule_left);
    while (left > 0 && !atomic_compare_exchange_weak(&t->rule_left, &left, left - 1))
        ;
    return left != 0;
}

static struct trace *trace_begin(struct tracer *t, struct op *op, const struct trace_context *caller, uint64_t a, uint64_t b, struct str state)
{
    struct trace *trace = trace_make(op->arena, caller, a, b, random_next());
    if (caller && state.len && trace_state_check(state) && state.len <= LIMIT_TRACE_TEXT) {
        memcpy(trace->text, state.p, state.len);
        trace->state = (struct trace_text){0, (uint16_t)state.len};
        trace->text_len = (uint16_t)state.len;
    }
    atomic_fetch_add_explicit(&t->sampled, 1, memory_order_relaxed);
    return trace;
}

struct trace *tracer_start(struct tracer *t, struct op *op, struct str traceparent, struct str tracestate, bool inference)
{
    struct trace_context caller;
    if (!t)
        return NULL;
    if (traceparent.len && trace_context_parse(traceparent, &caller)) {
        bool sampled = t->config.parent_ignored ? id_number(caller.trace_id) < t->threshold : caller.flags & TRACE_SAMPLED;
        return sampled ? trace_begin(t, op, &caller, 0, 0, tracestate) : NULL;
    }
    uint64_t b = random_next();
    uint8_t id[TRACE_ID_BYTES] = {0};
    memcpy(id + 8, &b, sizeof b);
    if (id_number(id) >= t->threshold && !(inference && rule_takes(t)))
        return NULL;
    return trace_begin(t, op, NULL, random_next(), b, STR(""));
}

void tracer_finish(struct tracer *t, struct trace *trace)
{
    size_t bytes = 0;
    if (!trace || !trace->span_count)
        return;
    trace_seal(trace);
    struct trace *copy = trace_copy(trace, &bytes);
    shipper_take(t->shipper, copy, bytes);
}

void tracer_rule_set(struct tracer *t, bool on, int64_t rate, int64_t count)
{
    atomic_store(&t->rule_rate, rate > 0 ? rate : 1);
    atomic_store(&t->rule_left, count);
    atomic_store(&t->rule_on, on);
}

int64_t tracer_rule_left(struct tracer *t)
{
    return atomic_load(&t->rule_left);
}

void tracer_stats(struct tracer *t, struct tracer_stats *ret)
{
    *ret = (struct tracer_stats){.sampled = atomic_load(&t->sampled)};
    shipper_stats(t->shipper, ret);
}
