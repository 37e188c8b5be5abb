#include "core/scoring/plan.h"

#include "base/limits.h"

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

enum err scoring_plan_make(struct op *op, const struct scoring_file *files, size_t file_count, uint32_t chunk_rows, uint64_t limit,
                           struct scoring_plan *ret)
{
    struct scoring_plan p = {.files = files, .file_count = file_count, .chunk_rows = chunk_rows};
    p.first_chunks = arena_array(op->arena, file_count + 1, uint64_t);
    if (!p.first_chunks || !chunk_rows)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu files", file_count);
    uint64_t left = limit ? limit : UINT64_MAX;
    for (size_t i = 0; i < file_count; i++) {
        uint64_t rows = lesser(files[i].rows, left);
        p.first_chunks[i] = p.chunk_count;
        p.chunk_count += rows / chunk_rows + (rows % chunk_rows != 0);
        p.rows += rows;
        left -= rows;
        if (p.chunk_count > LIMIT_SCORING_CHUNKS)
            return op_fail(op, E_TOO_LARGE, "more than %d parts: take more rows per part", LIMIT_SCORING_CHUNKS);
    }
    p.first_chunks[file_count] = p.chunk_count;
    if (!p.chunk_count)
        p.chunk_count = 1;
    *ret = p;
    return OK;
}

struct scoring_chunk scoring_plan_chunk(const struct scoring_plan *p, uint64_t number)
{
    size_t lo = 0, hi = p->file_count;
    if (!p->rows)
        return (struct scoring_chunk){.number = number};
    while (hi - lo > 1) { /* the last file that begins at or before it; files without chunks begin where the next one does */
        size_t mid = lo + (hi - lo) / 2;
        if (p->first_chunks[mid] <= number)
            lo = mid;
        else
            hi = mid;
    }
    uint64_t before = 0, first = (number - p->first_chunks[lo]) * p->chunk_rows, rows = p->files[lo].rows;
    if (p->first_chunks[lo + 1] == p->chunk_count) { /* the limit may end in this file */
        for (size_t i = 0; i < lo; i++)
            before += p->files[i].rows;
        rows = lesser(rows, p->rows - before);
    }
    return (struct scoring_chunk){.number = number, .file = lo, .first = first, .rows = (uint32_t)lesser(rows - first, p->chunk_rows)};
}

uint32_t scoring_chunk_rows(size_t columns)
{
    size_t rows = LIMIT_SCORING_BATCH_BYTES / 8 / (columns ? columns : 1);
    rows = rows < LIMIT_SCORING_CHUNK_ROWS ? rows : LIMIT_SCORING_CHUNK_ROWS;
    return rows < 1024 ? 1024 : (uint32_t)rows;
}

/* ---- shards ---- */

static bool env_number(char *(*env)(const char *), const char *name, uint64_t dflt, uint64_t *ret)
{
    const char *text = env(name);
    *ret = dflt;
    return !text || !*text || str_parse_u64(str_from(text), ret);
}

static enum err slurm_read(struct op *op, char *(*env)(const char *), uint64_t *ret_index, uint64_t *ret_count)
{
    uint64_t id, min, step, count;
    if (!env_number(env, "SLURM_ARRAY_TASK_ID", 0, &id) || !env_number(env, "SLURM_ARRAY_TASK_MIN", 0, &min) ||
        !env_number(env, "SLURM_ARRAY_TASK_STEP", 1, &step) || !env_number(env, "SLURM_ARRAY_TASK_COUNT", 0, &count) || !step || id < min ||
        (id - min) % step || (count && (id - min) / step >= count))
        return op_fail(op, E_INVALID, "--shard auto: the SLURM_ARRAY_TASK_ variables make no sense together");
    *ret_index = (id - min) / step;
    *ret_count = count;
    return OK;
}

static enum err shard_auto(struct op *op, uint64_t count, char *(*env)(const char *), struct scoring_shard *ret)
{
    uint64_t index = 0, told = 0;
    enum err e = OK;
    if (env("SLURM_ARRAY_TASK_ID"))
        e = slurm_read(op, env, &index, &told);
    else if (!env("JOB_COMPLETION_INDEX"))
        e = op_fail(op, E_INVALID, "--shard auto: neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set");
    else if (!env_number(env, "JOB_COMPLETION_INDEX", 0, &index))
        e = op_fail(op, E_INVALID, "--shard auto: JOB_COMPLETION_INDEX is no number");
    if (e)
        return e;
    if (count && told && count != told)
        return op_fail(op, E_INVALID, "--shard auto/%llu: the array has %llu tasks", (unsigned long long)count, (unsigned long long)told);
    count = count ? count : told;
    if (!count)
        return op_fail(op, E_INVALID, "--shard auto: nothing in the environment says how many shards there are; give --shard auto/N");
    if (index >= count || count > LIMIT_SCORING_SHARDS)
        return op_fail(op, E_INVALID, "--shard auto: index %llu of %llu shards", (unsigned long long)index, (unsigned long long)count);
    *ret = (struct scoring_shard){(uint32_t)index, (uint32_t)count};
    return OK;
}

enum err scoring_shard_parse(struct op *op, struct str text, char *(*env)(const char *name), struct scoring_shard *ret)
{
    size_t slash = str_find_char(text, '/');
    struct str left = str_sub(text, 0, slash == SIZE_MAX ? text.len : slash);
    uint64_t index = 0, count = 0;
    bool counted = slash != SIZE_MAX;
    bool good = !counted || (str_parse_u64(str_sub(text, slash + 1, SIZE_MAX), &count) && count >= 1 && count <= LIMIT_SCORING_SHARDS);
    if (good && str_eqc(left, "auto"))
        return shard_auto(op, count, env, ret);
    if (!good || !counted || !str_parse_u64(left, &index) || index < 1 || index > count)
        return op_fail(op, E_INVALID, "--shard '%.*s': expected I/N with I from 1 to N and N up to %d, auto, or auto/N", STR_FMT(text),
                       LIMIT_SCORING_SHARDS);
    *ret = (struct scoring_shard){(uint32_t)index - 1, (uint32_t)count};
    return OK;
}

void scoring_shard_range(const struct scoring_plan *p, struct scoring_shard shard, uint64_t *ret_from, uint64_t *ret_to)
{
    /* Counts and chunks are below 2^31: no product overflows. */
    *ret_from = p->chunk_count * shard.index / shard.count;
    *ret_to = p->chunk_count * (shard.index + 1) / shard.count;
}
