/* commands.h - the table of all commands, in the order of the overview. */
#ifndef INGOT_APP_COMMANDS_H
#define INGOT_APP_COMMANDS_H

#include "app/command.h"

/* NULL-ended; each group is an array ended by a row with path NULL. */
extern const struct command *const command_groups[];

extern const struct command server_commands[];
extern const struct command serve_commands[];
extern const struct command stream_commands[];
extern const struct command run_commands[];
extern const struct command run_exec_commands[];
extern const struct command data_commands[];
extern const struct command query_commands[];
extern const struct command features_commands[];
extern const struct command train_commands[];
extern const struct command evaluate_commands[];
extern const struct command predict_commands[];
extern const struct command model_commands[];
extern const struct command model_move_commands[];
extern const struct command model_gate_commands[];
extern const struct command model_card_commands[];
extern const struct command deploy_commands[];
extern const struct command rollout_commands[];
extern const struct command replay_commands[];
extern const struct command alert_commands[];
extern const struct command audit_commands[];
extern const struct command import_commands[];
extern const struct command export_commands[];
extern const struct command gc_commands[];
extern const struct command report_commands[];
extern const struct command doctor_commands[];

#endif
