/*
 * Filters: by the names of profile, device, source, resources. Each entry of the list is an expression found somewhere
 * in the name; they are made when the pipeline is, and plain words are compared as words. What Go's expressions do not
 * have (references back, looking around) is refused, so that a configuration stays good for official services.
 */
#include <string.h>

#include "edge/pattern.h"
#include "stages.h"

struct filter {
    bool out; /* what matches goes; else what does not */
    size_t n;
    const char **words;             /* plain ones, */
    struct edge_pattern **patterns; /* or NULL there and an expression here */
};

static void pattern_end(void *p)
{
    edge_pattern_free(p);
}

/* ---- what Go's expressions have -------------------------------------------------------------- */

/* Behind a backslash: how many bytes belong to it, 0 where Go has no such thing. */
static size_t escape(const char *at)
{
    if (*at == '0' || (*at >= '1' && *at <= '7' && at[1] >= '0' && at[1] <= '7')) {
        return 1; /* a number of a character; one digit alone would be a reference back */
    }
    bool word = (*at >= '0' && *at <= '9') || ((*at | 0x20) >= 'a' && (*at | 0x20) <= 'z');
    return *at && (!word || strchr("dDsSwWbBAzaftnrvxpPQE", *at)) ? 1 : 0;
}

/* Behind "(?": a group without number, one with a name, flags. */
static bool group(const char *at)
{
    size_t flags = strspn(at, "imsU-");
    return at[flags] == ':' || (flags > 0 && at[flags] == ')') || strncmp(at, "P<", 2) == 0 ||
           (*at == '<' && at[1] != '=' && at[1] != '!');
}

/* The end of a class that begins at @p at, behind its "["; NULL where an escape in it is not Go's. */
static const char *class_end(const char *at)
{
    at += *at == '^';
    at += *at == ']';
    while (*at && *at != ']') {
        const char *named = strncmp(at, "[:", 2) == 0 ? strstr(at, ":]") : NULL;
        if (*at == '\\' && escape(at + 1) == 0) {
            return NULL;
        }
        at = named ? named + 2 : at + (*at == '\\' ? 2 : 1);
    }
    return at;
}

/* What of @p text Go does not know; NULL: nothing. The rest of its grammar is as here. */
static const char *foreign(const char *text)
{
    for (const char *at = text; *at; at++) {
        const char *repeat = strchr("*+?}", *at);
        if (strncmp(at, "\\Q", 2) == 0) {
            const char *end = strstr(at, "\\E");
            at = end ? end + 1 : at + strlen(at) - 1;
        } else if (*at == '\\') {
            if (escape(at + 1) == 0) {
                return at[1] >= '1' && at[1] <= '9' ? "a reference back" : "an escape";
            }
            at++;
        } else if (*at == '[') {
            at = class_end(at + 1);
            if (!at) {
                return "an escape";
            }
            at -= *at == '\0';
        } else if (*at == '(' && (at[1] == '*' || (at[1] == '?' && !group(at + 2)))) {
            return "a group";
        } else if (repeat && at > text && at[1] == '+') {
            return "a repetition that gives nothing back";
        }
    }
    return NULL;
}

/* ---- filters ---------------------------------------------------------------------------------- */

static enum edge_status add(struct edge_ctx *ctx, struct edge_arena *a, struct filter *f,
                            const char *text)
{
    size_t i = f->n;
    if (edge_pattern_is_plain(text)) {
        f->words[i] = text;
    } else {
        const char *what = foreign(text);
        if (what) {
            return edge_fail(ctx, EDGE_INVALID, "'%s' has %s that expressions of Go do not have",
                             text, what);
        }
        EDGE_TRY(edge_pattern_create(ctx, text, EDGE_PATTERN_SEARCH, &f->patterns[i]));
        edge_defer(a, pattern_end, f->patterns[i]);
    }
    f->n++;
    return EDGE_OK;
}

static enum edge_status compile(struct edge_ctx *ctx, struct edge_arena *a,
                                const struct export_host *host, const struct export_params *params,
                                void **ret)
{
    (void)host;
    struct filter *f = edge_new(a, struct filter);
    const char *names = params->table[0].name;
    size_t n;
    const char **list = export_list(a, export_params_text(params, names), &n);
    f->out = export_params_true(params, "FilterOut");
    f->words = edge_new_n(a, const char *, n);
    f->patterns = edge_new_n(a, struct edge_pattern *, n);
    *ret = f;
    for (size_t i = 0; i < n; i++) {
        EDGE_TRY(edge_wrap(ctx, add(ctx, a, f, list[i]), "%s", names));
    }
    return EDGE_OK;
}

static enum edge_status passes(struct edge_ctx *ctx, const struct filter *f, const char *name,
                               bool *ret)
{
    bool match = false;
    name = name ? name : "";
    for (size_t i = 0; i < f->n && !match; i++) {
        if (f->words[i]) {
            match = strstr(name, f->words[i]) != NULL;
        } else {
            EDGE_TRY(edge_pattern_match(ctx, f->patterns[i], name, &match));
        }
    }
    *ret = f->n == 0 || match != f->out;
    return EDGE_OK;
}

static enum export_verdict by_name(const struct filter *f, struct export_flow *flow,
                                   const char *name)
{
    bool through = false;
    if (passes(flow->ctx, f, name, &through) != EDGE_OK) {
        return EXPORT_FAIL;
    }
    return through ? EXPORT_GO_ON : EXPORT_STOP;
}

#define BY(what, member)                                                                           \
    static enum export_verdict by_##what(const void *stage, struct export_flow *flow)              \
    {                                                                                              \
        return flow->data.kind == EXPORT_EVENT ? by_name(stage, flow, flow->data.event->member)    \
                                               : stage_wants(flow, "an event");                    \
    }
BY(profile, profile_name)
BY(device, device_name)
BY(source, source_name)

/* A copy of the event with the readings that pass. */
static enum export_verdict by_resource(const void *stage, struct export_flow *flow)
{
    const struct filter *f = stage;
    if (flow->data.kind != EXPORT_EVENT) {
        return stage_wants(flow, "an event");
    }
    const struct event *from = flow->data.event;
    struct event *event = edge_new(&flow->ctx->arena, struct event);
    *event = *from;
    event->readings = edge_new_n(&flow->ctx->arena, struct reading, from->n_readings);
    event->n_readings = 0;
    for (size_t i = 0; i < from->n_readings; i++) {
        bool through = false;
        if (passes(flow->ctx, f, from->readings[i].resource_name, &through) != EDGE_OK) {
            return EXPORT_FAIL;
        }
        if (through) {
            event->readings[event->n_readings++] = from->readings[i];
        }
    }
    flow->data.event = event;
    return event->n_readings > 0 ? EXPORT_GO_ON : EXPORT_STOP;
}

#define PARAMS(what, list)                                                                         \
    static const struct export_param what##_params[] = {                                           \
        {list,           "Expressions, commas between them; none: all pass.", EXPORT_P_TEXT, .def = ""},     \
        {"FilterOut", "Whether what matches goes, not what does not.", EXPORT_P_BOOL,              \
         .def = "false"},                                                                          \
        {0             },                                                                                       \
    }
PARAMS(profile, "ProfileNames");
PARAMS(device, "DeviceNames");
PARAMS(source, "SourceNames");
PARAMS(resource, "ResourceNames");

/* clang-format off */
const struct export_function export_filter_by_profile = {"FilterByProfileName", "Events of some profiles.", profile_params, compile, by_profile, NULL};
const struct export_function export_filter_by_device = {"FilterByDeviceName", "Events of some devices.", device_params, compile, by_device, NULL};
const struct export_function export_filter_by_source = {"FilterBySourceName", "Events of some sources: resources, or commands of several.", source_params, compile, by_source, NULL};
const struct export_function export_filter_by_resource = {"FilterByResourceName", "Readings of some resources; an event that has none left goes.", resource_params, compile, by_resource, NULL};
/* clang-format on */
