/* ingot-linear models. */
#include "fuzz_model.h"

#include "adapter/linear/linear.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_model(&linear_engine, data, size);
}
