/* Names in the folder of the parts: what is ours, what is done, who works; joining. */
#include "core/scoring/folder.h"
#include "scoring_fixture.h"

static bool there(struct fixture *f, const char *name)
{
    return access(scratch_path(&f->s, name), F_OK) == 0;
}

static void test_manifest_and_strangers(void **state)
{
    struct fixture *f = *state;
    struct str dir = str_from(scratch_path(&f->s, "a/b")), text;
    CHECK(scoring_folder_read(&f->s.op, dir, &text)); /* no folder */
    assert_int_equal(text.len, 0);
    CHECK(scoring_folder_create(&f->s.op, dir, STR("one")));
    refused(f, E_EXISTS, scoring_folder_create(&f->s.op, dir, STR("two")), "there already");
    CHECK(scoring_folder_read(&f->s.op, dir, &text));
    assert_true(str_eqc(text, "one"));
    fixture_text(f, "a/b/mine.txt", "x");
    fixture_text(f, "a/b/part-00000001.parquet", "x");
    fixture_text(f, "a/b/part-00000001.csv.tmp-00ff", "x");
    fixture_text(f, "a/b/part-00001-uuid.snappy.parquet", "x");
    CHECK(scoring_folder_succeed(&f->s.op, dir));
    assert_true(scoring_folder_succeeded(&f->s.op, dir));
    CHECK(scoring_folder_clear(&f->s.op, dir, true));
    assert_true(there(f, "a/b/mine.txt") && there(f, "a/b/part-00001-uuid.snappy.parquet")); /* not ours */
    assert_false(there(f, "a/b/part-00000001.parquet") || there(f, "a/b/part-00000001.csv.tmp-00ff") || there(f, "a/b/_ingot-predict.json") ||
                 there(f, "a/b/_SUCCESS"));
    refused(f, E_EXISTS, scoring_folder_read(&f->s.op, dir, &text), "not empty");
}

static void test_parts_without_a_manifest_stay(void **state)
{
    struct fixture *f = *state;
    struct str dir = str_from(scratch_path(&f->s, "c")), text;
    assert_int_equal(mkdir(dir.p, 0700), 0);
    fixture_text(f, "c/part-00000001.parquet", "x");
    refused(f, E_EXISTS, scoring_folder_read(&f->s.op, dir, &text), "not empty");
    CHECK(scoring_folder_clear(&f->s.op, dir, true));
    assert_true(there(f, "c/part-00000001.parquet"));
}

static void test_done_parts(void **state)
{
    struct fixture *f = *state;
    struct str dir = str_from(f->s.dir);
    uint64_t *done = NULL, count = 0;
    static const char *const names[] = {"part-00000003.csv", "part-00000100.csv", "part-00000004.parquet", "part-00000005.csv.tmp-aa", "part-123456789.csv",
                                        "part-00000200.csv.tmp-bb", "part-x.csv", "part-6.csv"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        fixture_text(f, names[i], "x");
    CHECK(scoring_folder_parts(&f->s.op, dir, true, 3, 150, false, &done, &count));
    assert_true(count == 2 && scoring_is_done(done, 0) && scoring_is_done(done, 97) && !scoring_is_done(done, 1) && !scoring_is_done(done, 2));
    assert_true(there(f, "part-00000005.csv.tmp-aa"));
    CHECK(scoring_folder_parts(&f->s.op, dir, true, 3, 150, true, &done, &count));
    assert_true(!there(f, "part-00000005.csv.tmp-aa") && there(f, "part-00000200.csv.tmp-bb")); /* another shard's may be being written */
    assert_true(str_ends(scoring_part_path(&f->s.op, dir, true, 123456789), STR("/part-123456789.csv")));
    CHECK(scoring_folder_parts(&f->s.op, dir, true, 123456789, 123456790, true, &done, &count));
    assert_int_equal(count, 1);
    CHECK(scoring_folder_parts(&f->s.op, STR("/nowhere/at/all"), true, 0, 1, true, &done, &count));
    assert_int_equal(count, 0);
}

static void test_one_worker_per_shard(void **state)
{
    struct fixture *f = *state;
    struct str dir = str_from(f->s.dir);
    const struct scoring_shard a = {0, 2}, b = {1, 2};
    int first = -1, second = -1, other = -1;
    CHECK(scoring_folder_lock(&f->s.op, dir, a, &first));
    refused(f, E_CONFLICT, scoring_folder_lock(&f->s.op, dir, a, &second), "another ingot predict works");
    CHECK(scoring_folder_lock(&f->s.op, dir, b, &other));
    scoring_folder_unlock(&f->s.op, dir, a, first);
    CHECK(scoring_folder_lock(&f->s.op, dir, a, &second));
    scoring_folder_unlock(&f->s.op, dir, a, second);
    scoring_folder_unlock(&f->s.op, dir, b, other);
    scoring_folder_unlock(&f->s.op, dir, b, -1);
    assert_false(there(f, "_shard-1-of-2.lock") || there(f, "_shard-2-of-2.lock"));
}

static void test_joining(void **state)
{
    struct fixture *f = *state;
    struct str dir = str_from(f->s.dir), out = str_from(scratch_path(&f->s, "whole.csv"));
    fixture_text(f, "part-00000000.csv", "a,\"b\n\"\"c\"\n1,2\n");
    fixture_text(f, "part-00000001.csv", "a,\"b\n\"\"c\"\n");
    fixture_text(f, "part-00000002.csv", "a,\"b\n\"\"c\"\n3,\"4\n5\"\n");
    CHECK(scoring_folder_merge(&f->s.op, f->tables, dir, true, 3, out));
    assert_string_equal(fixture_bytes(f, out).p, "a,\"b\n\"\"c\"\n1,2\n3,\"4\n5\"\n");
    refused(f, E_NOT_FOUND, scoring_folder_merge(&f->s.op, f->tables, dir, true, 4, out), "part-00000003.csv");
    assert_string_equal(fixture_bytes(f, out).p, "a,\"b\n\"\"c\"\n1,2\n3,\"4\n5\"\n"); /* the old one stands */
    fixture_parquet(f, "part-00000000.parquet", 3000);
    fixture_parquet(f, "part-00000001.parquet", 5000);
    out = str_from(scratch_path(&f->s, "whole.parquet"));
    CHECK(scoring_folder_merge(&f->s.op, f->tables, dir, false, 2, out));
    struct frame *fr = NULL;
    CHECK(frame_load(&f->s.op, f->tables, str_from(op_printf(&f->s.op, "SELECT id FROM read_parquet('%s')", out.p)), LIMIT_MIB(64), &fr));
    assert_int_equal(fr->rows, 8000);
    for (size_t i = 0; i < fr->rows; i++)
        assert_int_equal(fr->cols[0].i64[i], i < 3000 ? i : i - 3000);
    frame_destroy(fr);
    fixture_text(f, "part-00000002.parquet", "torn");
    refused(f, E_INVALID, scoring_folder_merge(&f->s.op, f->tables, dir, false, 3, out), "part-00000002.parquet");
    const int stop = 1;
    f->s.op.gone = &stop;
    refused(f, E_CANCELLED, scoring_folder_merge(&f->s.op, f->tables, dir, true, 3, out), "stopped");
    assert_false(there(f, "_whole.csv") || there(f, "_whole.parquet"));
}

/* In a folder that others write to: what links of ours point to is left alone. */
static void test_links(void **state)
{
    struct fixture *f = *state;
    const char *victim = scratch_path(&f->s, "victim");
    struct str dir = str_from(scratch_path(&f->s, "shared")), out = str_from(scratch_path(&f->s, "joined.csv"));
    int lock = -1;
    assert_int_equal(mkdir(dir.p, 0700), 0);
    fixture_text(f, "victim", "precious");
    fixture_text(f, "shared/part-00000000.csv", "a\n1\n");
    assert_int_equal(symlink(victim, scratch_path(&f->s, "shared/_whole.csv")), 0);
    assert_int_equal(symlink(victim, scratch_path(&f->s, "shared/_shard-1-of-1.lock")), 0);
    assert_int_not_equal(scoring_folder_lock(&f->s.op, dir, (struct scoring_shard){0, 1}, &lock), OK);
    op_clear(&f->s.op);
    CHECK(scoring_folder_merge(&f->s.op, f->tables, dir, true, 1, out));
    assert_string_equal(fixture_bytes(f, str_from(victim)).p, "precious");
    assert_string_equal(fixture_bytes(f, out).p, "a\n1\n");
    assert_false(there(f, "shared/_whole.csv"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_manifest_and_strangers, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_parts_without_a_manifest_stay, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_done_parts, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_one_worker_per_shard, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_joining, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_links, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
