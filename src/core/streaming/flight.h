/* flight.h - the records of one poll, asked at once: each in its slot with an op and an arena of its own, so that the endpoint may join those
 * that a dear model answers later. Private to core/streaming. Used by the job's thread; answers may come on any. */
#ifndef INGOT_CORE_STREAMING_FLIGHT_H
#define INGOT_CORE_STREAMING_FLIGHT_H

#include "base/thread.h"
#include "core/streaming/codec.h"

struct flight;

struct flight_slot {
    struct op op;
    struct arena *arena;
    const struct stream_record *record;
    struct streaming_question question;
    struct infer_answer answer;
    enum err err;            /* its text is in op.msg */
    struct flight *flight;
};
struct flight {
    struct mutex lock;
    struct cond over;
    size_t pending;          /* that the endpoint still has */
    struct flight_slot *slots;
    size_t slot_count;
};
struct flight_ask {
    struct serve_endpoint *endpoint;
    const struct serve_info *info;
    const struct streaming_codec *codec;
    const int *stop;         /* ends the pauses between tries */
    int retries;
    uint64_t *retried;       /* counts them */
};

void flight_init(struct flight *f, size_t slots);
void flight_clear(struct flight *f);
/* Asks for each of the records that has a value; slot i holds what became of record i. The records and the endpoint must live until the answers have
 * been used. What failed for a reason that passes (E_BUSY, E_TIMEOUT, E_IO) is tried again. */
void flight_run(struct flight *f, const struct flight_ask *ask, const struct stream_record *records, size_t n);

#endif
