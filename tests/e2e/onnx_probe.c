/* onnx_probe.c - one ONNX model behind the port, without a server, for tests that compare answers bit by bit and for measuring:
 *     onnx_probe MODEL auto|never
 * Prints a line of JSON that describes the model (or {"error", "code"} and ends with 1). Then answers questions until its standard input
 * ends. A question is a line of JSON {"inputs": [{"name", "datatype", "shape", "bytes"}], "outputs": [names] or absent, "timeout_ms"} and then
 * the inputs' bytes in order; an answer is a line {"outputs": [...the same...], "ns"} and bytes, or {"error", "code"}. Texts are each a
 * length (uint32) and bytes, as in the Open Inference Protocol. {"pid": true} asks for the process that hosts the model. */
#include <stdio.h>
#include <stdlib.h>

#include "adapter/child/child.h"
#include "adapter/onnx/onnx.h"
#include "base/file.h"
#include "base/json.h"
#include "base/time.h"

static enum err prepare(struct op *op)
{
    const char *text = NULL;
    onnx_set_threads(1);
    return onnx_check(op, &text);
}
CHILD_ENGINE(hosted, "onnx", onnx_engine);
static const struct child_guest guests[] = {{&onnx_engine, prepare}, {0}};

static void say_error(const struct op *op)
{
    AUTO(buf) struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_MIB(1));
    json_out_init(&w, &b, 0);
    json_begin_object(&w);
    json_kv_cstr(&w, "code", err_name(op->err));
    json_kv_cstr(&w, "error", op->msg);
    json_end_object(&w);
    printf("%.*s\n", STR_FMT(buf_str(&b)));
    fflush(stdout);
}

static void say_specs(struct json_out *w, const char *key, const struct tensor_spec *specs, size_t count)
{
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < count; i++) {
        json_begin_object(w);
        json_kv_str(w, "name", specs[i].name);
        json_kv_cstr(w, "datatype", tensor_type_name(specs[i].type));
        json_key(w, "shape");
        json_begin_array(w);
        for (uint32_t k = 0; k < specs[i].rank; k++)
            json_i64(w, specs[i].shape[k]);
        json_end_array(w);
        json_end_object(w);
    }
    json_end_array(w);
}

static void describe(const void *m, int64_t load_ns)
{
    AUTO(buf) struct buf b;
    struct json_out w;
    const struct engine_info *info = hosted.info(m);
    buf_init(&b, LIMIT_MIB(16));
    json_out_init(&w, &b, 0);
    json_begin_object(&w);
    json_kv_bool(&w, "joins", info->joins);
    json_kv_i64(&w, "memory_bytes", (int64_t)info->memory_bytes);
    json_kv_i64(&w, "load_ns", load_ns);
    say_specs(&w, "inputs", info->inputs_spec, info->input_count);
    say_specs(&w, "outputs", info->outputs_spec, info->output_count);
    json_key(&w, "facts");
    json_begin_object(&w);
    for (size_t i = 0; i < info->fact_count; i++) {
        json_key_str(&w, info->facts[i].key);
        json_str(&w, info->facts[i].value);
    }
    json_end_object(&w);
    json_end_object(&w);
    printf("%.*s\n", STR_FMT(buf_str(&b)));
    fflush(stdout);
}

static enum err texts_split(struct op *op, struct str bytes, struct tensor *t)
{
    struct str *texts = arena_array(op->arena, t->count + 1, struct str);
    for (size_t i = 0; i < t->count; i++) {
        uint32_t n = 0;
        if (bytes.len < sizeof n)
            return op_fail(op, E_INVALID, "too few texts");
        memcpy(&n, bytes.p, sizeof n);
        texts[i] = str_sub(bytes, sizeof n, n);
        bytes = str_sub(bytes, sizeof n + n, SIZE_MAX);
    }
    t->texts = texts;
    return OK;
}

/* One input of the question: by name into its place. */
static enum err input_read(struct op *op, const struct engine_info *info, const struct json *j, struct tensor *inputs)
{
    struct str name, type;
    const struct json *shape = NULL;
    int64_t bytes = 0;
    struct tensor t = {0};
    enum err e = json_want_str(op, j, "name", &name);
    if (e || (e = json_want_str(op, j, "datatype", &type)) || (e = json_want_array(op, j, "shape", &shape)) ||
        (e = json_want_i64(op, j, "bytes", 0, INT32_MAX, &bytes)))
        return e;
    size_t at = 0;
    while (at < info->input_count && !str_eq(info->inputs_spec[at].name, name))
        at++;
    if (at == info->input_count || !tensor_type_parse(type, &t.type) || shape->len > LIMIT_TENSOR_RANK)
        return op_fail(op, E_INVALID, "no such input");
    t.name = name;
    t.rank = shape->len;
    for (uint32_t i = 0; i < shape->len; i++)
        t.shape[i] = shape->items[i].i;
    char *data = arena_try_alloc(op->arena, (size_t)bytes + 1, 1);
    if (!data || fread(data, 1, (size_t)bytes, stdin) != (size_t)bytes || !tensor_count(t.shape, t.rank, LIMIT_TENSOR_VALUES, &t.count))
        return op_fail(op, E_INVALID, "no data");
    t.data = t.type == TENSOR_BYTES ? NULL : data;
    if (t.type == TENSOR_BYTES)
        e = texts_split(op, (struct str){data, (size_t)bytes}, &t);
    inputs[at] = t;
    return e;
}

static size_t bytes_of(const struct tensor *t)
{
    size_t n = t->count * tensor_type_size(t->type);
    for (size_t i = 0; t->type == TENSOR_BYTES && i < t->count; i++)
        n += sizeof(uint32_t) + t->texts[i].len;
    return n;
}

static void say_answer(const struct tensor *outputs, const bool *wanted, size_t count, int64_t ns)
{
    AUTO(buf) struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_MIB(1));
    json_out_init(&w, &b, 0);
    json_begin_object(&w);
    json_key(&w, "outputs");
    json_begin_array(&w);
    for (size_t i = 0; i < count; i++) {
        if (!wanted[i])
            continue;
        json_begin_object(&w);
        json_kv_str(&w, "name", outputs[i].name);
        json_kv_cstr(&w, "datatype", tensor_type_name(outputs[i].type));
        json_kv_i64(&w, "bytes", (int64_t)bytes_of(&outputs[i]));
        json_key(&w, "shape");
        json_begin_array(&w);
        for (uint32_t k = 0; k < outputs[i].rank; k++)
            json_i64(&w, outputs[i].shape[k]);
        json_end_array(&w);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_kv_i64(&w, "ns", ns);
    json_end_object(&w);
    printf("%.*s\n", STR_FMT(buf_str(&b)));
    for (size_t i = 0; i < count; i++) {
        const struct tensor *t = &outputs[i];
        for (size_t k = 0; wanted[i] && t->type == TENSOR_BYTES && k < t->count; k++) {
            uint32_t n = (uint32_t)t->texts[k].len;
            fwrite(&n, sizeof n, 1, stdout);
            fwrite(t->texts[k].p, 1, n, stdout);
        }
        if (wanted[i] && t->type != TENSOR_BYTES)
            fwrite(t->data, 1, bytes_of(t), stdout);
    }
    fflush(stdout);
}

static enum err question(struct op *op, const void *m, struct str line)
{
    const struct engine_info *info = hosted.info(m);
    struct tensor *inputs = arena_array(op->arena, info->input_count + 1, struct tensor), *outputs = arena_array(op->arena, info->output_count + 1, struct tensor);
    bool *wanted = arena_array(op->arena, info->output_count + 1, bool), pid = false;
    struct json *doc = NULL;
    const struct json *list = NULL;
    int64_t timeout = 0;
    enum err e = json_parse(op, line, JSON_STRICT, &doc);
    if (!e)
        e = json_opt_bool(op, doc, "pid", false, &pid);
    if (pid) {
        printf("{\"pid\":%d}\n", child_pid(m));
        fflush(stdout);
        return OK;
    }
    if (e || (e = json_opt_i64(op, doc, "timeout_ms", 1, 1000000, 0, &timeout)) || (e = json_want_array(op, doc, "inputs", &list)))
        return e;
    for (size_t i = 0; i < info->input_count; i++)
        inputs[i].type = TENSOR_TYPE_COUNT;
    for (uint32_t i = 0; !e && i < list->len; i++)
        e = input_read(op, info, &list->items[i], inputs);
    const struct json *names = json_get(doc, "outputs");
    for (size_t i = 0; i < info->output_count; i++) {
        wanted[i] = !names;
        for (uint32_t k = 0; names && k < names->len; k++)
            wanted[i] = wanted[i] || str_eq(names->items[k].s, info->outputs_spec[i].name);
    }
    op->deadline_ms = timeout ? time_mono_ms() + timeout : 0;
    int64_t start = time_mono_ns();
    if (!e)
        e = hosted.run(op, m, inputs, wanted, outputs);
    if (!e)
        say_answer(outputs, wanted, info->output_count, time_mono_ns() - start);
    return e;
}

int main(int argc, char **argv)
{
    if (child_is_host(argc, argv))
        return child_host_main(argc, argv, guests);
    enum child_isolate isolate = CHILD_ISOLATE_AUTO;
    if (argc != 3 || !child_isolate_parse(str_from(argv[2]), &isolate))
        return 2;
    struct arena *a = arena_create(LIMIT_COMMAND_ARENA);
    struct op op;
    struct str bytes;
    void *m = NULL;
    static char line[1 << 20];
    op_init(&op, a);
    child_setup(isolate, 0);
    if (file_read(&op, argv[1], LIMIT_ONNX_BYTES, &bytes)) {
        say_error(&op);
        return 1;
    }
    int64_t start = time_mono_ns();
    enum err e = hosted.accepts(bytes) ? hosted.load(&op, bytes, &m) : op_fail(&op, E_INVALID, "not accepted");
    if (e) {
        say_error(&op);
        return 1;
    }
    describe(m, time_mono_ns() - start);
    while (fgets(line, sizeof line, stdin)) {
        arena_reset(a);
        op_init(&op, a);
        if (question(&op, m, str_from(line)))
            say_error(&op);
    }
    hosted.unload(m);
    arena_destroy(a);
    return 0;
}
