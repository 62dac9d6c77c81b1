/*
 * Commands: a message for each resource, all of them under way at once, each with an id of its own that its answer
 * comes back with. The last answer ends the request, or the first that is wrong, or the time.
 *
 * Who ends a command takes its ids off the broker's list with the lock held; whoever comes later finds nothing. While
 * it is being sent it is the sender's to end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "codec/mqtt_path.h"
#include "codec/mqtt_topic.h"
#include "codec/mqtt_value.h"
#include "mqtt_driver.h"

enum {
    TOPIC_SIZE = 4096,
    ID_SIZE = 40,
    WAITS = 5,      /* of ResponseFetchInterval, as the official service waits */
    MARGIN_MS = 50, /* our own words come before the SDK's */
    LEAST_MS = 10,
};

struct command {
    devsdk_device *dev; /* held by the request */
    devsdk_request *r;
    struct mqtt_broker *broker;
    devsdk_watch *timer;
    int64_t wait_ms, until_ms;
    bool write;
    /* broker.lock held */
    bool sending, over;
    devsdk_result result;
    unsigned left;
    unsigned n_items;
    struct item {
        struct command *of;
        unsigned index;
        bool answered;
        char id[ID_SIZE];
        char topic[]; /* none: in a block of its own */
    } * items[];
};

/* ---- the end of one ------------------------------------------------------------------------------------------------- */

/* With the lock held. True where it is the caller's to complete. */
static bool conclude(struct command *c, devsdk_result result)
{
    if (c->over) {
        return false;
    }
    c->over = true;
    c->result = result;
    for (unsigned i = 0; i < c->n_items; i++) {
        if (c->items[i] && !c->items[i]->answered) {
            mqtt_map_take(&c->broker->waiting, c->items[i]->id);
        }
    }
    return !c->sending;
}

static devsdk_result command_free(struct command *c)
{
    devsdk_result result = c->result;
    devsdk_unwatch(c->timer); /* it does not run any more */
    for (unsigned i = 0; i < c->n_items; i++) {
        free(c->items[i]);
    }
    free(c);
    return result;
}

/* Without the lock. */
static void complete(struct command *c)
{
    devsdk_request *r = c->r;
    devsdk_done(r, command_free(c));
}

static const struct item *first_unanswered(const struct command *c)
{
    for (unsigned i = 0; i < c->n_items; i++) {
        if (c->items[i] && !c->items[i]->answered) {
            return c->items[i];
        }
    }
    return NULL;
}

static void time_is_up(void *arg, int fd, unsigned events)
{
    (void)fd;
    (void)events;
    struct command *c = arg;
    char state[300];
    bool mine = false;
    dmqtt_broker_state(c->broker, state, sizeof(state));
    {
        MQTT_LOCK(&c->broker->lock);
        const struct item *item = c->over ? NULL : first_unanswered(c);
        if (item) {
            devsdk_result result =
                devsdk_fail(c->r, *state ? DEVSDK_LINK : DEVSDK_TIMEOUT,
                            item->id[0] == '#' ? "%s was not taken by the broker within %lld ms%s"
                                               : "no answer to %s within %lld ms%s",
                            item->topic, (long long)c->wait_ms, state);
            mine = conclude(c, result);
        }
    }
    if (mine) {
        complete(c);
    }
}

/* ---- answers ---------------------------------------------------------------------------------------------------------- */

/* The item of an id, which is answered now; NULL: nobody waits for it. With the lock held. */
static struct item *take_item(struct mqtt_broker *b, const char *id)
{
    struct item *item = mqtt_map_take(&b->waiting, id);
    if (item) {
        item->answered = true;
        item->of->left--;
    }
    return item;
}

/* What the answer to a read says. */
static devsdk_result take_value(struct command *c, const struct item *item,
                                const devsdk_mqtt_message *m)
{
    const char *name = devsdk_resource(c->r, item->index), *fault = NULL;
    devsdk_value value;
    char *room = malloc(m->n + MQTT_VALUE_ROOM);
    if (!room) {
        return devsdk_fail(c->r, DEVSDK_DEVICE, "the answer on %s is too large", m->topic);
    }
    devsdk_json member =
        devsdk_json_member(devsdk_json_parse(m->payload, m->n), name, strlen(name));
    if (member.kind == DEVSDK_JSON_NONE) {
        fault = "is no JSON object with it";
    } else {
        fault = mqtt_value_read(member, devsdk_wanted(c->r, item->index).type, room, &value);
    }
    devsdk_result result = fault ? DEVSDK_DEVICE : devsdk_set(c->r, item->index, value);
    free(room);
    if (result == DEVSDK_OK) {
        return DEVSDK_OK;
    }
    return devsdk_fail(c->r, DEVSDK_DEVICE, "%s: the answer on %s %s", name, m->topic,
                       fault ? fault : "is no value of its type");
}

void dmqtt_answer(struct mqtt_broker *b, const devsdk_mqtt_message *m)
{
    struct mqtt_level last = mqtt_topic_last(m->topic);
    char id[ID_SIZE];
    struct command *c = NULL;
    bool mine = false, known = false;
    snprintf(id, sizeof(id), "%.*s", (int)(last.n < sizeof(id) ? last.n : 0), last.at);
    {
        MQTT_LOCK(&b->lock);
        struct item *item = *id != '#' ? take_item(b, id) : NULL;
        known = item != NULL;
        if (item) {
            c = item->of;
            devsdk_result result = c->write ? DEVSDK_OK : take_value(c, item, m);
            mine = (result != DEVSDK_OK || c->left == 0) && conclude(c, result);
        }
    }
    if (!known) { /* late, a duplicate, or somebody else's */
        devsdk_metric(b->service->svc, "MqttAnswersDropped", 1);
    }
    if (mine) {
        complete(c);
    }
}

void dmqtt_sent(void *broker, void *token, devsdk_mqtt_fate fate, const char *reason)
{
    struct mqtt_broker *b = broker;
    char id[ID_SIZE];
    struct command *c = NULL;
    bool mine = false;
    snprintf(id, sizeof(id), "#%llu", (unsigned long long)(uintptr_t)token);
    {
        MQTT_LOCK(&b->lock);
        struct item *item = take_item(b, id);
        if (item) {
            devsdk_result result = DEVSDK_OK;
            c = item->of;
            if (fate != DEVSDK_MQTT_SENT) {
                result =
                    devsdk_fail(c->r, fate == DEVSDK_MQTT_REFUSED ? DEVSDK_DEVICE : DEVSDK_LINK,
                                "%s: %s", item->topic, reason ? reason : "not sent");
            }
            mine = (result != DEVSDK_OK || c->left == 0) && conclude(c, result);
        }
    }
    if (mine) {
        complete(c);
    }
}

/* ---- sending ------------------------------------------------------------------------------------------------------------ */

/* RFC 9562, version 4. */
static bool make_uuid(char ret[ID_SIZE])
{
    unsigned char b[16];
    if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b)) {
        return false;
    }
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    snprintf(ret, ID_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
             b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
             b[14], b[15]);
    return true;
}

/* Where the i-th resource goes, and by which id its answer is known. */
static devsdk_result address_item(struct command *c, const struct mqtt_attribute *attr, char *topic,
                                  char id[ID_SIZE], unsigned i, uint64_t *ret_token)
{
    const struct mqtt_address *addr = devsdk_addr(c->dev);
    const char *name = devsdk_resource(c->r, i);
    size_t len;
    *ret_token = 0;
    if (c->write && attr->write_topic && *attr->write_topic) {
        MQTT_LOCK(&c->broker->lock);
        *ret_token = ++c->broker->n_tokens;
        snprintf(id, ID_SIZE, "#%llu", (unsigned long long)*ret_token);
        len = mqtt_topic_fill(attr->write_topic, devsdk_name(c->dev), name, topic, TOPIC_SIZE);
    } else if (!addr->command_topic || !*addr->command_topic) {
        return devsdk_fail(c->r, DEVSDK_UNSUPPORTED, "%s has no CommandTopic", devsdk_name(c->dev));
    } else {
        char level[TOPIC_SIZE] = "";
        mqtt_topic_fill("{resource}", "", name, level, sizeof(level));
        if (!make_uuid(id)) {
            return devsdk_fail(c->r, DEVSDK_BUSY, "no random numbers");
        }
        int n = snprintf(topic, TOPIC_SIZE, "%s/%s/%s/%s", addr->command_topic, level,
                         c->write ? "set" : "get", id);
        len = n > 0 && n < TOPIC_SIZE ? (size_t)n : 0;
    }
    return len > 0 ? DEVSDK_OK
                   : devsdk_fail(c->r, DEVSDK_INVALID, "the topic of %s is too long", name);
}

static struct item *item_make(struct command *c, const char *topic, const char *id, unsigned index)
{
    struct item *item = calloc(1, sizeof(*item) + strlen(topic) + 1);
    if (!item) {
        return NULL;
    }
    item->of = c;
    item->index = index;
    memcpy(item->id, id, ID_SIZE);
    memcpy(item->topic, topic, strlen(topic));
    MQTT_LOCK(&c->broker->lock);
    if (c->over || !mqtt_map_put(&c->broker->waiting, id, item)) {
        free(item);
        return NULL;
    }
    c->items[c->n_items++] = item;
    c->left++;
    return item;
}

/* What a write says; to be freed. A read says nothing. */
static char *payload_of(struct command *c, const struct mqtt_attribute *attr, bool answered,
                        unsigned i, size_t *ret_n)
{
    const char *own = attr->write_payload && *attr->write_payload ? attr->write_payload : "{text}";
    const char *form = answered ? NULL : own, *name = devsdk_resource(c->r, i);
    devsdk_value value = devsdk_wanted(c->r, i);
    *ret_n = mqtt_payload_write(form, devsdk_name(c->dev), name, &value, NULL, 0);
    char *payload = malloc(*ret_n + 1);
    if (payload) {
        mqtt_payload_write(form, devsdk_name(c->dev), name, &value, payload, *ret_n);
    }
    return payload;
}

static devsdk_result publish(struct command *c, const devsdk_mqtt_message *m, uint64_t token)
{
    devsdk_mqtt *client;
    {
        MQTT_LOCK(&c->broker->lock);
        client = c->broker->client;
    }
    if (!client) {
        char state[300];
        dmqtt_broker_state(c->broker, state, sizeof(state));
        return devsdk_fail(c->r, DEVSDK_LINK, "not sent%s", state);
    }
    devsdk_result result = devsdk_mqtt_publish(client, m, c->until_ms, (void *)(uintptr_t)token);
    if (result == DEVSDK_BUSY) {
        return devsdk_fail(c->r, result, "too much waits for the broker");
    }
    return result == DEVSDK_OK
               ? DEVSDK_OK
               : devsdk_fail(c->r, result, "no broker would take what goes to %s", m->topic);
}

static devsdk_result send_one(struct command *c, unsigned i)
{
    const struct mqtt_attribute *attr = devsdk_attr(c->r, i);
    char topic[TOPIC_SIZE], id[ID_SIZE] = "";
    uint64_t token;
    devsdk_result result = address_item(c, attr, topic, id, i, &token);
    if (result != DEVSDK_OK) {
        return result;
    }
    if (!item_make(c, topic, id, i)) {
        return DEVSDK_PENDING; /* it is over already */
    }
    size_t n = 0;
    char *payload = c->write ? payload_of(c, attr, token == 0, i, &n) : NULL;
    if (c->write && !payload) {
        return devsdk_fail(c->r, DEVSDK_BUSY, "out of memory");
    }
    result = publish(c,
                     &(devsdk_mqtt_message){.topic = topic,
                                            .payload = payload,
                                            .n = n,
                                            .qos = dmqtt_qos(c->broker, devsdk_addr(c->dev), attr),
                                            .retained = token != 0 && attr->retain},
                     token);
    free(payload);
    return result;
}

static struct command *command_make(devsdk_device *dev, devsdk_request *r, bool write)
{
    unsigned n = devsdk_count(r);
    struct command *c = calloc(1, sizeof(*c) + n * sizeof(c->items[0]));
    if (!c) {
        return NULL;
    }
    const struct mqtt_config *config = devsdk_config(devsdk_of(dev));
    int64_t now = devsdk_now_ms(), left_ms = devsdk_deadline_ms(r) - now - MARGIN_MS;
    *c = (struct command){.dev = dev, .r = r, .write = write, .sending = true};
    c->broker = ((struct mqtt_device *)devsdk_data(dev))->broker;
    c->wait_ms = (int64_t)config->fetch_interval_ms * WAITS;
    c->wait_ms = c->wait_ms < left_ms ? c->wait_ms : left_ms;
    c->wait_ms = c->wait_ms > LEAST_MS ? c->wait_ms : LEAST_MS;
    c->until_ms = now + c->wait_ms;
    c->timer = devsdk_after(devsdk_of(dev), c->wait_ms, time_is_up, c);
    if (!c->timer) {
        free(c);
        return NULL;
    }
    return c;
}

/* All is sent: whoever ends it from now on completes it. Else it is over already, or nothing was to be waited for. */
static devsdk_result sent_all(struct command *c, devsdk_result result)
{
    bool wait;
    {
        MQTT_LOCK(&c->broker->lock);
        if (result != DEVSDK_PENDING || c->left == 0) {
            conclude(c, result == DEVSDK_PENDING ? DEVSDK_OK : result);
        }
        c->sending = false;
        wait = !c->over;
    }
    return wait ? DEVSDK_PENDING : command_free(c);
}

static bool is_listened(devsdk_device *dev, devsdk_request *r, unsigned i)
{
    const struct mqtt_attribute *attr = devsdk_attr(r, i);
    const struct mqtt_address *addr = devsdk_addr(dev);
    return (attr->read_topic && *attr->read_topic) || (addr->read_topic && *addr->read_topic);
}

devsdk_result dmqtt_read(devsdk_device *dev, devsdk_request *r)
{
    struct command *c = NULL;
    devsdk_result result = DEVSDK_PENDING;
    for (unsigned i = 0; i < devsdk_count(r) && result == DEVSDK_PENDING; i++) {
        if (is_listened(dev, r, i)) {
            result = dmqtt_read_last(dev, r, i);
            result = result == DEVSDK_OK ? DEVSDK_PENDING : result;
            continue;
        }
        c = c ? c : command_make(dev, r, false);
        result = c ? send_one(c, i) : DEVSDK_BUSY;
        result = result == DEVSDK_OK ? DEVSDK_PENDING : result;
    }
    if (!c) {
        return result == DEVSDK_PENDING ? DEVSDK_OK : result;
    }
    return sent_all(c, result);
}

devsdk_result dmqtt_write(devsdk_device *dev, devsdk_request *r)
{
    struct command *c = command_make(dev, r, true);
    devsdk_result result = c ? DEVSDK_PENDING : DEVSDK_BUSY;
    for (unsigned i = 0; i < devsdk_count(r) && result == DEVSDK_PENDING; i++) {
        result = send_one(c, i);
        result = result == DEVSDK_OK ? DEVSDK_PENDING : result;
    }
    return c ? sent_all(c, result) : result;
}
