/* fuzz_view.c - feature views: any text gives a view whose indices are in range, or an error with a text. */
#include <stdlib.h>

#include "base/limits.h"
#include "core/feature/view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct feature_view *v)
{
    static struct feature_tally tallies[FEATURE_ENTITIES_MAX * FEATURE_WINDOWS_MAX];
    static double numbers[FEATURE_NUMBERS_MAX];
    static float out[FEATURE_MAX];
    if (!v->entity_len || !v->window_len || !v->len || v->len > FEATURE_MAX || v->ttl_us < v->windows[v->window_len - 1].width_us)
        abort();
    for (size_t i = 1; i < v->window_len; i++) {
        if (v->windows[i].width_us <= v->windows[i - 1].width_us)
            abort();
    }
    for (size_t i = 0; i < v->entity_len; i++) {
        for (size_t k = 0; k < v->entities[i].key_len; k++) {
            if (v->entities[i].keys[k] >= v->key_len)
                abort();
        }
    }
    for (size_t i = 0; i < v->len; i++) {
        const struct feature_def *d = &v->features[i];
        if (d->entity >= v->entity_len || d->window >= v->window_len || feature_view_find(v, d->name) != d)
            abort();
        if (d->kind == FEATURE_NUMBER && d->number >= v->number_len)
            abort();
    }
    feature_view_fill(v, INT64_MIN + 1, numbers, tallies, out);
    feature_view_fill(v, INT64_MAX, numbers, tallies, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(LIMIT_MIB(64));
    struct op op;
    struct feature_view *v = NULL;
    op_init(&op, arena);
    if (feature_view_parse(&op, (struct str){(const char *)data, size}, &v) == OK)
        check(v);
    else if (!op.msg || !op.err)
        abort();
    arena_destroy(arena);
    return 0;
}
