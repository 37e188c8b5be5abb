#include "core/registry/tag.h"

#include "base/limits.h"

enum err registry_tag_check(struct op *op, struct str key, struct str value)
{
    enum err e = names_check_key(op, key, "key");
    if (!e)
        e = names_check_length(op, "key", key, LIMIT_TRACK_KEY);
    return e ? e : names_check_length(op, "value", value, LIMIT_REGISTRY_TAG_VALUE);
}

enum err registry_tags_check(struct op *op, const struct track_kv *tags, size_t n)
{
    enum err e = OK;
    for (size_t i = 0; !e && i < n; i++)
        e = registry_tag_check(op, tags[i].key, tags[i].value);
    return e;
}

bool registry_tags_are_prompt(const struct track_kv *tags, size_t n)
{
    return str_ieq(names_find(tags, n, "mlflow.prompt.is_prompt"), STR("true"));
}
