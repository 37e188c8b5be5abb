/* fuzz_chain.c - the chain's part of an endpoint's configuration: any text gives a chain that judges columns and scores, or an error with a
 * text. */
#include <math.h>
#include <stdlib.h>

#include "base/limits.h"
#include "core/chain/chain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct str features[] = {STR_INIT("a"), STR_INIT("b")};
static const struct tensor_spec matrix = {.name = STR_INIT("features"), .type = TENSOR_FP32, .rank = 2, .shape = {-1, 2}};
static const struct tensor_spec outputs[] = {{.name = STR_INIT("score"), .type = TENSOR_FP32, .rank = 1, .shape = {-1}},
                                             {.name = STR_INIT("p"), .type = TENSOR_FP32, .rank = 2, .shape = {-1, 3}}};

static void run(struct op *op, const struct chain *c)
{
    static const double v[] = {1, NAN, -3};
    static const float scores[] = {0.25F, NAN, 1, 0, 0.5F, 2, 3, 0.1F, 0.2F};
    static const struct str s[] = {STR_INIT("x"), STR_INIT(""), STR_INIT("\xc3\xbc")};
    const struct tensor all[] = {{.name = STR_INIT("a"), .type = TENSOR_FP64, .rank = 1, .shape = {3}, .count = 3, .data = v},
                                 {.name = STR_INIT("t"), .type = TENSOR_BYTES, .rank = 1, .shape = {3}, .count = 3, .texts = s},
                                 {.name = STR_INIT("m"), .type = TENSOR_FP32, .rank = 2, .shape = {2, 2}, .count = 4, .data = scores}};
    const char *warning = NULL;
    for (size_t from = 0; from < ARRAY_LEN(all); from++) {
        const struct chain_columns in = {.all = all + from, .len = from == 2 ? 1 : 2};
        struct chain_columns out;
        if (chain_before(op, c, &in, &out, &warning) != OK && !op->msg)
            abort();
        op_clear(op);
    }
    struct post_result r;
    if (!c->post)
        return;
    const struct tensor source = {.name = outputs[c->post->source].name, .type = TENSOR_FP32, .rank = outputs[c->post->source].rank,
                                  .shape = {3, (int64_t)c->post->width}, .count = 3 * c->post->width, .data = scores};
    if (post_run(op, c->post, &source, 3, NULL, &r) != OK)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct chain_model m = {.inputs = &matrix, .input_count = 1, .outputs = outputs, .output_count = 2, .features = 2, .feature_names = features,
                                  .signature = {(const char *)data, size}};
    struct arena *arena = arena_create(LIMIT_MIB(64));
    struct op op;
    struct json *doc = NULL;
    struct chain_spec spec;
    struct chain *c = NULL;
    op_init(&op, arena);
    enum err e = json_parse(&op, (struct str){(const char *)data, size}, JSON_STRICT, &doc);
    if (!e)
        e = chain_spec_parse(&op, doc, 0.5, size % 2, &spec);
    if (!e)
        e = chain_compile(&op, &spec, &m, NULL, 0, &c);
    if (e && !op.msg)
        abort();
    if (!e && c)
        run(&op, c);
    arena_destroy(arena);
    return 0;
}
