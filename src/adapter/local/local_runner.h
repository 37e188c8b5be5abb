/* local_runner.h - port/runner on this machine: each job is a child process in its own process group.
 * Ownership: a handle is the caller's until release, which kills the group of a job that still runs and reaps it, so no
 * zombie outlives its handle. What a job that ended by itself left in the background lives on, as after a shell. Errors: E_NOT_FOUND when the program or the working folder is
 * missing, E_IO for the rest. Times are milliseconds of CLOCK_MONOTONIC.
 * Timeouts and the SIGKILL after a cancel's grace are carried out by wait_any and release: somebody must
 * wait for a job, as every caller does. Threads: any number may use one runner; a handle is waited for by one
 * thread, and may be cancelled from any other. */
#ifndef INGOT_ADAPTER_LOCAL_LOCAL_RUNNER_H
#define INGOT_ADAPTER_LOCAL_LOCAL_RUNNER_H

#include "port/runner.h"

/* The runner is static data: nothing to free, runner_close does nothing. */
struct runner local_runner(void);

#endif
