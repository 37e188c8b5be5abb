/* shapes.h - what every handler of this dialect reads and answers, in the notation of api/shape.h. One table per group of nouns; the handlers' own
 * files are where the members are read and written, and tests/e2e/test_openapi.py finds where the two disagree. Constants; any thread. */
#ifndef INGOT_API_NATIVE_SHAPES_H
#define INGOT_API_NATIVE_SHAPES_H

#include "api/route.h"
#include "api/shape.h"

extern const struct shape_name native_shape_names[];
/* Each ends with a row without a handler. */
extern const struct route_shape native_shapes_serving[], native_shapes_registry[], native_shapes_tracking[], native_shapes_pipelines[], native_shapes_server[];

#endif
