/* server.h - the platform server put together: opens the state, wires core and adapters, listens, and takes all apart again
 * in the reverse order. */
#ifndef INGOT_APP_SERVER_H
#define INGOT_APP_SERVER_H

#include "app/config.h"

struct platform;

/* E_CONFLICT: the data folder is in use; E_IO: address or disk. *ret_port is the port in use. Nothing is left on failure. */
MUST_USE enum err platform_start(struct op *op, const struct config *config, struct platform **ret, int *ret_port);
/* Finishes running requests, ends children, writes what is in memory, closes the database. NULL is ignored. */
void platform_stop(struct op *op, struct platform *p);

#endif
