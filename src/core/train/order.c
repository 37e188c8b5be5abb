#include "core/train/order.h"

#include <stdlib.h>

struct sort_key {
    int64_t time_us;
    size_t row;
};

static int by_time(const void *a, const void *b)
{
    const struct sort_key *x = a, *y = b;
    if (x->time_us != y->time_us)
        return x->time_us < y->time_us ? -1 : 1;
    return x->row < y->row ? -1 : 1;
}

enum err train_order_make(struct op *op, const int64_t *time_us, size_t rows, size_t **ret)
{
    bool sorted = true;
    for (size_t i = 1; i < rows; i++)
        sorted = sorted && time_us[i - 1] <= time_us[i];
    *ret = NULL;
    if (sorted)
        return OK;
    struct sort_key *keys = malloc(rows * sizeof(*keys));
    size_t *order = malloc(rows * sizeof(*order));
    if (!keys || !order) {
        free(keys);
        free(order);
        return op_fail(op, E_TOO_LARGE, "no memory to sort %zu rows", rows);
    }
    for (size_t i = 0; i < rows; i++)
        keys[i] = (struct sort_key){time_us[i], i};
    qsort(keys, rows, sizeof(*keys), by_time);
    for (size_t i = 0; i < rows; i++)
        order[i] = keys[i].row;
    free(keys);
    *ret = order;
    return OK;
}

bool train_order_apply(void **array, size_t size, const size_t *order, size_t rows)
{
    char *out = malloc(rows * size), *in = *array;
    if (!out)
        return false;
    for (size_t i = 0; i < rows; i++)
        memcpy(out + i * size, in + order[i] * size, size);
    free(in);
    *array = out;
    return true;
}
