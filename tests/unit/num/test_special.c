#include "num/special.h"

#include "oracle.h"

static struct arena *arena;
static struct op op;
static const struct json *oracle;

static const struct json *table(const char *name)
{
    const struct json *t = json_get(oracle, name);
    assert_non_null(t);
    assert_true(t->len > 5);
    return t;
}

static void gamma_functions_agree(void **state)
{
    (void)state;
    const struct json *t = table("gamma");
    for (size_t i = 0; i < t->len; i++) {
        const struct json *row = &t->items[i];
        char what[96];
        snprintf(what, sizeof what, "gamma(%g, %g)", num_at(row, 0), num_at(row, 1));
        double p = num_at(row, 2), q = num_at(row, 3);
        /* Each tail is relative where it is the smaller one; the larger is 1 minus it. */
        near_rel(what, special_gamma_p(num_at(row, 0), num_at(row, 1)), p, 1e-12, p > 0.5 ? 1e-14 : 0);
        near_rel(what, special_gamma_q(num_at(row, 0), num_at(row, 1)), q, q > 1e-2 ? 2e-12 : 1e-11, 0);
    }
}

static void beta_functions_agree(void **state)
{
    (void)state;
    const struct json *t = table("beta");
    for (size_t i = 0; i < t->len; i++) {
        const struct json *row = &t->items[i];
        double a = num_at(row, 0), b = num_at(row, 1), x = num_at(row, 2);
        char what[96];
        snprintf(what, sizeof what, "beta(%g, %g, %g)", a, b, x);
        near_rel(what, special_beta_i(a, b, x), num_at(row, 3), 2e-12, 0);
        near_rel(what, special_beta_sf(a, b, x), num_at(row, 4), 2e-12, 0);
    }
}

static void normal_and_t_agree(void **state)
{
    (void)state;
    const struct json *t = table("normal");
    for (size_t i = 0; i < t->len; i++) {
        near_rel("cdf", special_normal_cdf(num_at(&t->items[i], 0)), num_at(&t->items[i], 1), 1e-12, 0);
        near_rel("sf", special_normal_sf(num_at(&t->items[i], 0)), num_at(&t->items[i], 2), 1e-12, 0);
    }
    t = table("ppf");
    for (size_t i = 0; i < t->len; i++)
        near_rel("ppf", special_normal_ppf(num_at(&t->items[i], 0)), num_at(&t->items[i], 1), 1e-11, 1e-13);
    t = table("t");
    for (size_t i = 0; i < t->len; i++)
        near_rel("t", special_t_sf(num_at(&t->items[i], 0), num_at(&t->items[i], 1)), num_at(&t->items[i], 2), 1e-10, 0);
}

static void domains_are_guarded(void **state)
{
    (void)state;
    assert_true(isnan(special_gamma_p(0, 1)) && isnan(special_gamma_q(-1, 1)) && isnan(special_gamma_q(1, -1)));
    assert_true(isnan(special_beta_i(1, 1, 1.5)) && isnan(special_beta_i(0, 1, 0.5)) && isnan(special_beta_i(1, 1, NAN)));
    assert_true(isnan(special_normal_ppf(-0.1)) && isnan(special_normal_ppf(NAN)) && isnan(special_t_sf(1, 0)));
    assert_true(special_gamma_p(2, 0) == 0 && special_gamma_q(2, INFINITY) == 0);
    assert_true(special_beta_i(2, 3, 0) == 0 && special_beta_i(2, 3, 1) == 1 && special_beta_sf(2, 3, 1) == 0);
    assert_true(isinf(special_normal_ppf(1)) && special_normal_ppf(0) < 0 && special_normal_ppf(0.5) == 0);
    assert_true(special_t_sf(INFINITY, 3) == 0 && special_t_sf(-INFINITY, 3) == 1);
    near_rel("chi2", special_chi2_sf(3.841458820694124, 1), 0.05, 1e-12, 0);
}

int main(void)
{
    arena = arena_create(LIMIT_MIB(64));
    op_init(&op, arena);
    oracle = oracle_load(&op, "special.json");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gamma_functions_agree),
        cmocka_unit_test(beta_functions_agree),
        cmocka_unit_test(normal_and_t_agree),
        cmocka_unit_test(domains_are_guarded),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_destroy(arena);
    return failed;
}
