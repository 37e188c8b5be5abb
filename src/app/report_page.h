/* report_page.h - the demo's report as one HTML file: ui/report.html with the data put in. */
#ifndef INGOT_APP_REPORT_PAGE_H
#define INGOT_APP_REPORT_PAGE_H

#include "base/json.h"

/* The commands' documents; a part that is NULL leaves its section out. */
struct report_docs {
    const struct json *evaluation, *windows, *alerts, *rollouts, *retrains, *pipeline, *replays[2], *poisoned, *audit;
    int64_t seconds;
};
/* Appends the page. Text from the documents cannot end the data block or run: "<" is written as \u003c. */
MUST_USE enum err report_page(struct op *op, const struct report_docs *docs, struct buf *out);

#endif
