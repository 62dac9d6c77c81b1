#include "azure_commands.h"

#include <stdlib.h>
#include <string.h>

#include "edge/ctx.h"

#define METHODS "$iothub/methods/POST/"
#define DESIRED "$iothub/twin/PATCH/properties/desired/"
#define TWIN    "$iothub/twin/res/200/"
#define METHOD  "command"
#define SETTING "" /* a tag no request has */

enum { RID_MAX = 64, CODE_INVALID = 400, CODE_UNKNOWN = 404 };

const char *const AZURE_PATTERNS[] = {METHODS "#", DESIRED "#", "$iothub/twin/res/#", NULL};

static void answer(struct mqtt *c, struct edge_ctx *ctx, const char *rid, int code,
                   const char *body)
{
    mqtt_reply(c, edge_printf(&ctx->arena, "$iothub/methods/res/%d/?$rid=%s", code, rid), body);
}

/* $iothub/methods/POST/NAME/?$rid=RID */
static void take_method(struct mqtt *c, struct edge_ctx *ctx, const struct edge_mqtt_message *m)
{
    struct export_command command = {0};
    const char *name = m->topic + strlen(METHODS), *rid = strstr(name, "/?$rid=");
    size_t len = rid ? strcspn(rid + strlen("/?$rid="), "&") : 0;
    if (len == 0 || len > RID_MAX) {
        return; /* nobody could be answered */
    }
    command.tag = edge_strndup(&ctx->arena, rid + strlen("/?$rid="), len);
    if ((size_t)(rid - name) != strlen(METHOD) || strncmp(name, METHOD, strlen(METHOD)) != 0) {
        answer(c, ctx, command.tag, CODE_UNKNOWN, "{\"message\":\"the method is called command\"}");
        return;
    }
    enum edge_status st = export_command_read(ctx, m->payload, m->size, &command);
    if (st != EDGE_OK) {
        answer(c, ctx, command.tag, CODE_INVALID,
               export_command_message(&ctx->arena, edge_ctx_message(ctx, st)));
        return;
    }
    export_commands_add(mqtt_commands(c), &command);
}

/* Only what changed, or, as an answer to our question, all of it. */
static void take_twin(struct mqtt *c, struct edge_ctx *ctx, const struct edge_mqtt_message *m,
                      bool whole)
{
    const cJSON *tree, *known = NULL;
    if (edge_json_parse(ctx, m->payload, m->size, NULL, &tree) != EDGE_OK) {
        return;
    }
    if (whole) {
        known = edge_json_member(edge_json_member(tree, "reported", true), "devices", true);
        tree = edge_json_member(tree, "desired", true);
    }
    export_commands_add_settings(mqtt_commands(c), edge_json_member(tree, "devices", true), known,
                                 SETTING);
}

void azure_received(struct mqtt *c, const struct mqtt_stage *s, const struct edge_mqtt_message *m)
{
    EDGE_CTX_SCOPE(ctx);
    (void)s;
    if (strncmp(m->topic, METHODS, strlen(METHODS)) == 0) {
        take_method(c, &ctx, m);
    } else if (strncmp(m->topic, DESIRED, strlen(DESIRED)) == 0) {
        take_twin(c, &ctx, m, false);
    } else if (strncmp(m->topic, TWIN, strlen(TWIN)) == 0 && strstr(m->topic, "$rid=get")) {
        take_twin(c, &ctx, m, true);
    }
}

/* What was wanted while nobody heard it. */
void azure_heard(struct mqtt *c, const struct mqtt_stage *s)
{
    (void)s;
    mqtt_reply(c, "$iothub/twin/GET/?$rid=get", "");
}

void azure_executed(struct mqtt *c, const struct mqtt_stage *s, struct edge_ctx *ctx,
                    const struct export_command *command, int code, const char *body)
{
    (void)s;
    if (strcmp(command->tag, SETTING) != 0) {
        answer(c, ctx, command->tag, code, body);
        return;
    }
    mqtt_reply(c, "$iothub/twin/PATCH/properties/reported/?$rid=set",
               export_command_report(&ctx->arena, command, code, body));
}
