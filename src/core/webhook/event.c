#include "core/webhook/event.h"

#include <ctype.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/seal.h"
#include "base/time.h"

static const struct {
    const char *entity, *action;
    struct str name, example;
} events[WEBHOOK_EVENTS] = {
#define EVENT(e, a, x) {e, a, STR_INIT(e "." a), STR_INIT(x)}
#define MODEL "\"name\": \"example_model\""
#define PROMPT "\"name\": \"example_prompt\""
#define TAGS "\"tags\": {\"example_key\": \"example_value\"}"
#define SET "\"key\": \"example_key\", \"value\": \"example_value\""
#define VERSION "\"version\": \"1\""
#define ALIAS "\"alias\": \"example_alias\""
    [WEBHOOK_MODEL_CREATED] = EVENT("registered_model", "created", "{" MODEL ", " TAGS ", \"description\": \"An example registered model\"}"),
    [WEBHOOK_VERSION_CREATED] = EVENT("model_version", "created",
        "{" MODEL ", " VERSION ", \"source\": \"models:/123\", \"run_id\": \"abcd1234abcd5678\", " TAGS ", \"description\": \"An example model version\"}"),
    [WEBHOOK_VERSION_TAG_SET] = EVENT("model_version_tag", "set", "{" MODEL ", " VERSION ", " SET "}"),
    [WEBHOOK_VERSION_TAG_DELETED] = EVENT("model_version_tag", "deleted", "{" MODEL ", " VERSION ", \"key\": \"example_key\"}"),
    [WEBHOOK_ALIAS_CREATED] = EVENT("model_version_alias", "created", "{" MODEL ", " ALIAS ", " VERSION "}"),
    [WEBHOOK_ALIAS_DELETED] = EVENT("model_version_alias", "deleted", "{" MODEL ", " ALIAS "}"),
    [WEBHOOK_PROMPT_CREATED] = EVENT("prompt", "created", "{" PROMPT ", " TAGS ", \"description\": \"An example prompt\"}"),
    [WEBHOOK_PROMPT_VERSION_CREATED] = EVENT("prompt_version", "created",
        "{" PROMPT ", " VERSION ", \"template\": \"Hello {{name}}!\", " TAGS ", \"description\": \"An example prompt version\"}"),
    [WEBHOOK_PROMPT_TAG_SET] = EVENT("prompt_tag", "set", "{" PROMPT ", " SET "}"),
    [WEBHOOK_PROMPT_TAG_DELETED] = EVENT("prompt_tag", "deleted", "{" PROMPT ", \"key\": \"example_key\"}"),
    [WEBHOOK_PROMPT_VERSION_TAG_SET] = EVENT("prompt_version_tag", "set", "{" PROMPT ", " VERSION ", " SET "}"),
    [WEBHOOK_PROMPT_VERSION_TAG_DELETED] = EVENT("prompt_version_tag", "deleted", "{" PROMPT ", " VERSION ", \"key\": \"example_key\"}"),
    [WEBHOOK_PROMPT_ALIAS_CREATED] = EVENT("prompt_alias", "created", "{" PROMPT ", " ALIAS ", " VERSION "}"),
    [WEBHOOK_PROMPT_ALIAS_DELETED] = EVENT("prompt_alias", "deleted", "{" PROMPT ", " ALIAS "}"),
    [WEBHOOK_BUDGET_EXCEEDED] = EVENT("budget_policy", "exceeded",
        "{\"budget_policy_id\": \"bp-abc123\", \"budget_unit\": \"USD\", \"budget_amount\": 100.0, \"current_spend\": 105.5, "
        "\"duration_unit\": \"MONTHS\", \"duration_value\": 1, \"target_scope\": \"ENDPOINT\", \"workspace\": \"default\", "
        "\"target_value\": \"ep-abc123\", \"window_start\": 1704067200000}"),
#define ALERT(state) "{\"rule\": \"example_rule\", \"kind\": \"metric\", \"state\": \"" state "\", \"experiment_id\": \"0\", " \
                     "\"run_id\": \"abcd1234abcd5678\", \"metric\": \"loss\", \"value\": 9.5, \"step\": 10, \"reason\": \"loss > 5 for 3 points\"}"
    [WEBHOOK_ALERT_FIRING] = EVENT("metric_alert", "firing", ALERT("firing")),
    [WEBHOOK_ALERT_RESOLVED] = EVENT("metric_alert", "resolved", ALERT("resolved")),
};

/* MLflow's enums by number. */
static const char *const entities[] = {"ENTITY_UNSPECIFIED", "REGISTERED_MODEL", "MODEL_VERSION", "MODEL_VERSION_TAG", "MODEL_VERSION_ALIAS",
                                       "PROMPT", "PROMPT_VERSION", "PROMPT_TAG", "PROMPT_VERSION_TAG", "PROMPT_ALIAS", "BUDGET_POLICY"};
static const char *const actions[] = {"ACTION_UNSPECIFIED", "CREATED", "UPDATED", "DELETED", "SET", "EXCEEDED"};

const char *webhook_event_entity(enum webhook_event e)
{
    return events[e].entity;
}

const char *webhook_event_action(enum webhook_event e)
{
    return events[e].action;
}

struct str webhook_event_name(enum webhook_event e)
{
    return events[e].name;
}

struct str webhook_event_example(enum webhook_event e)
{
    return events[e].example;
}

bool webhook_event_parse(struct str name, enum webhook_event *ret)
{
    for (unsigned i = 0; i < WEBHOOK_EVENTS; i++) {
        if (str_eq(name, events[i].name)) {
            *ret = (enum webhook_event)i;
            return true;
        }
    }
    return false;
}

/* Lower case, as the payload spells it; NULL for no member of the enum. */
static const char *enum_text(struct op *op, const char *const *names, size_t n, struct str text)
{
    int64_t number = -1;
    if (!str_parse_i64(text, &number))
        number = -1;
    for (size_t i = 1; i < n; i++) {
        if (!str_eqc(text, names[i]) && number != (int64_t)i)
            continue;
        char *low = str_cstr(op->arena, str_from(names[i]));
        for (char *p = low; *p; p++)
            *p = (char)tolower((unsigned char)*p);
        return low;
    }
    return NULL;
}

/* The actions that an entity has, sorted, as Python prints a list. */
static const char *actions_of(struct op *op, const char *entity)
{
    const char *list = "";
    for (size_t a = 0; a < ARRAY_LEN(actions); a++) {
        static const char *const sorted[] = {"", "created", "deleted", "exceeded", "set", "updated"};
        for (unsigned i = 0; i < WEBHOOK_EVENTS_MLFLOW; i++)
            if (strcmp(events[i].entity, entity) == 0 && strcmp(events[i].action, sorted[a]) == 0)
                list = op_printf(op, "%s%s'%s'", list, *list ? ", " : "", sorted[a]);
    }
    return list;
}

enum err webhook_event_of_enums(struct op *op, struct str entity, struct str action, enum webhook_event *ret)
{
    const char *e = enum_text(op, entities, ARRAY_LEN(entities), entity), *a = enum_text(op, actions, ARRAY_LEN(actions), action);
    if (!e)
        return op_fail_field(op, "events", "'%.*s' is not a valid WebhookEntity", STR_FMT(entity));
    if (!a)
        return op_fail_field(op, "events", "'%.*s' is not a valid WebhookAction", STR_FMT(action));
    if (webhook_event_parse(str_from(op_printf(op, "%s.%s", e, a)), ret))
        return OK;
    return op_fail_field(op, "events", "Invalid action '%s' for entity '%s'. Valid actions are: [%s]", a, e, actions_of(op, e));
}

/* As datetime.isoformat() in UTC: "2026-01-02T03:04:05.000006+00:00", no fraction when it is zero. */
static const char *iso_time(struct op *op, int64_t us)
{
    char text[40];
    size_t n = time_format(us - us % TIME_US_PER_S, text);
    int64_t fraction = us % TIME_US_PER_S;
    if (fraction == 0)
        return op_printf(op, "%.*s+00:00", (int)n - 1, text);
    return op_printf(op, "%.*s.%06d+00:00", (int)n - 1, text, (int)fraction);
}

enum err webhook_event_body(struct op *op, enum webhook_event e, int64_t now_us, struct str data, struct str *ret)
{
    AUTO(buf) struct buf b;
    struct json_out w;
    struct json *tree = NULL;
    buf_init(&b, LIMIT_WEBHOOK_BODY);
    json_out_init(&w, &b, 0);
    json_begin_object(&w);
    json_kv_cstr(&w, "entity", events[e].entity);
    json_kv_cstr(&w, "action", events[e].action);
    json_kv_cstr(&w, "timestamp", iso_time(op, now_us));
    json_key(&w, "data");
    json_raw(&w, data);
    json_end_object(&w);
    if (b.failed)
        return op_fail(op, E_TOO_LARGE, "the message of a webhook is larger than %zu bytes", (size_t)LIMIT_WEBHOOK_BODY);
    enum err err = json_parse(op, buf_str(&b), JSON_DUP_LAST, &tree);
    if (err)
        return err;
    buf_reset(&b);
    json_dumps_python(&b, tree, false);
    if (b.failed || b.len > arena_left(op->arena) / 2)
        return op_fail(op, E_TOO_LARGE, "the message of a webhook is larger than %zu bytes", (size_t)LIMIT_WEBHOOK_BODY);
    *ret = str_dup(op->arena, buf_str(&b));
    return OK;
}

struct str webhook_signature(struct op *op, struct str secret, struct str delivery_id, struct str timestamp, struct str body)
{
    AUTO(buf) struct buf b;
    uint8_t mac[HASH_SHA256_LEN];
    buf_init(&b, LIMIT_WEBHOOK_BODY + 1024);
    buf_addf(&b, "%.*s.%.*s.", STR_FMT(delivery_id), STR_FMT(timestamp));
    buf_add_str(&b, body);
    seal_hmac_sha256(secret, buf_str(&b), mac);
    struct str text = seal_base64(op->arena, (struct str){(const char *)mac, sizeof mac});
    return str_from(op_printf(op, "v1,%.*s", STR_FMT(text)));
}
