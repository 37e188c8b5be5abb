/* web.h - our own web interface: the page of each room, and the files that it is made of (site.h).
 * Both are public: they hold no data. What they show comes from the API, which asks who is there; without an answer the page shows its sign-in
 * (POST /api/ingot/v1/session, api/native/session.c). */
#ifndef INGOT_API_WEB_WEB_H
#define INGOT_API_WEB_WEB_H

#include "api/route.h"

#define WEB_MISSING "/missing" /* for dispatch_config.missing */

extern const struct route_table web_routes;      /* "/ui/...", "/home", "/runs" and all other rooms */
extern const struct route_table web_home_routes; /* "/", on servers where MLflow's interface has not got it */

#endif
