#include "bus_text.h"

#include <string.h>

#include "edge/bus.h"
#include "edge/ctx.h"
#include "edge/json.h"
#include "suites.h"

void bus_publish_text(struct edge_bus *bus, const char *topic, const char *text, bool is_event)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *tree = NULL;
    struct edge_message *m = edge_message_create(2048);
    CU_ASSERT_EQUAL_FATAL(edge_json_parse(&ctx, text, strlen(text), NULL, &tree), EDGE_OK);
    edge_message_topic(m, "%s", topic);
    m->json = edge_json_clone(edge_message_arena(m), tree);
    m->content_type = "application/json";
    m->is_event = is_event;
    CU_ASSERT_EQUAL(edge_bus_publish(&ctx, bus, m), EDGE_OK);
    edge_message_unref(m);
}
