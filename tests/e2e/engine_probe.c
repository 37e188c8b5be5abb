/* engine_probe.c - asks the engines of this build on behalf of a Python test: models by path, values through pipes, no server.
 * Requests on standard input, one line each and the raw values behind it, little endian:
 *     predict PATH f32|f64 ROWS COLUMNS      then ROWS * COLUMNS values
 *     run PATH COUNT                         then COUNT times "NAME TYPE RANK DIMS... BYTES" and the values (BYTES: length and text each)
 *     speed PATH ROWS COLUMNS                then ROWS * COLUMNS floats
 * Paths and names hold no blanks. Answers:
 *     ok ENGINE OUTPUTS                      then ROWS * OUTPUTS floats
 *     ok ENGINE COUNT                        then COUNT times "NAME TYPE RANK DIMS... BYTES" and the values
 *     ok ENGINE ONE MANY BYTES               nanoseconds of a row alone and among all (the least of many tries), memory
 *     error NAME TEXT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/backends.h"
#include "base/limits.h"
#include "base/time.h"

enum { TENSORS = 256, WORD = 512 };

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "engine_probe: %s\n", what);
    exit(2);
}

static void *bytes_read(struct arena *a, size_t n)
{
    void *p = arena_try_alloc(a, n ? n : 1, 1);
    must(p && fread(p, 1, n, stdin) == n, "values are missing");
    return p;
}

static enum err model_open(struct op *op, const char *path, struct model **ret)
{
    FILE *f = fopen(path, "rbe");
    if (!f)
        return op_fail_errno(op, "open %s", path);
    struct buf b;
    buf_init(&b, LIMIT_MIB(1024));
    for (size_t n = 1; n > 0;) {
        char *room = buf_reserve(&b, 65536);
        must(room != NULL, "the model is too large");
        n = fread(room, 1, 65536, f);
        b.len += n;
    }
    fclose(f);
    enum err e = model_load(op, backend_engines, buf_str(&b), ret);
    buf_clear(&b);
    return e;
}

static void error_print(struct op *op, enum err e)
{
    printf("error %s %s\n", err_name(e), op->msg ? op->msg : "?");
}

static void predict(struct op *op, const char *path)
{
    char type[8];
    size_t rows, cols;
    must(scanf("%7s %zu %zu", type, &rows, &cols) == 3 && getchar() == '\n', "predict: bad line");
    const bool f64 = strcmp(type, "f64") == 0;
    void *values = bytes_read(op->arena, rows * cols * (f64 ? 8 : 4));
    struct model *m = NULL;
    enum err e = model_open(op, path, &m);
    if (!e && (!model_has_rows(model_info(m)) || model_info(m)->features != cols))
        e = op_fail(op, E_INVALID, "the model takes rows of %zu", model_info(m)->features);
    if (!e && f64 && !model_takes_f64(m))
        e = op_fail(op, E_UNSUPPORTED, "doubles make no difference");
    if (e) {
        error_print(op, e);
    } else {
        size_t n = rows * model_info(m)->outputs;
        float *out = arena_array(op->arena, n ? n : 1, float);
        must(out != NULL, "no memory");
        if (f64)
            model_predict_f64(m, values, rows, out);
        else
            model_predict(m, values, rows, out);
        printf("ok %s %zu\n", model_engine(m), model_info(m)->outputs);
        fwrite(out, sizeof(float), n, stdout);
    }
    model_unload(m);
}

static void speed(struct op *op, const char *path)
{
    size_t rows, cols;
    must(scanf("%zu %zu", &rows, &cols) == 2 && getchar() == '\n', "speed: bad line");
    float *values = bytes_read(op->arena, rows * cols * sizeof(float));
    struct model *m = NULL;
    enum err e = model_open(op, path, &m);
    if (e || model_info(m)->features != cols) {
        error_print(op, e);
        model_unload(m);
        return;
    }
    float *out = arena_array(op->arena, rows * model_info(m)->outputs, float);
    int64_t one = INT64_MAX, many = INT64_MAX, end = time_mono_ns() + 1000000000;
    while (time_mono_ns() < end) {
        int64_t t0 = time_mono_ns();
        for (size_t i = 0; i < rows; i++)
            model_predict(m, values + i * cols, 1, out);
        int64_t t1 = time_mono_ns();
        model_predict(m, values, rows, out);
        int64_t t2 = time_mono_ns();
        one = t1 - t0 < one ? t1 - t0 : one;
        many = t2 - t1 < many ? t2 - t1 : many;
    }
    printf("ok %s %.1f %.1f %zu\n", model_engine(m), (double)one / (double)rows, (double)many / (double)rows, model_info(m)->memory_bytes);
    model_unload(m);
}

static struct tensor tensor_read(struct op *op)
{
    char name[WORD], type[16];
    struct tensor t = {0};
    size_t bytes;
    must(scanf("%511s %15s %" SCNu32, name, type, &t.rank) == 3 && t.rank <= LIMIT_TENSOR_RANK, "run: bad tensor");
    for (uint32_t i = 0; i < t.rank; i++)
        must(scanf("%" SCNd64, &t.shape[i]) == 1, "run: bad shape");
    must(scanf("%zu", &bytes) == 1 && getchar() == '\n' && tensor_type_parse(str_from(type), &t.type) &&
             tensor_count(t.shape, t.rank, LIMIT_TENSOR_VALUES, &t.count),
         "run: bad tensor");
    t.name = str_dup(op->arena, str_from(name));
    char *data = bytes_read(op->arena, bytes);
    t.data = t.type == TENSOR_BYTES ? NULL : data;
    if (t.type == TENSOR_BYTES) {
        struct str *texts = arena_array(op->arena, t.count ? t.count : 1, struct str);
        for (size_t i = 0; i < t.count; i++) {
            uint32_t len;
            memcpy(&len, data, sizeof(len));
            texts[i] = (struct str){data + 4, len};
            data += 4 + len;
        }
        t.texts = texts;
    }
    return t;
}

static void tensor_print(const struct tensor *t)
{
    size_t bytes = t->count * tensor_type_size(t->type);
    for (size_t i = 0; t->type == TENSOR_BYTES && i < t->count; i++)
        bytes += 4 + t->texts[i].len;
    printf("%.*s %s %" PRIu32, STR_FMT(t->name), tensor_type_name(t->type), t->rank);
    for (uint32_t i = 0; i < t->rank; i++)
        printf(" %" PRId64, t->shape[i]);
    printf(" %zu\n", bytes);
    for (size_t i = 0; t->type == TENSOR_BYTES && i < t->count; i++) {
        uint32_t len = (uint32_t)t->texts[i].len;
        fwrite(&len, sizeof(len), 1, stdout);
        fwrite(t->texts[i].p, 1, len, stdout);
    }
    if (t->type != TENSOR_BYTES && bytes)
        fwrite(t->data, 1, bytes, stdout);
}

static enum err inputs_order(struct op *op, const struct model *m, const struct tensor *given, size_t n, struct tensor *ordered)
{
    size_t count = 0, used = 0;
    const struct tensor_spec *specs = model_inputs(m, &count);
    must(count <= TENSORS, "too many inputs");
    for (size_t i = 0; i < count; i++) {
        ordered[i] = (struct tensor){.name = specs[i].name, .type = TENSOR_TYPE_COUNT};
        for (size_t k = 0; k < n; k++)
            if (str_eq(given[k].name, specs[i].name)) {
                ordered[i] = given[k];
                used++;
            }
        if (ordered[i].type != specs[i].type || ordered[i].rank != specs[i].rank)
            return op_fail(op, E_INVALID, "input %.*s is missing, or has another type or rank", STR_FMT(specs[i].name));
    }
    return used == n ? OK : op_fail(op, E_INVALID, "the model has %zu inputs", count);
}

static void run(struct op *op, const char *path)
{
    static struct tensor given[TENSORS], ordered[TENSORS], outputs[TENSORS];
    size_t n, count = 0;
    must(scanf("%zu", &n) == 1 && n <= TENSORS, "run: bad line");
    for (size_t i = 0; i < n; i++)
        given[i] = tensor_read(op);
    struct model *m = NULL;
    enum err e = model_open(op, path, &m);
    if (!e && model_has_rows(model_info(m)))
        e = op_fail(op, E_INVALID, "a row model");
    if (!e)
        e = inputs_order(op, m, given, n, ordered);
    if (!e) {
        model_outputs(m, &count);
        must(count <= TENSORS, "too many outputs");
        e = model_run(op, m, ordered, NULL, outputs);
    }
    if (e) {
        error_print(op, e);
    } else {
        printf("ok %s %zu\n", model_engine(m), count);
        for (size_t i = 0; i < count; i++)
            tensor_print(&outputs[i]);
    }
    model_unload(m);
}

int main(void)
{
    char verb[16], path[4096];
    while (scanf("%15s %4095s", verb, path) == 2) {
        struct arena *a = arena_create(LIMIT_MIB(4096));
        struct op op;
        op_init(&op, a);
        if (strcmp(verb, "predict") == 0)
            predict(&op, path);
        else if (strcmp(verb, "speed") == 0)
            speed(&op, path);
        else
            run(&op, path);
        fflush(stdout);
        arena_destroy(a);
    }
    return 0;
}
