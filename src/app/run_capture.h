/* run_capture.h - sends what a process prints and what it uses to the run that stands for it, while it goes on. The output lies in
 * a file on this machine first (the process writes there, not into a pipe of ours), so neither we nor the server can stop the
 * process or lose what it said: bytes are sent from where the server's end is, again if need be, and the server drops what it has.
 * A server that does not answer is asked again; samples wait, up to LIMIT_CAPTURE_PENDING.
 * One thread of its own between start and stop; those two belong to one thread. Heap memory. */
#ifndef INGOT_APP_RUN_CAPTURE_H
#define INGOT_APP_RUN_CAPTURE_H

#include "base/op.h"
#include "port/gpu.h"

struct run_capture;
struct run_capture_config {
    struct str url, token, run_id;
    const char *spool;             /* the file of the output; need not be there yet */
    int64_t from;                  /* its first byte that is this run's */
    int64_t interval_ms;           /* between two samples; 0: none are taken */
    int64_t process;               /* leader of the group to sum up; 0: none */
    const struct gpu_probe *gpus;  /* NULL: none; else used by the thread only, until it is stopped */
};
struct run_capture_report {
    int64_t console_bytes, sent_bytes; /* of the output: there, and acknowledged */
    int64_t samples, samples_lost;
    bool console_unknown;              /* the server has no consoles (another tracking server) */
    char error[300];                   /* the last failure that was not overcome; "" */
};
MUST_USE enum err run_capture_start(struct op *op, const struct run_capture_config *config, struct run_capture **ret);
/* The process has ended: takes a last sample, sends what is left for at most `flush_ms`, frees. NULL: *ret is zeros. */
void run_capture_stop(struct run_capture *take_c, int64_t flush_ms, struct run_capture_report *ret);

#endif
