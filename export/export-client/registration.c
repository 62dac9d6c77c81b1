/* Registrations: their table, their rules. */
#include "registration.h"

#include <string.h>
#include <strings.h>

#include "edge/arena.h"
#include "edge/text.h"
#include "export/stage.h"

const char *const V1_ALGORITHMS[] = {"NONE", "AES", NULL};
const char *const V1_COMPRESSIONS[] = {"NONE", "GZIP", "ZIP", NULL};
const char *const V1_DESTINATIONS[] = {
    "MQTT_TOPIC", "ZMQ_TOPIC",  "IOTCORE_TOPIC",     "AZURE_TOPIC", "REST_ENDPOINT",
    "AWS_TOPIC",  "XMPP_TOPIC", "INFLUXDB_ENDPOINT", NULL,
};

/* clang-format off */
#define F(m, ...) EDGE_FIELD(struct addressable, m, __VA_ARGS__)
static const struct edge_field addressable_fields[] = {
    F(created, "created", "In ms since 1970."),
    F(modified, "modified", "In ms since 1970."),
    F(origin, "origin", "The client's own."),
    F(id, "id", "This or a name must be there."),
    F(name, "name", "This or an id must be there; a change without it leaves the addressable as it is."),
    F(protocol, "protocol", "TCP, SSL, TLS, TCPS, HTTP, HTTPS; in any case."),
    F(method, "method", "POST, of REST_ENDPOINT."),
    F(address, "address", "Host."),
    F(port, "port", "Port."),
    F(path, "path", "Of REST_ENDPOINT."),
    F(publisher, "publisher", "Client id of MQTT."),
    F(user, "user", "User's name."),
    F(password, "password", "Empty in answers unless Writable.LegacyEcho is on; empty in a change that leaves address and user alone: as it was."),
    F(topic, "topic", "Of MQTT; the thing's name of AWS_TOPIC."),
    F(base_url, "baseURL", "Of answers: protocol, address and port."),
    F(url, "url", "Of answers: that, topic and path."),
};
#undef F
static const struct edge_dto ADDRESSABLE = EDGE_DTO(struct addressable, "Addressable", addressable_fields);

static const struct edge_field filter_fields[] = {
    EDGE_LIST(struct event_filter, devices, "deviceIdentifiers", "Names of devices, exactly; none: all.", NULL),
    EDGE_LIST(struct event_filter, values, "valueDescriptorIdentifiers", "Names of readings, in the order they are wanted; none: all.", NULL),
};
static const struct edge_dto FILTER = EDGE_DTO(struct event_filter, "RegistrationFilter", filter_fields);

#define F(m, ...) EDGE_FIELD(struct encryption, m, __VA_ARGS__)
static const struct edge_field encryption_fields[] = {
    F(algorithm, "encryptionAlgorithm", "NONE or AES."),
    F(key, "encryptionKey", "Any text; in answers and changes as password."),
    F(vector, "initializingVector", "Any text."),
};
#undef F
static const struct edge_dto ENCRYPTION = EDGE_DTO(struct encryption, "Encryption", encryption_fields);

#define F(m, ...) EDGE_FIELD(struct registration, m, __VA_ARGS__)
#define O(m, ...) EDGE_OBJECT(struct registration, m, __VA_ARGS__)
static const struct edge_field registration_fields[] = {
    F(id, "id", "Made by the service."),
    F(created, "created", "In ms since 1970.", .flags = EDGE_EMIT_EMPTY),
    F(modified, "modified", "In ms since 1970.", .flags = EDGE_EMIT_EMPTY),
    F(origin, "origin", "The client's own.", .flags = EDGE_EMIT_EMPTY),
    F(name, "name", "Unique."),
    O(addressable, "addressable", "Where to.", &ADDRESSABLE, .flags = EDGE_EMIT_EMPTY),
    F(format, "format", "JSON, XML, SERIALIZED, IOTCORE_JSON, AZURE_JSON, AWS_JSON, CSV, THINGSBOARD_JSON or NOOP."),
    O(filter, "filter", "Of which events, which readings.", &FILTER, .flags = EDGE_EMIT_EMPTY),
    O(encryption, "encryption", "How they are encrypted.", &ENCRYPTION, .flags = EDGE_EMIT_EMPTY),
    F(compression, "compression", "NONE, GZIP or ZIP."),
    F(enable, "enable", "false: new events are not for it; what waits already is delivered."),
    F(destination, "destination", "MQTT_TOPIC, ZMQ_TOPIC, IOTCORE_TOPIC, AZURE_TOPIC, REST_ENDPOINT, AWS_TOPIC, XMPP_TOPIC or INFLUXDB_ENDPOINT."),
};
#undef F
#undef O
const struct edge_dto V1_REGISTRATION = EDGE_DTO(struct registration, "Registration", registration_fields);
/* clang-format on */

/* ---- rules ---------------------------------------------------------------------------------- */

static bool given(const char *text)
{
    return text && *text;
}

static bool is_one_of(const char *const *names, const char *text)
{
    for (; *names; names++) {
        if (text && strcmp(*names, text) == 0) {
            return true;
        }
    }
    return false;
}

const char *registration_fault(struct edge_arena *a, struct registration *r)
{
    enum { PORT_MAX = 65535 };
    static const bool off = false;
    r->compression = given(r->compression) ? r->compression : V1_COMPRESSIONS[0];
    r->encryption.algorithm =
        given(r->encryption.algorithm) ? r->encryption.algorithm : V1_ALGORITHMS[0];
    r->enable = r->enable ? r->enable : &off;
    r->addressable.base_url = r->addressable.url = NULL; /* made anew for each answer */
    if (!given(r->name)) {
        return "Name is required";
    }
    const char *fault = edge_name_fault(a, r->name);
    if (fault) {
        return edge_printf(a, "Name %s", fault);
    }
    if (!given(r->addressable.id) && !given(r->addressable.name)) {
        return "Addressable is required, with an id or a name";
    }
    if (r->addressable.port < 0 || r->addressable.port > PORT_MAX) {
        return "Port invalid";
    }
    if (!is_one_of(V1_COMPRESSIONS, r->compression)) {
        return edge_printf(a, "Compression invalid: %s", r->compression);
    }
    if (!is_one_of(EXPORT_V1_FORMATS, r->format)) {
        return edge_printf(a, "Format invalid: %s", r->format ? r->format : "");
    }
    if (!is_one_of(V1_DESTINATIONS, r->destination)) {
        return edge_printf(a, "Destination invalid: %s", r->destination ? r->destination : "");
    }
    if (!is_one_of(V1_ALGORITHMS, r->encryption.algorithm)) {
        return edge_printf(a, "Encryption invalid: %s", r->encryption.algorithm);
    }
    return NULL;
}

/* ---- changes -------------------------------------------------------------------------------- */

static const char *either(const char *text, const char *otherwise)
{
    return given(text) ? text : otherwise;
}

static bool same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/*
 * Answers do not show passwords: who sends back what he was shown means the one that is there. Not where it would go to
 * somebody else.
 */
static struct addressable addressable_merged(const struct addressable *to,
                                             const struct addressable *from)
{
    struct addressable merged = *from;
    if (!given(from->password) && same(to->protocol, from->protocol) &&
        same(to->address, from->address) && to->port == from->port && same(to->user, from->user)) {
        merged.password = to->password;
    }
    return merged;
}

static bool has_list(const cJSON *json, const char *member)
{
    const cJSON *filter = edge_json_member(json, "filter", false);
    return cJSON_IsArray(edge_json_member(filter, member, false));
}

void registration_merge(struct registration *to, const struct registration *from, const cJSON *json)
{
    to->name = either(from->name, to->name);
    to->format = either(from->format, to->format);
    to->compression = either(from->compression, to->compression);
    to->destination = either(from->destination, to->destination);
    to->enable = from->enable ? from->enable : to->enable;
    if (given(from->addressable.name)) {
        to->addressable = addressable_merged(&to->addressable, &from->addressable);
    }
    if (given(from->encryption.algorithm)) {
        const char *key = either(from->encryption.key, to->encryption.key);
        to->encryption = from->encryption;
        to->encryption.key = strcmp(from->encryption.algorithm, "NONE") == 0 ? NULL : key;
    }
    if (has_list(json, "deviceIdentifiers")) {
        to->filter.devices = from->filter.devices;
        to->filter.n_devices = from->filter.n_devices;
    }
    if (has_list(json, "valueDescriptorIdentifiers")) {
        to->filter.values = from->filter.values;
        to->filter.n_values = from->filter.n_values;
    }
}

/* ---- answers -------------------------------------------------------------------------------- */

static void put_urls(struct edge_arena *a, struct addressable *at)
{
    at->base_url = at->url = NULL;
    if (given(at->protocol) && given(at->address)) {
        at->base_url =
            edge_printf(a, "%s://%s:%lld", at->protocol, at->address, (long long)at->port);
        bool topic = !given(at->publisher) && given(at->topic);
        at->url = edge_printf(a, "%s%s%s%s", at->base_url, topic ? at->topic : "", topic ? "/" : "",
                              at->path ? at->path : "");
    }
}

struct registration registration_shown(struct edge_arena *a, const struct registration *r,
                                       bool echo)
{
    struct registration shown = *r;
    put_urls(a, &shown.addressable);
    if (!echo) {
        shown.addressable.password = NULL;
        shown.encryption.key = NULL;
    }
    return shown;
}
