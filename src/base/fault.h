/* fault.h - named points where tests make a call fail or the process die.
 * Set by the environment: INGOT_FAULT="name:nth[:errno|:kill]" (several separated by ','), read once.
 * In a process without that variable a point costs one load. */
#ifndef INGOT_BASE_FAULT_H
#define INGOT_BASE_FAULT_H

#include "base/cc.h"

extern bool fault_armed;
void fault_setup(void); /* reads the environment; called once at start */
/* The errno to fail with, or 0. Kills the process by SIGKILL when told to. */
int fault_hit(const char *name);
#define FAULT(name) (__builtin_expect(fault_armed, 0) ? fault_hit(name) : 0)

#endif
