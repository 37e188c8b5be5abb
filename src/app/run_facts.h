/* run_facts.h - where a captured run comes from: machine, code, environment, as tags and as small artifacts under "capture/". */
#ifndef INGOT_APP_RUN_FACTS_H
#define INGOT_APP_RUN_FACTS_H

#include "app/run_git.h"
#include "app/run_log.h"
#include "core/capture/machine.h"
#include "core/capture/python.h"
#include "port/gpu.h"

#define RUN_FACTS_TAGS 24

struct run_facts {
    struct capture_machine machine;
    struct run_git git;
    struct str gpus;       /* "NVIDIA H100 x 8", or "" */
    struct str command;    /* as text, secrets hidden */
    struct str dir;
    bool has_python;
    struct capture_python python;
    const struct str *variables; /* further names that may be shown */
    size_t variable_count;
    struct run_log_tag tags[RUN_FACTS_TAGS];
    size_t tag_count;
};
/* `words`: the command; `dir`: where it runs. Takes milliseconds. */
MUST_USE enum err run_facts_read(struct op *op, const struct str *words, size_t n, const char *dir, const struct gpu_probe *gpus, struct run_facts *ret);
/* capture/environment.json, capture/requirements.txt of a Python environment, and capture/diff.patch if `diff` and something differs. */
MUST_USE enum err run_facts_upload(struct op *op, struct run_log *log, const struct run_facts *f, bool diff);

#endif
