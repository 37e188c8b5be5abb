#include "app/commands.h"

const struct command *const command_groups[] = {
    server_commands,     serve_commands,      stream_commands,     run_commands,
    run_exec_commands,
    data_commands,
    query_commands,      features_commands,   train_commands,
    evaluate_commands,   predict_commands,    model_commands,      model_move_commands,
    model_gate_commands, model_card_commands, deploy_commands, rollout_commands,
    replay_commands,     alert_commands,      audit_commands,
    import_commands,     export_commands,     gc_commands,
    report_commands,     doctor_commands,     NULL,
};
