/* spec.h - the configuration of an endpoint: JSON (serve.h shows it) parsed and checked. Lives in op's arena. */
#ifndef INGOT_CORE_SERVE_SPEC_H
#define INGOT_CORE_SERVE_SPEC_H

#include "base/json.h"
#include "core/chain/chain.h"
#include "core/monitor/monitor.h"
#include "core/payload/config.h"
#include "core/rollout/rollout.h"
#include "core/serve/policy.h"

struct serve_spec {
    struct str model;       /* registered name */
    struct str view, id_field; /* "" = none */
    struct monitor_config monitor;
    struct payload_config payload;
    struct rollout_plan rollout;
    struct serve_policy policy;
    struct chain_spec chain;
    const struct json *doc; /* the whole configuration */
};
/* `name`: the endpoint's, checked too (1..LIMIT_SERVE_NAME bytes of UTF-8 without '/' or control bytes). E_INVALID names the
 * member; unknown ones are refused. */
MUST_USE enum err serve_spec_parse(struct op *op, struct str name, const struct json *config, struct serve_spec *ret);

#endif
