/* stream.h - ordered, partitioned logs of records: read as a member of a group, written in transactions that hold the group's
 * positions too, so that what was read is answered exactly once whatever dies at whatever moment.
 *
 * One `struct stream` is one member of a group and one writer; it is used by one thread at a time. The rhythm is
 *     stream_poll ... stream_put ... stream_poll ... stream_put ... stream_commit
 * A transaction opens with the first record that a poll hands out (or the first put) and ends by commit, by abort, or inside a poll when
 * partitions go to another member. By calling poll or commit the caller says that it has put everything that the records of earlier
 * polls call for: their positions are what a commit stores.
 *   - commit: everything that was put becomes visible to readers at once, and the group's positions move behind what was handed out.
 *   - abort: nothing of it was ever there; the next polls hand out the same records again.
 * Readers see committed records only. Within a partition records come in the order of their offsets, which grow but may have gaps.
 *
 * Two writers with one `transactional_id` cannot both live: opening the second ends the first, whose open transaction is aborted and
 * whose next commit, or the abort that it asks for, fails with E_DENIED.
 *
 * A poll that waits returns early when op->gone is set. Errors of poll, put, commit: E_CONFLICT: the open transaction cannot be committed: call abort and go on. E_DENIED: another instance
 * took our place, or we may not do it. E_CANCELLED: op->gone was set while we waited. E_TOO_LARGE: a record is larger than
 * the log takes. E_NOT_FOUND: no such topic or partition. E_TIMEOUT: op's deadline passed. E_IO: all else. After any but E_CONFLICT, and E_TOO_LARGE and
 * E_NOT_FOUND from put, the stream can only be closed; closing aborts what is open. */
#ifndef INGOT_PORT_STREAM_H
#define INGOT_PORT_STREAM_H

#include "base/op.h"

#define STREAM_BY_KEY (-1) /* partition: the back-end's choice by the key; without one, any */

struct stream_header {
    struct str name;
    struct str value;
    bool has_value;
};
struct stream_record {
    struct str topic;
    int32_t partition;
    int64_t offset;          /* of a record that was read; ignored by put */
    int64_t time_ms;         /* when it happened, milliseconds since 1970 UTC; put takes -1 for now */
    bool has_key, has_value; /* without a value: a tombstone, which removes the key from a compacted topic */
    struct str key, value;
    const struct stream_header *headers; /* in order; a name may repeat */
    size_t header_count;
};
enum stream_end { STREAM_OPEN, STREAM_COMMITTED, STREAM_ABORTED };
struct stream_poll {
    const struct stream_record *records; /* borrowed until the next call on this stream */
    size_t count;
    enum stream_end ended;   /* what became of the transaction that was open before, when partitions moved within this poll */
    bool at_end;             /* all our partitions (at least one) have been read to their present end */
};
struct stream_lag {          /* of one partition that is ours */
    struct str topic;
    int32_t partition;
    int64_t position;        /* of the next record to be handed out; -1: not known yet */
    int64_t end;             /* behind the last record of the log; -1: not known yet */
};
struct stream_ops {
    const char *name;
    enum err (*poll)(void *self, struct op *op, size_t max_records, int wait_ms, struct stream_poll *ret);
    enum err (*put)(void *self, struct op *op, const struct stream_record *record);
    enum err (*commit)(void *self, struct op *op);
    enum err (*abort)(void *self, struct op *op);
    enum err (*partitions)(void *self, struct op *op, struct str topic, int32_t *ret);
    size_t (*lag)(void *self, struct op *op, struct stream_lag **ret);
    void (*close)(void *self);
};
struct stream {
    const struct stream_ops *ops;
    void *self;
};

/* Hands out up to `max_records` (1 to LIMIT_STREAM_POLL), or fewer when their values pass LIMIT_STREAM_POLL_BYTES. Waits up to `wait_ms` for the first;
 * no record is no error. Membership of the group lives by calls of poll. */
MUST_USE enum err stream_poll(struct op *op, struct stream *s, size_t max_records, int wait_ms, struct stream_poll *ret);
/* Copies the record into the open transaction. May wait while the writer's buffer is full. */
MUST_USE enum err stream_put(struct op *op, struct stream *s, const struct stream_record *record);
/* Waits until the transaction is durable. Nothing open: nothing to do. */
MUST_USE enum err stream_commit(struct op *op, struct stream *s);
MUST_USE enum err stream_abort(struct op *op, struct stream *s);
/* How many partitions a topic has. E_NOT_FOUND. */
MUST_USE enum err stream_partitions(struct op *op, struct stream *s, struct str topic, int32_t *ret);
/* One row per partition that is ours, in op's arena. Never blocks. */
size_t stream_lag(struct op *op, struct stream *s, struct stream_lag **ret);
/* Aborts what is open, leaves the group, frees; waits for a log that does not answer for a few seconds at most. NULL is ignored. */
void stream_close(struct stream *s);

#endif
