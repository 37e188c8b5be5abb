/* runner.h - runs one step of a pipeline somewhere: a local child process, later Slurm, Kubernetes, Ray.
 * Submit and poll; the core decides what runs when. */
#ifndef INGOT_PORT_RUNNER_H
#define INGOT_PORT_RUNNER_H

#include "base/op.h"

struct runner_job {
    struct str name;
    struct str *argv;        /* never a shell on templated text; a step's cmd is {"/bin/sh","-c",cmd} as DVC runs it */
    size_t argc;
    struct str cwd;
    struct str *env;         /* "K=V", the whole environment */
    size_t env_len;
    struct str log_path;     /* stdout and stderr are appended here */
    int64_t timeout_ms;      /* 0 = none */
};
enum runner_state { RUNNER_RUNNING, RUNNER_EXITED, RUNNER_SIGNALLED, RUNNER_TIMED_OUT, RUNNER_LOST };
struct runner_status {
    enum runner_state state;
    int code;                /* exit code or signal */
    int64_t cpu_us, wall_us, max_rss_bytes;
};
struct runner_ops {
    const char *name;
    enum err (*submit)(void *self, struct op *op, const struct runner_job *job, void **ret_handle);
    /* Waits up to timeout_ms for any of the handles to leave RUNNING (0 = look once); *ret_index SIZE_MAX if none did. */
    enum err (*wait_any)(void *self, struct op *op, void **handles, size_t n, int64_t timeout_ms, size_t *ret_index, struct runner_status *ret);
    /* SIGTERM to the whole process group, SIGKILL after grace_ms. */
    void (*cancel)(void *self, void *handle, int64_t grace_ms);
    void (*release)(void *self, void *take_handle);
    void (*close)(void *self);
    /* The process on this machine, leader of its process group, while the handle lives; NULL or 0: it runs elsewhere. */
    int64_t (*process)(void *self, void *handle);
};
struct runner {
    const struct runner_ops *ops;
    void *self;
};
MUST_USE enum err runner_submit(struct op *op, struct runner *r, const struct runner_job *job, void **ret_handle);
MUST_USE enum err runner_wait_any(struct op *op, struct runner *r, void **handles, size_t n, int64_t timeout_ms, size_t *ret_index, struct runner_status *ret);
void runner_cancel(struct runner *r, void *handle, int64_t grace_ms);
void runner_release(struct runner *r, void *take_handle);
void runner_close(struct runner *r);
int64_t runner_process(struct runner *r, void *handle);

#endif
