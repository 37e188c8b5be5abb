/* words.h - which environment variables and which words of a command line may be shown to whoever reads a run. Nothing whose
 * name speaks of a secret ever is, also when it was asked for by name. Pure. */
#ifndef INGOT_CORE_CAPTURE_WORDS_H
#define INGOT_CORE_CAPTURE_WORDS_H

#include "base/op.h"

/* "AWS_SECRET_ACCESS_KEY", "db-password", "apiKey": no matter in which case. */
bool capture_is_secret(struct str name);
/* Variables of a training run that say how it computes (CUDA_VISIBLE_DEVICES, OMP_NUM_THREADS, SLURM_JOB_ID ...), and those that
 * `also` names: exactly, or up to a '*' at its end. */
bool capture_variable_allowed(struct str name, const struct str *also, size_t also_count);
/* The command line as one text, words with blanks in quotes, the values of options that are secrets as "***": both "--token=x"
 * and "--token x", and "PASSWORD=x". In op's arena. */
struct str capture_command_text(struct op *op, const struct str *words, size_t n);
/* A URL without the name and password before its host. */
struct str capture_url_text(struct op *op, struct str url);

#endif
