/* pinned.h - one POST to a URL that somebody else chose, without letting it reach what only we can reach.
 *
 * The URL is taken apart once, by the same library that sends (libcurl), so no two parsers can disagree about its host. The host
 * is looked up here; every address must be allowed; the connection is bound to exactly these addresses, so a name that
 * answers differently a moment later changes nothing. No redirect is followed, no proxy, netrc or cookie of ours is used, and
 * of the answer only LIMIT_NOTIFY_ANSWER bytes are read. Blocking; any thread may call. */
#ifndef INGOT_NET_PINNED_H
#define INGOT_NET_PINNED_H

#include <stdatomic.h>

#include "net/address.h"

struct pinned_rules {
    const char *what;                 /* names the URL in messages: "Webhook URL" */
    const struct str *schemes;        /* allowed ones, lower case; only http and https can ever be sent to */
    size_t scheme_count;
    bool allow_private;               /* any address will do */
    const struct address_net *nets;   /* not public, yet allowed */
    size_t net_count;
    const char *ca_path;              /* who may vouch for receivers; NULL: the system's list */
};
struct pinned_request {
    struct str url, content_type, body;
    const struct str *headers;        /* "Name: value", in op's arena or static; checked by the caller */
    size_t header_count;
    int timeout_ms;
    const atomic_bool *stop;          /* true ends the call; NULL: nothing does */
};
struct pinned_answer {
    int status;
    struct str body;                  /* the beginning, in op's arena */
    int64_t retry_after_s;            /* -1: the receiver said nothing */
};

/* E_INVALID with the reason in MLflow's words. With allow_private the name is not looked up. */
MUST_USE enum err pinned_check(struct op *op, const struct pinned_rules *rules, struct str url);
/* E_INVALID as above; E_IO, E_TIMEOUT or E_CANCELLED: no answer. Redirects are answers. */
MUST_USE enum err pinned_post(struct op *op, const struct pinned_rules *rules, const struct pinned_request *r, struct pinned_answer *ret);

#endif
