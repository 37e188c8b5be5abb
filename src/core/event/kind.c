#include "core/event/kind.h"

static const struct {
    struct str name;
    const char *field;
} kinds[EVENT_KINDS] = {
    [EVENT_RUN] = {STR_INIT("run"), "id"},           [EVENT_METRIC] = {STR_INIT("metric"), "id"},     [EVENT_EXPERIMENT] = {STR_INIT("experiment"), "id"},
    [EVENT_MODEL] = {STR_INIT("model"), "name"},     [EVENT_VERSION] = {STR_INIT("version"), "name"}, [EVENT_APPROVAL] = {STR_INIT("approval"), "name"},
    [EVENT_ENDPOINT] = {STR_INIT("endpoint"), "name"}, [EVENT_ROLLOUT] = {STR_INIT("rollout"), "name"}, [EVENT_WINDOW] = {STR_INIT("window"), "name"},
    [EVENT_ALERT] = {STR_INIT("alert"), "name"},     [EVENT_RETRAIN] = {STR_INIT("retrain"), "name"}, [EVENT_PIPELINE] = {STR_INIT("pipeline"), "id"},
    [EVENT_FEATURE] = {STR_INIT("feature"), "name"},
};

struct str event_kind_name(enum event_kind k)
{
    return kinds[k].name;
}

const char *event_kind_field(enum event_kind k)
{
    return kinds[k].field;
}

bool event_kind_parse(struct str name, enum event_kind *ret)
{
    for (unsigned k = 0; k < EVENT_KINDS; k++) {
        if (str_eq(kinds[k].name, name)) {
            *ret = (enum event_kind)k;
            return true;
        }
    }
    return false;
}
