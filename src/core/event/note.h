/* note.h - tells the event stream of a change that no other log holds. Audited changes and those of runs are seen without it (feed.h). */
#ifndef INGOT_CORE_EVENT_NOTE_H
#define INGOT_CORE_EVENT_NOTE_H

#include "core/event/kind.h"
#include "port/db.h"

/* Inside the transaction of the change: the note is there exactly if the change is. The newest LIMIT_EVENT_NOTES are kept. */
MUST_USE enum err event_note(struct op *op, struct db_tx *tx, enum event_kind kind, struct str name);

#endif
