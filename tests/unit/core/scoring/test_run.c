/* Whole jobs: a folder, a file, shards, an earlier run of another job, the end that was cut short. */
#include "core/scoring/folder.h"
#include "core/scoring/run.h"
#include "scoring_fixture.h"

static const struct str columns = STR_INIT("x=a,b");
static const struct str keep = STR_INIT("id");

static struct scoring_config config_of(struct fixture *f, const struct str *path, const char *out)
{
    return (struct scoring_config){.tables = f->tables, .endpoint = f->endpoint, .model = STR("toy"), .version = 1, .model_sha256 = "aa", .paths = path,
                                   .path_count = 1, .out = str_from(scratch_path(&f->s, out)), .output_name = STR(""), .batch_rows = 700, .threads = 2,
                                   .wish = {.columns = &columns, .column_count = 1, .keep = &keep, .keep_count = 1}, .shard = {0, 1}};
}

static bool there(struct fixture *f, const char *name)
{
    return access(scratch_path(&f->s, name), F_OK) == 0;
}

static void test_folder_file_and_shards_agree(void **state)
{
    struct fixture *f = *state;
    const struct str path = fixture_parquet(f, "in.parquet", 10000);
    struct scoring_result r;
    struct scoring_config c = config_of(f, &path, "one.csv");
    CHECK(scoring_run(&f->s.op, &c, &r));
    assert_true(r.whole && r.rows == 10000 && r.parts == 15 && r.parts_there == 15 && r.progress.scored == 10000 && !there(f, "one.csv.parts"));
    const struct str whole = fixture_bytes(f, c.out);
    c = config_of(f, &path, "many.csv");
    c.shard.count = 4;
    for (uint32_t i = 0; i < 4; i++) {
        c.shard.index = 3 - i;
        CHECK(scoring_run(&f->s.op, &c, &r));
        assert_true(!r.whole && r.rows == 10000 && r.progress.total < 10000 && there(f, "many.csv.parts/_ingot-predict.json"));
    }
    uint64_t parts = 0;
    CHECK(scoring_merge(&f->s.op, f->tables, c.out, &parts));
    assert_true(parts == 15 && str_eq(whole, fixture_bytes(f, c.out)) && !there(f, "many.csv.parts"));
    refused(f, E_NOT_FOUND, scoring_merge(&f->s.op, f->tables, c.out, &parts), "no parts");
    refused(f, E_INVALID, scoring_merge(&f->s.op, f->tables, STR("folder"), &parts), "need not be joined");
    c = config_of(f, &path, "d");
    c.csv_parts = true;
    CHECK(scoring_run(&f->s.op, &c, &r));
    assert_true(r.whole && there(f, "d/_SUCCESS") && there(f, "d/part-00000014.csv") && !there(f, "d/part-00000015.csv"));
    CHECK(scoring_run(&f->s.op, &c, &r)); /* there is nothing left to do */
    assert_true(r.whole && r.progress.scored == 0 && r.progress.rows == 10000);
}

static void test_earlier_runs(void **state)
{
    struct fixture *f = *state;
    const struct str path = fixture_parquet(f, "in.parquet", 3000);
    struct scoring_result r;
    struct scoring_config c = config_of(f, &path, "d");
    c.resume = SCORING_RESUME_MUST;
    refused(f, E_NOT_FOUND, scoring_run(&f->s.op, &c, &r), "nothing to resume");
    c.resume = SCORING_RESUME_AUTO;
    CHECK(scoring_run(&f->s.op, &c, &r));
    c.resume = SCORING_RESUME_MUST;
    CHECK(scoring_run(&f->s.op, &c, &r));
    c.model_sha256 = "bb";
    refused(f, E_CONFLICT, scoring_run(&f->s.op, &c, &r), "(--restart discards them): the model has changed");
    c.resume = SCORING_RESTART;
    CHECK(scoring_run(&f->s.op, &c, &r));
    assert_int_equal(r.progress.scored, 3000);
    fixture_text(f, "d/_ingot-predict.json", "{}");
    c.resume = SCORING_RESUME_AUTO;
    refused(f, E_CORRUPT, scoring_run(&f->s.op, &c, &r), "none of ingot predict");
    c.batch_rows = 0;
    c.resume = SCORING_RESTART;
    CHECK(scoring_run(&f->s.op, &c, &r));
    assert_int_equal(r.parts, 1);
}

/* The process died when the file was there and some parts were not any more. */
static void test_the_end_cut_short(void **state)
{
    struct fixture *f = *state;
    const struct str path = fixture_parquet(f, "in.parquet", 3000);
    struct scoring_result r;
    struct scoring_config c = config_of(f, &path, "s.csv.parts");
    c.csv_parts = true;
    CHECK(scoring_run(&f->s.op, &c, &r)); /* as the folder it would have been: parts, manifest, _SUCCESS */
    assert_int_equal(unlink(scratch_path(&f->s, "s.csv.parts/part-00000001.csv")), 0);
    fixture_text(f, "s.csv", "the result");
    c = config_of(f, &path, "s.csv");
    CHECK(scoring_run(&f->s.op, &c, &r));
    assert_true(r.whole && r.progress.scored == 0 && r.progress.rows == 3000 && !there(f, "s.csv.parts") && str_eqc(fixture_bytes(f, c.out), "the result"));
    /* Without the file it is made. */
    c = config_of(f, &path, "t.csv.parts");
    c.csv_parts = true;
    CHECK(scoring_run(&f->s.op, &c, &r));
    assert_int_equal(unlink(scratch_path(&f->s, "t.csv.parts/part-00000001.csv")), 0);
    c = config_of(f, &path, "t.csv");
    CHECK(scoring_run(&f->s.op, &c, &r));
    assert_true(r.whole && r.progress.scored == 700 && there(f, "t.csv"));
}

static void test_settings_that_cannot_be(void **state)
{
    struct fixture *f = *state;
    const struct str path = fixture_parquet(f, "in.parquet", 10), none = STR("/nowhere/x.parquet");
    struct scoring_result r;
    struct scoring_config c = config_of(f, &path, "d");
    c.out = STR("");
    refused(f, E_INVALID, scoring_run(&f->s.op, &c, &r), "output's path");
    c = config_of(f, &none, "d");
    refused(f, E_NOT_FOUND, scoring_run(&f->s.op, &c, &r), "/nowhere/x.parquet");
    c = config_of(f, &path, "d");
    const struct str sum = STR("nobody");
    c.wish.keep = &sum;
    refused(f, E_INVALID, scoring_run(&f->s.op, &c, &r), "\"nobody\"");
    assert_false(there(f, "d"));
    /* Two processes that start together: the manifest of the quicker one holds for both. */
    c = config_of(f, &path, "d");
    CHECK(scoring_run(&f->s.op, &c, &r));
    int fd = -1;
    CHECK(scoring_folder_lock(&f->s.op, c.out, c.shard, &fd));
    refused(f, E_CONFLICT, scoring_run(&f->s.op, &c, &r), "another ingot predict");
    scoring_folder_unlock(&f->s.op, c.out, c.shard, fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_folder_file_and_shards_agree, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_earlier_runs, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_the_end_cut_short, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_settings_that_cannot_be, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
