/* fuzz_transform.c - transforms and calibrators from files: any bytes give one that can be applied and written so that it reads back the same,
 * or an error with a text. */
#include <math.h>
#include <stdlib.h>

#include "base/limits.h"
#include "core/chain/calibrate.h"
#include "core/chain/transform_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS = 4, WIDTH_MAX = 4096 };

static void apply(struct op *op, const struct transform *t)
{
    static const double numbers[ROWS] = {0, -1.5, NAN, 1e300};
    static const struct str texts[ROWS] = {STR_INIT(""), STR_INIT("a"), STR_INIT("b\0c"), STR_INIT("\xc3\xbc")};
    struct transform_values *in = arena_array(op->arena, t->input_count, struct transform_values);
    double *out = arena_array(op->arena, ROWS * t->output_count, double);
    for (size_t i = 0; in && i < t->input_count; i++)
        in[i] = t->inputs[i].text ? (struct transform_values){.texts = texts} : (struct transform_values){.numbers = numbers};
    if (in && out && t->output_count <= WIDTH_MAX && transform_apply(op, t, in, ROWS, NULL, out) != OK && !op->msg)
        abort();
}

static void transform_try(struct op *op, struct str bytes)
{
    struct transform *t = NULL, *again = NULL;
    struct buf b;
    struct json_out w;
    if (transform_read(op, bytes, &t) != OK) {
        if (!op->msg)
            abort();
        op_clear(op);
        return;
    }
    apply(op, t);
    op_clear(op);
    buf_init(&b, LIMIT_MIB(16));
    json_out_init(&w, &b, 0);
    transform_write(&w, t);
    if (!b.failed && (transform_read(op, buf_str(&b), &again) != OK || again->output_count != t->output_count))
        abort();
    buf_clear(&b);
}

static void calibrator_try(struct op *op, struct str bytes)
{
    static const double at[] = {-1, 0, 0.3, 1, 2, NAN};
    struct calibrator *c = NULL;
    double p[] = {0.2, 0.3, 0.5};
    if (calibrator_read(op, bytes, &c) != OK) {
        if (!op->msg)
            abort();
        op_clear(op);
        return;
    }
    for (size_t i = 0; !c->classes && i < ARRAY_LEN(at); i++)
        (void)calibrator_score(c, at[i]);
    if (calibrator_fits(c, 3))
        calibrator_classes(c, p, 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(LIMIT_MIB(64));
    struct op op;
    op_init(&op, arena);
    transform_try(&op, (struct str){(const char *)data, size});
    calibrator_try(&op, (struct str){(const char *)data, size});
    arena_destroy(arena);
    return 0;
}
