/* $INGOT_ONNXRUNTIME if set, else where the build found the library, else beside the program, else the loader's own search.
 *
 * The library is not linked: its one symbol carries the version it was built as (OrtGetApiBase@@VERS_1.30.0), so a linked program would
 * refuse every other. We ask for interface version 17 and run with whatever has it.
 *
 * The environment: waiting threads sleep (spinning ones would hold the core that the I/O thread needs); all sessions use one
 * memory arena that grows by what is asked for and not by doubling (the default keeps one per session and never gives back). */
#include "adapter/onnx/lib.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/thread.h"

#ifndef INGOT_ONNX_PATH
#define INGOT_ONNX_PATH ""
#endif

#if defined(__SANITIZE_ADDRESS__)
#define ONNX_LSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ONNX_LSAN 1
#endif
#endif
#ifdef ONNX_LSAN
/* The library keeps a few bytes for ever (166 in version 1.30); builds that look for leaks shall see ours only. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libonnxruntime\n";
}
#endif

static struct {
    pthread_mutex_t lock;
    struct onnx_lib lib;
    int threads_wanted;
    bool loaded;
    char error[4352]; /* why the last try failed */
} onnx = {.lock = PTHREAD_MUTEX_INITIALIZER};

void onnx_lib_set_threads(int threads)
{
    pthread_mutex_lock(&onnx.lock);
    onnx.threads_wanted = threads;
    pthread_mutex_unlock(&onnx.lock);
}

/* True for NULL; else keeps the text. */
static bool went_well(struct ort_status *status, const char *what)
{
    if (!status)
        return true;
    snprintf(onnx.error, sizeof onnx.error, "%s: %s", what, onnx.lib.ort.GetErrorMessage(status));
    onnx.lib.ort.ReleaseStatus(status);
    return false;
}

static bool env_make(struct onnx_lib *lib)
{
    const struct ort *ort = &lib->ort;
    static const char *const arena_keys[] = {"max_mem", "arena_extend_strategy"};
    static const size_t arena_values[] = {0, 1}; /* no maximum of its own; 1: kSameAsRequested */
    struct ort_threading_options *threading = NULL;
    struct ort_arena_cfg *arena = NULL;
    lib->threads = onnx.threads_wanted ? onnx.threads_wanted : thread_cpu_count();
    bool ok = went_well(ort->CreateThreadingOptions(&threading), "thread pool") &&
              went_well(ort->SetGlobalIntraOpNumThreads(threading, lib->threads), "thread pool") &&
              went_well(ort->SetGlobalInterOpNumThreads(threading, 1), "thread pool") &&
              went_well(ort->SetGlobalSpinControl(threading, 0), "thread pool") &&
              went_well(ort->CreateEnvWithGlobalThreadPools(ORT_LOG_FATAL, "ingot", threading, &lib->env), "environment") &&
              went_well(ort->CreateCpuMemoryInfo(ORT_ARENA_ALLOCATOR, ORT_MEM_DEFAULT, &lib->memory), "memory") &&
              went_well(ort->CreateArenaCfgV2(arena_keys, arena_values, ARRAY_LEN(arena_keys), &arena), "arena") &&
              went_well(ort->CreateAndRegisterAllocator(lib->env, lib->memory, arena), "arena") &&
              went_well(ort->GetAllocatorWithDefaultOptions(&lib->allocator), "memory");
    if (threading)
        ort->ReleaseThreadingOptions(threading);
    if (arena)
        ort->ReleaseArenaCfg(arena);
    return ok;
}

/* Takes the interface out of the loaded library. */
static bool bind_functions(void *handle, struct onnx_lib *lib)
{
    const struct ort_base *(*get_base)(void) = NULL;
    void *symbol = dlsym(handle, "OrtGetApiBase");
    memcpy(&get_base, &symbol, sizeof symbol); /* POSIX lets a function pointer be read through the object's bytes */
    const struct ort_base *base = get_base ? get_base() : NULL;
    if (!base) {
        snprintf(onnx.error, sizeof onnx.error, "%s is not ONNX Runtime: it lacks OrtGetApiBase", lib->path);
        return false;
    }
    snprintf(lib->version, sizeof lib->version, "%s", base->version());
    const void *const *table = base->get_api(ORT_API_VERSION_WANTED);
    if (!table) {
        snprintf(onnx.error, sizeof onnx.error, "%s is ONNX Runtime %s, older than 1.%u", lib->path, lib->version, ORT_API_VERSION_WANTED);
        return false;
    }
#define X(position, name, result, parameters) memcpy(&lib->ort.name, &table[position], sizeof table[position]);
    ORT_FUNCTIONS(X)
#undef X
    return env_make(lib);
}

static bool try_path(const char *path)
{
    if (!*path)
        return false;
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        const char *text = dlerror();
        snprintf(onnx.error, sizeof onnx.error, "%s", text ? text : path);
        return false;
    }
    snprintf(onnx.lib.path, sizeof onnx.lib.path, "%s", path);
    onnx.loaded = bind_functions(handle, &onnx.lib);
    return onnx.loaded;
}

/* The library beside the running program. */
static bool path_beside(char *out, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", out, size - 1);
    if (n <= 0)
        return false;
    out[n] = 0;
    char *slash = strrchr(out, '/');
    size_t used = slash ? (size_t)(slash + 1 - out) : 0;
    return slash && snprintf(out + used, size - used, "libonnxruntime.so.1") < (int)(size - used);
}

static void load_locked(void)
{
    const char *chosen = getenv("INGOT_ONNXRUNTIME");
    if (chosen && *chosen) {
        try_path(chosen); /* an explicit wish is not second-guessed */
        return;
    }
    char beside[PATH_MAX];
    if (try_path(INGOT_ONNX_PATH) || (path_beside(beside, sizeof beside) && try_path(beside)))
        return;
    try_path("libonnxruntime.so.1");
}

enum err onnx_lib_get(struct op *op, const struct onnx_lib **ret)
{
    pthread_mutex_lock(&onnx.lock);
    if (!onnx.loaded)
        load_locked();
    bool loaded = onnx.loaded;
    if (!loaded)
        op_fail(op, E_UNSUPPORTED, "ONNX Runtime cannot be used: %s", onnx.error);
    pthread_mutex_unlock(&onnx.lock);
    if (!loaded)
        return E_UNSUPPORTED;
    *ret = &onnx.lib;
    return OK;
}

enum err onnx_lib_check(struct op *op, const struct onnx_lib *lib, struct ort_status *take_status, const char *what)
{
    if (!take_status)
        return OK;
    enum err e = E_IO;
    switch (lib->ort.GetErrorCode(take_status)) {
    case ORT_CODE_INVALID_ARGUMENT:
    case ORT_CODE_INVALID_PROTOBUF:
    case ORT_CODE_INVALID_GRAPH: e = E_INVALID; break;
    case ORT_CODE_NOT_IMPLEMENTED: e = E_UNSUPPORTED; break;
    default: break;
    }
    op_fail(op, e, "%s: %s", what, lib->ort.GetErrorMessage(take_status));
    lib->ort.ReleaseStatus(take_status);
    return e;
}
