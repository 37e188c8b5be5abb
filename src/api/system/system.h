/* system.h - what every server answers whatever it is for: health, version, metrics. */
#ifndef INGOT_API_SYSTEM_SYSTEM_H
#define INGOT_API_SYSTEM_SYSTEM_H

#include "api/route.h"

extern const struct route_table system_routes;

#endif
