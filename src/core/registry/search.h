/* search.h - the searches of the registry; declared in model.h and version.h. The vocabularies are shared with
 * tests. Filters are evaluated row by row. */
#ifndef INGOT_CORE_REGISTRY_SEARCH_H
#define INGOT_CORE_REGISTRY_SEARCH_H

#include "core/registry/model.h"
#include "core/track/filter.h"

extern const struct filter_rules registry_model_rules;
extern const struct filter_rules registry_version_rules;

#endif
