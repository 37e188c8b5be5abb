/* payload.h - what was asked and answered, for later: sampled requests as rows of Parquet files in the blob store (the payload log), and
 * CloudEvents to a receiver, as an endpoint's configuration says (config.h).
 *
 * payload_tell() copies a request and returns; two threads of low urgency do the rest, one for files, one for the network. Both have bounded
 * queues whose oldest entries go when they are full; what went is counted. A row is durable when its file is named in SQL:
 * after flush_s, when max_bytes are full, at the turn of the hour, at payload_flush(), and when the server stops in order. A server that is killed
 * loses the rows that were not in a file yet: those of the last flush_s seconds at most. Thread-safe. */
#ifndef INGOT_CORE_PAYLOAD_PAYLOAD_H
#define INGOT_CORE_PAYLOAD_PAYLOAD_H

#include "core/payload/config.h"
#include "core/predlog/predlog.h"
#include "port/blob.h"
#include "port/db.h"
#include "port/notify.h"
#include "port/tensor.h"

/* One request; everything is borrowed for the call. */
struct payload_note {
    const struct payload_config *config;
    struct str endpoint, request_id, inference_id, trace_id, unit_id; /* "" = none; trace_id as 32 hex digits */
    int64_t version, rollout, time_us, latency_us;
    const char *arm;                 /* "control", "candidate"; NULL: no rollout */
    double propensity;
    size_t rows;                     /* 0: it failed before they were known */
    const int64_t *ids;              /* what labels refer to, one per row; NULL: unknown */
    struct str id_field;             /* the input that they come from; "" = none */
    enum err err;                    /* OK: it was answered */
    struct str error;
    const struct tensor *inputs, *outputs; /* as the client sent and got them */
    size_t input_count, output_count;
    const struct str *features;      /* names of the columns of an input that has as many; NULL: unknown */
    size_t feature_count;
};
struct payload_parts {               /* all borrowed, outlive it */
    struct db *db;
    struct blob_store *blobs;
    struct predlog_tables tables;    /* opens the table engine when the first file is written */
    struct str tmp_dir;              /* where a file lies until it is a blob; copied */
};
struct payload;
struct payload *payload_create(const struct payload_parts *parts);
/* The way to receivers of events, before the first request; borrowed, outlives `p`. Without one they are dropped. */
void payload_notify_set(struct payload *p, struct notify *notify);
/* Writes what is kept, gives up events that wait. NULL is ignored. */
void payload_destroy(struct payload *p);

/* Does nothing for requests that are not in the sample and have no events. Never blocks. */
void payload_tell(struct payload *p, const struct payload_note *note);
/* Returns when everything that was told before is in its file. */
MUST_USE enum err payload_flush(struct op *op, struct payload *p);

struct payload_stats {
    uint64_t requests, rows, files, dropped_requests, failed_files, queued_bytes;
    uint64_t events, dropped_events;
};
void payload_stats(struct payload *p, struct payload_stats *ret);

#endif
