/* webhook.h - port/notify over HTTP with net/pinned: receivers of webhooks, and whoever else asks for a message by URL. */
#ifndef INGOT_ADAPTER_WEBHOOK_WEBHOOK_H
#define INGOT_ADAPTER_WEBHOOK_WEBHOOK_H

#include "port/notify.h"

struct webhook_notify_config {
    const struct str *schemes;   /* "https" ...; copied */
    size_t scheme_count;
    bool allow_private;          /* any address: for development and tests */
    const struct str *networks;  /* CIDR texts that are allowed besides public addresses; E_INVALID for a bad one */
    size_t network_count;
    const char *ca_path;         /* certificates that vouch for receivers; NULL: the system's */
};
/* Closed by notify_close(). */
MUST_USE enum err webhook_notify_open(struct op *op, const struct webhook_notify_config *config, struct notify **ret);

#endif
