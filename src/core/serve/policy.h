/* policy.h - how an endpoint's requests are run: the members "batch", "queue", "cache", "warmup", "concurrency", "inline_us" and
 * "memory_max_bytes" of its configuration (serve.h shows them), parsed and checked. A value. Private to core/serve. */
#ifndef INGOT_CORE_SERVE_POLICY_H
#define INGOT_CORE_SERVE_POLICY_H

#include "base/json.h"
#include "base/limits.h"

/* What becomes of a request that waits. */
struct serve_patience {
    bool delay;                   /* a timed-out request is run last, not refused */
    int64_t timeout_us;           /* 0: none */
    bool override;                /* a request may ask for a shorter timeout */
};
struct serve_policy {
    struct {
        size_t max_size;          /* rows of one run; 0: what the measured cost says; 1: none are joined */
        size_t max_rows;          /* of one request; 0: LIMIT_SERVE_ROWS */
        int64_t max_delay_us;     /* a request waits no longer for others */
        size_t preferred[LIMIT_SERVE_PREFERRED]; /* ascending: at these sizes nothing is waited for */
        size_t preferred_len;
    } batch;
    struct {
        size_t max_size;          /* requests that may wait */
        size_t max_bytes;         /* memory of those that wait or run; a lone one may have more */
        uint32_t levels;          /* priorities 1..levels; 0: all are equal */
        uint32_t default_level;
        struct serve_patience patience[LIMIT_SERVE_PRIORITIES + 1]; /* by priority; 0: without priorities */
    } queue;
    size_t cache_bytes;           /* 0: no cache */
    struct {
        size_t count;             /* runs before a version is ready, beside those that measure it */
        bool random;              /* samples: random numbers, else zeros */
        const struct json *shapes; /* {input: [lengths]} for free axes; NULL: 1 */
    } warmup;
    uint32_t concurrency;         /* runs of one version at a time; 0: as many as there are threads */
    int64_t inline_ns;            /* a run that is expected to take no longer is done on the I/O thread */
    size_t memory_max_bytes;      /* of all loaded versions; 0: the server's limit only */
};
/* What holds without any of the members. */
struct serve_policy serve_policy_default(void);
/* `config`: the endpoint's whole configuration. E_INVALID names the member; unknown ones inside are refused. */
MUST_USE enum err serve_policy_parse(struct op *op, const struct json *config, struct serve_policy *ret);

#endif
