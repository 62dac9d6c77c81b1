/* support-rules: runs rules on what the message bus brings. */
#include "support_rules.h"

#include "edge/service.h"
#include "trial.h"

struct config {
    struct edge_base_config base;
    struct edge_writable writable;
};

struct state {
    const struct edge_runtime *rt;
};

/* clang-format off */
static const struct edge_field config_fields[] = {
    EDGE_OBJECT(struct config, writable, "Writable", "Switches, limits, secrets, metrics.", &EDGE_WRITABLE_CONFIG, .flags = EDGE_WRITABLE),
    EDGE_OBJECT(struct config, base, NULL, "What every service has.", &EDGE_BASE_CONFIG, .flags = EDGE_INLINE),
};
static const struct edge_dto CONFIG = EDGE_DTO(struct config, "Configuration", config_fields);

static const struct edge_route routes[] = {
    {"POST", "/api/v3/rules/try", rules_try, "What a statement makes of these events; nothing is kept or sent.", EDGE_ROUTE_WAITS, .request = {EDGE_B_DTO, .dto = &RULE_TRIAL}, .answer = {EDGE_B_PLAIN_LIST, "messages", &RULE_MESSAGE}, .roles = EDGE_FOR_KEEPERS},
};
/* clang-format on */

static enum edge_status start(struct edge_ctx *ctx, const struct edge_runtime *rt)
{
    (void)ctx;
    struct state *state = rt->state;
    state->rt = rt;
    return EDGE_OK;
}

const struct edge_service support_rules = {
    .name = "support-rules",
    .doc = "runs rules on events",
    .port = 59720,
    .state_size = sizeof(struct state),
    .config = &CONFIG,
    .writable_offset = offsetof(struct config, writable),
    .routes = EDGE_TABLE(routes),
    .start = start,
};
