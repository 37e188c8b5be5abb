/* lone.h - is this thread asked one question at a time? Then it may ask a model in another process itself and wait for a moment, which saves
 * two changes of threads. Private to core/serve. State per thread; nothing is shared. */
#ifndef INGOT_CORE_SERVE_LONE_H
#define INGOT_CORE_SERVE_LONE_H

#include <stdbool.h>
#include <stdint.h>

/* A question came whose answer the thread might wait for. False: it had company lately, and need not look. Else lone_ask and lone_done follow. */
bool lone_look(int64_t now_ns);
/* True: for some time every such question met a thread that had slept since the one before, and a model that was `idle`, and nothing else
 * was asked of the thread. */
bool lone_ask(int64_t now_ns, bool idle);
/* The question has been dealt with. */
void lone_done(void);
/* Another question came. */
void lone_other(int64_t now_ns);

#endif
