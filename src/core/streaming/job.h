/* job.h - a streaming job: records of one topic in, the answers of one endpoint out, each exactly once.
 *
 * Answers keep the order of their partition and go to the partition of the same number, or where their key belongs. They carry the
 * input's key, time and headers; `ingot-source` tells where they come from, and `traceparent` goes through (one is made where there is none).
 * A record without a value (a tombstone) goes through as it is. A record that cannot be answered (it does not decode, the model refuses it, its
 * answer may not be written) goes to the errors topic as it came, with the reason in headers (ingot-error, ingot-error-text, ingot-source), in the same
 * transaction. Without an errors topic the job ends there: E_INVALID, and the record is not acknowledged.
 *
 * A transaction ends after `transaction_records` or `transaction_ms`, whichever comes first. One that the log refuses is aborted and its records
 * are read again. Which exactly-once that is: port/stream.h. Back-pressure: at most `flight` records are in hand; nothing is read while they
 * are scored. Threads: the caller's is the job's; op->gone ends it (*stop). */
#ifndef INGOT_CORE_STREAMING_JOB_H
#define INGOT_CORE_STREAMING_JOB_H

#include "core/streaming/codec.h"
#include "core/streaming/figures.h"

struct streaming_job {       /* all borrowed */
    struct stream *stream;
    struct serve *serve;
    struct str endpoint;
    const struct streaming_codec *codec;
    struct str in, out;
    struct str errors;       /* "": none */
    bool by_key;             /* where answers go */
    size_t flight;           /* 1 to LIMIT_STREAM_FLIGHT */
    size_t transaction_records; /* 1 to LIMIT_STREAM_TRANSACTION */
    int64_t transaction_ms;
    int retries;             /* up to LIMIT_STREAM_RETRIES */
    bool until_end;          /* ends when all that is there has been answered */
    const int *stop;         /* atomic; not 0: finish the open transaction and return OK */
    int *reload;             /* atomic; not 0: load the endpoint again before the next records; NULL: never */
    struct streaming_figures *figures;
};

/* Checks that the topics are there and have the partitions wanted. E_NOT_FOUND, E_INVALID. */
MUST_USE enum err streaming_check(struct op *op, const struct streaming_job *job);
/* OK: stopped, or the end was reached. E_DENIED: another instance took our place. E_INVALID, E_TOO_LARGE: a record, named in the text, that could be
 * neither answered nor put aside. E_IO and others: the log failed. In each case what was not committed will be read again. */
MUST_USE enum err streaming_run(struct op *op, const struct streaming_job *job);

#endif
