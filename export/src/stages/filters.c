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

/* Outside of Go's syntax: (?=, (?!, (?<=, (?<!, (?>, \1 to \9, \k<name>, possessive ones. */
static const char *foreign(const char *text)
{
    static const char *const never[] = {"(?=", "(?!", "(?<=", "(?<!", "(?>", "(?R", "(?(",
                                        "(?#", "\\k", "\\g",  "*+",   "++",  "?+",  "(*"};
    for (const char *at = text; *at; at++) {
        if (*at == '\\' && at[1] >= '1' && at[1] <= '9') {
            return "a reference back";
        }
        for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
            if (strncmp(at, never[i], strlen(never[i])) == 0) {
                return never[i];
            }
        }
        at += *at == '\\' && at[1] ? 1 : 0;
    }
    return NULL;
}

static enum edge_status add(struct edge_ctx *ctx, struct edge_arena *a, struct filter *f,
                            const char *text)
{
    size_t i = f->n;
    if (edge_pattern_is_plain(text)) {
        f->words[i] = text;
    } else {
        const char *what = foreign(text);
        if (what) {
            return edge_fail(ctx, EDGE_INVALID, "'%s' has %s, which expressions here do not know",
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
    const char **list = stage_list(a, export_params_text(params, names), &n);
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
