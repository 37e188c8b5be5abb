#include "core/streaming/figures.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/time.h"

/* Upper bounds of a commit's time, in milliseconds; the last bucket has none. */
static const double bounds_ms[STREAMING_BUCKETS - 1] = {1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000};

void streaming_figures_init(struct streaming_figures *f)
{
    *f = (struct streaming_figures){.lag = calloc(LIMIT_STREAM_PARTITIONS, sizeof(*f->lag))};
    if (!f->lag)
        abort();
    mutex_init(&f->lock);
}

void streaming_figures_clear(struct streaming_figures *f)
{
    free(f->lag);
    mutex_clear(&f->lock);
}

void streaming_figures_commit(struct streaming_figures *f, uint64_t ns)
{
    size_t i = 0;
    while (i < STREAMING_BUCKETS - 1 && (double)ns / 1e6 > bounds_ms[i])
        i++;
    LOCK(&f->lock);
    f->counts.commits++;
    f->counts.commit_ns += ns;
    f->counts.commit_buckets[i]++;
    f->counts.last_commit_us = time_now_us();
}

void streaming_figures_lag(struct streaming_figures *f, const struct stream_lag *lag, size_t n)
{
    LOCK(&f->lock);
    f->lag_count = n < LIMIT_STREAM_PARTITIONS ? n : LIMIT_STREAM_PARTITIONS;
    for (size_t i = 0; i < f->lag_count; i++) {
        f->lag[i] = lag[i];
        f->lag[i].topic = STR("");
    }
}

struct streaming_counts streaming_figures_read(struct streaming_figures *f)
{
    LOCK(&f->lock);
    return f->counts;
}

/* ---- text ---- */

/* A label's value with backslash, quote and line feed escaped. */
static void label_add(struct buf *out, const char *name, struct str value)
{
    buf_addf(out, "%s=\"", name);
    for (size_t i = 0; i < value.len; i++) {
        if (value.p[i] == '\n')
            buf_add_cstr(out, "\\n");
        else if (value.p[i] == '"' || value.p[i] == '\\')
            buf_addf(out, "\\%c", value.p[i]);
        else
            buf_add_char(out, value.p[i]);
    }
    buf_add_char(out, '"');
}

static void counters_write(const struct streaming_counts *c, struct str labels, struct buf *out)
{
    const struct {
        const char *name, *help;
        uint64_t value;
    } rows[] = {
        {"ingot_stream_records_total", "Records handed out, those of aborted transactions each time.", c->records},
        {"ingot_stream_answered_total", "Records answered in committed transactions.", c->answered},
        {"ingot_stream_tombstones_total", "Records without a value, passed on in committed transactions.", c->tombstones},
        {"ingot_stream_poison_total", "Records put aside in committed transactions.", c->poison},
        {"ingot_stream_retries_total", "Runs tried again since the engine failed or was busy.", c->retries},
        {"ingot_stream_aborts_total", "Transactions aborted.", c->aborts},
        {"ingot_stream_in_bytes_total", "Values read.", c->bytes_in},
        {"ingot_stream_out_bytes_total", "Values written.", c->bytes_out},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        buf_addf(out, "# HELP %s %s\n# TYPE %s counter\n%s{%.*s} %" PRIu64 "\n", rows[i].name, rows[i].help, rows[i].name, rows[i].name, STR_FMT(labels),
                 rows[i].value);
}

static void commits_write(const struct streaming_counts *c, struct str labels, struct buf *out)
{
    static const char name[] = "ingot_stream_commit_seconds";
    uint64_t below = 0;
    buf_addf(out, "# HELP %s Time that commits of transactions took.\n# TYPE %s histogram\n", name, name);
    for (size_t i = 0; i < STREAMING_BUCKETS - 1; i++) {
        below += c->commit_buckets[i];
        buf_addf(out, "%s_bucket{%.*s,le=\"%g\"} %" PRIu64 "\n", name, STR_FMT(labels), bounds_ms[i] / 1000, below);
    }
    buf_addf(out, "%s_bucket{%.*s,le=\"+Inf\"} %" PRIu64 "\n%s_sum{%.*s} %.9g\n%s_count{%.*s} %" PRIu64 "\n", name, STR_FMT(labels), c->commits, name,
             STR_FMT(labels), (double)c->commit_ns / 1e9, name, STR_FMT(labels), c->commits);
}

void streaming_figures_write(struct streaming_figures *f, struct str topic, struct str group, struct str model, struct buf *out)
{
    AUTO(buf) struct buf labels;
    buf_init(&labels, LIMIT_KIB(64));
    label_add(&labels, "topic", topic);
    buf_add_char(&labels, ',');
    label_add(&labels, "group", group);
    buf_add_char(&labels, ',');
    label_add(&labels, "model", model);
    LOCK(&f->lock);
    counters_write(&f->counts, buf_str(&labels), out);
    commits_write(&f->counts, buf_str(&labels), out);
    buf_add_cstr(out, "# HELP ingot_stream_lag Records of a partition that were not read yet; absent while unknown.\n# TYPE ingot_stream_lag gauge\n");
    for (size_t i = 0; i < f->lag_count; i++)
        if (f->lag[i].position >= 0 && f->lag[i].end >= f->lag[i].position)
            buf_addf(out, "ingot_stream_lag{%.*s,partition=\"%" PRId32 "\"} %" PRId64 "\n", STR_FMT(buf_str(&labels)), f->lag[i].partition,
                     f->lag[i].end - f->lag[i].position);
    buf_addf(out, "# HELP ingot_stream_partitions Partitions that are ours.\n# TYPE ingot_stream_partitions gauge\ningot_stream_partitions{%.*s} %zu\n",
             STR_FMT(buf_str(&labels)), f->lag_count);
}
