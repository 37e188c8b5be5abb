/* metrics.c - Prometheus text: the process, the database writer, the connections, traces; metrics_serve.c adds the endpoints, the dispatcher
 * the requests per route. */
#include "app/metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include "api/dispatch.h"
#include "app/backends.h"
#include "app/metrics_serve.h"
#include "base/limits.h"
#include "base/time.h"
#include "core/observe/tracer.h"
#include "core/payload/payload.h"
#include "core/track/series_cache.h"
#include "net/server.h"

static double resident_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    unsigned long total = 0, resident = 0;
    if (f) {
        if (fscanf(f, "%lu %lu", &total, &resident) != 2)
            resident = 0;
        fclose(f);
    }
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static int open_descriptors(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n > 3 ? n - 3 : 0; /* ".", ".." and the folder itself */
}

struct sample {
    const char *name, *type, *help;
    double value;
};

static void serve_metrics(struct services *s, struct buf *out)
{
    if (!s->serve)
        return;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_REQUEST_ARENA);
    struct op op;
    struct metrics_serve m;
    op_init(&op, arena);
    metrics_serve_read(&op, s->serve, &m);
    metrics_serve_write(&m, out);
    if (s->triton_metrics)
        metrics_triton_write(&m, out);
}

void metrics_write(struct services *s, struct buf *out)
{
    struct backend_db_stats db = {0};
    struct server_stats net = {0};
    struct series_cache_stats series = {0};
    if (s->db)
        backend_db_stats(s->db, &db);
    if (s->server)
        server_stats_get(s->server, &net);
    struct tracer_stats traces = {0};
    struct payload_stats kept = {0};
    if (s->payload)
        payload_stats(s->payload, &kept);
    if (s->tracer)
        tracer_stats(s->tracer, &traces);
    if (s->series)
        series_cache_stats(s->series, &series);
    const struct sample samples[] = {
        {"process_cpu_seconds_total", "counter", "User and system time of the process.", (double)time_cpu_ns() / 1e9},
        {"process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes()},
        {"process_open_fds", "gauge", "Open file descriptors.", open_descriptors()},
        {"process_start_time_seconds", "gauge", "Start of the server since 1970.", (double)s->started_us / 1e6},
        {"ingot_db_writes_total", "counter", "Write functions that ran.", (double)db.writes},
        {"ingot_db_commits_total", "counter", "Durable commits; each holds one or more writes.", (double)db.commits},
        {"ingot_db_checkpoints_total", "counter", "Checkpoints of the write-ahead log.", (double)db.checkpoints},
        {"ingot_db_reconnects_total", "counter", "New connections of the writer to a database server.", (double)db.reconnects},
        {"ingot_db_resolved_total", "counter", "Commits whose answer was lost and looked up.", (double)db.resolved},
        {"ingot_db_unreachable", "gauge", "1 when the last try to reach the database server failed.", db.unreachable},
        {"ingot_db_queue", "gauge", "Writes that wait.", (double)db.queued},
        {"ingot_db_failed", "gauge", "1 when the disk failed and writes are refused.", db.failed},
        {"ingot_series_cache_bytes", "gauge", "Points of metrics kept in memory.", (double)series.bytes},
        {"ingot_series_cache_hits_total", "counter", "Histories answered from memory.", (double)series.hits},
        {"ingot_series_cache_appends_total", "counter", "Histories completed by new points.", (double)series.appends},
        {"ingot_series_cache_loads_total", "counter", "Histories read whole from the database.", (double)series.loads},
        {"ingot_connections", "gauge", "Open connections.", (double)net.connections_now},
        {"ingot_accepted_connections_total", "counter", "Accepted connections.", (double)net.connections_total},
        {"ingot_requests_refused_total", "counter", "Requests refused for their framing or a limit.", (double)net.refused_total},
        {"ingot_accept_errors_total", "counter", "Times that accept() failed, for want of descriptors say.", (double)net.accept_errors_total},
        {"ingot_trace_sampled_total", "counter", "Requests that left a trace.", (double)traces.sampled},
        {"ingot_trace_sent_spans_total", "counter", "Spans that the receiver took.", (double)traces.sent_spans},
        {"ingot_trace_dropped_spans_total", "counter", "Spans that found no room or no taker.", (double)traces.dropped_spans},
        {"ingot_trace_messages_total", "counter", "Messages that the receiver took.", (double)traces.messages},
        {"ingot_trace_retries_total", "counter", "Further attempts to send a message.", (double)traces.retries},
        {"ingot_payload_requests_total", "counter", "Requests that the payload log has kept.", (double)kept.requests},
        {"ingot_payload_rows_total", "counter", "Rows of these.", (double)kept.rows},
        {"ingot_payload_files_total", "counter", "Files of the payload log that were written.", (double)kept.files},
        {"ingot_payload_failed_files_total", "counter", "Times that a file could not be written.", (double)kept.failed_files},
        {"ingot_payload_dropped_total", "counter", "Sampled requests that found no room, or were too large.", (double)kept.dropped_requests},
        {"ingot_payload_queued_bytes", "gauge", "Sampled requests that wait.", (double)kept.queued_bytes},
        {"ingot_events_total", "counter", "CloudEvents that a receiver took.", (double)kept.events},
        {"ingot_events_dropped_total", "counter", "CloudEvents that found no room or no taker.", (double)kept.dropped_events},
        {"ingot_trace_queued_bytes", "gauge", "Finished traces that wait to be sent.", (double)traces.queued_bytes},
    };
    for (size_t i = 0; i < ARRAY_LEN(samples); i++)
        buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n%s %.17g\n", samples[i].name, samples[i].help, samples[i].name, samples[i].type,
                 samples[i].name, samples[i].value);
    dispatch_metrics(s->dispatch, out);
    serve_metrics(s, out);
}

bool metrics_healthy(struct services *s)
{
    struct backend_db_stats db;
    backend_db_stats(s->db, &db);
    return !db.failed;
}
