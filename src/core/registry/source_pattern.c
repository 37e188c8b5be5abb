#include "core/registry/source_pattern.h"

#include <regex.h>
#include <stdlib.h>

#include "base/limits.h"

struct source_pattern {
    regex_t regex;
};

enum err source_pattern_create(struct op *op, struct str text, struct source_pattern **ret)
{
    struct source_pattern *p = calloc(1, sizeof *p);
    if (!p)
        abort();
    int code = text.len > LIMIT_REGISTRY_SOURCE_PATTERN || memchr(text.p, 0, text.len)
                   ? REG_ESPACE
                   : regcomp(&p->regex, str_cstr(op->arena, text), REG_EXTENDED | REG_NOSUB);
    if (code) {
        char why[128] = "";
        regerror(code, NULL, why, sizeof why);
        free(p);
        return op_fail(op, E_INVALID, "'%.*s' is no POSIX extended regular expression: %s", STR_FMT(text), why);
    }
    *ret = p;
    return OK;
}

void source_pattern_destroy(struct source_pattern *p)
{
    if (!p)
        return;
    regfree(&p->regex);
    free(p);
}

enum err source_pattern_check(struct op *op, const struct source_pattern *p, struct str source)
{
    if (!p)
        return OK;
    /* Time grows with the text, so a source that is longer than any real one is not shown to the matcher. */
    bool sane = source.len <= LIMIT_REGISTRY_SOURCE_MATCHED && !memchr(source.p ? source.p : "", 0, source.len);
    if (sane && !regexec(&p->regex, str_cstr(op->arena, source), 0, NULL, 0))
        return OK;
    return op_fail_field(op, "source", "Invalid model version source: '%.*s'.", STR_FMT(source));
}
