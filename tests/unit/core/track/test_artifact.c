#include "unit/core/track/fixture.h"

#include "core/track/artifact.h"

static void paths(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    struct str p;
    static const char *const bad[] = {"..", "a/../b", "/a", "/", "a\\b", "a#b", "a\nb", "%2e%2e/a", "a/%2e%2e", "%252e%252e/a",
                                      "a%5cb", "a%00b", "%2fa", "C:/x", "a%0ab", "a/%25%32%65%25%32%65/b"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_fails(op, artifact_path_clean(op, str_from(bad[i]), &p), E_INVALID, "Invalid path");
    char nested[200] = "a%"; /* escaped a hundred times over: no client does that */
    memset(nested + 2, '2', 198);
    for (size_t i = 3; i < 198; i += 2)
        nested[i] = '5';
    memcpy(nested + 194, "2541", 5);
    assert_fails(op, artifact_path_clean(op, str_from(nested), &p), E_INVALID, "Invalid path");
    assert_ok(op, artifact_path_clean(op, STR("a/./b//c d%41/"), &p));
    assert_str(p, "a/b/c d%41");
    assert_ok(op, artifact_path_clean(op, STR("a..b/...c"), &p));
    assert_ok(op, artifact_root(op, STR("mlflow-artifacts:/0/r/artifacts"), &p));
    assert_str(p, "0/r/artifacts");
    assert_ok(op, artifact_root(op, STR("mlflow-artifacts://h:5000/0/r"), &p));
    assert_str(p, "0/r");
    assert_fails(op, artifact_root(op, STR("s3://b/x"), &p), E_UNSUPPORTED, "not served");
}

static void folders(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct blob_id id = {{1}}, got;
    uint64_t size = 0;
    struct artifact_list l;
    static const char *const names[] = {"0/r/a.txt", "0/r/a/x", "0/r/a/y/z", "0/r/a0", "0/r/m-1", "0/rr/q"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_ok(op, artifact_put(op, f->db, str_from(names[i]), &id, i + 1));
    assert_ok(op, artifact_list(op, f->db, STR("0/r"), &l));
    assert_int_equal(l.len, 4);
    assert_str(l.items[0].path, "a");
    assert_true(l.items[0].is_dir && !l.items[1].is_dir && l.items[1].size_bytes == 1);
    assert_str(l.items[3].path, "m-1");
    assert_ok(op, artifact_list(op, f->db, STR(""), &l));
    assert_int_equal(l.len, 1);
    assert_ok(op, artifact_list(op, f->db, STR("none"), &l));
    assert_int_equal(l.len, 0);
    assert_ok(op, artifact_find(op, f->db, STR("0/r/a/y/z"), &got, &size));
    assert_int_equal(size, 3);
    assert_memory_equal(&got, &id, sizeof id);
    assert_fails(op, artifact_find(op, f->db, STR("0/r/a"), &got, &size), E_INVALID, "refers to a directory");
    assert_fails(op, artifact_find(op, f->db, STR(""), &got, &size), E_INVALID, "refers to a directory");
    assert_fails(op, artifact_find(op, f->db, STR("0/r/b"), &got, &size), E_NOT_FOUND, "No such artifact");
    assert_fails(op, artifact_put(op, f->db, STR("0/r/a"), &id, 1), E_CONFLICT, "is a folder");
    assert_fails(op, artifact_put(op, f->db, STR("0/r/a.txt/b"), &id, 1), E_CONFLICT, "'0/r/a.txt' is a file");
    assert_ok(op, artifact_delete(op, f->db, STR("0/r/a")));
    assert_fails(op, artifact_delete(op, f->db, STR("0/r/a")), E_NOT_FOUND, "No such artifact");
    assert_ok(op, artifact_list(op, f->db, STR("0/r"), &l));
    assert_int_equal(l.len, 3);
}

/* Folders of many sizes among files, so that batches end in all places: the listing is what a plain look at all names gives. */
static void big_folders(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct blob_id id = {{1}};
    struct artifact_list l;
    static const int below[] = {0, 1, 15, 16, 17, 40, 511, 512, 513, 0, 0, 600};
    size_t names = 0;
    for (size_t i = 0; i < 1100; i++) {
        int n = i % 90 < ARRAY_LEN(below) ? below[i % 90] : 0;
        if (i > 200)
            n = 0;
        for (int k = 0; k < n; k++)
            assert_ok(op, artifact_put(op, f->db, str_from(op_printf(op, "0/r/n%04zu/%s%d", i, k % 2 ? "x/" : "", k)), &id, 1));
        if (n == 0)
            assert_ok(op, artifact_put(op, f->db, str_from(op_printf(op, "0/r/n%04zu", i)), &id, i));
        names++;
    }
    assert_ok(op, artifact_list(op, f->db, STR("0/r"), &l));
    assert_int_equal(l.len, names);
    for (size_t i = 0; i < names; i++) {
        assert_true(str_eqc(l.items[i].path, op_printf(op, "n%04zu", i)));
        if (!l.items[i].is_dir)
            assert_int_equal(l.items[i].size_bytes, i);
    }
    assert_true(l.items[11].is_dir && l.items[90 + 1].is_dir && !l.items[0].is_dir);
}

/* A folder whose names do not fit into the answer's memory is an error, not the end of the process. */
static void little_memory(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op, small;
    struct blob_id id = {{1}};
    struct artifact_list l;
    for (int i = 0; i < 400; i++)
        assert_ok(op, artifact_put(op, f->db, str_from(op_printf(op, "d/%04000d", i)), &id, 1));
    op_init(&small, arena_create(LIMIT_MIB(4)));
    assert_fails(&small, artifact_list(&small, f->db, STR("d"), &l), E_TOO_LARGE, "does not fit in memory");
    arena_destroy(small.arena);
    assert_ok(op, artifact_list(op, f->db, STR("d"), &l));
    assert_int_equal(l.len, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(paths), fixture_test(folders), fixture_test(big_folders), fixture_test(little_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
