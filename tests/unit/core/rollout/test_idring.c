#include "core/rollout/idring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "num/rng.h"

struct entry {
    int64_t id;
    int value;
};

static void oldest_go_first(void **state)
{
    (void)state;
    struct idring *r = idring_create(sizeof(struct entry), 4096, 9);
    bool evicted;
    for (int64_t id = 0; id < 10000; id++) {
        struct entry *e = idring_put(r, id * 3, &evicted);
        assert_true(e->id == 0 && e->value == 0 && evicted == (id >= 4096));
        *e = (struct entry){id * 3, (int)id};
    }
    assert_int_equal(idring_count(r), 4096);
    for (int64_t id = 0; id < 10000; id++) {
        struct entry *e = idring_find(r, id * 3);
        assert_true(id < 10000 - 4096 ? !e : e && e->id == id * 3 && e->value == id);
    }
    assert_null(idring_find(r, 1));
    idring_destroy(r);
    idring_destroy(NULL);
}

/* Against a plain table, with removals in any order, ids that come again and growth. */
static void agrees_with_a_plain_table(void **state)
{
    (void)state;
    enum { IDS = 5000, MAX = 2048 };
    struct rng rng;
    rng_seed(&rng, 1);
    struct idring *r = idring_create(sizeof(struct entry), MAX, 7);
    int *value = calloc(IDS, sizeof *value), next = 1;
    int64_t live = 0;
    for (int step = 0; step < 300000; step++) {
        int64_t id = (int64_t)rng_below(&rng, IDS);
        if (live < MAX / 2 && rng_below(&rng, 3)) { /* never full: the ring holds removed places until the tail passes them */
            bool evicted;
            struct entry *e = idring_put(r, id, &evicted);
            *e = (struct entry){id, next};
            live += !value[id];
            value[id] = evicted ? value[id] : next;
            if (evicted) {
                live = 0;
                value[id] = next;
                for (int64_t k = 0; k < IDS; k++) {
                    if (!idring_find(r, k))
                        value[k] = 0;
                    live += value[k] != 0;
                }
            }
            next++;
        } else {
            idring_remove(r, id);
            live -= value[id] != 0;
            value[id] = 0;
        }
        struct entry *e = idring_find(r, id);
        assert_true(value[id] ? e && e->value == value[id] : !e);
        assert_int_equal(idring_count(r), live);
    }
    for (int64_t id = 0; id < IDS; id++) {
        struct entry *e = idring_find(r, id);
        assert_true(value[id] ? e && e->id == id && e->value == value[id] : !e);
    }
    free(value);
    idring_destroy(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(oldest_go_first), cmocka_unit_test(agrees_with_a_plain_table)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
