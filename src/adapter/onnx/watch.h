/* watch.h - ends runs whose deadline has passed: ONNX Runtime looks at a flag between two operators, and somebody must set it.
 * One thread for all runs, started with the first one that has a deadline; it sleeps until the earliest. Thread-safe. */
#ifndef INGOT_ADAPTER_ONNX_WATCH_H
#define INGOT_ADAPTER_ONNX_WATCH_H

#include "adapter/onnx/lib.h"

struct onnx_watch {                    /* on the stack of the run */
    const struct onnx_lib *lib;
    struct ort_run_options *options;   /* whose flag is set; must live until onnx_watch_end */
    int64_t deadline_ms;               /* CLOCK_MONOTONIC */
    bool fired;                        /* after onnx_watch_end: the flag was set */
    struct onnx_watch *prev, *next;
};
void onnx_watch_begin(struct onnx_watch *w);
void onnx_watch_end(struct onnx_watch *w);

#endif
