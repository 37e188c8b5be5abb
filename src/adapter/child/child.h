/* child.h - engines that run in processes of their own: a model that crashes its engine takes down its own child, not the server.
 *
 * Each model has one child: this program again, started as `ingot engine-host`, with the model's bytes and a piece of shared
 * memory (channel.h) and nothing else (jail.h). A child that dies fails the questions that it holds (E_IO) and is started again, at once
 * and then with growing pauses; until it is ready, questions are E_BUSY. One that ignores a deadline for LIMIT_CHILD_HANG_MS is
 * killed. A thread, the keeper, starts and watches all children, so that they end with it.
 *
 * To the rest of the program a hosted engine is an engine (port/engine.h):
 *     CHILD_ENGINE(onnx_hosted_engine, "onnx", onnx_engine);        in the table of engines
 *     static const struct child_guest guests[] = {{&onnx_engine, prepare}, {0}};
 *     if (child_is_host(argc, argv)) return child_host_main(argc, argv, guests);        in main()
 * Row models become tensor models: "features" in, "score" out. Everything is thread-safe. */
#ifndef INGOT_ADAPTER_CHILD_CHILD_H
#define INGOT_ADAPTER_CHILD_CHILD_H

#include "port/engine.h"

enum child_isolate { CHILD_ISOLATE_AUTO, CHILD_ISOLATE_ALWAYS, CHILD_ISOLATE_NEVER };
/* "auto", "always", "never". AUTO: in a process of its own, or in this one where no process can be started at all. */
MUST_USE bool child_isolate_parse(struct str text, enum child_isolate *ret);
/* For models loaded afterwards; before any is. `memory_bytes`: private memory of one child, 0 = no limit. */
void child_setup(enum child_isolate isolate, size_t memory_bytes);

struct child_stats {
    size_t children, ready;
    uint64_t starts, deaths, hangs;
};
void child_stats(struct child_stats *ret);
/* One child, for metrics: read from the kernel when asked, so call it when somebody looks, not per request. */
struct child_figure {
    const char *engine;      /* static text */
    int64_t number;          /* of the model since this program started, from 1; stays over restarts */
    int pid;                 /* 0: none at the moment */
    bool ready;
    uint64_t starts, deaths; /* of this model's processes; restarts = starts - 1 */
    uint64_t rss_bytes;      /* resident now; 0: no process */
};
/* At most `max` of them, LIMIT_CHILDREN are all; the youngest model first. How many. */
size_t child_figures(struct child_figure *ret, size_t max);
/* The process that hosts this model, for tests and the log; 0: none at the moment, or it runs in this process. */
int child_pid(const void *hosted);

/* What CHILD_ENGINE is made of: engine_ops over the engine `inner`. */
MUST_USE enum err child_load(struct op *op, const struct engine_ops *inner, struct str bytes, void **ret_hosted);
void child_unload(void *hosted);
const struct engine_info *child_info(const void *hosted);
MUST_USE enum err child_run(struct op *op, const void *hosted, const struct tensor *inputs, const bool *wanted, struct tensor *ret_outputs);
bool child_is_apart(const void *hosted);
MUST_USE enum err child_run_start(struct op *op, const void *hosted, const struct tensor *inputs, const bool *wanted, int64_t patience_ms,
                                  struct tensor *ret_outputs, void **ret_pending);
MUST_USE enum err child_run_finish(struct op *op, const void *hosted, void *take_pending, struct tensor *ret_outputs);
void child_run_forget(const void *hosted, void *take_pending);
#define CHILD_ENGINE(variable, engine_name, inner)                                                 \
    static bool variable##_accepts(struct str bytes)                                               \
    {                                                                                              \
        return (inner).accepts(bytes);                                                             \
    }                                                                                              \
    static enum err variable##_load(struct op *op, struct str bytes, void **ret_model)             \
    {                                                                                              \
        return child_load(op, &(inner), bytes, ret_model);                                         \
    }                                                                                              \
    static const struct engine_ops variable = {                                                    \
        .name = engine_name,                                                                       \
        .accepts = variable##_accepts,                                                             \
        .load = variable##_load,                                                                   \
        .spawns = true,                                                                            \
        .unload = child_unload,                                                                    \
        .info = child_info,                                                                        \
        .run = child_run,                                                                          \
        .is_apart = child_is_apart,                                                                \
        .run_start = child_run_start,                                                              \
        .run_finish = child_run_finish,                                                            \
        .run_forget = child_run_forget,                                                            \
    }

/* ---- the child's side ---- */
struct child_guest {
    const struct engine_ops *engine;
    enum err (*prepare)(struct op *op); /* loads its library, before files are closed; NULL: it needs none */
};
/* Was this process started to host a model? */
bool child_is_host(int argc, char **argv);
/* `guests` ends with engine NULL. Returns the exit code; serves until it is killed. */
int child_host_main(int argc, char **argv, const struct child_guest *guests);

#endif
