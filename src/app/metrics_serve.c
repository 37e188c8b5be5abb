#include "app/metrics_serve.h"

#include <ctype.h>
#include <stdio.h>

#include "adapter/child/child.h"
#include "base/thread.h"

enum { COLUMNS_MAX = 64 }; /* of one endpoint, with broken rules */

struct str metrics_label(struct op *op, struct str text)
{
    char *p = arena_array(op->arena, text.len * 2 + 1, char);
    size_t n = 0;
    for (size_t i = 0; p && i < text.len; i++) {
        bool escape = text.p[i] == '\\' || text.p[i] == '"' || text.p[i] == '\n';
        if (escape)
            p[n++] = '\\';
        p[n++] = text.p[i] == '\n' ? 'n' : text.p[i];
    }
    return p ? (struct str){p, n} : STR("");
}

/* ---- reading ---- */

static void endpoint_read(struct op *op, struct serve_endpoint *ep, struct metrics_serve *m)
{
    const struct serve_info *info = serve_endpoint_info(ep);
    struct str name = metrics_label(op, info->name);
    struct infer_stats *stats = NULL;
    struct serve_violation *broken = NULL;
    size_t n = serve_stats(op, ep, &stats), columns = serve_violations(op, ep, &broken);
    m->endpoints[m->endpoint_count++] = (struct metrics_endpoint){name, info->ready, info->live, broken, columns < COLUMNS_MAX ? columns : COLUMNS_MAX};
    for (size_t i = 0; i < n; i++) {
        if (m->count == LIMIT_METRICS_VERSIONS) {
            m->left_out++;
            continue;
        }
        m->versions[m->count++] = (struct metrics_version){name, stats[i].version == info->live, stats[i]};
    }
}

void metrics_serve_read(struct op *op, struct serve *serve, struct metrics_serve *ret)
{
    struct str *names = NULL;
    size_t n = serve_list(op, serve, &names);
    *ret = (struct metrics_serve){.versions = arena_array(op->arena, LIMIT_METRICS_VERSIONS, struct metrics_version),
                                  .endpoints = arena_array(op->arena, n + 1, struct metrics_endpoint)};
    serve_figures(serve, &ret->figures);
    for (size_t i = 0; ret->versions && ret->endpoints && i < n; i++) {
        struct serve_endpoint *ep = NULL;
        if (serve_acquire(op, serve, names[i], &ep)) {
            op_clear(op); /* it went a moment ago */
            continue;
        }
        endpoint_read(op, ep, ret);
        serve_release(ep);
    }
}

/* ---- writing ---- */

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void labels(struct buf *out, const char *name, const struct metrics_version *v)
{
    buf_addf(out, "%s{endpoint=\"%.*s\",version=\"%lld\"", name, STR_FMT(v->endpoint), (long long)v->stats.version);
}

static void outcomes(const struct metrics_serve *m, struct buf *out)
{
    const char *name = "ingot_serve_requests_total";
    head(out, name, "counter", "Requests that reached a version, by what became of them; ok: the model answered, cached: the cache did.");
    for (size_t i = 0; i < m->count; i++) {
        const struct infer_stats *s = &m->versions[i].stats;
        uint64_t cached = s->cache_hit.count, answered = s->success.count;
        labels(out, name, &m->versions[i]);
        buf_addf(out, ",outcome=\"ok\"} %llu\n", (unsigned long long)(answered > cached ? answered - cached : 0));
        labels(out, name, &m->versions[i]);
        buf_addf(out, ",outcome=\"cached\"} %llu\n", (unsigned long long)cached);
        for (int e = 1; e < ERR_COUNT; e++) {
            char word[32];
            snprintf(word, sizeof word, "%s", err_name((enum err)e));
            for (char *p = word; *p; p++)
                *p = (char)tolower((unsigned char)*p);
            if (!s->failed[e] && e != E_INVALID && e != E_BUSY && e != E_TIMEOUT)
                continue;
            labels(out, name, &m->versions[i]);
            buf_addf(out, ",outcome=\"%s\"} %llu\n", word, (unsigned long long)s->failed[e]);
        }
    }
}

static double seconds(uint64_t ns)
{
    return (double)ns / 1e9;
}

enum value { ROWS, RUNS, HITS, MISSES, QUEUED, QUEUE_BYTES, RUNNING, MEMORY, LAST, VALUES };
static double value_of(const struct infer_stats *s, enum value v)
{
    const double values[VALUES] = {
        [ROWS] = (double)s->inference_count, [RUNS] = (double)s->execution_count, [HITS] = (double)s->cache_hit.count,
        [MISSES] = (double)s->cache_miss.count, [QUEUED] = (double)s->queued,
        [QUEUE_BYTES] = (double)s->queue_bytes, [RUNNING] = (double)s->running,
        [MEMORY] = (double)s->memory_bytes, [LAST] = (double)s->last_us / 1e6};
    return values[v];
}

static const struct {
    const char *name, *type, *help;
} values[VALUES] = {
    [ROWS] = {"ingot_serve_rows_total", "counter", "Rows that the model answered."},
    [RUNS] = {"ingot_serve_runs_total", "counter", "Runs of the model; one may hold the rows of several requests."},
    [HITS] = {"ingot_serve_cache_hits_total", "counter", "Requests answered by the cache."},
    [MISSES] = {"ingot_serve_cache_misses_total", "counter", "Requests that the cache was asked for in vain."},
    [QUEUED] = {"ingot_serve_queued", "gauge", "Requests that wait."},
    [QUEUE_BYTES] = {"ingot_serve_queue_bytes", "gauge", "Memory of the requests that wait or run, as max_queue_bytes bounds it."},
    [RUNNING] = {"ingot_serve_running", "gauge", "Runs under way."},
    [MEMORY] = {"ingot_serve_memory_bytes", "gauge", "Memory of the loaded model."},
    [LAST] = {"ingot_serve_last_request_seconds", "gauge", "When the model last answered, since 1970."},
};

static void histogram(const struct metrics_serve *m, struct buf *out, const char *name, const char *help, size_t offset)
{
    char bucket[64];
    snprintf(bucket, sizeof bucket, "%s_bucket", name);
    head(out, name, "histogram", help);
    for (size_t i = 0; i < m->count; i++) {
        const struct infer_histogram *h = (const struct infer_histogram *)(const void *)((const char *)&m->versions[i].stats + offset);
        uint64_t sum = 0;
        for (size_t k = 0; k < INFER_BUCKETS; k++) {
            sum += h->bucket[k];
            labels(out, bucket, &m->versions[i]);
            if (k < INFER_BUCKETS - 1)
                buf_addf(out, ",le=\"%g\"} %llu\n", seconds(infer_bounds_ns[k]), (unsigned long long)sum);
            else
                buf_addf(out, ",le=\"+Inf\"} %llu\n", (unsigned long long)sum);
        }
        buf_addf(out, "%s_sum{endpoint=\"%.*s\",version=\"%lld\"} %.9g\n", name, STR_FMT(m->versions[i].endpoint),
                 (long long)m->versions[i].stats.version, seconds(h->ns));
        buf_addf(out, "%s_count{endpoint=\"%.*s\",version=\"%lld\"} %llu\n", name, STR_FMT(m->versions[i].endpoint),
                 (long long)m->versions[i].stats.version, (unsigned long long)sum);
    }
}

/* Sizes of runs, which are counted one by one, below powers of two. */
static void batch_sizes(const struct metrics_serve *m, struct buf *out)
{
    const char *name = "ingot_serve_run_rows";
    head(out, name, "histogram", "Rows of one run of the model.");
    for (size_t i = 0; i < m->count; i++) {
        const struct infer_stats *s = &m->versions[i].stats;
        double sum = 0;
        uint64_t all = 0;
        for (uint64_t bound = 1; bound <= 4096; bound *= 2) {
            uint64_t below = 0;
            for (size_t k = 0; k < s->batch_count; k++)
                below += s->batches[k].batch_size <= bound ? s->batches[k].infer.count : 0;
            labels(out, "ingot_serve_run_rows_bucket", &m->versions[i]);
            buf_addf(out, ",le=\"%llu\"} %llu\n", (unsigned long long)bound, (unsigned long long)below);
        }
        for (size_t k = 0; k < s->batch_count; k++) {
            all += s->batches[k].infer.count;
            sum += (double)s->batches[k].batch_size * (double)s->batches[k].infer.count;
        }
        labels(out, "ingot_serve_run_rows_bucket", &m->versions[i]);
        buf_addf(out, ",le=\"+Inf\"} %llu\n", (unsigned long long)all);
        labels(out, "ingot_serve_run_rows_sum", &m->versions[i]);
        buf_addf(out, "} %.17g\n", sum);
        labels(out, "ingot_serve_run_rows_count", &m->versions[i]);
        buf_addf(out, "} %llu\n", (unsigned long long)all);
    }
}

static void endpoints(const struct metrics_serve *m, struct buf *out)
{
    head(out, "ingot_serve_ready", "gauge", "1 when the endpoint answers.");
    for (size_t i = 0; i < m->endpoint_count; i++)
        buf_addf(out, "ingot_serve_ready{endpoint=\"%.*s\"} %d\n", STR_FMT(m->endpoints[i].name), m->endpoints[i].ready);
    head(out, "ingot_serve_live_version", "gauge", "The version that answers; 0: none.");
    for (size_t i = 0; i < m->endpoint_count; i++)
        buf_addf(out, "ingot_serve_live_version{endpoint=\"%.*s\"} %lld\n", STR_FMT(m->endpoints[i].name), (long long)m->endpoints[i].live);
    head(out, "ingot_serve_violations_total", "counter", "Values that broke a rule of the endpoint's validation.");
    struct arena *arena = arena_create(LIMIT_REQUEST_ARENA);
    struct op op;
    op_init(&op, arena);
    for (size_t i = 0; i < m->endpoint_count; i++)
        for (size_t k = 0; k < m->endpoints[i].violation_count; k++)
            buf_addf(out, "ingot_serve_violations_total{endpoint=\"%.*s\",column=\"%.*s\"} %llu\n", STR_FMT(m->endpoints[i].name),
                     STR_FMT(metrics_label(&op, m->endpoints[i].violations[k].column)), (unsigned long long)m->endpoints[i].violations[k].count);
    arena_destroy(arena);
    head(out, "ingot_serve_shadow_dropped_total", "counter", "Copies of requests for shadowed versions that found no room.");
    buf_addf(out, "ingot_serve_shadow_dropped_total %llu\n", (unsigned long long)m->figures.shadow_dropped);
    head(out, "ingot_serve_shadow_waiting", "gauge", "Copies that wait.");
    buf_addf(out, "ingot_serve_shadow_waiting %llu\n", (unsigned long long)m->figures.shadow_waiting);
    head(out, "ingot_metrics_versions_left_out", "gauge", "Loaded versions without series of their own, as there are too many.");
    buf_addf(out, "ingot_metrics_versions_left_out %zu\n", m->left_out);
}

/* Engines in processes of their own. */
static void children(struct buf *out)
{
    static struct child_figure all[LIMIT_CHILDREN]; /* of this thread's turn: scrapes come one after the other, under the lock */
    static struct mutex turn = {PTHREAD_MUTEX_INITIALIZER};
    static const struct {
        const char *name, *type, *help;
    } rows[] = {{"ingot_engine_up", "gauge", "1 when the hosted engine's process answers."},
                {"ingot_engine_starts_total", "counter", "Processes that were started for it; the first one included."},
                {"ingot_engine_deaths_total", "counter", "Processes that ended by themselves or hung."},
                {"ingot_engine_resident_bytes", "gauge", "Resident memory of the process."}};
    LOCK(&turn);
    const size_t n = child_figures(all, ARRAY_LEN(all));
    for (size_t r = 0; n && r < ARRAY_LEN(rows); r++) {
        head(out, rows[r].name, rows[r].type, rows[r].help);
        for (size_t i = 0; i < n; i++) {
            const uint64_t v[] = {all[i].ready, all[i].starts, all[i].deaths, all[i].rss_bytes};
            buf_addf(out, "%s{engine=\"%s\",number=\"%lld\"} %llu\n", rows[r].name, all[i].engine, (long long)all[i].number, (unsigned long long)v[r]);
        }
    }
}

void metrics_serve_write(const struct metrics_serve *m, struct buf *out)
{
    outcomes(m, out);
    for (enum value v = 0; v < VALUES; v++) {
        head(out, values[v].name, values[v].type, values[v].help);
        for (size_t i = 0; i < m->count; i++) {
            labels(out, values[v].name, &m->versions[i]);
            buf_addf(out, "} %.17g\n", value_of(&m->versions[i].stats, v));
        }
    }
    histogram(m, out, "ingot_serve_duration_seconds", "From arrival to answer.", offsetof(struct infer_stats, total_by_time));
    histogram(m, out, "ingot_serve_queue_seconds", "Waiting for a thread or for others to join.", offsetof(struct infer_stats, queue_by_time));
    histogram(m, out, "ingot_serve_compute_seconds", "The run that answered the request.", offsetof(struct infer_stats, infer_by_time));
    batch_sizes(m, out);
    endpoints(m, out);
    children(out);
}
