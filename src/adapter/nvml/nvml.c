/* nvml.c - a handful of NVML's functions, declared here as its public API reference gives them, bound by name. No header of
 * the toolkit is needed, and the library is not linked: the driver brings it, and most machines that run this have neither.
 *
 * nvmlInit_v2 counts its callers, so the library may be in use by the trainer's own tools at the same time. */
#include "adapter/nvml/nvml.h"

#include <dlfcn.h>
#include <stdlib.h>

#include "base/limits.h"

typedef struct nvml_device *nvml_handle; /* opaque there too */
struct nvml_memory {
    unsigned long long total, free, used; /* bytes */
};
struct nvml_utilization {
    unsigned int gpu, memory; /* per cent of the last sample period */
};

/* result 0 is success; the rest of each row are the parameters. */
#define NVML_FUNCTIONS(X)                                                          \
    X(init, "nvmlInit_v2", (void))                                                 \
    X(shutdown, "nvmlShutdown", (void))                                            \
    X(count, "nvmlDeviceGetCount_v2", (unsigned int *))                            \
    X(handle, "nvmlDeviceGetHandleByIndex_v2", (unsigned int, nvml_handle *))      \
    X(name, "nvmlDeviceGetName", (nvml_handle, char *, unsigned int))              \
    X(memory, "nvmlDeviceGetMemoryInfo", (nvml_handle, struct nvml_memory *))      \
    X(rates, "nvmlDeviceGetUtilizationRates", (nvml_handle, struct nvml_utilization *)) \
    X(power, "nvmlDeviceGetPowerUsage", (nvml_handle, unsigned int *))             \
    X(limit, "nvmlDeviceGetEnforcedPowerLimit", (nvml_handle, unsigned int *))

struct nvml {
    void *library;
    unsigned int devices;
    nvml_handle handles[LIMIT_CAPTURE_GPUS];
#define X(field, symbol, args) int (*field) args;
    NVML_FUNCTIONS(X)
#undef X
};

static int nvml_count(void *self)
{
    const struct nvml *n = self;
    return (int)n->devices;
}

static void nvml_model(void *self, int device, char *out, size_t size)
{
    const struct nvml *n = self;
    if (n->name(n->handles[device], out, (unsigned int)size))
        out[0] = 0;
    out[size - 1] = 0;
}

static void nvml_read(void *self, int device, struct gpu_reading *ret)
{
    const struct nvml *n = self;
    struct nvml_memory memory = {0};
    struct nvml_utilization rates = {0};
    unsigned int milliwatts = 0;
    nvml_handle h = n->handles[device];
    *ret = (struct gpu_reading){-1, -1, -1, -1, -1};
    if (n->memory(h, &memory) == 0 && memory.total) {
        ret->memory_used_bytes = (double)memory.used;
        ret->memory_total_bytes = (double)memory.total;
    }
    if (n->rates(h, &rates) == 0)
        ret->utilization_percent = rates.gpu;
    if (n->power(h, &milliwatts) == 0)
        ret->power_watts = milliwatts / 1000.0;
    if (n->limit(h, &milliwatts) == 0 && milliwatts)
        ret->power_limit_watts = milliwatts / 1000.0;
}

static void nvml_close(void *self)
{
    struct nvml *n = self;
    n->shutdown();
    dlclose(n->library);
    free(n);
}

static const struct gpu_ops nvml_ops = {.name = "nvml", .count = nvml_count, .model = nvml_model, .read = nvml_read, .close = nvml_close};

/* NULL, or the symbol that is missing. */
static const char *bind_functions(struct nvml *n)
{
    /* POSIX lets a function pointer be read out of dlsym's answer through the object's bytes. */
#define X(field, symbol, args)                  \
    {                                           \
        void *p = dlsym(n->library, symbol);    \
        if (!p)                                 \
            return symbol;                      \
        memcpy(&n->field, &p, sizeof p);        \
    }
    NVML_FUNCTIONS(X)
#undef X
    return NULL;
}

static enum err devices_find(struct op *op, struct nvml *n)
{
    unsigned int count = 0;
    int rc = n->init();
    if (rc)
        return op_fail(op, E_UNSUPPORTED, "NVIDIA's driver does not answer (NVML error %d)", rc);
    if (n->count(&count) == 0)
        for (unsigned int i = 0; i < count && n->devices < LIMIT_CAPTURE_GPUS; i++)
            if (n->handle(i, &n->handles[n->devices]) == 0)
                n->devices++;
    if (n->devices)
        return OK;
    n->shutdown();
    return op_fail(op, E_UNSUPPORTED, "NVIDIA's driver knows no device that we may use");
}

enum err nvml_open(struct op *op, struct gpu_probe *ret)
{
    const char *chosen = getenv("INGOT_NVML");
    void *library = dlopen(chosen && *chosen ? chosen : "libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *text = dlerror();
        return op_fail(op, E_UNSUPPORTED, "NVIDIA's management library cannot be used: %s", text ? text : "not found");
    }
    struct nvml *n = calloc(1, sizeof *n);
    if (!n)
        abort();
    n->library = library;
    const char *missing = bind_functions(n);
    enum err e = missing ? op_fail(op, E_UNSUPPORTED, "NVIDIA's management library lacks %s", missing) : devices_find(op, n);
    if (e) {
        dlclose(library);
        free(n);
        return e;
    }
    *ret = (struct gpu_probe){&nvml_ops, n};
    return OK;
}
