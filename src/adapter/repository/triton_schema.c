#include "adapter/repository/triton_schema.h"

#define INT32(n) PBTXT_ONE(n, PBTXT_INT32)
#define INT64(n) PBTXT_ONE(n, PBTXT_INT64)
#define UINT32(n) PBTXT_ONE(n, PBTXT_UINT32)
#define UINT64(n) PBTXT_ONE(n, PBTXT_UINT64)
#define TEXT(n) PBTXT_ONE(n, PBTXT_STRING)
#define BOOL(n) PBTXT_ONE(n, PBTXT_BOOL)
#define FLOAT(n) PBTXT_ONE(n, PBTXT_FLOAT)
#define MESSAGE(variable, ...)                                                    \
    static const struct pbtxt_field variable##_fields[] = {__VA_ARGS__, {0}};     \
    static const struct pbtxt_message variable = {#variable, variable##_fields}
#define CHOICE_SUB(n, number, m) {.name = n, .kind = PBTXT_MESSAGE, .oneof = number, .message = &(m)}

static const char *const data_types[] = {"TYPE_INVALID", "TYPE_BOOL",  "TYPE_UINT8", "TYPE_UINT16", "TYPE_UINT32", "TYPE_UINT64", "TYPE_INT8", "TYPE_INT16",
                                         "TYPE_INT32",   "TYPE_INT64", "TYPE_FP16",  "TYPE_FP32",   "TYPE_FP64",   "TYPE_STRING", "TYPE_BF16", NULL};
static const char *const formats[] = {"FORMAT_NONE", "FORMAT_NHWC", "FORMAT_NCHW", NULL};
static const char *const group_kinds[] = {"KIND_AUTO", "KIND_GPU", "KIND_CPU", "KIND_MODEL", NULL};
static const char *const device_kinds[] = {"KIND_NVDLA", NULL};
static const char *const model_priorities[] = {"PRIORITY_DEFAULT", "PRIORITY_MAX", "PRIORITY_MIN", NULL};
static const char *const timeout_actions[] = {"REJECT", "DELAY", NULL};
static const char *const batch_inputs[] = {"BATCH_ELEMENT_COUNT", "BATCH_ACCUMULATED_ELEMENT_COUNT", "BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO",
                                           "BATCH_MAX_ELEMENT_COUNT_AS_SHAPE", "BATCH_ITEM_SHAPE", "BATCH_ITEM_SHAPE_FLATTEN", NULL};
static const char *const batch_outputs[] = {"BATCH_SCATTER_WITH_INPUT_SHAPE", NULL};
static const char *const controls[] = {"CONTROL_SEQUENCE_START", "CONTROL_SEQUENCE_READY", "CONTROL_SEQUENCE_END", "CONTROL_SEQUENCE_CORRID", NULL};

MESSAGE(text_entry, TEXT("key"), TEXT("value"));
MESSAGE(parameter, TEXT("string_value"));
MESSAGE(parameter_entry, TEXT("key"), PBTXT_SUB("value", parameter));

/* ---- tensors ---- */

MESSAGE(reshape, PBTXT_LIST("shape", PBTXT_INT64));
MESSAGE(input, TEXT("name"), PBTXT_WORD("data_type", data_types), PBTXT_WORD("format", formats), PBTXT_LIST("dims", PBTXT_INT64), PBTXT_SUB("reshape", reshape),
        BOOL("is_shape_tensor"), BOOL("allow_ragged_batch"), BOOL("optional"), BOOL("is_non_linear_format_io"));
MESSAGE(output, TEXT("name"), PBTXT_WORD("data_type", data_types), PBTXT_LIST("dims", PBTXT_INT64), PBTXT_SUB("reshape", reshape), TEXT("label_filename"),
        BOOL("is_shape_tensor"), BOOL("is_non_linear_format_io"));
MESSAGE(batch_input, PBTXT_WORD("kind", batch_inputs), PBTXT_LIST("target_name", PBTXT_STRING), PBTXT_WORD("data_type", data_types),
        PBTXT_LIST("source_input", PBTXT_STRING));
MESSAGE(batch_output, PBTXT_LIST("target_name", PBTXT_STRING), PBTXT_WORD("kind", batch_outputs), PBTXT_LIST("source_input", PBTXT_STRING));

/* ---- versions, instances ---- */

MESSAGE(latest, UINT32("num_versions"));
static const struct pbtxt_field all_fields[] = {{0}};
static const struct pbtxt_message all = {"all", all_fields};
MESSAGE(specific, PBTXT_LIST("versions", PBTXT_INT64));
MESSAGE(version_policy, CHOICE_SUB("latest", 1, latest), CHOICE_SUB("all", 1, all), CHOICE_SUB("specific", 1, specific));
MESSAGE(resource, TEXT("name"), BOOL("global"), UINT32("count"));
MESSAGE(rate_limiter, PBTXT_SUBS("resources", resource), UINT32("priority"));
MESSAGE(secondary_device, PBTXT_WORD("kind", device_kinds), INT64("device_id"));
MESSAGE(instance_group, TEXT("name"), PBTXT_WORD("kind", group_kinds), INT32("count"), PBTXT_SUB("rate_limiter", rate_limiter), PBTXT_LIST("gpus", PBTXT_INT32),
        PBTXT_SUBS("secondary_devices", secondary_device), PBTXT_LIST("profile", PBTXT_STRING), BOOL("passive"), TEXT("host_policy"));

/* ---- optimisation ---- */

MESSAGE(graph_level, INT32("level"));
MESSAGE(shape, PBTXT_LIST("dim", PBTXT_INT64));
MESSAGE(shape_entry, TEXT("key"), PBTXT_SUB("value", shape));
MESSAGE(graph_lower_bound, INT32("batch_size"), PBTXT_ENTRIES("input", shape_entry));
MESSAGE(graph_spec, INT32("batch_size"), PBTXT_ENTRIES("input", shape_entry), PBTXT_SUB("graph_lower_bound", graph_lower_bound));
MESSAGE(cuda, BOOL("graphs"), BOOL("busy_wait_events"), PBTXT_SUBS("graph_spec", graph_spec), BOOL("output_copy_stream"));
MESSAGE(accelerator, TEXT("name"), PBTXT_ENTRIES("parameters", text_entry));
MESSAGE(execution_accelerators, PBTXT_SUBS("gpu_execution_accelerator", accelerator), PBTXT_SUBS("cpu_execution_accelerator", accelerator));
MESSAGE(pinned_memory, BOOL("enable"));
MESSAGE(optimization, PBTXT_SUB("graph", graph_level), PBTXT_WORD("priority", model_priorities), PBTXT_SUB("cuda", cuda),
        PBTXT_SUB("execution_accelerators", execution_accelerators), PBTXT_SUB("input_pinned_memory", pinned_memory),
        PBTXT_SUB("output_pinned_memory", pinned_memory), UINT32("gather_kernel_buffer_threshold"), BOOL("eager_batching"));

/* ---- schedulers ---- */

MESSAGE(queue_policy, PBTXT_WORD("timeout_action", timeout_actions), UINT64("default_timeout_microseconds"), BOOL("allow_timeout_override"),
        UINT32("max_queue_size"));
MESSAGE(queue_policy_entry, UINT64("key"), PBTXT_SUB("value", queue_policy));
MESSAGE(dynamic_batching, PBTXT_LIST("preferred_batch_size", PBTXT_INT32), UINT64("max_queue_delay_microseconds"), BOOL("preserve_ordering"),
        UINT64("priority_levels"), UINT64("default_priority_level"), PBTXT_SUB("default_queue_policy", queue_policy),
        PBTXT_ENTRIES("priority_queue_policy", queue_policy_entry));
MESSAGE(control, PBTXT_WORD("kind", controls), PBTXT_LIST("int32_false_true", PBTXT_INT32), PBTXT_LIST("fp32_false_true", PBTXT_FLOAT),
        PBTXT_LIST("bool_false_true", PBTXT_BOOL), PBTXT_WORD("data_type", data_types));
MESSAGE(control_input, TEXT("name"), PBTXT_SUBS("control", control));
MESSAGE(initial_state, PBTXT_WORD("data_type", data_types), PBTXT_LIST("dims", PBTXT_INT64), {.name = "zero_data", .kind = PBTXT_BOOL, .oneof = 1},
        {.name = "data_file", .kind = PBTXT_STRING, .oneof = 1}, TEXT("name"));
MESSAGE(state, TEXT("input_name"), TEXT("output_name"), PBTXT_WORD("data_type", data_types), PBTXT_LIST("dims", PBTXT_INT64),
        PBTXT_SUBS("initial_state", initial_state), BOOL("use_same_buffer_for_input_output"), BOOL("use_growable_memory"));
MESSAGE(direct, UINT64("max_queue_delay_microseconds"), FLOAT("minimum_slot_utilization"));
MESSAGE(oldest, INT32("max_candidate_sequences"), PBTXT_LIST("preferred_batch_size", PBTXT_INT32), UINT64("max_queue_delay_microseconds"),
        BOOL("preserve_ordering"));
MESSAGE(sequence_batching, CHOICE_SUB("direct", 1, direct), CHOICE_SUB("oldest", 1, oldest), UINT64("max_sequence_idle_microseconds"),
        PBTXT_SUBS("control_input", control_input), PBTXT_SUBS("state", state), BOOL("iterative_sequence"), BOOL("generative_sequence"));
MESSAGE(step, TEXT("model_name"), INT64("model_version"), PBTXT_ENTRIES("input_map", text_entry), PBTXT_ENTRIES("output_map", text_entry),
        TEXT("model_namespace"));
MESSAGE(ensemble_scheduling, PBTXT_SUBS("step", step), UINT32("max_inflight_requests"));

/* ---- the rest ---- */

MESSAGE(warmup_input, PBTXT_WORD("data_type", data_types), PBTXT_LIST("dims", PBTXT_INT64), {.name = "zero_data", .kind = PBTXT_BOOL, .oneof = 1},
        {.name = "random_data", .kind = PBTXT_BOOL, .oneof = 1}, {.name = "input_data_file", .kind = PBTXT_STRING, .oneof = 1});
MESSAGE(warmup_entry, TEXT("key"), PBTXT_SUB("value", warmup_input));
MESSAGE(model_warmup, TEXT("name"), UINT32("batch_size"), PBTXT_ENTRIES("inputs", warmup_entry), UINT32("count"));
MESSAGE(model_operations, PBTXT_LIST("op_library_filename", PBTXT_STRING));
MESSAGE(model_transaction_policy, BOOL("decoupled"));
MESSAGE(agent, TEXT("name"), PBTXT_ENTRIES("parameters", text_entry));
MESSAGE(model_repository_agents, PBTXT_SUBS("agents", agent));
MESSAGE(response_cache, BOOL("enable"));
MESSAGE(metric_identifier, TEXT("family"));
MESSAGE(histogram_options, PBTXT_LIST("buckets", PBTXT_FLOAT));
MESSAGE(metric_control, PBTXT_SUB("metric_identifier", metric_identifier), CHOICE_SUB("histogram_options", 1, histogram_options));
MESSAGE(model_metrics, PBTXT_SUBS("metric_control", metric_control));

static const struct pbtxt_field model_config_fields[] = {
    TEXT("name"), TEXT("platform"), TEXT("backend"), TEXT("runtime"), PBTXT_SUB("version_policy", version_policy), INT32("max_batch_size"),
    PBTXT_SUBS("input", input), PBTXT_SUBS("output", output), PBTXT_SUBS("batch_input", batch_input), PBTXT_SUBS("batch_output", batch_output),
    PBTXT_SUB("optimization", optimization), CHOICE_SUB("dynamic_batching", 1, dynamic_batching), CHOICE_SUB("sequence_batching", 1, sequence_batching),
    CHOICE_SUB("ensemble_scheduling", 1, ensemble_scheduling), PBTXT_SUBS("instance_group", instance_group), TEXT("default_model_filename"),
    PBTXT_ENTRIES("cc_model_filenames", text_entry), PBTXT_ENTRIES("metric_tags", text_entry), PBTXT_ENTRIES("parameters", parameter_entry),
    PBTXT_SUBS("model_warmup", model_warmup), PBTXT_SUB("model_operations", model_operations),
    PBTXT_SUB("model_transaction_policy", model_transaction_policy), PBTXT_SUB("model_repository_agents", model_repository_agents),
    PBTXT_SUB("response_cache", response_cache), PBTXT_SUB("model_metrics", model_metrics), {0}};
const struct pbtxt_message triton_schema = {"the model's configuration", model_config_fields};
