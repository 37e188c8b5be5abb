/* Loading. A session starts with one thread, the caller's: for small models a second one costs more than it gives. One whose
 * single row takes longer than SMALL_NS is made again with all cores: a parallel run pays from there on. Such models share the pool of the process, if it was made with one, and
 * have threads of their own else.
 *
 * Not used of the library: its container of prepacked weights, which shares only initializers that were given to it apart from
 * the model; a cache of optimised models, which saves less than a millisecond for models of a megabyte (measured: the docs have it). */
#include "adapter/onnx/onnx.h"

#include <malloc.h>
#include <stdio.h>

#include "adapter/onnx/model.h"
#include "adapter/onnx/outline.h"
#include "base/thread.h"

#define SMALL_NS 1000000
/* What a session holds besides its weights: measured, rounded up. */
#define SESSION_BYTES LIMIT_KIB(512)

enum err onnx_session_make(struct op *op, const struct onnx_lib *lib, struct str bytes, int threads, struct ort_session **ret)
{
    const struct ort *ort = &lib->ort;
    static const char *const entries[][2] = {
        {"session.use_env_allocators", "1"}, {"session.intra_op.allow_spinning", "0"}, {"session.inter_op.allow_spinning", "0"}};
    struct ort_session_options *options = NULL;
    enum err e = onnx_lib_check(op, lib, ort->CreateSessionOptions(&options), "session");
    if (!e && threads > 1 && lib->threads > 1)
        e = onnx_lib_check(op, lib, ort->DisablePerSessionThreads(options), "session");
    else if (!e)
        e = onnx_lib_check(op, lib, ort->SetIntraOpNumThreads(options, threads), "session");
    if (!e)
        e = onnx_lib_check(op, lib, ort->SetInterOpNumThreads(options, 1), "session");
    for (size_t i = 0; !e && i < ARRAY_LEN(entries); i++)
        e = onnx_lib_check(op, lib, ort->AddSessionConfigEntry(options, entries[i][0], entries[i][1]), "session");
    if (!e)
        e = onnx_lib_check(op, lib, ort->CreateSessionFromArray(lib->env, bytes.p, bytes.len, options, ret), "ONNX Runtime refuses the model");
    if (options)
        ort->ReleaseSessionOptions(options);
    /* It fails in many words when it does not know an operator or its version, or finds the graph wrong. */
    return e == E_IO ? op_fail(op, E_INVALID, "the model cannot be loaded") : e;
}

static void model_destroy(struct onnx_model *m)
{
    if (m->session)
        m->lib->ort.ReleaseSession(m->session);
    arena_destroy(m->arena);
}

/* Dear models get all cores. */
static enum err threads_choose(struct op *op, struct onnx_model *m, struct str bytes, int threads)
{
    struct ort_session *session = NULL;
    if (m->row_ns < SMALL_NS || threads <= 1)
        return OK;
    enum err e = onnx_session_make(op, m->lib, bytes, threads, &session);
    if (e)
        return e;
    m->lib->ort.ReleaseSession(m->session);
    m->session = session;
    m->threads = threads;
    onnx_probe(m);
    return OK;
}

void onnx_set_threads(int threads)
{
    onnx_lib_set_threads(threads);
}

static enum err onnx_load(struct op *op, struct str bytes, void **ret_model)
{
    struct onnx_outline outline;
    const struct onnx_lib *lib = NULL;
    enum err e = onnx_outline_check(op, bytes, &outline);
    if (!e)
        e = onnx_lib_get(op, &lib);
    if (e)
        return e;
    struct arena *arena = arena_create(2 * LIMIT_ONNX_BYTES);
    struct onnx_model *m = arena_new(arena, struct onnx_model);
    *m = (struct onnx_model){.arena = arena, .lib = lib, .threads = 1};
    e = onnx_session_make(op, lib, bytes, 1, &m->session);
    if (!e)
        e = onnx_signature_read(op, m);
    if (!e) {
        onnx_probe(m);
        e = threads_choose(op, m, bytes, thread_cpu_count());
    }
    if (e) {
        model_destroy(m);
        return e;
    }
    m->info.format = STR("onnx");
    m->info.memory_bytes = (size_t)outline.tensor_bytes + SESSION_BYTES;
    *ret_model = m;
    return OK;
}

static void onnx_unload(void *model)
{
    model_destroy(model);
    malloc_trim(0); /* weights were large blocks among small ones: the allocator keeps them otherwise */
}

static const struct engine_info *onnx_info(const void *model)
{
    return &((const struct onnx_model *)model)->info;
}

static enum err onnx_run(struct op *op, const void *model, const struct tensor *inputs, const bool *wanted, struct tensor *ret_outputs)
{
    return onnx_model_run(op, model, inputs, wanted, ret_outputs);
}

const struct engine_ops onnx_engine = {
    .name = "onnx",
    .accepts = onnx_outline_accepts,
    .load = onnx_load,
    .spawns = true,
    .unload = onnx_unload,
    .info = onnx_info,
    .run = onnx_run,
};

enum err onnx_check(struct op *op, const char **ret_text)
{
    const struct onnx_lib *lib = NULL;
    enum err e = onnx_lib_get(op, &lib);
    if (!e)
        *ret_text = op_printf(op, "ONNX Runtime %s", lib->version);
    return e;
}
