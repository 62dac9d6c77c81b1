/* Which verb is meant, and help. */
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "edge/base.h"
#include "edge/text.h"

static const struct ctl_verb *const VERBS[] = {&ctl_profile_from_csv};
enum { N_VERBS = sizeof(VERBS) / sizeof(VERBS[0]) };

static bool is_help(const char *word)
{
    return strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "help") == 0;
}

/* All verbs, or those of a noun. */
static void put_help(FILE *out, const char *noun)
{
    fprintf(out, "Usage: edgexctl %s VERB [OPTIONS]\n\n", noun ? noun : "NOUN");
    for (size_t i = 0; i < N_VERBS; i++) {
        if (!noun || strcmp(VERBS[i]->noun, noun) == 0) {
            fprintf(out, "  %s %-12s %s\n", VERBS[i]->noun, VERBS[i]->verb, VERBS[i]->summary);
        }
    }
    fprintf(out, "\nedgexctl NOUN VERB --help says more about each.\n");
}

static bool is_noun(const char *word)
{
    for (size_t i = 0; i < N_VERBS; i++) {
        if (strcmp(VERBS[i]->noun, word) == 0) {
            return true;
        }
    }
    return false;
}

static enum ctl_exit unknown(const char *what, const char *word, const char *noun)
{
    struct edge_nearest near = {.wanted = word};
    for (size_t i = 0; i < N_VERBS; i++) {
        edge_nearest_offer(&near, noun ? VERBS[i]->verb : VERBS[i]->noun);
    }
    fprintf(stderr, "edgexctl: there is no %s '%s'%s%s%s; edgexctl --help lists them\n", what, word,
            near.name ? ", but '" : "", near.name ? near.name : "", near.name ? "'" : "");
    return CTL_USAGE;
}

static enum ctl_exit run(const struct ctl_verb *v, char **args)
{
    for (char **arg = args; *arg; arg++) {
        if (strcmp(*arg, "-h") == 0 || strcmp(*arg, "--help") == 0) {
            fputs(v->help, stdout);
            return CTL_OK;
        }
    }
    EDGE_CTX_SCOPE(ctx);
    return v->run(&ctx, args);
}

enum ctl_exit ctl_main(char **args)
{
    const char *noun = args[0], *verb = noun ? args[1] : NULL;
    if (!noun || is_help(noun)) {
        put_help(noun ? stdout : stderr, NULL);
        return noun ? CTL_OK : CTL_USAGE;
    }
    if (strcmp(noun, "--version") == 0) {
        printf("edgexctl %s (EdgeX %s)\n", EDGE_VERSION, EDGE_WIRE);
        return CTL_OK;
    }
    if (!is_noun(noun)) {
        return unknown("noun", noun, NULL);
    }
    if (!verb || is_help(verb)) {
        put_help(verb ? stdout : stderr, noun);
        return verb ? CTL_OK : CTL_USAGE;
    }
    for (size_t i = 0; i < N_VERBS; i++) {
        if (strcmp(VERBS[i]->noun, noun) == 0 && strcmp(VERBS[i]->verb, verb) == 0) {
            return run(VERBS[i], args + 2);
        }
    }
    return unknown("verb", verb, noun);
}
