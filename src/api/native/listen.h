/* listen.h - those who listen to what changes (GET /events): one thread looks for changes (core/event/feed.h) while anybody listens, and writes to all
 * of them. No thread waits for a listener: one that does not read what it is sent is let go, and comes back to where it was by Last-Event-ID.
 *
 * A place in the stream is "<epoch>-<number>"; the epoch is new with each process. At most LIMIT_EVENT_LISTENERS at a time. */
#ifndef INGOT_API_NATIVE_LISTEN_H
#define INGOT_API_NATIVE_LISTEN_H

#include "net/http.h"
#include "port/db.h"

struct listeners;

/* Starts the thread. `db` is borrowed. */
struct listeners *listeners_create(struct db *db);
/* Ends it, after the server's last request is over. NULL is ignored. */
void listeners_destroy(struct listeners *ls);
/* From a LATER handler: `res` has its headers; the answer begins here. `kinds`: bits 1 << enum event_kind. `place`: where the listener was, "" for now.
 * E_BUSY: there are too many. */
MUST_USE enum err listen_begin(struct op *op, struct listeners *ls, struct http_req *req, struct http_res *res, uint32_t kinds, struct str place);
size_t listeners_count(struct listeners *ls);

#endif
