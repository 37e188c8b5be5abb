/* Triton's metrics for those whose dashboards and autoscalers know them. Names, labels and meanings are those of its documentation
 * ("Metrics" of the Triton Inference Server, 25.x): every duration is a sum in microseconds over requests that were answered; divided by the
 * rate of nv_inference_request_success it is a mean. Left out: metrics of GPUs, of pinned memory and of generated tokens. */
#include "app/metrics_serve.h"

#include <stdio.h>

#include "base/thread.h"

enum triton { SUCCESS, COUNT, EXECUTIONS, PENDING, DURATION, QUEUE, INPUT, INFER, OUTPUT, HITS, MISSES, HIT_TIME, MISS_TIME, FAMILIES };
static const struct {
    const char *name, *type, *help;
} families[FAMILIES] = {
    [SUCCESS] = {"nv_inference_request_success", "counter", "Number of successful inference requests, all batch sizes"},
    [COUNT] = {"nv_inference_count", "counter", "Number of inferences performed (does not include cached requests)"},
    [EXECUTIONS] = {"nv_inference_exec_count", "counter", "Number of model executions performed (does not include cached requests)"},
    [PENDING] = {"nv_inference_pending_request_count", "gauge", "Instantaneous number of pending requests awaiting execution per-model."},
    [DURATION] = {"nv_inference_request_duration_us", "counter", "Cumulative inference request duration in microseconds (includes cached requests)"},
    [QUEUE] = {"nv_inference_queue_duration_us", "counter", "Cumulative inference queuing duration in microseconds (includes cached requests)"},
    [INPUT] = {"nv_inference_compute_input_duration_us", "counter", "Cumulative compute input duration in microseconds (does not include cached requests)"},
    [INFER] = {"nv_inference_compute_infer_duration_us", "counter", "Cumulative compute inference duration in microseconds (does not include cached requests)"},
    [OUTPUT] = {"nv_inference_compute_output_duration_us", "counter", "Cumulative inference compute output duration in microseconds (does not include cached requests)"},
    [HITS] = {"nv_cache_num_hits_per_model", "counter", "Number of cache hits per model"},
    [MISSES] = {"nv_cache_num_misses_per_model", "counter", "Number of cache misses per model"},
    [HIT_TIME] = {"nv_cache_hit_duration_per_model", "counter", "Total cache hit duration per model, in microseconds"},
    [MISS_TIME] = {"nv_cache_miss_duration_per_model", "counter", "Total cache miss (insert+lookup) duration per model, in microseconds"},
};

static uint64_t value_of(const struct infer_stats *s, enum triton f)
{
    const uint64_t values[FAMILIES] = {
        [SUCCESS] = s->success.count, [COUNT] = s->inference_count, [EXECUTIONS] = s->execution_count, [PENDING] = s->queued,
        [DURATION] = s->success.ns / 1000, [QUEUE] = s->queue.ns / 1000, [INPUT] = s->input.ns / 1000, [INFER] = s->infer.ns / 1000,
        [OUTPUT] = s->output.ns / 1000, [HITS] = s->cache_hit.count, [MISSES] = s->cache_miss.count, [HIT_TIME] = s->cache_hit.ns / 1000,
        [MISS_TIME] = s->cache_miss.ns / 1000};
    return values[f];
}

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void failures(const struct metrics_serve *m, struct buf *out)
{
    static const char *const reasons[] = {"REJECTED", "CANCELED", "BACKEND", "OTHER"};
    head(out, "nv_inference_request_failure", "counter", "Number of failed inference requests, all batch sizes");
    for (size_t i = 0; i < m->count; i++) {
        const struct infer_stats *s = &m->versions[i].stats;
        uint64_t n[ARRAY_LEN(reasons)] = {s->failed[E_BUSY] + s->failed[E_TIMEOUT], s->failed[E_CANCELLED], s->failed[E_IO] + s->failed[E_CORRUPT], 0};
        n[3] = s->fail.count - n[0] - n[1] - n[2];
        for (size_t r = 0; r < ARRAY_LEN(reasons); r++)
            buf_addf(out, "nv_inference_request_failure{model=\"%.*s\",version=\"%lld\",reason=\"%s\"} %llu\n", STR_FMT(m->versions[i].endpoint),
                     (long long)s->version, reasons[r], (unsigned long long)(r == 3 && s->fail.count < n[0] + n[1] + n[2] ? 0 : n[r]));
    }
}

/* The part of the machine's processors that was busy since the last look; 0 at the first. */
static double cpu_utilization(void)
{
    static struct mutex lock = {PTHREAD_MUTEX_INITIALIZER};
    static uint64_t busy_before, all_before;
    uint64_t v[8] = {0}, all = 0;
    FILE *f = fopen("/proc/stat", "re");
    if (!f)
        return 0;
    int got = fscanf(f, "cpu %lu %lu %lu %lu %lu %lu %lu %lu", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7]);
    fclose(f);
    for (size_t i = 0; i < ARRAY_LEN(v); i++)
        all += v[i];
    uint64_t busy = all - v[3] - v[4];
    LOCK(&lock);
    double part = got == (int)ARRAY_LEN(v) && all_before && all > all_before ? (double)(busy - busy_before) / (double)(all - all_before) : 0;
    busy_before = busy, all_before = all;
    return part < 0 ? 0 : part > 1 ? 1 : part;
}

static void machine(struct buf *out)
{
    uint64_t total = 0, available = 0;
    char line[128];
    FILE *f = fopen("/proc/meminfo", "re");
    while (f && fgets(line, sizeof line, f)) {
        (void)sscanf(line, "MemTotal: %lu", &total);
        (void)sscanf(line, "MemAvailable: %lu", &available);
    }
    if (f)
        fclose(f);
    head(out, "nv_cpu_utilization", "gauge", "CPU utilization rate [0.0 - 1.0]");
    buf_addf(out, "nv_cpu_utilization %.4f\n", cpu_utilization());
    head(out, "nv_cpu_memory_total_bytes", "gauge", "CPU total memory (RAM), in bytes");
    buf_addf(out, "nv_cpu_memory_total_bytes %llu\n", (unsigned long long)total * 1024);
    head(out, "nv_cpu_memory_used_bytes", "gauge", "CPU used memory (RAM), in bytes");
    buf_addf(out, "nv_cpu_memory_used_bytes %llu\n", (unsigned long long)(total - available) * 1024);
}

void metrics_triton_write(const struct metrics_serve *m, struct buf *out)
{
    for (enum triton f = 0; f < FAMILIES; f++) {
        head(out, families[f].name, families[f].type, families[f].help);
        for (size_t i = 0; i < m->count; i++)
            buf_addf(out, "%s{model=\"%.*s\",version=\"%lld\"} %llu\n", families[f].name, STR_FMT(m->versions[i].endpoint),
                     (long long)m->versions[i].stats.version, (unsigned long long)value_of(&m->versions[i].stats, f));
    }
    failures(m, out);
    machine(out);
}
