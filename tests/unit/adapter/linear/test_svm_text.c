#include "adapter/linear/svm_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"

#define HEAD "solver_type L2R_LR\nnr_class 2\nlabel 1 -1\nnr_feature 2\nbias 1\nw\n"
#define SVM "svm_type c_svc\nkernel_type linear\nnr_class 2\ntotal_sv 2\nrho 0.5\nlabel 1 -1\nnr_sv 1 1\nSV\n"

struct fixture {
    struct arena *arena;
    struct op op;
    struct svm_text t;
};

static enum err load(struct fixture *f, const char *text)
{
    f->arena = arena_create(LIMIT_MIB(64));
    op_init(&f->op, f->arena);
    return svm_text_load(&f->op, f->arena, str_from(text), &f->t);
}

static void both_formats_are_read(void **state)
{
    (void)state;
    struct fixture f;
    assert_int_equal(load(&f, HEAD "0.5 \n-2 \n3e-1 \n"), OK);
    assert_true(f.t.features == 2 && f.t.columns == 1 && f.t.weight[1] == -2 && f.t.bias[0] == 0.3 && f.t.link == SVM_PROBABILITY && !f.t.turned && !f.t.labels);
    arena_destroy(f.arena);
    assert_int_equal(load(&f, "solver_type MCSVM_CS\nnr_class 3\nlabel 4 -1 2\nnr_feature 1\nbias -1\nw\n1 2 3 \n"), OK);
    assert_true(f.t.columns == 3 && f.t.order[0] == 1 && f.t.order[1] == 2 && f.t.order[2] == 0 && str_eqc(f.t.labels[0], "-1") && str_eqc(f.t.labels[2], "4"));
    arena_destroy(f.arena);
    assert_int_equal(load(&f, "solver_type ONECLASS_SVM\nnr_class 2\nnr_feature 1\nbias -1\nrho 0.25\nw\n1 \n"), OK);
    assert_true(f.t.bias[0] == -0.25 && f.t.link == SVM_VALUES);
    arena_destroy(f.arena);
    assert_int_equal(load(&f, SVM "2 1:1 3:0.5 \n-2 2:-1 \n"), OK);
    assert_true(f.t.features == 3 && f.t.weight[0] == 2 && f.t.weight[1] == 2 && f.t.weight[2] == 1 && f.t.bias[0] == -0.5 && f.t.link == SVM_VALUES);
    arena_destroy(f.arena);
    assert_int_equal(load(&f, "svm_type nu_svc\nkernel_type linear\nnr_class 2\nrho 0\nlabel 0 1\nprobA -2\nprobB 0.5\nSV\n1 1:1\n"), OK);
    assert_true(f.t.outputs == 1 && f.t.turned && f.t.link == SVM_PLATT && f.t.a[0] == -2 && f.t.b[0] == 0.5);
    arena_destroy(f.arena);
}

#define THREE "svm_type c_svc\nkernel_type linear\nnr_class 3\ntotal_sv 4\nrho 0.5 1 -2\nlabel 3 1 2\n"

/* The vectors of class 3 have the coefficients of (3, 1) and (3, 2), those of 1 of (3, 1) and (1, 2), those of 2 of (3, 2) and (1, 2). */
static void pairs_of_classes_are_read(void **state)
{
    (void)state;
    struct fixture f;
    assert_int_equal(load(&f, THREE "nr_sv 2 1 1\nSV\n1 2 1:1\n10 20 2:1\n-3 4 1:2\n-5 -6 2:3\n"), OK);
    const double want[] = {1 - 3 * 2, 2, 4 * 2, 10, 20 - 5 * 3, -6 * 3};
    assert_true(f.t.features == 2 && f.t.columns == 3 && f.t.outputs == 3 && f.t.link == SVM_VOTES && !f.t.turned && f.t.bias[0] == -0.5 && f.t.bias[2] == 2);
    assert_memory_equal(f.t.weight, want, sizeof(want));
    assert_true(f.t.order[0] == 1 && f.t.order[1] == 2 && f.t.order[2] == 0 && str_eqc(f.t.labels[2], "3"));
    arena_destroy(f.arena);
    assert_int_equal(load(&f, THREE "probA -1 -2 -3\nprobB 0.1 0.2 0.3\nnr_sv 0 0 1\nSV\n1 2 1:1\n"), OK);
    assert_true(f.t.link == SVM_COUPLED && f.t.a[2] == -3 && f.t.b[1] == 0.2 && f.t.weight[0] == 0 && f.t.weight[1] == 1 && f.t.weight[2] == 2);
    arena_destroy(f.arena);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err want;
    } bad[] = {
        {HEAD "0.5 \n-2 \n", E_INVALID}, /* the bias is missing */
        {HEAD "0.5 1 \n-2 \n3 \n", E_INVALID},
        {HEAD "0.5 \nnan \n3 \n", E_INVALID},
        {HEAD "0.5 \n1e400 \n3 \n", E_INVALID},
        {"solver_type L2R_LR\nnr_class 2\nlabel 1 1\nnr_feature 1\nbias -1\nw\n1 \n", E_INVALID},
        {"solver_type L2R_LR\nnr_class 3\nlabel 1 2\nnr_feature 1\nbias -1\nw\n1 2 3 \n", E_INVALID},
        {"solver_type L2R_LR\nnr_class 2\nlabel 1 2\nnr_feature 65537\nbias -1\nw\n1 \n", E_INVALID},
        {"solver_type L2R_LR\nnr_class 2\nlabel 1 2\nnr_feature 65536\nbias -1\nw\n1 \n", E_INVALID},
        {"solver_type L2R_LR\nnr_class 2\nlabel 1 2\nbias -1\nw\n1 \n", E_INVALID},
        {"solver_type L2R_LR\nwhat 2\n", E_INVALID},
        {"solver_type L2R_LR\n\n", E_INVALID},
        {"solver_type L2R_LR\n", E_INVALID},
        {"solver_type L9_LR\nnr_class 2\nlabel 1 2\nnr_feature 1\nbias -1\nw\n1 \n", E_UNSUPPORTED},
        {"svm_type c_svc\nkernel_type rbf\n", E_UNSUPPORTED},
        {"svm_type c_svc\nkernel_type linear\nnr_class 3\nrho 1 2 3\nlabel 1 2 3\nSV\n1 1 1:1\n", E_INVALID}, /* whose vectors are they? */
        {"svm_type c_svc\nkernel_type linear\nnr_class 65\nrho 1\nlabel 1\nSV\n", E_UNSUPPORTED},
        {"svm_type c_svc\nkernel_type linear\nnr_class 3\nrho 1 2\nlabel 1 2 3\nnr_sv 1 1 1\nSV\n1 1 1:1\n", E_INVALID},
        {THREE "nr_sv 1 1\nSV\n1 1 1:1\n1 1 1:1\n", E_INVALID},
        {THREE "nr_sv 1 1 0.5\nSV\n1 1 1:1\n1 1 1:1\n", E_INVALID},
        {THREE "nr_sv -1 1 1\nSV\n1 1 1:1\n1 1 1:1\n", E_INVALID},
        {THREE "nr_sv 1 0 1\nSV\n1 1 1:1\n", E_INVALID},
        {THREE "nr_sv 1 1 0\nSV\n1 1 1:1\n1 1 1:1\n1 1 1:1\n", E_INVALID},
        {THREE "nr_sv 1 0 0\nSV\n1 1:1\n", E_INVALID}, /* one coefficient */
        {THREE "nr_sv 1 0 0\nprobA 1 2 3\nSV\n1 1 1:1\n", E_INVALID},
        {THREE "nr_sv 1 0 0\nprobA 1 2\nprobB 1 2\nSV\n1 1 1:1\n", E_INVALID},
        {"svm_type c_svc\nkernel_type linear\nnr_class 2\nrho 1 2\nlabel 1 2\nSV\n1 1:1\n", E_INVALID},
        {"svm_type c_svc\nkernel_type linear\nnr_class 2\nrho 1\nlabel 1 2\nprobA 1\nSV\n1 1:1\n", E_INVALID},
        {"svm_type d_svc\nkernel_type linear\nnr_class 2\nSV\n1 1:1\n", E_UNSUPPORTED},
        {SVM "", E_INVALID},
        {SVM "1 0:1\n", E_INVALID},
        {SVM "1 2:1 2:1\n", E_INVALID},
        {SVM "1 65537:1\n", E_INVALID},
        {SVM "1 1:x\n", E_INVALID},
        {SVM "x 1:1\n", E_INVALID},
        {SVM "1e308 1:1e308\n", E_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct fixture f;
        enum err e = load(&f, bad[i].text);
        if (e != bad[i].want)
            fail_msg("%zu: %s: %s", i, err_name(e), bad[i].text);
        assert_non_null(f.op.msg);
        arena_destroy(f.arena);
    }
    assert_false(svm_text_accepts(STR("solver_typ")));
    assert_true(svm_text_accepts(STR("svm_type c_svc")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(both_formats_are_read), cmocka_unit_test(pairs_of_classes_are_read), cmocka_unit_test(what_cannot_be_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
