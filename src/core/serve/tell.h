/* tell.h - hands one call to the payload log and to the receivers of events, if its endpoint has any. Private to core/serve. */
#ifndef INGOT_CORE_SERVE_TELL_H
#define INGOT_CORE_SERVE_TELL_H

#include "core/serve/call.h"

/* At the end of the call, however it ended. */
void call_tell(struct serve_call *c, enum err e);

#endif
