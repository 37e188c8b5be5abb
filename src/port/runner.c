#include "port/runner.h"

#include <assert.h>

enum err runner_submit(struct op *op, struct runner *r, const struct runner_job *job, void **ret_handle)
{
    if (job->argc == 0)
        return op_fail(op, E_INVALID, "job '%.*s' has no command", STR_FMT(job->name));
    if (job->timeout_ms < 0)
        return op_fail(op, E_INVALID, "job '%.*s' has a negative timeout", STR_FMT(job->name));
    return r->ops->submit(r->self, op, job, ret_handle);
}

enum err runner_wait_any(struct op *op, struct runner *r, void **handles, size_t n, int64_t timeout_ms,
                         size_t *ret_index, struct runner_status *ret)
{
    assert(timeout_ms >= 0);
    return r->ops->wait_any(r->self, op, handles, n, timeout_ms, ret_index, ret);
}

void runner_cancel(struct runner *r, void *handle, int64_t grace_ms)
{
    r->ops->cancel(r->self, handle, grace_ms);
}

void runner_release(struct runner *r, void *take_handle)
{
    if (take_handle)
        r->ops->release(r->self, take_handle);
}

void runner_close(struct runner *r)
{
    if (r && r->ops)
        r->ops->close(r->self);
}

int64_t runner_process(struct runner *r, void *handle)
{
    return r->ops->process ? r->ops->process(r->self, handle) : 0;
}
