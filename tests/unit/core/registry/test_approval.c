#include "unit/core/track/fixture.h"

#include "base/limits.h"
#include "base/time.h"
#include "core/audit/audit.h"
#include "core/registry/approval.h"
#include "core/registry/history.h"
#include "core/registry/model.h"
#include "core/registry/move.h"
#include "core/registry/policy.h"
#include "core/registry/usage.h"

static void model_make(struct fixture *f, const char *name, int versions)
{
    struct op *op = &f->op;
    struct registry_model m;
    struct registry_version v;
    struct registry_version_new in = {.name = str_from(name), .source = STR("s3://b/x")};
    assert_ok(op, registry_model_create(op, f->db, in.name, (struct str){0}, NULL, 0, &m));
    for (int i = 0; i < versions; i++)
        assert_ok(op, registry_version_create(op, f->db, &in, &v));
}

static void protect(struct fixture *f, const char *model, bool self)
{
    struct str names[] = {STR("champion")};
    struct registry_policy p = {.aliases = names, .alias_count = 1, .ttl_us = TIME_US_PER_DAY, .self_approval = self, .free_rollback = true};
    p.stages[REGISTRY_STAGE_PRODUCTION] = true;
    assert_ok(&f->op, registry_policy_set(&f->op, f->db, str_from(model), &p));
}

static void as(struct fixture *f, const char *who)
{
    f->op.actor.name = str_from(who);
}

static int64_t alias_now(struct fixture *f, const char *alias)
{
    struct registry_version v = {0};
    enum err e = registry_alias_resolve(&f->op, f->db, STR("m"), str_from(alias), &v);
    op_clear(&f->op);
    return e ? 0 : v.version;
}

static int64_t newest_request(struct fixture *f, size_t pending)
{
    struct registry_approval_query q = {.pending = true, .limit = 100};
    struct registry_approval *list = NULL;
    size_t n = 0;
    assert_ok(&f->op, registry_approval_list(&f->op, f->db, &q, &list, &n));
    assert_int_equal(n, pending);
    return n ? list[0].id : 0;
}

static void comments_do_not_hinder_the_decision(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct registry_approval a;
    model_make(f, "m", 1);
    protect(f, "m", false);
    as(f, "ann");
    assert_fails(op, registry_alias_set(op, f->db, STR("m"), STR("champion"), 1), E_DENIED, "protected");
    int64_t id = newest_request(f, 1);
    for (int i = 0; i < LIMIT_REGISTRY_APPROVAL_NOTES; i++)
        assert_ok(op, registry_approval_decide(op, f->db, id, REGISTRY_COMMENT, STR("x"), &a));
    assert_fails(op, registry_approval_decide(op, f->db, id, REGISTRY_COMMENT, STR("x"), &a), E_TOO_LARGE, "comments");
    as(f, "bob");
    assert_ok(op, registry_approval_decide(op, f->db, id, REGISTRY_APPROVE, STR("fine"), &a));
    assert_int_equal(alias_now(f, "champion"), 1);
}

static void second_person(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct registry_approval a;
    struct registry_version v;
    model_make(f, "m", 3);
    assert_ok(op, registry_alias_set(op, f->db, STR("m"), STR("champion"), 1)); /* not protected yet */
    protect(f, "", false);
    as(f, "ann");
    op->reason = STR("better on winter");
    assert_fails(op, registry_alias_set(op, f->db, STR("m"), STR("champion"), 2), E_DENIED, "Request 1 waits until ");
    assert_int_equal(alias_now(f, "champion"), 1);
    /* Asked again it is the same request; another case of the name is the same alias to the policy. */
    assert_fails(op, registry_alias_set(op, f->db, STR("m"), STR("champion"), 2), E_DENIED, "ingot model approve 1'");
    assert_fails(op, registry_alias_set(op, f->db, STR("m"), STR("Champion"), 3), E_DENIED, "Request 2 ");
    assert_ok(op, registry_alias_set(op, f->db, STR("m"), STR("champion"), 1)); /* is so already */
    assert_ok(op, registry_alias_set(op, f->db, STR("m"), STR("candidate"), 2)); /* not protected */
    assert_int_equal(newest_request(f, 2), 2);
    assert_fails(op, registry_approval_decide(op, f->db, 1, REGISTRY_APPROVE, STR(""), &a), E_DENIED, "another person must approve it");
    as(f, "bob");
    assert_fails(op, registry_approval_decide(op, f->db, 1, REGISTRY_CANCEL, STR(""), &a), E_DENIED, "only they can cancel it");
    assert_fails(op, registry_approval_decide(op, f->db, 1, REGISTRY_COMMENT, STR(""), &a), E_INVALID, "a comment needs a text");
    assert_ok(op, registry_approval_decide(op, f->db, 1, REGISTRY_COMMENT, STR("which test set?"), &a));
    assert_str(a.state, "pending");
    op->reason = STR("");
    assert_ok(op, registry_approval_decide(op, f->db, 1, REGISTRY_APPROVE, STR("fine"), &a));
    assert_str(a.state, "approved");
    assert_true(a.note_count == 2 && str_eqc(a.notes[1].verdict, "approve") && str_eqc(a.notes[0].body, "which test set?"));
    assert_int_equal(alias_now(f, "champion"), 2);
    assert_fails(op, registry_approval_decide(op, f->db, 1, REGISTRY_REJECT, STR(""), &a), E_CONFLICT, "request 1 is approved");
    struct registry_change *h = NULL;
    size_t n = 0;
    struct registry_history_query q = {.model = STR("m"), .kind = STR("alias"), .subject = STR("champion"), .limit = 10};
    assert_ok(op, registry_history_list(op, f->db, &q, &h, &n));
    assert_true(n == 2 && h[0].approval == 1);
    assert_str(h[0].actor, "bob");
    assert_str(h[0].action, "approval");
    assert_str(h[0].reason, "better on winter");
    assert_ok(op, registry_approval_decide(op, f->db, 2, REGISTRY_REJECT, STR("no"), &a));
    assert_str(a.decided_by, "bob");
    /* Removal and stages are guarded as well. */
    assert_fails(op, registry_alias_delete(op, f->db, STR("m"), STR("champion")), E_DENIED, "Request 3 ");
    assert_fails(op, registry_version_set_stage(op, f->db, STR("m"), 3, STR("Production"), false, &v), E_DENIED, "Request 4 ");
    as(f, "ann");
    assert_ok(op, registry_approval_decide(op, f->db, 3, REGISTRY_APPROVE, STR(""), &a));
    assert_int_equal(alias_now(f, "champion"), 0);
    assert_ok(op, registry_approval_decide(op, f->db, 4, REGISTRY_APPROVE, STR(""), &a));
    assert_ok(op, registry_version_get(op, f->db, STR("m"), 3, &v));
    assert_int_equal(v.stage, REGISTRY_STAGE_PRODUCTION);
    /* Out of the stage, and around it. */
    assert_fails(op, registry_version_set_stage(op, f->db, STR("m"), 3, STR("Archived"), false, &v), E_DENIED, "from stage 'Production' to 'Archived'");
    assert_fails(op, registry_version_delete(op, f->db, STR("m"), 3), E_DENIED, "holds the protected stage 'Production'");
    assert_fails(op, registry_model_delete(op, f->db, STR("m")), E_DENIED, "holds the protected stage");
    struct registry_model m;
    assert_fails(op, registry_model_rename(op, f->db, STR("m"), STR("n"), &m), E_DENIED, "holds the protected stage");
    assert_fails(op, registry_approval_get(op, f->db, 99, &a), E_NOT_FOUND, "there is no request 99");
    struct audit_row *rows = NULL;
    struct audit_filter denied = {.kind = STR("model"), .verb = STR("stage.set")};
    assert_ok(op, audit_list(op, f->db, &denied, &rows, &n));
    assert_true(n == 3 && !rows[0].allowed && rows[1].allowed && !rows[2].allowed);
}

static void stale_and_expired(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct registry_approval a;
    model_make(f, "m", 3);
    protect(f, "m", false);
    as(f, "ann");
    assert_fails(op, registry_alias_set(op, f->db, STR("m"), STR("champion"), 1), E_DENIED, "Request 1 ");
    assert_fails(op, registry_alias_set(op, f->db, STR("m"), STR("champion"), 2), E_DENIED, "Request 2 ");
    as(f, "bob");
    assert_ok(op, registry_approval_decide(op, f->db, 1, REGISTRY_APPROVE, STR(""), &a));
    assert_fails(op, registry_approval_decide(op, f->db, 2, REGISTRY_APPROVE, STR(""), &a), E_CONFLICT, "the alias has moved since");
    assert_int_equal(alias_now(f, "champion"), 1);
    assert_fails(op, registry_alias_set(op, f->db, STR("m"), STR("champion"), 3), E_DENIED, "Request 3 ");
    op->now_us += TIME_US_PER_DAY;
    as(f, "ann");
    assert_fails(op, registry_approval_decide(op, f->db, 3, REGISTRY_APPROVE, STR(""), &a), E_CONFLICT, "request 3 is expired");
    assert_int_equal(newest_request(f, 0), 0);
    as(f, "bob");
    assert_fails(op, registry_alias_set(op, f->db, STR("m"), STR("champion"), 3), E_DENIED, "Request 4 "); /* a new one, with its own time */
    assert_ok(op, registry_version_delete(op, f->db, STR("m"), 3));
    as(f, "ann");
    assert_fails(op, registry_approval_decide(op, f->db, 4, REGISTRY_APPROVE, STR(""), &a), E_NOT_FOUND, "version=3) not found");
    assert_ok(op, registry_approval_get(op, f->db, 4, &a));
    assert_str(a.state, "pending"); /* the failed approval left nothing */
    as(f, "bob");
    assert_ok(op, registry_approval_decide(op, f->db, 4, REGISTRY_CANCEL, STR(""), &a));
    assert_str(a.state, "cancelled");
}

static void policies(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct registry_approval a;
    struct registry_policy p;
    model_make(f, "m", 2);
    model_make(f, "other", 2);
    protect(f, "", false);
    protect(f, "m", true);
    as(f, "ann");
    assert_fails(op, registry_alias_set(op, f->db, STR("m"), STR("champion"), 1), E_DENIED, "Request 1 ");
    assert_ok(op, registry_approval_decide(op, f->db, 1, REGISTRY_APPROVE, STR(""), &a)); /* the model's own policy lets her */
    assert_fails(op, registry_alias_set(op, f->db, STR("other"), STR("champion"), 1), E_DENIED, "Request 2 ");
    assert_fails(op, registry_approval_decide(op, f->db, 2, REGISTRY_APPROVE, STR(""), &a), E_DENIED, "another person");
    assert_ok(op, registry_policy_get(op, f->db, STR("other"), &p));
    assert_true(!p.own && p.alias_count == 1 && p.stages[REGISTRY_STAGE_PRODUCTION] && !p.stages[REGISTRY_STAGE_STAGING]);
    assert_ok(op, registry_policy_get(op, f->db, STR("m"), &p));
    assert_true(p.own && p.self_approval);
    struct registry_policy open = {.ttl_us = TIME_US_PER_DAY};
    assert_ok(op, registry_policy_set(op, f->db, STR("other"), &open)); /* none of its own is not the same as an empty one */
    assert_ok(op, registry_alias_set(op, f->db, STR("other"), STR("champion"), 2));
    assert_ok(op, registry_policy_clear(op, f->db, STR("other")));
    assert_ok(op, registry_policy_get(op, f->db, STR("other"), &p));
    assert_true(!p.own && p.alias_count == 1);
    assert_ok(op, registry_policy_set(op, f->db, STR("other"), &open));
    open.stages[REGISTRY_STAGE_NONE] = true;
    assert_fails(op, registry_policy_set(op, f->db, STR("m"), &open), E_INVALID, "cannot be protected");
    open = (struct registry_policy){.ttl_us = 1};
    assert_fails(op, registry_policy_set(op, f->db, STR("m"), &open), E_INVALID, "from one second");
    struct str bad = STR("a b");
    open = (struct registry_policy){.ttl_us = TIME_US_PER_DAY, .aliases = &bad, .alias_count = 1};
    assert_fails(op, registry_policy_set(op, f->db, STR("m"), &open), E_INVALID, "Invalid alias name");
    assert_fails(op, registry_policy_get(op, f->db, STR("none"), &p), E_NOT_FOUND, "not found");
    /* A deleted model takes its open requests along. */
    assert_ok(op, registry_alias_delete(op, f->db, STR("other"), STR("champion")));
    assert_ok(op, registry_model_delete(op, f->db, STR("other")));
    assert_ok(op, registry_approval_get(op, f->db, 2, &a));
    assert_str(a.state, "cancelled");
}

static enum err endpoint_tx(struct op *op, struct db_tx *tx, void *arg)
{
    return db_exec(op, tx, &sql_serve_put, DB_ARGS(DB_TEXT(STR("ep")), DB_TEXT(STR("m")), DB_I64(*(int64_t *)arg), DB_TEXT(STR("{}")), DB_I64(1)), NULL);
}

static enum err rollout_tx(struct op *op, struct db_tx *tx, void *arg)
{
    (void)arg;
    struct str json = STR("{}");
    return db_exec(op, tx, &sql_rollout_insert,
                   DB_ARGS(DB_TEXT(STR("ep")), DB_I64(2), DB_I64(3), DB_I64(0), DB_TEXT(json), DB_I64(300), DB_TEXT(json)), NULL);
}

static enum err promoted_tx(struct op *op, struct db_tx *tx, void *arg)
{
    (void)arg;
    return db_exec(op, tx, &sql_rollout_update,
                   DB_ARGS(DB_I64(1), DB_TEXT(STR("promoted")), DB_I64(0), DB_I64(300), DB_TEXT(STR("{}")), DB_I64(0), DB_I64(400), DB_TEXT(STR(""))), NULL);
}

/* What an endpoint answers with stays. */
static void served(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct registry_model m;
    int64_t live = 2;
    model_make(f, "m", 4);
    assert_ok(op, db_write(op, f->db, endpoint_tx, &live));
    assert_fails(op, registry_version_delete(op, f->db, STR("m"), 2), E_CONFLICT, "endpoint 'ep' serves version 2 of model 'm'");
    assert_fails(op, registry_model_delete(op, f->db, STR("m")), E_CONFLICT, "endpoint 'ep' serves model 'm'");
    assert_fails(op, registry_model_rename(op, f->db, STR("m"), STR("n"), &m), E_CONFLICT, "endpoint 'ep'");
    assert_ok(op, registry_version_delete(op, f->db, STR("m"), 4));
    assert_ok(op, db_write(op, f->db, rollout_tx, NULL));
    assert_fails(op, registry_version_delete(op, f->db, STR("m"), 3), E_CONFLICT, "endpoint 'ep' serves version 3"); /* the candidate */
    assert_ok(op, db_write(op, f->db, promoted_tx, NULL));
    assert_fails(op, registry_version_delete(op, f->db, STR("m"), 3), E_CONFLICT, "endpoint 'ep' serves version 3"); /* it won, and comes next */
    live = 3;
    assert_ok(op, db_write(op, f->db, endpoint_tx, &live));
    assert_ok(op, registry_version_delete(op, f->db, STR("m"), 2));
    assert_ok(op, registry_version_delete(op, f->db, STR("m"), 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(comments_do_not_hinder_the_decision), fixture_test(second_person), fixture_test(stale_and_expired), fixture_test(policies), fixture_test(served)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
