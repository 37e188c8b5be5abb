/* XGBoost's UBJSON. */
#include "fuzz_model.h"

#include "adapter/trees/trees.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_model(&trees_engine, data, size);
}
