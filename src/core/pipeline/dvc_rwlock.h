/* dvc_rwlock.h - `.dvc/tmp/rwlock`: which paths running stages read and write, shared with stock dvc, so that
 * neither runs a stage over files that the other is working on. Entries of dead processes are dropped. */
#ifndef INGOT_CORE_PIPELINE_DVC_RWLOCK_H
#define INGOT_CORE_PIPELINE_DVC_RWLOCK_H

#include "core/pipeline/dvc_file.h"

/* Writes our entries anew: the paths of `running` (all stages with a command at work), those of `next` as well if it is
 * not NULL. E_BUSY: another live process reads what `next` writes or writes what it touches; its entries and those of
 * `running` stand then, `next`'s do not. E_CORRUPT: the file is not what dvc writes. */
MUST_USE enum err dvc_rwlock_publish(struct op *op, const struct workspace *ws, const struct dvc_stage *const *running, size_t n,
                                     const struct dvc_stage *next);

#endif
