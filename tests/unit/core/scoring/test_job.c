/* The threads of a job: every chunk once, whatever was done before; failures and stops leave whole parts. */
#include "base/json.h"
#include "core/scoring/folder.h"
#include "scoring_fixture.h"

struct setting {
    struct scoring_file *files;
    struct scoring_plan plan;
    struct scoring_binding binding;
    struct scoring_job job;
    uint64_t *done, count;
};

static const struct str columns = STR_INIT("x=a,b");
static const struct str keep = STR_INIT("id");

static struct setting *setting_make(struct fixture *f, struct str path, uint64_t rows, uint32_t chunk)
{
    static struct table_field fields[] = {{STR_INIT("id"), TABLE_I64}, {STR_INIT("a"), TABLE_F64}, {STR_INIT("b"), TABLE_F32}, {STR_INIT("s"), TABLE_STRING}};
    static const struct table_schema schema = {fields, 4};
    struct setting *k = arena_new(f->s.arena, struct setting);
    size_t n = 0;
    CHECK(scoring_files_find(&f->s.op, &path, 1, &k->files, &n));
    k->files[0].rows = rows;
    CHECK(scoring_plan_make(&f->s.op, k->files, 1, chunk, 0, &k->plan));
    const struct scoring_wish wish = {.columns = &columns, .column_count = 1, .keep = &keep, .keep_count = 1};
    CHECK(scoring_bind(&f->s.op, &f->signature, serve_endpoint_info(f->endpoint), &wish, &schema, path, false, &k->binding));
    CHECK(scoring_folder_parts(&f->s.op, str_from(f->s.dir), true, 0, k->plan.chunk_count, true, &k->done, &k->count));
    k->job = (struct scoring_job){.tables = f->tables, .endpoint = f->endpoint, .signature = &f->signature, .plan = &k->plan, .binding = &k->binding,
                                  .output = {.signature = &f->signature, .name = STR(""), .csv = true}, .folder = str_from(f->s.dir),
                                  .to = k->plan.chunk_count, .done = k->done, .threads = 3};
    return k;
}

static void parts_check(struct fixture *f, struct setting *k)
{
    for (uint64_t i = 0; i < k->plan.chunk_count; i++) {
        const struct scoring_chunk c = scoring_plan_chunk(&k->plan, i);
        struct str text = fixture_bytes(f, scoring_part_path(&f->s.op, str_from(f->s.dir), true, i)), line;
        assert_true(str_split(&text, '\n', &line) && str_eqc(line, "id,sum,echo,pair_0,pair_1"));
        for (uint64_t r = c.first; r < c.first + c.rows; r++) {
            assert_true(str_split(&text, '\n', &line));
            AUTO(buf) struct buf want;
            char sum[32], minus[32];
            buf_init(&want, 256);
            const bool null = r % 7 == 3;
            const float s = (float)((double)r * 0.5 + 0.25) + (float)(r % 10);
            const size_t n = json_format_f32(s, sum), m = json_format_f32(-s, minus);
            if (null)
                buf_addf(&want, "%llu,NaN,text %llu,NaN,NaN", (unsigned long long)r, (unsigned long long)r);
            else
                buf_addf(&want, "%llu,%.*s,text %llu,%.*s,%.*s", (unsigned long long)r, (int)n, sum, (unsigned long long)r, (int)m, minus, (int)n, sum);
            if (!str_eq(line, buf_str(&want)))
                fail_msg("row %llu: %.*s, not %.*s", (unsigned long long)r, STR_FMT(line), STR_FMT(buf_str(&want)));
        }
        assert_int_equal(text.len, 0);
    }
}

static void count_calls(void *arg, const struct scoring_progress *p)
{
    assert_true(p->rows <= p->total && p->scored <= p->rows);
    ++*(int *)arg;
}

static void test_every_chunk_once(void **state)
{
    struct fixture *f = *state;
    struct str path = fixture_parquet(f, "in.parquet", 50000);
    struct setting *k = setting_make(f, path, 50000, 777);
    struct scoring_progress p;
    int calls = 0;
    k->job.progress = count_calls;
    k->job.progress_arg = &calls;
    CHECK(scoring_job_run(&f->s.op, &k->job, &p));
    assert_true(p.rows == 50000 && p.total == 50000 && p.scored == 50000 && p.parts == k->plan.chunk_count && calls > 0);
    parts_check(f, k);
    /* What is missing is done again, and nothing else: among them neighbours, the first and the last. */
    static const uint64_t gone[] = {0, 5, 6, 7, 40, 64};
    for (size_t i = 0; i < ARRAY_LEN(gone); i++)
        assert_int_equal(unlink(scoring_part_path(&f->s.op, str_from(f->s.dir), true, gone[i]).p), 0);
    k = setting_make(f, path, 50000, 777);
    CHECK(scoring_job_run(&f->s.op, &k->job, &p));
    assert_true(p.parts == 6 && p.rows == 50000 && p.scored == 5 * 777 + 50000 % 777);
    parts_check(f, k);
}

static void test_a_failure_names_its_rows(void **state)
{
    struct fixture *f = *state;
    struct frame *fr = NULL;
    struct scoring_progress p;
    struct str path = str_from(scratch_path(&f->s, "bad.parquet"));
    CHECK(frame_load(&f->s.op, f->tables, STR("SELECT i AS id, (CASE WHEN i = 2500 THEN 666 ELSE 1 END)::DOUBLE AS a, 1::FLOAT AS b, 'x' AS s FROM range(9000) t(i)"),
                     LIMIT_MIB(64), &fr));
    CHECK(frame_save(&f->s.op, f->tables, fr, path));
    frame_destroy(fr);
    struct setting *k = setting_make(f, path, 9000, 1000);
    const enum err e = scoring_job_run(&f->s.op, &k->job, &p);
    refused(f, E_IO, e, "rows 2000 to 2999 of");
    assert_true(access(scoring_part_path(&f->s.op, str_from(f->s.dir), true, 2).p, F_OK) != 0 && p.parts < 9);
}

static void test_wrong_counts_and_stops(void **state)
{
    struct fixture *f = *state;
    struct scoring_progress p;
    struct str path = fixture_parquet(f, "in.parquet", 5000);
    struct setting *k = setting_make(f, path, 4999, 1000);
    refused(f, E_IO, scoring_job_run(&f->s.op, &k->job, &p), "another number of rows");
    k = setting_make(f, path, 5001, 1000);
    refused(f, E_IO, scoring_job_run(&f->s.op, &k->job, &p), "another number of rows");
    k = setting_make(f, path, 5000, 900);
    k->files[0].changed_us--;
    refused(f, E_CONFLICT, scoring_job_run(&f->s.op, &k->job, &p), "changed while it was read");
    k = setting_make(f, path, 5000, 100);
    memset(k->done, 0, sizeof(*k->done));
    const int stop = 1;
    f->s.op.gone = &stop;
    refused(f, E_CANCELLED, scoring_job_run(&f->s.op, &k->job, &p), "stopped");
    assert_int_equal(p.parts, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_chunk_once, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_failure_names_its_rows, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_wrong_counts_and_stops, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
