/* fuzz_rollout_plan.c - plans of rollouts, as people write them: what is taken prints as a plan that is taken again and prints the same,
 * and every judge can be asked about it with no evidence at all. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "core/rollout/rollout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct str printed(struct op *op, const struct rollout_plan *plan, struct buf *b)
{
    struct json_out w;
    json_out_init(&w, b, 0);
    rollout_plan_json(&w, plan);
    if (b->failed)
        abort();
    return str_dup(op->arena, buf_str(b));
}

static void judge(struct op *op, const struct rollout_plan *plan)
{
    struct rollout_position pos = {0, 0};
    struct rollout_decision d = {0};
    if (plan->kind == ROLLOUT_SHADOW) {
        rollout_shadow_decide(plan, &pos, op_new(op, struct rollout_shadow), 1, &d);
    } else if (plan->kind == ROLLOUT_AB || plan->kind == ROLLOUT_BANDIT) {
        struct rollout_trial *t = op_new(op, struct rollout_trial);
        rollout_trial_init(t, plan, -1, -2, 0);
        int sum = 0;
        for (int i = 0; i < t->arms; i++)
            sum += t->permille[i];
        if (sum != 1000)
            abort();
        rollout_trial_decide(plan, &pos, t, 1, 1, &d, NULL);
    } else {
        rollout_decide(plan, &pos, op_new(op, struct rollout_evidence), 1, &d);
    }
    if (d.verdict == ROLLOUT_PROMOTE || d.verdict == ROLLOUT_ROLLBACK || d.verdict == ROLLOUT_NO_ROLLOUT)
        abort(); /* on no evidence, after a microsecond */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(LIMIT_MIB(64));
    struct op op;
    struct json *j = NULL, *again = NULL;
    struct rollout_plan plan, back;
    op_init(&op, arena);
    if (size <= LIMIT_KIB(64) && json_parse(&op, (struct str){(const char *)data, size}, JSON_STRICT, &j) == OK &&
        rollout_plan_parse(&op, j, &plan) == OK) {
        AUTO(buf) struct buf a, b;
        buf_init(&a, LIMIT_KIB(64));
        buf_init(&b, LIMIT_KIB(64));
        struct str text = printed(&op, &plan, &a);
        if (json_parse(&op, text, JSON_STRICT, &again) || rollout_plan_parse(&op, again, &back) || !str_eq(text, printed(&op, &back, &b)))
            abort();
        judge(&op, &plan);
    }
    arena_destroy(arena);
    return 0;
}
