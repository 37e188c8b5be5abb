/* gpu.h - what a sampler asks of the graphics processors of this machine. Devices are numbered from 0. A probe belongs to one
 * thread at a time. Whether one can be had at all is said by the adapter that makes it (E_UNSUPPORTED: no library, no device). */
#ifndef INGOT_PORT_GPU_H
#define INGOT_PORT_GPU_H

#include "base/op.h"

/* What a device would not tell is negative. */
struct gpu_reading {
    double memory_used_bytes, memory_total_bytes;
    double utilization_percent;
    double power_watts, power_limit_watts;
};
struct gpu_ops {
    const char *name;
    int (*count)(void *self);
    /* The product's name, NUL-terminated, cut to `size`; "" if unknown. */
    void (*model)(void *self, int device, char *out, size_t size);
    void (*read)(void *self, int device, struct gpu_reading *ret);
    void (*close)(void *self);
};
struct gpu_probe {
    const struct gpu_ops *ops; /* NULL: there are none */
    void *self;
};

static inline int gpu_count(const struct gpu_probe *g) { return g && g->ops ? g->ops->count(g->self) : 0; }
static inline void gpu_model(const struct gpu_probe *g, int device, char *out, size_t size) { g->ops->model(g->self, device, out, size); }
static inline void gpu_read(const struct gpu_probe *g, int device, struct gpu_reading *ret) { g->ops->read(g->self, device, ret); }
static inline void gpu_close(struct gpu_probe *g)
{
    if (g->ops)
        g->ops->close(g->self);
    g->ops = NULL;
}

#endif
