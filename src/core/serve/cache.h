/* cache.h - answers kept for equal questions: same version, same values, same outputs wanted. Private to core/serve.
 *
 * Bounded in bytes; what was not asked for longest goes first. Questions are compared whole, not by their hash. A version that is
 * loaded again is another one. Counted, because the states of an endpoint share it. Thread-safe; one short lock. */
#ifndef INGOT_CORE_SERVE_CACHE_H
#define INGOT_CORE_SERVE_CACHE_H

#include "core/serve/call.h"

struct cache;
struct cache *cache_create(size_t max_bytes);
struct cache *cache_ref(struct cache *c); /* NULL is ignored */
void cache_unref(struct cache *c);        /* NULL is ignored */
size_t cache_max(const struct cache *c);
size_t cache_used(struct cache *c);

/* After call_prepare: makes c->key, and on a hit c's scores or outputs in op's arena. False: not there, or this request is not to be
 * kept (then c->key stays empty). */
bool cache_get(struct cache *cache, struct serve_call *c);
/* Keeps the answer under c->key, unless that is empty or it is too large. */
void cache_put(struct cache *cache, const struct serve_call *c);

#endif
