/* LightGBM's text, floats and doubles. */
#include "fuzz_model.h"

#include "adapter/trees/lightgbm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_model(&lightgbm_engine, data, size);
}
