/* run_git.h - what git says of the folder that a run starts in. Needs the git program for all but the commit; without it, or
 * outside of a repository, texts are "" and nothing fails. In op's arena. */
#ifndef INGOT_APP_RUN_GIT_H
#define INGOT_APP_RUN_GIT_H

#include "base/op.h"

struct run_git {
    struct str commit; /* $INGOT_GIT_COMMIT, else HEAD */
    struct str branch; /* "" when detached */
    struct str remote; /* URL of origin, without any password */
    bool known;        /* git answered: `dirty` means something */
    bool dirty;        /* tracked files differ from the commit */
};
void run_git_read(struct op *op, const char *dir, struct run_git *ret);
/* The difference of the tracked files to the commit as a patch; E_TOO_LARGE above LIMIT_CAPTURE_DIFF. */
MUST_USE enum err run_git_diff(struct op *op, const char *dir, struct str *ret);

#endif
