/* rule.h - what to watch on runs, and who is told.
 *
 * A rule looks at the runs of one experiment or of all, further narrowed by a filter of run searches. Four kinds:
 *   metric   `points` points in a row of `metric` fulfil `comparison` `threshold` (NaN neither fulfils nor breaks a row)
 *   nan      a point of `metric` (or of any metric) is NaN
 *   stale    a run that is RUNNING has logged no point of `metric` (or of any metric) for `span_us`
 *   failed   a run has ended as FAILED or KILLED
 * A new rule also looks at the runs that run at that moment. Receivers are webhooks: one that exists, or one made for the rule, which
 * MLflow's API does not show. Adding and removing write audit rows. Errors: E_INVALID, E_EXISTS, E_NOT_FOUND. Thread-safe. */
#ifndef INGOT_CORE_ALERT_RULE_H
#define INGOT_CORE_ALERT_RULE_H

#include "core/webhook/webhook.h"

enum alert_kind { ALERT_METRIC, ALERT_NAN, ALERT_STALE, ALERT_FAILED, ALERT_KINDS };
enum alert_comparison { ALERT_GT, ALERT_GE, ALERT_LT, ALERT_LE, ALERT_EQ, ALERT_NE, ALERT_COMPARISONS };
#define ALERT_ALL_EXPERIMENTS (-1)

const char *alert_kind_name(enum alert_kind k);             /* "metric" */
const char *alert_comparison_text(enum alert_comparison c); /* ">=" */
bool alert_kind_parse(struct str text, enum alert_kind *ret);
bool alert_comparison_parse(struct str text, enum alert_comparison *ret);

/* What the functions of this folder work with; made at start. Both are borrowed. */
struct alerts;
struct alerts *alerts_create(struct db *db, struct webhooks *hooks);
void alerts_destroy(struct alerts *a); /* NULL is ignored */
struct db *alerts_db(const struct alerts *a);

struct alert_rule {
    int64_t row;
    struct str name;
    enum alert_kind kind;
    int64_t experiment;           /* or ALERT_ALL_EXPERIMENTS */
    struct str filter;
    struct str metric;            /* "": any, where the kind allows it */
    enum alert_comparison comparison;
    double threshold;
    int64_t points;
    int64_t span_us;
    int64_t webhook;              /* row; 0: nobody is told */
    struct str webhook_id;        /* its id, "" when it is gone or there is none */
    bool own_webhook;             /* made for this rule */
    bool fresh;
    struct str actor;
    int64_t created_us;
};
/* Who is told: `webhook_id` of a webhook that exists, or `url` (and `secret`) of one to be made; all empty: nobody. */
struct alert_receiver {
    struct str webhook_id, url, secret;
};

MUST_USE enum err alert_rule_add(struct op *op, struct alerts *a, const struct alert_rule *rule, const struct alert_receiver *to, struct alert_rule *ret);
/* Its open alerts end without a word. */
MUST_USE enum err alert_rule_remove(struct op *op, struct alerts *a, struct str name);
MUST_USE enum err alert_rule_list(struct op *op, struct alerts *a, struct alert_rule **ret, size_t *ret_len);
/* Inside a transaction; by name. */
MUST_USE enum err alert_rules_load(struct op *op, struct db_tx *tx, struct alert_rule **ret, size_t *ret_len);

/* "loss > 5 for 3 points". In op's arena. */
struct str alert_rule_text(struct op *op, const struct alert_rule *r);
/* Does a value (no NaN) fulfil the rule's comparison? Pure. */
bool alert_rule_holds(const struct alert_rule *r, double value);

#endif
