/*
 * The command line and the variables that stand for it, from one list of flags. A flag given goes
 * before its variable.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "edge/config.h"
#include "edge/message.h"
#include "edge/text.h"
#include "instance.h"

enum flag_kind { FLAG_TEXT, FLAG_BOOL, FLAG_PROVIDER };

/* kind, member, names, argument, variable, help */
/* clang-format off */
#define FLAGS(X)                                                                                                     \
    X(TEXT, config_dir, "-cd, --configDir", " DIR", "EDGEX_CONFIG_DIR", "where configuration files are (./res)")     \
    X(TEXT, config_file, "-cf, --configFile", " FILE", "EDGEX_CONFIG_FILE", "private file (configuration.yaml)")     \
    X(TEXT, profile, "-p, --profile", " NAME", "EDGEX_PROFILE", "folder of the private file below DIR")              \
    X(TEXT, common_config, "-cc, --commonConfig", " FILE", "EDGEX_COMMON_CONFIG", "file all services share")         \
    X(PROVIDER, config_provider, "-cp, --configProvider", "[=URL]", "EDGEX_CONFIG_PROVIDER", "configuration provider; none: turned off") \
    X(BOOL, overwrite, "-o, --overwrite", "", "EDGEX_OVERWRITE_CONFIG", "let the file win over the provider")        \
    X(BOOL, registry, "-r, --registry", "", "EDGEX_USE_REGISTRY", "register with the registry")                      \
    X(TEXT, remote_service_hosts, "-rsh, --remoteServiceHosts", " A,B,C", "EDGEX_REMOTE_SERVICE_HOSTS", "own host, host of the others, address to bind") \
    X(BOOL, dev, "-d, --dev", "", NULL, "others are on localhost, bind every address")                               \
    X(TEXT, instance, "-i, --instance", " NAME", "EDGEX_INSTANCE_NAME", "suffix of a device service's key")          \
    X(TEXT, service_key, "-sk, --serviceKey", " KEY", "EDGEX_SERVICE_KEY", "an application service's key; <profile> in it is the profile")   \
    X(BOOL, overwrite_profiles, "-op, --overwriteProfiles", "", NULL, "replace profiles core-metadata has")          \
    X(BOOL, overwrite_devices, "-od, --overwriteDevices", "", NULL, "replace devices core-metadata has")             \
    X(TEXT, data_dir, "--data", " DIR", "EDGEX_DATA_DIR", "where data is kept (./var)")                              \
    X(BOOL, health, "--health", "", NULL, "ask the running service; exit code 0: well")                              \
    X(BOOL, version, "--version", "", NULL, "print the version")                                                     \
    X(BOOL, help, "-h, --help", "", NULL, "print this")
/* clang-format on */

static const struct flag {
    enum flag_kind kind;
    size_t offset;
    const char *names, *variable;
} flags[] = {
#define X(kind, member, names, arg, variable, help)                                                \
    {FLAG_##kind, offsetof(struct edge_options, member), names, variable},
    FLAGS(X)
#undef X
};

static const char default_provider[] = "keeper.http://localhost:59890";

const char *edge_options_help(void)
{
#define X(kind, member, names, arg, variable, help) names arg "\t" help "\n"
    return FLAGS(X);
#undef X
}

static const char **text_of(struct edge_options *o, const struct flag *f)
{
    return (const char **)((char *)o + f->offset);
}

static bool *bool_of(struct edge_options *o, const struct flag *f)
{
    return (bool *)((char *)o + f->offset);
}

/* Is @p name one of "-cd, --configDir", dashes aside? */
static bool is_named(const struct flag *f, const char *name, size_t len)
{
    for (const char *at = f->names + strspn(f->names, "-, "); *at; at += strspn(at, "-, ")) {
        size_t n = strcspn(at, ",");
        if (n == len && memcmp(at, name, len) == 0) {
            return true;
        }
        at += n;
    }
    return false;
}

static const struct flag *flag_find(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (is_named(&flags[i], name, len)) {
            return &flags[i];
        }
    }
    return NULL;
}

/* The value of a provider may follow as a word of its own; the bare flag means the usual one. */
static const char *provider_value(const char *value, int argc, char **argv, int *at)
{
    if (!value && *at + 1 < argc && strstr(argv[*at + 1], "://")) {
        value = argv[++*at];
    }
    return value && *value ? value : default_provider;
}

static enum edge_status flag_take(struct edge_ctx *ctx, int argc, char **argv, int *at,
                                  struct edge_options *o)
{
    const char *word = argv[*at];
    const char *name = word + 1 + (word[1] == '-');
    size_t len = strcspn(name, "=");
    const char *value = name[len] == '=' ? name + len + 1 : NULL;
    const struct flag *f = word[0] == '-' ? flag_find(name, len) : NULL;
    if (word[0] != '-') {
        return edge_fail(ctx, EDGE_INVALID, "unexpected argument '%s'", word);
    }
    if (!f) {
        return edge_fail(ctx, EDGE_INVALID, "unknown flag '%s'", word);
    }
    switch (f->kind) {
    case FLAG_BOOL:
        *bool_of(o, f) = true;
        if (value && !edge_bool_parse(value, bool_of(o, f))) {
            return edge_fail(ctx, EDGE_INVALID, "flag '%s': true or false", word);
        }
        return EDGE_OK;
    case FLAG_PROVIDER:
        *text_of(o, f) = edge_strdup(&ctx->arena, provider_value(value, argc, argv, at));
        return EDGE_OK;
    case FLAG_TEXT:
        break;
    }
    if (!value && *at + 1 < argc) {
        value = argv[++*at];
    }
    if (!value || !*value) {
        return edge_fail(ctx, EDGE_INVALID, "flag '%s' needs a value", word);
    }
    *text_of(o, f) = edge_strdup(&ctx->arena, value);
    return EDGE_OK;
}

static enum edge_status variable_take(struct edge_ctx *ctx, const struct flag *f,
                                      struct edge_options *o)
{
    const char *text = f->variable ? getenv(f->variable) : NULL;
    if (!text || !*text) {
        return EDGE_OK;
    }
    if (f->kind == FLAG_BOOL) {
        return edge_bool_parse(text, bool_of(o, f))
                   ? EDGE_OK
                   : edge_fail(ctx, EDGE_INVALID,
                               "environment variable %s: '%s' is not true or false", f->variable,
                               text);
    }
    *text_of(o, f) = edge_strdup(&ctx->arena, text);
    return EDGE_OK;
}

static enum edge_status seconds(struct edge_ctx *ctx, const char *variable, int64_t def,
                                int64_t *ret_ms)
{
    const int64_t longest = 86400; /* a day */
    const char *text = getenv(variable);
    int64_t s = def;
    if (text && *text && (!edge_int_parse(text, &s) || s < 1 || s > longest)) {
        return edge_fail(ctx, EDGE_INVALID,
                         "environment variable %s: '%s' is not a number of seconds from 1 to %lld",
                         variable, text, (long long)longest);
    }
    *ret_ms = s * 1000;
    return EDGE_OK;
}

static bool is_true(const char *name, bool any_case)
{
    const char *value = getenv(name);
    return value && (any_case ? strcasecmp(value, "true") : strcmp(value, "true")) == 0;
}

struct edge_wire_forms edge_wire_forms_given(void)
{
    return (struct edge_wire_forms){
        .base64_payloads = is_true("EDGEX_MSG_BASE64_PAYLOAD", true),
        .cbor_envelopes = is_true("EDGEX_MSG_CBOR_ENCODE", true),
        .cbor_events = is_true("EDGEX_ENCODE_ALL_EVENTS_CBOR", false),
        .short_events = is_true("EDGEX_OPTIMIZE_EVENT_PAYLOAD", false),
    };
}

void options_keep(struct edge_arena *a, struct edge_options *options)
{
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (flags[i].kind != FLAG_BOOL) {
            const char **text = text_of(options, &flags[i]);
            *text = *text ? edge_strdup(a, *text) : NULL;
        }
    }
}

enum edge_status edge_options_parse(struct edge_ctx *ctx, int argc, char **argv,
                                    struct edge_options *ret)
{
    struct edge_options o = {.data_dir = "var"};
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        EDGE_TRY(variable_take(ctx, &flags[i], &o));
    }
    EDGE_TRY(seconds(ctx, "EDGEX_STARTUP_DURATION", 60, &o.startup_duration_ms));
    EDGE_TRY(seconds(ctx, "EDGEX_STARTUP_INTERVAL", 1, &o.startup_interval_ms));
    for (int at = 1; at < argc; at++) {
        EDGE_TRY(flag_take(ctx, argc, argv, &at, &o));
    }
    const char *provider = getenv("EDGEX_CONFIG_PROVIDER");
    if ((provider && strcmp(provider, "none") == 0) ||
        (o.config_provider && strcmp(o.config_provider, "none") == 0)) {
        o.config_provider = NULL;
    }
    *ret = o;
    return EDGE_OK;
}
