/* Text models of LIBLINEAR and LIBSVM. */
#include "fuzz_model.h"

#include "adapter/linear/svm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_model(&svm_engine, data, size);
}
