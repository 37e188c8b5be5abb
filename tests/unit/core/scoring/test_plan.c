/* Chunks cover every row once, in order; shards cover every chunk once. */
#include "core/scoring/plan.h"
#include "scoring_fixture.h"

static struct scoring_plan plan_of(struct fixture *f, const uint64_t *rows, size_t n, uint32_t chunk, uint64_t limit)
{
    struct scoring_file *files = arena_alloc(f->s.arena, (n + 1) * sizeof(*files));
    struct scoring_plan p;
    for (size_t i = 0; i < n; i++)
        files[i].rows = rows[i];
    CHECK(scoring_plan_make(&f->s.op, files, n, chunk, limit, &p));
    return p;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    scratch_init(&f->s);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    scratch_clear(&f->s);
    free(f);
    return 0;
}

static void test_chunks_cover(void **state)
{
    struct fixture *f = *state;
    uint64_t seed = 7;
    for (int round = 0; round < 500; round++) {
        uint64_t rows[6], total = 0, seen = 0, at = 0, left;
        const size_t n = 1 + scratch_random(&seed) % 6;
        for (size_t i = 0; i < n; i++)
            total += rows[i] = scratch_random(&seed) % 4 ? scratch_random(&seed) % 100 : 0;
        const uint32_t chunk = 1 + (uint32_t)(scratch_random(&seed) % 40);
        const uint64_t limit = round % 3 ? 0 : 1 + scratch_random(&seed) % 200;
        const struct scoring_plan p = plan_of(f, rows, n, chunk, limit);
        left = limit && limit < total ? limit : total;
        assert_int_equal(p.rows, left);
        if (!left) {
            assert_true(p.chunk_count == 1 && scoring_plan_chunk(&p, 0).rows == 0);
            continue;
        }
        size_t file = 0;
        for (uint64_t i = 0; i < p.chunk_count; i++) {
            const struct scoring_chunk c = scoring_plan_chunk(&p, i);
            while (file < c.file) { /* the one before is used up */
                assert_int_equal(at, rows[file]);
                file++;
                at = 0;
            }
            assert_true(c.file == file && c.first == at && c.rows >= 1 && c.rows <= chunk && c.number == i);
            assert_true(c.rows == chunk || at + c.rows == rows[file] || seen + c.rows == left);
            at += c.rows;
            seen += c.rows;
        }
        assert_int_equal(seen, left);
        for (uint32_t shards = 1; shards < 9; shards++) {
            uint64_t next = 0, from, to;
            for (uint32_t k = 0; k < shards; k++) {
                scoring_shard_range(&p, (struct scoring_shard){k, shards}, &from, &to);
                assert_true(from == next && to >= from && to - from <= p.chunk_count / shards + 1);
                next = to;
            }
            assert_int_equal(next, p.chunk_count);
        }
    }
}

static void test_limits(void **state)
{
    struct fixture *f = *state;
    struct scoring_plan p;
    const struct scoring_file huge = {.rows = UINT64_C(1) << 40};
    refused(f, E_TOO_LARGE, scoring_plan_make(&f->s.op, &huge, 1, 1, 0, &p), "more rows per part");
    assert_int_equal(scoring_chunk_rows(28), 65536);
    assert_true(scoring_chunk_rows(4096) == 2048 && scoring_chunk_rows(1000000) == 1024 && scoring_chunk_rows(0) == 65536);
}

static const char *task_id, *task_min, *task_step, *task_count, *job_index;

static char *env(const char *name)
{
    const struct {
        const char *name, *value;
    } all[] = {{"SLURM_ARRAY_TASK_ID", task_id}, {"SLURM_ARRAY_TASK_MIN", task_min}, {"SLURM_ARRAY_TASK_STEP", task_step},
               {"SLURM_ARRAY_TASK_COUNT", task_count}, {"JOB_COMPLETION_INDEX", job_index}};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (!strcmp(all[i].name, name))
            return (char *)(uintptr_t)all[i].value;
    return NULL;
}

static void shard_is(struct fixture *f, const char *text, uint32_t index, uint32_t count)
{
    struct scoring_shard s;
    CHECK(scoring_shard_parse(&f->s.op, str_from(text), env, &s));
    assert_true(s.index == index && s.count == count);
}

static void test_shards_by_hand_and_by_schedulers(void **state)
{
    struct fixture *f = *state;
    struct scoring_shard s;
    shard_is(f, "1/1", 0, 1);
    shard_is(f, "8/8", 7, 8);
    static const char *const bad[] = {"", "0/3", "4/3", "1", "a/3", "1/", "/3", "-1/3", "1/3/5", "1/100001", "auto/0", "1/0", "autos/3"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        refused(f, E_INVALID, scoring_shard_parse(&f->s.op, str_from(bad[i]), env, &s), "--shard");
    refused(f, E_INVALID, scoring_shard_parse(&f->s.op, STR("auto"), env, &s), "neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX");
    job_index = "3";
    shard_is(f, "auto/5", 3, 5);
    refused(f, E_INVALID, scoring_shard_parse(&f->s.op, STR("auto"), env, &s), "auto/N");
    refused(f, E_INVALID, scoring_shard_parse(&f->s.op, STR("auto/3"), env, &s), "index 3 of 3");
    job_index = "x";
    refused(f, E_INVALID, scoring_shard_parse(&f->s.op, STR("auto/3"), env, &s), "no number");
    /* sbatch --array=10-30:5 */
    task_id = "20", task_min = "10", task_step = "5", task_count = "5";
    shard_is(f, "auto", 2, 5);
    shard_is(f, "auto/5", 2, 5);
    refused(f, E_INVALID, scoring_shard_parse(&f->s.op, STR("auto/4"), env, &s), "has 5 tasks");
    task_id = "21";
    refused(f, E_INVALID, scoring_shard_parse(&f->s.op, STR("auto"), env, &s), "make no sense");
    task_id = "35";
    refused(f, E_INVALID, scoring_shard_parse(&f->s.op, STR("auto"), env, &s), "make no sense");
    task_id = "5";
    refused(f, E_INVALID, scoring_shard_parse(&f->s.op, STR("auto"), env, &s), "make no sense");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_chunks_cover, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shards_by_hand_and_by_schedulers, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
