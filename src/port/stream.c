#include "port/stream.h"

#include <assert.h>
#include <stdlib.h>

#include "base/limits.h"

enum err stream_poll(struct op *op, struct stream *s, size_t max_records, int wait_ms, struct stream_poll *ret)
{
    assert(max_records > 0 && max_records <= LIMIT_STREAM_POLL);
    struct stream_poll got = {.ended = STREAM_OPEN};
    enum err e = s->ops->poll(s->self, op, max_records, wait_ms < 0 ? 0 : wait_ms, &got);
    if (!e)
        *ret = got;
    return e;
}

enum err stream_put(struct op *op, struct stream *s, const struct stream_record *record)
{
    size_t bytes = record->key.len + record->value.len;
    if (record->header_count > LIMIT_STREAM_HEADERS)
        return op_fail(op, E_TOO_LARGE, "%zu headers; a record may have %d", record->header_count, LIMIT_STREAM_HEADERS);
    for (size_t i = 0; i < record->header_count; i++)
        bytes += record->headers[i].name.len + record->headers[i].value.len;
    if (bytes > LIMIT_STREAM_RECORD_BYTES)
        return op_fail(op, E_TOO_LARGE, "a record of %zu bytes; %zu are taken", bytes, LIMIT_STREAM_RECORD_BYTES);
    return s->ops->put(s->self, op, record);
}

enum err stream_commit(struct op *op, struct stream *s)
{
    return s->ops->commit(s->self, op);
}

enum err stream_abort(struct op *op, struct stream *s)
{
    return s->ops->abort(s->self, op);
}

enum err stream_partitions(struct op *op, struct stream *s, struct str topic, int32_t *ret)
{
    return s->ops->partitions(s->self, op, topic, ret);
}

size_t stream_lag(struct op *op, struct stream *s, struct stream_lag **ret)
{
    return s->ops->lag(s->self, op, ret);
}

void stream_close(struct stream *s)
{
    if (!s)
        return;
    s->ops->close(s->self);
    free(s);
}
