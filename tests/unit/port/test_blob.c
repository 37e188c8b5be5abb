/* test_blob.c - whole objects over a store that misbehaves: what blob_get() and blob_put() must not believe. */
#include "port/blob.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "contract/scratch.h"

/* A store that says one size and gives another number of bytes, a few at a time. */
struct liar {
    uint64_t says, gives;
    size_t at_most;
    int open, aborted, committed;
    enum err write;
};

static enum err liar_open(void *self, struct op *op UNUSED, const struct blob_id *id UNUSED,
                          struct blob_reader **ret, uint64_t *ret_size)
{
    struct liar *l = self;
    l->open++;
    *ret = self;
    *ret_size = l->says;
    return OK;
}

static enum err liar_read(struct op *op UNUSED, struct blob_reader *r, uint64_t offset, void *p, size_t n,
                          size_t *ret_n)
{
    struct liar *l = (struct liar *)(void *)r;
    uint64_t left = offset < l->gives ? l->gives - offset : 0;
    size_t got = n < l->at_most ? n : l->at_most;
    got = left < got ? (size_t)left : got;
    memset(p, 'x', got);
    *ret_n = got;
    return OK;
}

static void liar_close(struct blob_reader *r)
{
    ((struct liar *)(void *)r)->open--;
}

static enum err liar_writer(void *self, struct op *op UNUSED, struct blob_writer **ret)
{
    *ret = self;
    return OK;
}

static enum err liar_write(struct op *op, struct blob_writer *w, const void *p UNUSED, size_t n UNUSED)
{
    enum err e = ((struct liar *)(void *)w)->write;
    return e ? op_fail(op, e, "as asked") : OK;
}

static enum err liar_commit(struct op *op UNUSED, struct blob_writer *w, struct blob_id *ret_id,
                            uint64_t *ret_size)
{
    ((struct liar *)(void *)w)->committed++;
    memset(ret_id, 1, sizeof *ret_id);
    *ret_size = 1;
    return OK;
}

static void liar_abort(struct blob_writer *w)
{
    ((struct liar *)(void *)w)->aborted++;
}

static const struct blob_ops liar_ops = {.reader_open = liar_open,
                                         .read = liar_read,
                                         .reader_close = liar_close,
                                         .writer_open = liar_writer,
                                         .write = liar_write,
                                         .commit = liar_commit,
                                         .abort = liar_abort};

static void sizes_are_checked(void **state)
{
    (void)state;
    static const struct {
        uint64_t says, gives;
        enum err want;
    } cases[] = {
        {100, 100, OK},    {100, 99, E_CORRUPT}, {100, 101, E_CORRUPT},     {0, 0, OK},
        {0, 1, E_CORRUPT}, {100, 0, E_CORRUPT},  {1001, 1001, E_TOO_LARGE}, {UINT64_MAX, 1, E_TOO_LARGE}};
    struct scratch s;
    scratch_init(&s);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct liar l = {.says = cases[i].says, .gives = cases[i].gives, .at_most = 7};
        struct blob_store store = {&liar_ops, &l};
        struct blob_id id = {{0}};
        struct str back = {0};
        op_clear(&s.op);
        assert_int_equal(blob_get(&s.op, &store, &id, 1000, &back), cases[i].want);
        assert_int_equal(l.open, 0); /* closed on every way out */
        if (!cases[i].want)
            assert_int_equal(back.len, cases[i].gives);
    }
    scratch_clear(&s);
}

static void a_failed_put_is_aborted(void **state)
{
    (void)state;
    struct scratch s;
    scratch_init(&s);
    struct liar l = {.write = E_IO};
    struct blob_store store = {&liar_ops, &l};
    struct blob_id id;
    assert_int_equal(blob_put(&s.op, &store, STR("x"), &id), E_IO);
    assert_true(l.aborted == 1 && l.committed == 0);
    op_clear(&s.op);
    l.write = OK;
    assert_int_equal(blob_put(&s.op, &store, STR("x"), &id), OK);
    assert_true(l.aborted == 1 && l.committed == 1);
    blob_abort(&store, NULL);
    blob_reader_close(&store, NULL);
    blob_store_close(NULL);
    scratch_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sizes_are_checked),
                                       cmocka_unit_test(a_failed_put_is_aborted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
