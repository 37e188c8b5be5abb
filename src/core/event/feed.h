/* feed.h - what changed, in order, for whoever shows it: never the data itself. Nothing is reported to the feed; it reads the logs that every change is in
 * already (track_change, audit, event_note) when somebody listens, and so costs the writers nothing and sees the changes of all servers of one database.
 *
 * One look makes at most one event of each thing, so the interval between looks bounds how often a run that logs without pause is told of.
 * Events are numbered from 1 in the order in which they were seen; the newest LIMIT_EVENT_RING are kept. Times: none. One thread. */
#ifndef INGOT_CORE_EVENT_FEED_H
#define INGOT_CORE_EVENT_FEED_H

#include "core/event/kind.h"
#include "port/db.h"

struct event {
    uint64_t seq;
    enum event_kind kind;
    struct str name; /* or id */
};

struct feed;
/* `db` is borrowed. The first look sees what changes from then on. */
struct feed *feed_create(struct db *db);
void feed_destroy(struct feed *f); /* NULL is ignored */
/* Reads what changed since the last look. When that is more than LIMIT_EVENT_GAP rows of a log, everything that was told before is
 * forgotten instead: listeners learn that from feed_read. Errors are those of db_read; the next look reads the same again. */
MUST_USE enum err feed_look(struct op *op, struct feed *f);
uint64_t feed_newest(const struct feed *f); /* 0: none yet */
/* Calls fn for each event behind `after`, oldest first. False: some of those are not kept any more, or there never was such a number; fn
 * was not called. */
bool feed_read(const struct feed *f, uint64_t after, void (*fn)(void *arg, const struct event *e), void *arg);

#endif
