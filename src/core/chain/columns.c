#include "core/chain/columns.h"

const struct tensor *chain_columns_find(const struct chain_columns *c, struct str name, size_t hint)
{
    if (hint < c->len && str_eq(c->all[hint].name, name))
        return &c->all[hint];
    if (c->map)
        return map_find(c->map, name);
    for (size_t i = 0; i < c->len; i++)
        if (str_eq(c->all[i].name, name))
            return &c->all[i];
    return NULL;
}

#define VALUE(type, ctype) \
    case type: { \
        ctype v; \
        memcpy(&v, (const char *)t->data + i * sizeof(v), sizeof(v)); \
        return (double)v; \
    }

double chain_value(const struct tensor *t, size_t i)
{
    uint16_t half;
    switch (t->type) {
        VALUE(TENSOR_FP64, double)
        VALUE(TENSOR_FP32, float)
        VALUE(TENSOR_INT64, int64_t)
        VALUE(TENSOR_INT32, int32_t)
        VALUE(TENSOR_INT16, int16_t)
        VALUE(TENSOR_INT8, int8_t)
        VALUE(TENSOR_UINT64, uint64_t)
        VALUE(TENSOR_UINT32, uint32_t)
        VALUE(TENSOR_UINT16, uint16_t)
        VALUE(TENSOR_UINT8, uint8_t)
        VALUE(TENSOR_BOOL, uint8_t)
    case TENSOR_FP16:
    case TENSOR_BF16:
        memcpy(&half, (const char *)t->data + i * sizeof(half), sizeof(half));
        return (double)(t->type == TENSOR_FP16 ? tensor_from_fp16(half) : tensor_from_bf16(half));
    case TENSOR_BYTES:
    case TENSOR_TYPE_COUNT:
        break;
    }
    return 0;
}
