/* What makes two runs the same job. */
#include "core/scoring/manifest.h"
#include "scoring_fixture.h"

struct job {
    struct scoring_file files[2];
    struct scoring_plan plan;
    struct scoring_wish wish;
    struct scoring_manifest m;
};

static const struct str keep[] = {STR_INIT("id"), STR_INIT("name")};

static struct job *job_make(struct fixture *f)
{
    struct job *j = arena_new(f->s.arena, struct job);
    j->files[0] = (struct scoring_file){.path = STR("in/a.parquet"), .parquet = true, .size_bytes = 100, .changed_us = 5, .sha256 = "aa", .rows = 70};
    j->files[1] = (struct scoring_file){.path = STR("b \"1\".csv"), .size_bytes = 10, .changed_us = 6, .sha256 = "bb", .rows = 7};
    j->wish = (struct scoring_wish){.keep = keep, .keep_count = 1};
    CHECK(scoring_plan_make(&f->s.op, j->files, 2, 10, 0, &j->plan));
    j->m = (struct scoring_manifest){.model = STR("m.json"), .version = 1, .model_sha256 = "cc", .plan = &j->plan, .wish = &j->wish, .output_name = STR("")};
    return j;
}

static struct str text_of(struct fixture *f, const struct job *j)
{
    struct str text;
    CHECK(scoring_manifest_text(&f->s.op, &j->m, &text));
    return text;
}

static void test_equal_and_different_jobs(void **state)
{
    struct fixture *f = *state;
    const struct str old = text_of(f, job_make(f));
    struct job *j = job_make(f);
    CHECK(scoring_manifest_compare(&f->s.op, old, text_of(f, j)));
    /* The same file, named otherwise; a name is no identity of a model either. */
    j->files[0].path = STR("/abs/in/a.parquet");
    j->m.model = STR("models:/m/1");
    CHECK(scoring_manifest_compare(&f->s.op, old, text_of(f, j)));
    const struct {
        int what;
        const char *text;
    } cases[] = {{0, "the model has changed"}, {1, "'a.parquet' is not the file"}, {2, "is not the file"},  {3, "is not the file"}, {4, "stands where"},
                 {5, "--keep "},               {6, "--keep-all"},                  {7, "--output-name"},    {8, "--limit"},         {9, "--parts"},
                 {10, "--batch-rows"},         {11, "there is"},                   {12, "--null"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        static const struct str null = STR_INIT("NA");
        uint32_t rows = 10;
        size_t files = 2;
        j = job_make(f);
        switch (cases[i].what) {
        case 0: j->m.model_sha256 = "dd"; break;
        case 1: j->files[0].size_bytes++; break;
        case 2: j->files[1].changed_us++; break;
        case 3: j->files[1].sha256[0] = 'c'; break;
        case 4: j->files[1].path = STR("c.csv"); break;
        case 5: j->wish.keep_count = 2; break;
        case 6: j->wish.keep_all = true; break;
        case 7: j->m.output_name = STR("p"); break;
        case 8: j->m.limit = 50; break;
        case 9: j->m.csv = true; break;
        case 10: rows = 11; break;
        case 11: files = 1; break;
        default: j->m.nulls = &null; j->m.null_count = 1; break;
        }
        CHECK(scoring_plan_make(&f->s.op, j->files, files, rows, 0, &j->plan));
        const enum err e = scoring_manifest_compare(&f->s.op, old, text_of(f, j));
        refused(f, E_CONFLICT, e, cases[i].what == 11 ? "there are 1 files" : cases[i].text);
    }
}

static void test_counted_rows_are_taken_up(void **state)
{
    struct fixture *f = *state;
    struct job *j = job_make(f);
    const struct str old = text_of(f, j);
    uint64_t rows = 0;
    assert_true(scoring_manifest_rows(&f->s.op, old, 1, &j->files[1], &rows) && rows == 7);
    j->files[1].changed_us++;
    assert_false(scoring_manifest_rows(&f->s.op, old, 1, &j->files[1], &rows));
    assert_false(scoring_manifest_rows(&f->s.op, old, 2, &j->files[0], &rows));
    assert_false(scoring_manifest_rows(&f->s.op, STR(""), 0, &j->files[0], &rows));
    assert_false(scoring_manifest_rows(&f->s.op, STR("{}"), 0, &j->files[0], &rows));
}

static void test_what_is_no_manifest(void **state)
{
    struct fixture *f = *state;
    struct job *j = job_make(f);
    const struct str now = text_of(f, j);
    uint64_t parts = 0;
    bool csv = true;
    CHECK(scoring_manifest_parts(&f->s.op, now, &parts, &csv));
    assert_true(parts == 8 && !csv);
    static const char *const bad[] = {"", "{", "[]", "{}", "{\"format\":\"ingot.predict\"}", "{\"format\":\"x\",\"format_version\":1}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        refused(f, E_CORRUPT, scoring_manifest_compare(&f->s.op, str_from(bad[i]), now), "none of ingot predict");
        refused(f, E_CORRUPT, scoring_manifest_parts(&f->s.op, str_from(bad[i]), &parts, &csv), "none of ingot predict");
    }
    const struct str bare = STR("{\"format\":\"ingot.predict\",\"format_version\":1}"), later = STR("{\"format\":\"ingot.predict\",\"format_version\":2}");
    refused(f, E_CORRUPT, scoring_manifest_parts(&f->s.op, bare, &parts, &csv), "which parts");
    refused(f, E_CONFLICT, scoring_manifest_compare(&f->s.op, bare, now), "model");
    refused(f, E_UNSUPPORTED, scoring_manifest_compare(&f->s.op, later, now), "version 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_equal_and_different_jobs, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_counted_rows_are_taken_up, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_what_is_no_manifest, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
