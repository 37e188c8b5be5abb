/* cmd_rollout.c - rollouts of every kind on a running server: start, pause, look, plan, replay. Canaries start in cmd_deploy.c. */
#include <inttypes.h>

#include "app/commands.h"
#include "app/remote.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/yaml.h"

static const char *arg_at(struct op *op, struct command_ctx *ctx, size_t i)
{
    const struct str *args = NULL;
    return command_args(ctx, &args) > i ? str_cstr(op->arena, args[i]) : "";
}

static double number_at(const struct json *doc, const char *path)
{
    double v = 0;
    const struct json *j = json_path(doc, path);
    return j && json_as_f64(j, &v) ? v : __builtin_nan("");
}

static struct str text_at(const struct json *doc, const char *path)
{
    const struct json *j = json_path(doc, path);
    return j && j->type == JSON_STRING ? j->s : STR("");
}

static enum err plan_load(struct op *op, struct command_ctx *ctx, struct json **ret)
{
    struct str text, path = command_str(ctx, "plan");
    enum err e = file_read(op, str_cstr(op->arena, path), LIMIT_MIB(1), &text);
    return e || (e = yaml_parse(op, text, ret)) ? op_context(op, "%.*s", STR_FMT(path)) : OK;
}

static enum err start(struct op *op, struct command_ctx *ctx, const char *kind)
{
    AUTO(buf) struct buf body;
    struct json_out w;
    struct json *doc = NULL;
    int64_t at = 0;
    enum err e = command_given(ctx, "plan") ? plan_load(op, ctx, &doc) : OK;
    if (!e)
        e = command_time(op, ctx, "start", 0, &at);
    if (e)
        return e;
    buf_init(&body, LIMIT_MIB(4));
    json_out_init(&w, &body, 0);
    json_begin_object(&w);
    json_kv_cstr(&w, "kind", kind);
    json_kv_i64(&w, "version", command_int(ctx, "version"));
    if (command_given(ctx, "start"))
        json_kv_i64(&w, "start_us", at);
    if (doc) {
        json_key(&w, "plan");
        json_value(&w, doc);
    }
    json_end_object(&w);
    e = remote_call(op, ctx, "POST", remote_path(op, "endpoints", arg_at(op, ctx, 0), "rollouts", NULL), buf_str(&body), &doc);
    if (!e)
        command_say(ctx, "%s of version %" PRId64 " on '%s' started: rollout %.0f", kind, command_int(ctx, "version"), arg_at(op, ctx, 0),
                    number_at(doc, "rollout_id"));
    return e;
}

static enum err blue_green_run(struct op *op, struct command_ctx *ctx)
{
    return start(op, ctx, "blue_green");
}

static enum err shadow_run(struct op *op, struct command_ctx *ctx)
{
    return start(op, ctx, "shadow");
}

static enum err ab_run(struct op *op, struct command_ctx *ctx)
{
    return start(op, ctx, "ab");
}

static enum err bandit_run(struct op *op, struct command_ctx *ctx)
{
    return start(op, ctx, "bandit");
}

static enum err by_hand(struct op *op, struct command_ctx *ctx, const char *action)
{
    AUTO(buf) struct buf body;
    struct json_out w;
    struct json *doc = NULL;
    buf_init(&body, LIMIT_KIB(64));
    json_out_init(&w, &body, 0);
    json_begin_object(&w);
    json_kv_str(&w, "why", command_str(ctx, "why"));
    json_end_object(&w);
    enum err e = remote_call(op, ctx, "POST", remote_path(op, "endpoints", arg_at(op, ctx, 0), "rollouts", action, NULL), buf_str(&body), &doc);
    if (!e)
        command_say(ctx, "rollout on '%s': %s", arg_at(op, ctx, 0), action);
    return e;
}

static enum err pause_run(struct op *op, struct command_ctx *ctx)
{
    return by_hand(op, ctx, "pause");
}

static enum err resume_run(struct op *op, struct command_ctx *ctx)
{
    return by_hand(op, ctx, "resume");
}

/* `q`: what rollout_quantile_json wrote; absent: the plan names no quantile. */
static void say_latency(struct command_ctx *ctx, const struct json *q)
{
    if (q)
        command_say(ctx, "    latency p%g: %.0f us (%.0f .. %.0f), the control's %.0f us (%.0f .. %.0f), allowed x%g", 100 * number_at(q, "quantile"),
                    number_at(q, "candidate.value_us"), number_at(q, "candidate.lo_us"), number_at(q, "candidate.hi_us"), number_at(q, "control.value_us"),
                    number_at(q, "control.lo_us"), number_at(q, "control.hi_us"), number_at(q, "max_ratio"));
}

static void say_comparisons(struct command_ctx *ctx, const struct json *report)
{
    const struct json *list = json_get(report, "comparisons"), *arms = json_get(report, "arms");
    for (uint32_t i = 0; list && list->type == JSON_ARRAY && i < list->len; i++) {
        const struct json *c = &list->items[i];
        command_say(ctx, "  version %.0f, %.*s: %+.5g, %.5g .. %.5g, p %.3g", number_at(c, "version"), STR_FMT(text_at(c, "metric")), number_at(c, "diff"),
                    number_at(c, "lo"), number_at(c, "hi"), number_at(c, "p_corrected"));
    }
    for (uint32_t i = 0; arms && arms->type == JSON_ARRAY && i < arms->len; i++) {
        const struct json *a = &arms->items[i];
        struct str broken = text_at(a, "broken");
        command_say(ctx, "  arm version %.0f: %.1f %% of the traffic, %.0f requests, reward %.4g%s%.*s", number_at(a, "version"), number_at(a, "permille") / 10,
                    number_at(a, "requests"), number_at(a, "mean_reward"), broken.len ? ", broken: " : "", STR_FMT(broken));
        say_latency(ctx, json_get(a, "latency"));
    }
    if (text_at(report, "split_by").len)
        command_say(ctx, "  split by %.*s: log e %.3g, alarm at %.3g", STR_FMT(text_at(report, "split_by")), number_at(report, "srm_log_e"),
                    number_at(report, "srm_boundary"));
}

static enum err evidence_run(struct op *op, struct command_ctx *ctx)
{
    struct json *doc = NULL;
    enum err e = remote_call(op, ctx, "GET", remote_path(op, "endpoints", arg_at(op, ctx, 0), "rollouts", arg_at(op, ctx, 1), NULL), (struct str){0}, &doc);
    if (e)
        return e;
    const struct json *report = json_get(doc, "report");
    command_say(ctx, "rollout %.0f, %.*s of version %.0f: %.*s%s%.*s", number_at(doc, "id"), STR_FMT(text_at(doc, "kind")), number_at(doc, "candidate"),
                STR_FMT(text_at(doc, "state")), text_at(doc, "paused").len ? ", paused: " : "", STR_FMT(text_at(doc, "paused")));
    if (json_get(report, "pairs"))
        command_say(ctx, "  %.0f pairs, %.1f %% agree, time x%.3g, psi %.3g, %.0f labels, loss %+.4g", number_at(report, "pairs"),
                    100 * number_at(report, "agreement.value"), number_at(report, "latency_ratio.value"), number_at(report, "psi"),
                    number_at(report, "labels"), number_at(report, "loss_delta.value"));
    else if (json_get(report, "comparisons"))
        say_comparisons(ctx, report);
    else
        command_say(ctx, "  loss %+.4g, %.4g .. %.4g", number_at(report, "diff"), number_at(report, "lo"), number_at(report, "hi"));
    say_latency(ctx, json_get(doc, "latency"));
    return OK;
}

static enum err replay_run(struct op *op, struct command_ctx *ctx)
{
    struct json *doc = NULL;
    enum err e = remote_call(op, ctx, "GET", remote_path(op, "endpoints", arg_at(op, ctx, 0), "rollouts", arg_at(op, ctx, 1), "replay", NULL), (struct str){0}, &doc);
    if (!e)
        command_say(ctx, "%.0f decisions taken again from their evidence: all the same", number_at(doc, "decisions"));
    return e;
}

static enum err planner_run(struct op *op, struct command_ctx *ctx)
{
    static const char *const reals[] = {"baseline-rate", "sd", "delta", "alpha", "power", "covariate-r", "units-per-day"};
    static const char *const members[] = {"baseline_rate", "sd", "delta", "alpha", "power", "covariate_r", "units_per_day"};
    AUTO(buf) struct buf body;
    struct json_out w;
    struct json *doc = NULL;
    buf_init(&body, LIMIT_KIB(64));
    json_out_init(&w, &body, 0);
    json_begin_object(&w);
    for (size_t i = 0; i < ARRAY_LEN(reals); i++)
        if (command_has(ctx, reals[i]))
            json_kv_f64(&w, members[i], command_real(ctx, reals[i]));
    json_kv_i64(&w, "candidates", command_int(ctx, "candidates"));
    json_end_object(&w);
    enum err e = remote_call(op, ctx, "POST", STR("/api/ingot/v1/rollout-planner"), buf_str(&body), &doc);
    if (!e)
        command_say(ctx, "%.0f units per arm at one look, about %.0f when looked at always", number_at(doc, "samples_per_arm"),
                    number_at(doc, "samples_per_arm_always_valid"));
    return e;
}

static const struct option_row start_options[] = {
    REMOTE_OPTIONS,
    {"version", OPTION_INT, "N", "the candidate", NULL, true},
    {"start", OPTION_STRING, "TIME", "event time of the start (default: the newest event the endpoint has seen)", NULL, false},
    {"plan", OPTION_STRING, "FILE", "YAML: members of the plan (docs/rollout.md)", NULL, false},
    {0},
};
static const struct option_row hand_options[] = {REMOTE_OPTIONS, {"why", OPTION_STRING, "TEXT", "reason, for the audit log", "by hand", false}, {0}};
static const struct option_row look_options[] = {REMOTE_OPTIONS, {0}};
static const struct option_row planner_options[] = {
    REMOTE_OPTIONS,
    {"baseline-rate", OPTION_REAL, "P", "the control's rate, for yes-or-no outcomes", NULL, false},
    {"sd", OPTION_REAL, "S", "standard deviation of one unit's outcome, for others", NULL, false},
    {"delta", OPTION_REAL, "D", "the difference to be found", NULL, true},
    {"alpha", OPTION_REAL, "A", "chance of a false alarm", "0.05", false},
    {"power", OPTION_REAL, "P", "chance to find the difference", "0.8", false},
    {"candidates", OPTION_INT, "N", "versions compared with the control", "1", false},
    {"covariate-r", OPTION_REAL, "R", "correlation with what is known of a unit before (CUPED)", NULL, false},
    {"units-per-day", OPTION_REAL, "U", "traffic, for the days it takes", NULL, false},
    {0},
};

const struct command rollout_commands[] = {
    {"deploy blue-green", "ENDPOINT", 1, 1, "switch to a candidate at once and watch; back by itself when a guardrail breaks", NULL,
     "  ingot deploy blue-green flights-delay --version 2", start_options, blue_green_run},
    {"deploy shadow", "ENDPOINT", 1, 1, "send copies of requests to a candidate and compare the answers in pairs",
     "Nobody gets the candidate's answers. When it passes, the rollout waits for you (or promotes, as the plan says).",
     "  ingot deploy shadow flights-delay --version 2 --plan shadow.yaml", start_options, shadow_run},
    {"deploy ab", "ENDPOINT", 1, 1, "an A/B test of two or more versions", "Always-valid by default: it may be looked at any time.",
     "  ingot deploy ab flights-delay --version 2\n  ingot deploy plan --baseline-rate 0.2 --delta 0.01", start_options, ab_run},
    {"deploy bandit", "ENDPOINT", 1, 1, "let rewards decide how two or more versions share the traffic", NULL,
     "  ingot deploy bandit flights-delay --version 2 --plan bandit.yaml", start_options, bandit_run},
    {"deploy pause", "ENDPOINT", 1, 1, "keep the traffic as it is; only guardrails decide", NULL, "  ingot deploy pause flights-delay --why holidays",
     hand_options, pause_run},
    {"deploy resume", "ENDPOINT", 1, 1, "let a paused rollout go on", NULL, "  ingot deploy resume flights-delay", hand_options, resume_run},
    {"deploy evidence", "ENDPOINT ROLLOUT", 2, 2, "what a rollout's evidence says, with its bounds", NULL, "  ingot deploy evidence flights-delay 3",
     look_options, evidence_run},
    {"deploy replay", "ENDPOINT ROLLOUT", 2, 2, "take every decision of a rollout again from its stored evidence", NULL,
     "  ingot deploy replay flights-delay 3", look_options, replay_run},
    {"deploy plan", "", 0, 0, "how many units an A/B test needs", NULL, "  ingot deploy plan --baseline-rate 0.2 --delta 0.01 --units-per-day 16000",
     planner_options, planner_run},
    {0},
};
