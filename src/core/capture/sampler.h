/* sampler.h - what a machine and one tree of processes use while a run goes on, as numbers under the names that MLflow's
 * client uses ("system/cpu_utilization_percentage"), so that its user interface shows them on its page of system metrics.
 * Reads /proc and statvfs; what cannot be read is left out. Sizes are in units of 10^6 bytes, as there. One thread. */
#ifndef INGOT_CORE_CAPTURE_SAMPLER_H
#define INGOT_CORE_CAPTURE_SAMPLER_H

#include "port/gpu.h"

struct capture_sampler;
struct capture_metric {
    char key[56];
    double value;
};

/* `proc` is "/proc" but in tests; `disk` a path on the file system that counts. `gpus` NULL: none; else borrowed. The first
 * reading is taken now: rates are between two readings, amounts of traffic since this one. */
struct capture_sampler *capture_sampler_create(const char *proc, const char *disk, const struct gpu_probe *gpus);
void capture_sampler_destroy(struct capture_sampler *s); /* NULL is ignored */
/* Reads all. `process`: the leader of a process group whose tree is summed up too; 0: none. Up to `max` numbers; returns how many.
 * LIMIT_CAPTURE_METRICS is enough. */
size_t capture_sampler_read(struct capture_sampler *s, int64_t process, struct capture_metric *out, size_t max);

#endif
