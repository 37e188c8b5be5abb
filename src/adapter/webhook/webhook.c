#include "adapter/webhook/webhook.h"

#include <stdlib.h>

#include "base/limits.h"
#include "net/pinned.h"

struct webhook_notify {
    struct notify notify;
    struct arena *arena; /* what the rules point to */
    struct pinned_rules rules;
};

static enum err webhook_check(void *self, struct op *op, struct str url)
{
    struct webhook_notify *w = self;
    return pinned_check(op, &w->rules, url);
}

static enum err webhook_send(void *self, struct op *op, const struct notify_message *m, struct notify_answer *ret)
{
    struct webhook_notify *w = self;
    struct str headers[NOTIFY_HEADERS];
    for (size_t i = 0; i < m->header_count; i++)
        headers[i] = str_from(op_printf(op, "%.*s: %.*s", STR_FMT(m->headers[i].name), STR_FMT(m->headers[i].value)));
    struct pinned_request r = {m->url, m->content_type, m->body, headers, m->header_count, m->timeout_ms, m->stop};
    struct pinned_answer a;
    enum err e = pinned_post(op, &w->rules, &r, &a);
    if (!e)
        *ret = (struct notify_answer){a.status, a.body, a.retry_after_s};
    return e;
}

static void webhook_close(void *self)
{
    struct webhook_notify *w = self;
    arena_destroy(w->arena);
    free(w);
}

static const struct notify_ops webhook_ops = {"webhook", webhook_check, webhook_send, webhook_close};

enum err webhook_notify_open(struct op *op, const struct webhook_notify_config *config, struct notify **ret)
{
    struct arena *arena = arena_create(LIMIT_MIB(1));
    struct str *schemes = arena_array(arena, config->scheme_count + 1, struct str);
    struct address_net *nets = arena_array(arena, config->network_count + 1, struct address_net);
    enum err e = schemes && nets ? OK : op_fail(op, E_TOO_LARGE, "the list of allowed networks is too long");
    for (size_t i = 0; !e && i < config->scheme_count; i++)
        schemes[i] = str_dup(arena, config->schemes[i]);
    for (size_t i = 0; !e && i < config->network_count; i++)
        e = address_net_parse(op, config->networks[i], &nets[i]);
    if (e) {
        arena_destroy(arena);
        return e;
    }
    struct webhook_notify *w = calloc(1, sizeof *w);
    if (!w)
        abort();
    w->notify = (struct notify){&webhook_ops, w};
    w->arena = arena;
    w->rules = (struct pinned_rules){
        .what = "Webhook URL",
        .schemes = schemes,
        .scheme_count = config->scheme_count,
        .allow_private = config->allow_private,
        .nets = nets,
        .net_count = config->network_count,
        .ca_path = config->ca_path ? str_cstr(arena, str_from(config->ca_path)) : NULL,
    };
    *ret = &w->notify;
    return OK;
}
