/* nvml.h - NVIDIA's management library, which comes with the driver, as port/gpu. It is looked for when it is asked for
 * ($INGOT_NVML, else libnvidia-ml.so.1), so a machine without it needs nothing. */
#ifndef INGOT_ADAPTER_NVML_NVML_H
#define INGOT_ADAPTER_NVML_NVML_H

#include "port/gpu.h"

/* E_UNSUPPORTED: no library, no driver, no device; the text says which. gpu_close() ends it. */
MUST_USE enum err nvml_open(struct op *op, struct gpu_probe *ret);

#endif
