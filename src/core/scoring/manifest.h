/* manifest.h - what a batch scoring job is, written beside its parts before the first of them: the model, the files with their
 * identities, and all settings that a part depends on. Two runs may share parts only when their manifests are equal; it does not say
 * which parts are done, because a part that stands under its name is (folder.h). JSON, in op's arena. Pure; threads: any.
 *
 *     {"format": "ingot.predict", "format_version": 1, "model": {"name", "version", "sha256"}, "settings": {...},
 *      "rows": n, "parts": n, "files": [{"name", "size_bytes", "changed_us", "sha256", "rows"}]} */
#ifndef INGOT_CORE_SCORING_MANIFEST_H
#define INGOT_CORE_SCORING_MANIFEST_H

#include "base/json.h"
#include "core/scoring/bind.h"
#include "core/scoring/plan.h"

struct scoring_manifest {
    struct str model;              /* as it was asked for */
    int64_t version;
    const char *model_sha256;
    const struct scoring_plan *plan;
    const struct scoring_wish *wish;
    const struct str *nulls;
    size_t null_count;
    struct str output_name;
    uint64_t limit;
    bool csv;
};
MUST_USE enum err scoring_manifest_text(struct op *op, const struct scoring_manifest *m, struct str *ret);
/* E_CONFLICT says in what `now` is another job than `old`; E_CORRUPT: `old` is no manifest. */
MUST_USE enum err scoring_manifest_compare(struct op *op, struct str old, struct str now);
/* The rows of a file that an earlier run counted, if it is still the same file. `old` may be empty. */
bool scoring_manifest_rows(struct op *op, struct str old, size_t index, const struct scoring_file *f, uint64_t *ret);
/* The number of parts and their kind, for merging. E_CORRUPT. */
MUST_USE enum err scoring_manifest_parts(struct op *op, struct str text, uint64_t *ret_parts, bool *ret_csv);

#endif
