/* predict_progress.h - how far a batch scoring job is, for people: one line that is written over again on a terminal, a line now and then
 * elsewhere. On standard error. Used by one thread. */
#ifndef INGOT_APP_PREDICT_PROGRESS_H
#define INGOT_APP_PREDICT_PROGRESS_H

#include "base/buf.h"
#include "core/scoring/job.h"

enum predict_show { PREDICT_SHOW_AUTO, PREDICT_SHOW_ALWAYS, PREDICT_SHOW_NEVER };
struct predict_progress {
    enum predict_show show;
    bool live;               /* a terminal: the line is written over */
    bool shown;              /* ... and one stands there */
    int64_t started_ms, told_ms;
};
void predict_progress_init(struct predict_progress *p, enum predict_show show);
/* For scoring_config.progress; `arg` is the struct. */
void predict_progress_tell(void *arg, const struct scoring_progress *now);
/* Takes the line away. */
void predict_progress_clear(struct predict_progress *p);
/* "1200 of 5000 rows (24 %), 400 rows/s, 0:09 left", `ms` after the start. Pure. */
void predict_progress_text(const struct scoring_progress *now, int64_t ms, struct buf *out);

#endif
