/* Regions of shared memory: what may be registered, read and written, and what happens when the client takes the file away. */
#include "api/memory.h"

#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/hash.h"

struct world {
    struct op op;
    struct memory_regions *m;
    char key[64], path[96];
};

static int up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    op_init(&w->op, arena_create(LIMIT_MIB(128)));
    w->m = memory_regions_create();
    snprintf(w->key, sizeof(w->key), "/ingot-test-%s", hash_random_hex(w->op.arena, 8));
    snprintf(w->path, sizeof(w->path), "/dev/shm%s", w->key);
    FILE *f = fopen(w->path, "wb");
    assert_non_null(f);
    for (int i = 0; i < 100; i++)
        assert_int_equal(fputc(i, f), i);
    assert_int_equal(fclose(f), 0);
    *state = w;
    return 0;
}

static int down(void **state)
{
    struct world *w = *state;
    memory_regions_destroy(w->m);
    unlink(w->path);
    arena_destroy(w->op.arena);
    free(w);
    return 0;
}

static enum err add(struct world *w, const char *name, const char *key, uint64_t offset, uint64_t size)
{
    op_clear(&w->op);
    return memory_register(&w->op, w->m, &(struct memory_region){str_from(name), str_from(key), offset, size});
}

static enum err get(struct world *w, const char *region, uint64_t offset, uint64_t size, struct str *ret)
{
    op_clear(&w->op);
    return memory_read(&w->op, w->m, STR("x"), &(struct memory_part){str_from(region), offset, size}, ret);
}

static void test_regions(void **state)
{
    struct world *w = *state;
    struct memory_region *all = NULL;
    struct str bytes;
    size_t n = 0;
    assert_int_equal(add(w, "a", w->key, 10, 50), OK);
    assert_int_equal(add(w, "b", w->key + 1, 0, 100), OK); /* without its slash */
    assert_int_equal(add(w, "a", w->key, 0, 1), E_EXISTS);
    assert_int_equal(memory_status(&w->op, w->m, STR(""), &all, &n), OK);
    assert_true(n == 2 && str_eqc(all[0].name, "a") && str_eqc(all[0].key, w->key) && all[0].offset == 10 && all[0].size_bytes == 50);
    assert_int_equal(get(w, "a", 5, 45, &bytes), OK);
    assert_true(bytes.len == 45 && bytes.p[0] == 15 && bytes.p[44] == 59);
    assert_int_equal(get(w, "a", 5, 46, &bytes), E_INVALID);
    assert_int_equal(get(w, "a", UINT64_MAX, 46, &bytes), E_INVALID);
    assert_int_equal(get(w, "a", 51, 0, &bytes), E_INVALID);
    assert_int_equal(get(w, "c", 0, 1, &bytes), E_INVALID);
    memory_unregister(w->m, STR("a"));
    memory_unregister(w->m, STR("a"));
    assert_int_equal(get(w, "a", 0, 1, &bytes), E_INVALID);
    assert_int_equal(memory_status(&w->op, w->m, STR("a"), &all, &n), E_NOT_FOUND);
    assert_int_equal(get(w, "b", 0, 1, &bytes), OK);
    memory_unregister(w->m, STR(""));
    assert_int_equal(get(w, "b", 0, 1, &bytes), E_INVALID);
    char name[16];
    for (int i = 0; i <= LIMIT_SHARED_REGIONS; i++) {
        snprintf(name, sizeof(name), "r%d", i);
        assert_int_equal(add(w, name, w->key, 0, 1), i < LIMIT_SHARED_REGIONS ? OK : E_TOO_LARGE);
    }
}

static void test_keys(void **state)
{
    struct world *w = *state;
    static const char *const bad[] = {"", "/", ".", "..", "/..", "a/b", "/a/b", "../etc/passwd", "//etc/passwd", "/dev/shm/x"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (add(w, "a", bad[i], 0, 1) != E_INVALID)
            fail_msg("\"%s\": %s", bad[i], w->op.msg);
    op_clear(&w->op);
    assert_int_equal(memory_register(&w->op, w->m, &(struct memory_region){STR("a"), {"x\0y", 3}, 0, 1}), E_INVALID);
    assert_int_equal(add(w, "a", "/ingot-test-there-is-none", 0, 1), E_NOT_FOUND);
    assert_int_equal(add(w, "", w->key, 0, 1), E_INVALID);
    assert_int_equal(add(w, "a", w->key, 0, 0), E_INVALID);
    assert_int_equal(add(w, "a", w->key, 0, 101), E_INVALID);
    assert_int_equal(add(w, "a", w->key, 101, 1), E_INVALID);
    assert_int_equal(add(w, "a", w->key, UINT64_MAX, 2), E_INVALID);
    /* Neither a link nor a folder. */
    char link[128];
    snprintf(link, sizeof(link), "%s-link", w->path);
    assert_int_equal(symlink("/etc/passwd", link), 0);
    assert_int_equal(add(w, "a", link + sizeof("/dev/shm") - 1, 0, 1), E_INVALID);
    assert_int_equal(unlink(link), 0);
    assert_int_equal(mkdir(link, 0700), 0);
    assert_int_equal(add(w, "a", link + sizeof("/dev/shm") - 1, 0, 1), E_INVALID);
    assert_int_equal(rmdir(link), 0);
    /* A server without any. */
    op_clear(&w->op);
    assert_int_equal(memory_register(&w->op, NULL, &(struct memory_region){STR("a"), str_from(w->key), 0, 1}), E_UNSUPPORTED);
    struct str bytes;
    assert_int_equal(memory_read(&w->op, NULL, STR("x"), &(struct memory_part){STR("a"), 0, 1}, &bytes), E_INVALID);
    memory_unregister(NULL, STR(""));
    memory_regions_destroy(NULL);
}

static void test_answers(void **state)
{
    struct world *w = *state;
    const float x[] = {1, 2, 3};
    const struct str texts[] = {STR("ab"), STR("")};
    const struct tensor out[] = {{.name = STR("f"), .type = TENSOR_FP32, .rank = 1, .shape = {3}, .count = 3, .data = x},
                                 {.name = STR("t"), .type = TENSOR_BYTES, .rank = 1, .shape = {2}, .count = 2, .texts = texts}};
    const struct infer_want wants[] = {{.name = STR("t")}, {.name = STR("f")}};
    struct memory_part parts[] = {{STR("a"), 40, 10}, {STR("a"), 0, 12}};
    const struct memory_places places = {w->m, wants, parts, 2};
    unsigned char got[100];
    assert_int_equal(add(w, "a", w->key, 0, 100), OK);
    assert_int_equal(memory_write(&w->op, &places, out, 2), OK);
    int fd = open(w->path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(pread(fd, got, 100, 0), 100);
    assert_memory_equal(got, x, 12);
    assert_memory_equal(got + 40, "\x02\0\0\0ab\0\0\0\0", 10);
    assert_true(got[12] == 12 && got[39] == 39 && got[50] == 50);
    close(fd);
    parts[0].size_bytes = 9;
    assert_int_equal(memory_write(&w->op, &places, out, 2), E_INVALID);
    assert_non_null(strstr(w->op.msg, "output \"t\" has 10 bytes; its place"));
    parts[0].region = STR("");
    op_clear(&w->op);
    assert_int_equal(memory_write(&w->op, &places, out, 2), OK);
    assert_null(memory_place(&places, STR("t")));
}

/* The client cuts its file short: an error, and it is not made longer again. */
static void test_a_file_that_shrinks(void **state)
{
    struct world *w = *state;
    const char x[90] = {0};
    struct str bytes;
    struct stat st;
    const struct tensor out = {.name = STR("f"), .type = TENSOR_UINT8, .rank = 1, .shape = {90}, .count = 90, .data = x};
    const struct infer_want want = {.name = STR("f")};
    const struct memory_part part = {STR("a"), 0, 90};
    assert_int_equal(add(w, "a", w->key, 0, 100), OK);
    assert_int_equal(truncate(w->path, 20), 0);
    assert_int_equal(get(w, "a", 0, 20, &bytes), OK);
    assert_int_equal(get(w, "a", 0, 21, &bytes), E_INVALID);
    assert_non_null(strstr(w->op.msg, "shorter than it was"));
    assert_int_equal(memory_write(&w->op, &(struct memory_places){w->m, &want, &part, 1}, &out, 1), E_INVALID);
    assert_int_equal(stat(w->path, &st), 0);
    assert_int_equal(st.st_size, 20);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_regions), TEST(test_keys), TEST(test_answers), TEST(test_a_file_that_shrinks)};
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
