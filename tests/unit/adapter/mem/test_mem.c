/* test_mem.c - the limit of the store in memory; tests/contract/test_blob_mem.c has the rest. */
#include "adapter/mem/mem.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "contract/scratch.h"

static void a_full_store_refuses_and_goes_on(void **state)
{
    (void)state;
    struct scratch s;
    scratch_init(&s);
    size_t part = 10000, most = 10;
    struct blob_store *store = mem_blobs_create(part * most);
    char *bytes = calloc(1, part);
    struct blob_writer *w = NULL;
    assert_int_equal(blob_writer_open(&s.op, store, &w), OK);
    for (size_t i = 0; i < most; i++)
        assert_int_equal(blob_write(&s.op, store, w, bytes, part), OK);
    assert_int_equal(blob_write(&s.op, store, w, bytes, 1), E_TOO_LARGE);
    blob_abort(store, w);
    op_clear(&s.op);
    struct blob_id id;
    struct str back, path;
    /* What is stored counts once, and removing it makes room. */
    for (size_t i = 0; i < most; i++) {
        bytes[0] = (char)i;
        assert_int_equal(blob_put(&s.op, store, (struct str){bytes, part}, &id), OK);
    }
    assert_int_equal(blob_put(&s.op, store, (struct str){bytes, part}, &id), OK);
    assert_int_equal(blob_put(&s.op, store, STR("x"), &id), E_TOO_LARGE);
    op_clear(&s.op);
    hash_sha256(bytes, part, id.sha256);
    assert_int_equal(blob_remove(&s.op, store, &id), OK);
    assert_int_equal(blob_put(&s.op, store, STR("still here"), &id), OK);
    assert_int_equal(blob_get(&s.op, store, &id, 100, &back), OK);
    assert_int_equal(blob_local_path(&s.op, store, &id, &path), E_UNSUPPORTED);
    free(bytes);
    blob_store_close(store);
    scratch_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_full_store_refuses_and_goes_on)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
