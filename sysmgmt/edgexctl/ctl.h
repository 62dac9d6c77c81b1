/** edgexctl: what operators do from the command line. A verb is a row of the table in edgexctl.c. */
#ifndef CTL_H
#define CTL_H

#include "edge/ctx.h"

enum ctl_exit { CTL_OK = 0, CTL_FAILED = 1, CTL_USAGE = 2 };

struct ctl_verb {
    const char *noun, *verb; /* "profile", "from-csv" */
    const char *summary;     /* one line */
    const char *help;        /* --help */
    /** @p args stand behind the verb, NULL-ended. Says what is wrong on stderr. */
    enum ctl_exit (*run)(struct edge_ctx *ctx, char **args);
};

extern const struct ctl_verb ctl_profile_from_csv;

/** The program, for main() and for tests: @p args without its name. */
enum ctl_exit ctl_main(char **args);

#endif
