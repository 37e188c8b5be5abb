/* disk_models.h - models on disk (adapter/repository) as a source of core/serve: what a client's load request says in place of a model's
 * configuration or files, and looking at the disk again and again. Nothing is written anywhere: files that come with a request
 * are held in memory until the model is loaded without them or unloaded.
 *
 * A load request's configuration is Triton's if all its members are (triton_config_is), else the endpoint's own. A file that changes while it
 * is read is refused (E_BUSY). Threads: any. */
#ifndef INGOT_APP_DISK_MODELS_H
#define INGOT_APP_DISK_MODELS_H

#include "core/serve/serve.h"

struct disk_models;
/* `paths` are borrowed; repository.h says what they stand for. Aborts without memory. */
struct disk_models *disk_models_create(const struct str *paths, size_t path_count);
/* What all load requests told and brought may hold so much, LIMIT_REPOSITORY_UPLOADS_BYTES unless this is called; once, before anybody asks. */
void disk_models_limit(struct disk_models *d, size_t max_bytes);
void disk_models_destroy(struct disk_models *d); /* NULL is ignored */
struct serve_source disk_models_source(struct disk_models *d);
/* Logs what the configurations say and nobody heeds, once. E_NOT_FOUND, E_IO: a path. */
MUST_USE enum err disk_models_notes(struct op *op, struct disk_models *d);

/* A thread that looks every `interval_ms`: models that are new or changed are loaded, those that went are unloaded. A model is taken when it
 * was the same at two looks, one after the other, so one that is being copied is left alone; one that cannot be loaded leaves what is
 * served as it was. E_IO, E_NOT_FOUND: the paths cannot be read. */
struct disk_poll;
MUST_USE enum err disk_poll_start(struct op *op, struct disk_models *d, struct serve *s, int64_t interval_ms, struct disk_poll **ret);
void disk_poll_stop(struct disk_poll *p); /* NULL is ignored */

#endif
