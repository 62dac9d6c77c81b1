/* What drivers may ask of their service, and what it asks of them, beyond reads and writes. */
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "devsdk/test.h"
#include "suites.h"
#include "testkit.h"
#include "wait.h"

/* ---- a driver that notes what it is told ------------------------------------------------------- */

struct address {
    const char *host;
};
struct attribute {
    uint8_t reg;
};

static char noted[512]; /* by added(), in its own words */
static atomic_int n_added, n_removed;

/* clang-format off */
static const devsdk_field address_fields[] = {
    DEVSDK_FIELD(struct address, host, "Host", DEVSDK_STRING, .required = true),
    {0},
};
static const devsdk_field attribute_fields[] = {
    DEVSDK_FIELD(struct attribute, reg, "reg", DEVSDK_U8, .max = 7),
    {0},
};
/* clang-format on */

static void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void note(const char *fmt, ...)
{
    size_t len = strlen(noted);
    va_list args;
    va_start(args, fmt);
    vsnprintf(noted + len, sizeof(noted) - len, fmt, args);
    va_end(args);
}

static void note_points(const devsdk_device *dev)
{
    const devsdk_point *p;
    for (unsigned i = 0; (p = devsdk_point_at(dev, i)); i++) {
        const struct attribute *attr = p->attr;
        const char *free_key = devsdk_attribute(dev, i, "free");
        note("%s/%d%s%s/%d/%s/%s ", p->name, p->type, p->readable ? "R" : "",
             p->writable ? "W" : "", attr ? attr->reg : -1, p->units, free_key ? free_key : "-");
    }
}

static void note_properties(const devsdk_device *dev)
{
    const char *block, *key;
    for (unsigned b = 0; (block = devsdk_block_at(dev, b)); b++) {
        for (unsigned i = 0; (key = devsdk_property_at(dev, block, i)); i++) {
            note("%s.%s=%s ", block, key, devsdk_property(dev, block, key));
        }
    }
}

static devsdk_result added(devsdk_device *dev)
{
    note_points(dev);
    note_properties(dev);
    atomic_fetch_add(&n_added, 1);
    return DEVSDK_OK;
}

static void removed(devsdk_device *dev)
{
    (void)dev;
    atomic_fetch_add(&n_removed, 1);
}

static devsdk_service *service;

static devsdk_result start(devsdk_service *svc)
{
    service = svc;
    return DEVSDK_OK;
}

static devsdk_result read_zero(devsdk_device *dev, devsdk_request *r)
{
    (void)dev;
    for (unsigned i = 0; i < devsdk_count(r); i++) {
        devsdk_set_int(r, i, 0);
    }
    return DEVSDK_OK;
}

#define DRIVER                                                                                     \
    .name = "device-test", .version = "1.0.0", .protocols = protocols,                             \
    .attributes = attribute_fields, .addr_size = sizeof(struct address),                           \
    .attr_size = sizeof(struct attribute), .start = start, .added = added, .removed = removed,     \
    .read = read_zero, .blocking = true

static const devsdk_protocol protocols[] = {
    {"tcp", address_fields},
    {0    }
};
static const devsdk_driver driver = {.abi = DEVSDK_ABI, DRIVER};

/* ---- a profile and devices ------------------------------------------------------------------------- */

static const char profile[] =
    "name: p\n"
    "deviceResources:\n"
    "  - {name: A, attributes: {reg: 1, free: 10.5}, properties: {valueType: Int16, readWrite: RW, units: C}}\n"
    "  - {name: B, attributes: {reg: 2, free: text}, properties: {valueType: String, readWrite: R}}\n"
    "  - {name: C, attributes: {reg: 3}, properties: {valueType: Bool, readWrite: W}}\n"
    "deviceCommands:\n"
    "  - {name: All, readWrite: R, resourceOperations: [{deviceResource: A}]}\n";

static const char other_profile[] =
    "name: q\n"
    "deviceResources:\n"
    "  - {name: X, attributes: {reg: 4}, properties: {valueType: Bool, readWrite: R}}\n";

static devsdk_test *begin(const devsdk_driver *table, const char *config)
{
    noted[0] = '\0';
    n_added = n_removed = 0;
    devsdk_test *t = devsdk_test_start(table, config);
    if (devsdk_test_status(t) != 200) {
        fprintf(stderr, "kit: %s\n", devsdk_test_text(t));
    }
    CU_ASSERT_EQUAL(devsdk_test_profile(t, profile), 201);
    return t;
}

static void add(devsdk_test *t, const char *device)
{
    int status = devsdk_test_device(t, device);
    if (status != 201) {
        fprintf(stderr, "%s: %d %s\n", device, status, devsdk_test_text(t));
    }
    CU_ASSERT_EQUAL(status, 201);
}

static void expect_noted(const char *wanted)
{
    if (strcmp(noted, wanted) != 0) {
        fprintf(stderr, "noted: %s\n", noted);
    }
    CU_ASSERT_STRING_EQUAL(noted, wanted);
}

static void end(devsdk_test *t)
{
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
}

struct reached {
    atomic_int *counter;
    int n;
};

static bool has_more(void *arg)
{
    const struct reached *r = arg;
    return atomic_load(r->counter) >= r->n;
}

static bool wait_more(atomic_int *counter, int n)
{
    struct reached r = {counter, n};
    return wait_until(has_more, &r, 10000);
}

static bool wait_for(atomic_int *counter)
{
    return wait_more(counter, 1);
}

/* ---- what a device has --------------------------------------------------------------------------- */

static void test_added_sees_all_the_device_has(void)
{
    devsdk_test *t = begin(&driver, NULL);
    add(t,
        "name: d\nprofileName: p\nprotocols: {tcp: {Host: north, Port: 502}, other: {Key: \"1\", List: [1, 2]}}\n");
    CU_ASSERT_TRUE(wait_for(&n_added));
    expect_noted("A/3RW/1/C/10.5 B/12R/2//text C/1W/3//- "
                 "other.Key=1 other.List=[1,2] tcp.Host=north tcp.Port=502 ");
    end(t);
}

static void test_found_by_property(void)
{
    devsdk_test *t = begin(&driver, NULL);
    add(t, "name: d\nprofileName: p\nprotocols: {tcp: {Host: north, Port: 502}}\n");
    add(t, "name: e\nprofileName: p\nprotocols: {tcp: {Host: south, Port: 503}}\n");
    devsdk_device *dev = devsdk_find_by(service, "tcp", "Port", "503");
    CU_ASSERT_PTR_NOT_NULL_FATAL(dev);
    CU_ASSERT_STRING_EQUAL(devsdk_name(dev), "e");
    CU_ASSERT_STRING_EQUAL(devsdk_property(dev, NULL, "Host"), "south");
    CU_ASSERT_PTR_EQUAL(devsdk_property(dev, NULL, "Port"), devsdk_property(dev, NULL, "Port"));
    CU_ASSERT_PTR_NULL(devsdk_property(dev, "udp", "Port"));
    CU_ASSERT_PTR_NULL(devsdk_property(dev, NULL, "Nope"));
    devsdk_put(dev);
    CU_ASSERT_PTR_NULL(devsdk_find_by(service, "tcp", "Port", "504"));
    end(t);
}

/* ---- what is asked before a device is stored ---------------------------------------------------------- */

static devsdk_result validate(const devsdk_device *dev, char *why, size_t size)
{
    const struct address *addr = devsdk_addr(dev);
    const char *port = devsdk_property(dev, NULL, "Port");
    if (port && strcmp(port, "0") == 0) {
        snprintf(why, size, "%s of %s (%s) has no door %s", addr->host, devsdk_name(dev),
                 devsdk_point_at(dev, 0) ? devsdk_profile(dev) : "-", port);
        return DEVSDK_INVALID;
    }
    bool sound = devsdk_data((devsdk_device *)(uintptr_t)dev) == NULL && devsdk_of(dev) == service;
    return sound ? DEVSDK_OK : DEVSDK_INVALID;
}

static const devsdk_driver particular = {.abi = DEVSDK_ABI, DRIVER, .validate = validate};

static void test_driver_has_a_say(void)
{
    devsdk_test *t = begin(&particular, NULL);
    CU_ASSERT_EQUAL(devsdk_test_device(t, "name: d\nprofileName: p\n"
                                          "protocols: {tcp: {Host: north, Port: 0}}\n"),
                    500);
    CU_ASSERT_PTR_NOT_NULL(strstr(devsdk_test_text(t), "north of d (p) has no door 0"));
    CU_ASSERT_EQUAL(n_added, 0);
    add(t, "name: d\nprofileName: p\nprotocols: {tcp: {Host: north, Port: 1}}\n");
    end(t);
}

/* ---- changes that leave the address alone ---------------------------------------------------------------- */

static atomic_int n_updated;

static void updated(devsdk_device *dev)
{
    noted[0] = '\0';
    note_points(dev);
    note_properties(dev);
    atomic_fetch_add(&n_updated, 1);
}

static const devsdk_driver lasting = {.abi = DEVSDK_ABI, DRIVER, .updated = updated};

static const char device_d[] = "name: d\nprofileName: p\n"
                               "protocols: {tcp: {Host: north}, other: {Key: one}}\n";

static void test_what_changes_beside_the_address_is_told(void)
{
    n_updated = 0;
    devsdk_test *t = begin(&lasting, NULL);
    CU_ASSERT_EQUAL(devsdk_test_profile(t, other_profile), 201);
    add(t, device_d);
    CU_ASSERT_TRUE(wait_for(&n_added));
    devsdk_test_change(t, "{name: d, protocols: {tcp: {Host: north}, other: {Key: two}}}");
    CU_ASSERT_TRUE(wait_for(&n_updated));
    CU_ASSERT_PTR_NOT_NULL(strstr(noted, "other.Key=two"));
    n_updated = 0;
    devsdk_test_change(t, "{name: d, profileName: q}");
    CU_ASSERT_TRUE(wait_for(&n_updated));
    expect_noted("X/1R/4//- other.Key=two tcp.Host=north ");
    n_updated = 0;
    devsdk_test_change(t, "{name: d, labels: [new], adminState: LOCKED}");
    CU_ASSERT_EQUAL(n_added, 1);
    CU_ASSERT_EQUAL(n_removed, 0);
    devsdk_test_change(t, "{name: d, protocols: {tcp: {Host: south}}}");
    CU_ASSERT_TRUE(wait_for(&n_removed));
    CU_ASSERT_EQUAL(n_updated, 0);
    end(t);
}

static void test_without_updated_such_a_change_is_a_new_life(void)
{
    devsdk_test *t = begin(&driver, NULL);
    add(t, device_d);
    CU_ASSERT_TRUE(wait_for(&n_added));
    devsdk_test_change(t, "{name: d, protocols: {tcp: {Host: north}, other: {Key: two}}}");
    CU_ASSERT_TRUE(wait_for(&n_removed));
    end(t);
}

/* ---- drivers made for an older SDK ------------------------------------------------------------------------ */

static devsdk_result never_scan(devsdk_device *dev, devsdk_scan *scan)
{
    (void)scan;
    CU_FAIL("called");
    return devsdk_data(dev) ? DEVSDK_OK : DEVSDK_LINK;
}

static devsdk_result never(const devsdk_device *dev, char *why, size_t size)
{
    (void)dev;
    snprintf(why, size, "called");
    return DEVSDK_INVALID;
}

static devsdk_result never_attr(const devsdk_point *point, void *attr, char *why, size_t size)
{
    (void)point;
    (void)attr;
    snprintf(why, size, "called");
    return DEVSDK_INVALID;
}

static devsdk_result never_addr(const char *protocol, void *addr, char *why, size_t size)
{
    (void)protocol;
    (void)addr;
    snprintf(why, size, "called");
    return DEVSDK_INVALID;
}

static void test_older_tables_end_earlier(void)
{
    static const devsdk_driver old[] = {
        {.abi = 1, DRIVER, .scan_profile = never_scan, .validate = never       },
        {.abi = 2, DRIVER, .validate = never,          .updated = updated      },
        {.abi = 3, DRIVER, .check_attr = never_attr,   .check_addr = never_addr},
    };
    for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++) {
        devsdk_test *t = begin(&old[i], NULL);
        add(t, device_d);
        CU_ASSERT_TRUE(wait_for(&n_added));
        const devsdk_test_result *r = devsdk_test_read(t, "d", "A", NULL);
        CU_ASSERT_EQUAL(r->status, 200);
        if (i == 0) {
            CU_ASSERT_EQUAL(devsdk_test_scan_profile(t, "d", NULL)->status, 501);
        }
        end(t);
    }
    static const devsdk_driver coming = {.abi = DEVSDK_ABI + 1, DRIVER};
    devsdk_test *t = devsdk_test_start(&coming, NULL);
    CU_ASSERT_NOT_EQUAL(devsdk_test_status(t), 200);
    CU_ASSERT_PTR_NOT_NULL(strstr(devsdk_test_text(t), "another version of the SDK"));
    devsdk_test_stop(t);
}

/* ---- secrets ------------------------------------------------------------------------------------------- */

static atomic_int n_secrets;

static void secrets_changed(devsdk_service *svc)
{
    char name[8];
    CU_ASSERT_EQUAL(devsdk_secret(svc, "line", "user", name, sizeof(name)), DEVSDK_OK);
    CU_ASSERT_STRING_EQUAL(name, "ann");
    atomic_fetch_add(&n_secrets, 1);
}

static const devsdk_driver trusted = {
    .abi = DEVSDK_ABI, DRIVER, .secrets_changed = secrets_changed};

#define SECRET(name, user)                                                                         \
    "    " name ":\n      SecretName: " name "\n      SecretData: {user: " user                    \
    ", long: 12345678}\n"
#define SECRETS "Writable:\n  LogLevel: ERROR\n  InsecureSecrets:\n"

/* As an editor does it; the service looks at its file now and then. */
static void rewrite(devsdk_test *t, const char *config)
{
    char paths[2][128];
    snprintf(paths[0], sizeof(paths[0]), "%s/new", t->dir);
    snprintf(paths[1], sizeof(paths[1]), "%s/device-test/configuration.yaml", t->dir);
    FILE *file = fopen(paths[0], "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT(fputs(config, file) >= 0);
    CU_ASSERT_EQUAL(fclose(file), 0);
    CU_ASSERT_EQUAL(rename(paths[0], paths[1]), 0);
}

static void test_secrets_come_and_change(void)
{
    char value[8];
    n_secrets = 0;
    devsdk_test *t = begin(&trusted, SECRETS SECRET("bus", "bob"));
    CU_ASSERT_EQUAL(devsdk_secret(service, "bus", "user", value, sizeof(value)), DEVSDK_OK);
    CU_ASSERT_STRING_EQUAL(value, "bob");
    CU_ASSERT_EQUAL(devsdk_secret(service, "bus", "long", value, sizeof(value)), DEVSDK_RANGE);
    CU_ASSERT_STRING_EQUAL(value, "bob");
    CU_ASSERT_EQUAL(devsdk_secret(service, "line", "user", value, sizeof(value)), DEVSDK_NO_OBJECT);
    rewrite(t, SECRETS SECRET("bus", "bob") SECRET("line", "ann"));
    CU_ASSERT_TRUE(wait_for(&n_secrets));
    end(t);
}

/* ---- events of the driver's own -------------------------------------------------------------------------- */

static const char *tag_of(const cJSON *tags, const char *key)
{
    const cJSON *tag = tags ? edge_json_member(tags, key, true) : NULL;
    return tag ? tag->valuestring : "";
}

static void test_any_resources_in_one_event_with_tags(void)
{
    EDGE_CTX_SCOPE(ctx);
    devsdk_test *t = begin(&driver, NULL);
    add(t, "name: d\nprofileName: p\ntags: {site: roof, trap: none}\n"
           "protocols: {tcp: {Host: north}}\n");
    devsdk_device *dev = devsdk_find(service, "d");
    CU_ASSERT_PTR_NOT_NULL_FATAL(dev);
    CU_ASSERT_PTR_NULL(devsdk_push_set(dev, "coldStart", (unsigned[]){0, 2}, 2)); /* write-only */
    CU_ASSERT_PTR_NULL(devsdk_push_set(dev, "coldStart", (unsigned[]){3}, 1));
    CU_ASSERT_PTR_NULL(devsdk_push_set(dev, "coldStart", NULL, 0));
    devsdk_request *r = devsdk_push_set(dev, "coldStart", (unsigned[]){1, 0}, 2);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r);
    CU_ASSERT_STRING_EQUAL(devsdk_resource(r, 1), "A");
    devsdk_set_string(r, 0, "on", 2);
    devsdk_set_null(r, 1);
    devsdk_tag(r, 1, "statusCode", "old");
    devsdk_tag(r, 1, "statusCode", "BadNodeId");
    devsdk_tag(r, DEVSDK_EVENT, "trap", "1.3.6");
    devsdk_done(r, DEVSDK_OK);
    devsdk_put(dev);
    const devsdk_test_result *result = devsdk_test_event(t, "d", "coldStart", 10000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(result);
    CU_ASSERT_EQUAL_FATAL(result->n, 2);
    CU_ASSERT_STRING_EQUAL(result->readings[0].value, "on");
    CU_ASSERT_PTR_NULL(result->readings[1].value);
    const struct event *e =
        kit_event_latest(t->rig.listener, (struct kit_wanted){"d", "coldStart"}, &ctx.arena);
    CU_ASSERT_STRING_EQUAL(tag_of(e->tags, "trap"), "1.3.6");
    CU_ASSERT_STRING_EQUAL(tag_of(e->tags, "site"), "roof");
    CU_ASSERT_STRING_EQUAL(tag_of(e->readings[1].tags, "statusCode"), "BadNodeId");
    CU_ASSERT_PTR_NULL(e->readings[0].tags);
    end(t);
}

static void test_pushes_say_why_not_and_can_be_dropped(void)
{
    devsdk_test *t = begin(&driver, NULL);
    add(t, "name: d\nprofileName: p\nprotocols: {tcp: {Host: north}}\n");
    devsdk_device *dev = devsdk_find(service, "d");
    CU_ASSERT_PTR_NOT_NULL_FATAL(dev);
    CU_ASSERT_EQUAL(devsdk_push_check(dev, "A"), DEVSDK_OK);
    CU_ASSERT_EQUAL(devsdk_push_check(dev, devsdk_point_at(dev, 2)->name), DEVSDK_DENIED);
    CU_ASSERT_EQUAL(devsdk_push_check(dev, "Nope"), DEVSDK_NO_OBJECT);
    devsdk_request *r = devsdk_push(dev, "A");
    CU_ASSERT_PTR_NOT_NULL_FATAL(r);
    devsdk_set_int(r, 0, 1);
    devsdk_drop(r);
    CU_ASSERT_PTR_NULL(devsdk_test_event(t, "d", "A", 50));
    devsdk_put(dev);
    CU_ASSERT_EQUAL(devsdk_test_change(t, "{name: d, adminState: LOCKED}"), 200);
    dev = devsdk_find(service, "d");
    CU_ASSERT_PTR_NOT_NULL_FATAL(dev);
    CU_ASSERT_EQUAL(devsdk_push_check(dev, "A"), DEVSDK_LOCKED);
    CU_ASSERT_EQUAL(devsdk_push_check(dev, "Nope"), DEVSDK_NO_OBJECT);
    CU_ASSERT_PTR_NULL(devsdk_push(dev, "A"));
    devsdk_put(dev);
    end(t);
}

/* ---- routes of the driver's own -------------------------------------------------------------------------- */

static devsdk_result take_reading(devsdk_service *svc, devsdk_call *call)
{
    size_t n;
    const char *text = devsdk_call_body(call, &n);
    devsdk_device *dev = devsdk_find(svc, devsdk_call_param(call, "device"));
    if (!dev) {
        return devsdk_call_fail(call, DEVSDK_NO_OBJECT, "no device %s here",
                                devsdk_call_param(call, "device"));
    }
    devsdk_request *r = n > 0 ? devsdk_push(dev, devsdk_call_param(call, "resource")) : NULL;
    devsdk_put(dev);
    if (!r) {
        return DEVSDK_INVALID;
    }
    devsdk_result result = devsdk_set_string(r, 0, text, n);
    devsdk_done(r, result);
    return result;
}

static devsdk_result answer(devsdk_service *svc, devsdk_call *call)
{
    (void)svc;
    const char *name = devsdk_call_query(call, "name");
    char text[64];
    int n = snprintf(text, sizeof(text), "hello %s", name ? name : "nobody");
    devsdk_reply(call, 202, "text/plain", text, (size_t)n);
    return devsdk_call_header(call, "X-None") ? DEVSDK_LINK : DEVSDK_OK;
}

/* clang-format off */
static const devsdk_route routes[] = {
    {"POST", "/api/v3/resource/{device}/{resource}", take_reading, "A value of a device.", DEVSDK_FOR_DEVICES, "text/plain"},
    {"GET", "/api/v3/hello", answer, "A greeting.", DEVSDK_FOR_READERS, "text/plain"},
    {0},
};
/* clang-format on */
static const devsdk_driver listening = {.abi = DEVSDK_ABI, DRIVER, .routes = routes};

static void call(devsdk_test *t, const char *method, const char *target, const char *body, int code,
                 const char *text)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_http_response res = kit_call(&ctx, t->rig.device, method, target, body);
    bool as_wanted = res.code == code && strstr(res.body ? res.body : "", text);
    if (!as_wanted) {
        fprintf(stderr, "%s %s: %d %s\n", method, target, res.code, res.body);
    }
    CU_ASSERT_TRUE(as_wanted);
}

static void test_routes_of_the_driver(void)
{
    EDGE_CTX_SCOPE(ctx);
    devsdk_test *t = begin(&listening, NULL);
    add(t, device_d);
    call(t, "POST", "/api/v3/resource/d/A", "17", 200, "");
    const devsdk_test_result *r = devsdk_test_event(t, "d", "A", 10000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r);
    CU_ASSERT_STRING_EQUAL(devsdk_test_value(r, "A"), "17");
    call(t, "POST", "/api/v3/resource/d/A", "", 400, "invalid address, attribute or value");
    call(t, "POST", "/api/v3/resource/x/A", "1", 404, "no device x here");
    call(t, "POST", "/api/v3/resource/d/Nope", "1", 400, "\"apiVersion\":\"v3\"");
    call(t, "GET", "/api/v3/hello?name=ann", NULL, 202, "hello ann");
    call(t, "GET", "/api/v3/resource/d/A", NULL, 405, "");
    call(t, "GET", "/api/v3/device/name/d/A", NULL, 200,
         "reading"); /* the SDK's are as they were */
    const char *fault = edge_routes_verify(&t->rig.device->service->routes, &ctx.arena);
    CU_ASSERT_PTR_NULL(fault);
    end(t);
}

/* ---- sockets and moments ---------------------------------------------------------------------------------- */

struct socket {
    devsdk_watch *watch, *moment;
    int fds[2];
    atomic_int n_bytes, n_hangups, n_moments;
    char bytes[8];
};

static void byte_came(void *arg, int fd, unsigned events)
{
    struct socket *s = arg;
    char byte;
    if (events & DEVSDK_READABLE && read(fd, &byte, 1) == 1) {
        s->bytes[s->n_bytes % (int)sizeof(s->bytes)] = byte;
        atomic_fetch_add(&s->n_bytes, 1);
    } else if (events & DEVSDK_HANGUP) {
        devsdk_unwatch(s->watch); /* by itself */
        atomic_fetch_add(&s->n_hangups, 1);
    }
}

static void moment_came(void *arg, int fd, unsigned events)
{
    struct socket *s = arg;
    CU_ASSERT_EQUAL(fd, -1);
    CU_ASSERT_EQUAL(events, 0);
    atomic_fetch_add(&s->n_moments, 1);
}

static void test_sockets_and_moments(void)
{
    struct socket s = {0};
    devsdk_test *t = begin(&driver, NULL);
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s.fds), 0);
    s.watch = devsdk_watch_fd(service, s.fds[0], DEVSDK_READABLE, byte_came, &s);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s.watch);
    CU_ASSERT_PTR_NULL(devsdk_watch_fd(service, s.fds[0], DEVSDK_READABLE, byte_came, &s));
    CU_ASSERT_PTR_NULL(devsdk_watch_fd(service, -1, DEVSDK_READABLE, byte_came, &s));
    CU_ASSERT_EQUAL(write(s.fds[1], "abc", 3), 3);
    CU_ASSERT_TRUE(wait_more(&s.n_bytes, 3));
    CU_ASSERT_STRING_EQUAL(s.bytes, "abc");
    s.moment = devsdk_after(service, 60000, moment_came, &s);
    devsdk_watch *never = devsdk_after(service, 60000, moment_came, &s);
    devsdk_unwatch(never);
    CU_ASSERT_EQUAL(s.n_moments, 0);
    devsdk_test_skip(t, 60000);
    CU_ASSERT_TRUE(wait_more(&s.n_moments, 1));
    devsdk_unwatch(s.moment);
    close(s.fds[1]);
    CU_ASSERT_TRUE(wait_more(&s.n_hangups, 1));
    close(s.fds[0]);
    CU_ASSERT_EQUAL(s.n_moments, 1);
    end(t);
}

static void test_what_is_not_ended_ends_with_the_service(void)
{
    struct socket s = {0};
    devsdk_test *t = begin(&driver, NULL);
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s.fds), 0);
    CU_ASSERT_PTR_NOT_NULL(devsdk_watch_fd(service, s.fds[0], DEVSDK_READABLE, byte_came, &s));
    CU_ASSERT_PTR_NOT_NULL(devsdk_after(service, 60000, moment_came, &s));
    close(s.fds[1]);
    close(s.fds[0]);
    end(t);
    CU_ASSERT_EQUAL(s.n_moments, 0);
}

/* ---- devices and profiles of the driver's own -------------------------------------------------------------- */

static void test_driver_brings_devices_along(void)
{
    char why[128] = "";
    n_updated = 0;
    devsdk_test *t = begin(&lasting, NULL);
    static const char bulb[] =
        "{\"name\":\"bulb\",\"deviceResources\":[{\"name\":\"%s\",\"attributes\":{\"reg\":1},"
        "\"properties\":{\"valueType\":\"Bool\",\"readWrite\":\"R\"}}]}";
    char json[256];
    snprintf(json, sizeof(json), bulb, "On");
    CU_ASSERT_EQUAL(devsdk_put_profile(service, json, why, sizeof(why)), DEVSDK_OK);
    CU_ASSERT_EQUAL(devsdk_put_device(service,
                                      "{\"name\":\"b\",\"profileName\":\"bulb\",\"protocols\":"
                                      "{\"tcp\":{\"Host\":\"north\"}}}",
                                      why, sizeof(why)),
                    DEVSDK_OK);
    CU_ASSERT_STRING_EQUAL(why, "");
    CU_ASSERT_TRUE(wait_for(&n_added));
    CU_ASSERT_EQUAL(devsdk_put_device(service,
                                      "{\"name\":\"b\",\"protocols\":"
                                      "{\"tcp\":{\"Host\":\"north\"},\"seen\":{\"Serial\":\"7\"}}}",
                                      why, sizeof(why)),
                    DEVSDK_OK);
    CU_ASSERT_TRUE(wait_for(&n_updated));
    expect_noted("On/1R/1//- seen.Serial=7 tcp.Host=north ");
    snprintf(json, sizeof(json), bulb, "Lit");
    CU_ASSERT_EQUAL(devsdk_put_profile(service, json, why, sizeof(why)), DEVSDK_OK);
    CU_ASSERT_TRUE(wait_more(&n_updated, 2));
    expect_noted("Lit/1R/1//- seen.Serial=7 tcp.Host=north ");
    CU_ASSERT_EQUAL(n_removed, 0);
    CU_ASSERT_EQUAL(devsdk_put_device(service, "{\"nam\":1}", why, sizeof(why)), DEVSDK_INVALID);
    CU_ASSERT_STRING_EQUAL(why, "no name");
    CU_ASSERT_EQUAL(devsdk_put_device(service, "{\"name\":\"c\"}", why, sizeof(why)),
                    DEVSDK_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(why, "rotocols"));
    end(t);
}

CU_TestInfo drivers_tests[] = {
    {"added() sees all the device has",         test_added_sees_all_the_device_has              },
    {"a device is found by a property",         test_found_by_property                          },
    {"the driver has a say",                    test_driver_has_a_say                           },
    {"what changes beside the address is told", test_what_changes_beside_the_address_is_told    },
    {"without updated() it is a new life",      test_without_updated_such_a_change_is_a_new_life},
    {"older tables end earlier",                test_older_tables_end_earlier                   },
    {"secrets come and change",                 test_secrets_come_and_change                    },
    {"any resources in one event, with tags",   test_any_resources_in_one_event_with_tags       },
    {"pushes say why not, and can be dropped",  test_pushes_say_why_not_and_can_be_dropped      },
    {"routes of the driver's own",              test_routes_of_the_driver                       },
    {"sockets and moments",                     test_sockets_and_moments                        },
    {"what is not ended ends with the service", test_what_is_not_ended_ends_with_the_service    },
    {"the driver brings devices along",         test_driver_brings_devices_along                },
    CU_TEST_INFO_NULL,
};
