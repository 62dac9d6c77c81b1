/* Two services of one name, or of one MQTT client id, at one broker: the second is refused with a
 * clear text, the first notices nothing; a predecessor that was killed holds up nobody for long. */
#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "edge/clock.h"
#include "platform.h"
#include "suites.h"

#define SPLIT(name)                                                                                \
    __attribute__((cleanup(platform_done))) struct platform name;                                  \
    platform_make(&name, SHAPE_SPLIT)

/* Another platform, of ports and folders of its own, at the same broker. */
#define BESIDE(name, first)                                                                        \
    SPLIT(name);                                                                                   \
    name.broker_port = (first).broker_port

static bool answers(void *arg)
{
    EDGE_CTX_SCOPE(ctx);
    return call(&ctx, arg, DATA, "GET", "/api/v3/ping", NULL, NULL) == 200;
}

struct ending {
    struct platform *p;
    enum platform_service service;
    int status;
};

static bool has_ended(void *arg)
{
    struct ending *e = arg;
    pid_t pid = e->p->pid[e->service];
    if (pid > 0 && waitpid(pid, &e->status, WNOHANG) == pid) {
        e->p->pid[e->service] = 0;
    }
    return e->p->pid[e->service] == 0;
}

static void expect_refused(struct platform *p, enum platform_service service, const char *text)
{
    struct ending e = {p, service, 0};
    CU_ASSERT_TRUE_FATAL(wait_until(has_ended, &e, PATIENCE_MS));
    CU_ASSERT_TRUE(WIFEXITED(e.status) && WEXITSTATUS(e.status) == 1);
    CU_ASSERT_TRUE(platform_logged(p, service, text));
    CU_ASSERT_FALSE(platform_logged(p, service, " is up"));
}

struct couple {
    struct ending a, b;
};

static bool one_has_ended(void *arg)
{
    struct couple *c = arg;
    bool a = has_ended(&c->a), b = has_ended(&c->b);
    return a || b;
}

/* Exactly one of them goes, and the other one works on. */
static void expect_one(struct platform *p, struct platform *q)
{
    struct couple c = {
        {p, DATA, 0},
        {q, DATA, 0}
    };
    CU_ASSERT_TRUE_FATAL(wait_until(one_has_ended, &c, PATIENCE_MS));
    struct platform *gone = p->pid[DATA] == 0 ? p : q, *stays = gone == p ? q : p;
    CU_ASSERT_TRUE(platform_logged(gone, DATA, "another core-data is at this message broker"));
    CU_ASSERT_TRUE(wait_until(answers, stays, PATIENCE_MS));
    CU_ASSERT_TRUE(platform_stop(stays, DATA));
}

static void test_the_second_is_refused(void)
{
    SPLIT(p);
    platform_start_broker(&p);
    platform_start(&p, DATA);
    CU_ASSERT_TRUE_FATAL(wait_until(answers, &p, PATIENCE_MS));
    for (int round = 0; round < 3; round++) {
        BESIDE(q, p);
        platform_start(&q, DATA);
        expect_refused(&q, DATA, "another core-data is at this message broker");
    }
    CU_ASSERT_TRUE(answers(&p));
    CU_ASSERT_FALSE(platform_logged(&p, DATA, "the broker closed the connection"));
    CU_ASSERT_FALSE(platform_logged(&p, DATA, "connection lost"));
    CU_ASSERT_TRUE(platform_down(&p));
}

static void test_the_first_goes_and_the_next_comes(void)
{
    SPLIT(p);
    platform_start_broker(&p);
    platform_start(&p, DATA);
    CU_ASSERT_TRUE_FATAL(wait_until(answers, &p, PATIENCE_MS));
    CU_ASSERT_TRUE(platform_stop(&p, DATA));
    BESIDE(q, p);
    platform_start(&q, DATA);
    CU_ASSERT_TRUE(wait_until(answers, &q, PATIENCE_MS));
    CU_ASSERT_TRUE(platform_stop(&q, DATA));
}

/* Also where the broker remembers the dead one for ever: it was stopped, too, when that was killed. */
static void test_a_killed_predecessor_holds_up_nobody(void)
{
    const int64_t bound_ms = 5000; /* without sanitizers below 0.1 s, and 2.1 s in the worse case */
    SPLIT(p);
    platform_start_broker(&p);
    for (int round = 0; round < 3; round++) {
        int64_t began_ms = edge_now_mono_ms();
        platform_start(&p, DATA);
        CU_ASSERT_TRUE_FATAL(wait_until(answers, &p, PATIENCE_MS));
        CU_ASSERT(edge_now_mono_ms() - began_ms < bound_ms);
        bool mute = round == 1;
        if (mute) {
            kill(p.broker, SIGSTOP);
        }
        platform_kill_one(&p, DATA);
        if (mute) {
            kill(p.broker, SIGCONT);
        }
    }
}

static void test_of_two_at_once_one_stays(void)
{
    for (int round = 0; round < 5; round++) {
        SPLIT(p);
        platform_start_broker(&p);
        BESIDE(q, p);
        platform_start(&p, DATA);
        platform_start(&q, DATA);
        expect_one(&p, &q);
    }
}

static void test_of_two_before_the_broker_one_stays(void)
{
    SPLIT(p);
    BESIDE(q, p);
    platform_start(&p, DATA);
    platform_start(&q, DATA);
    CU_ASSERT_TRUE_FATAL(wait_until(answers, &p, PATIENCE_MS)); /* both without the bus */
    CU_ASSERT_TRUE_FATAL(wait_until(answers, &q, PATIENCE_MS));
    platform_start_broker(&p);
    expect_one(&p, &q);
}

/* A broker that forgot what it retained, and hears of the second first or of the first. */
static void test_refused_after_the_broker_was_away(void)
{
    SPLIT(p);
    platform_start_broker(&p);
    platform_start(&p, DATA);
    CU_ASSERT_TRUE_FATAL(wait_until(answers, &p, PATIENCE_MS));
    platform_kill_broker(&p);
    platform_start_broker(&p);
    BESIDE(q, p);
    platform_start(&q, DATA);
    expect_one(&p, &q);
}

static void test_one_client_id_for_two_services(void)
{
    setenv("MESSAGEBUS_OPTIONAL_CLIENTID", "the-same", 1);
    SPLIT(p);
    platform_start_broker(&p);
    platform_start(&p, DATA);
    CU_ASSERT_TRUE(wait_until(answers, &p, PATIENCE_MS));
    platform_start(&p, METADATA);
    unsetenv("MESSAGEBUS_OPTIONAL_CLIENTID");
    expect_refused(&p, METADATA, "MQTT client id the-same, core-data, is at this message broker");
    CU_ASSERT_TRUE(answers(&p));
}

static bool driver_answers(void *arg)
{
    EDGE_CTX_SCOPE(ctx);
    return call(&ctx, arg, VIRTUAL, "GET", "/api/v3/ping", NULL, NULL) == 200;
}

/* With one configuration file for both. */
static void test_instances_stand_side_by_side(void)
{
    SPLIT(p);
    BESIDE(q, p);
    platform_start_broker(&p);
    setenv("MESSAGEBUS_OPTIONAL_CLIENTID", "device-virtual", 1);
    platform_start(&p, VIRTUAL);
    setenv("EDGEX_INSTANCE_NAME", "two", 1);
    platform_start(&q, VIRTUAL);
    unsetenv("EDGEX_INSTANCE_NAME");
    unsetenv("MESSAGEBUS_OPTIONAL_CLIENTID");
    CU_ASSERT_TRUE(wait_until(driver_answers, &p, PATIENCE_MS));
    CU_ASSERT_TRUE(wait_until(driver_answers, &q, PATIENCE_MS));
    CU_ASSERT_TRUE(driver_answers(&p));
}

struct claim {
    struct platform *metadata, *owner;
};

static bool has_its_address(void *arg)
{
    const struct claim *c = arg;
    EDGE_CTX_SCOPE(ctx);
    const cJSON *body = NULL;
    return call(&ctx, c->metadata, METADATA, "GET", "/api/v3/deviceservice/name/device-virtual",
                NULL, &body) == 200 &&
           strcmp(text_at(body, "service.baseAddress"),
                  edge_printf(&ctx.arena, "http://localhost:%u", c->owner->port[VIRTUAL])) == 0;
}

/* Both have told core-metadata where they are before one of them is refused. */
static void test_commands_go_to_the_one_that_stays(void)
{
    SPLIT(p);
    BESIDE(q, p);
    q.port[METADATA] = p.port[METADATA];
    platform_start(&p, METADATA);
    platform_start(&p, VIRTUAL);
    CU_ASSERT_TRUE(wait_until(has_its_address, &(struct claim){&p, &p}, PATIENCE_MS));
    platform_start(&q, VIRTUAL);
    CU_ASSERT_TRUE(wait_until(has_its_address, &(struct claim){&p, &q}, PATIENCE_MS));
    platform_start_broker(&p);
    struct couple c = {
        {&p, VIRTUAL, 0},
        {&q, VIRTUAL, 0}
    };
    CU_ASSERT_TRUE_FATAL(wait_until(one_has_ended, &c, PATIENCE_MS));
    struct platform *stays = p.pid[VIRTUAL] > 0 ? &p : &q;
    CU_ASSERT_TRUE(wait_until(has_its_address, &(struct claim){&p, stays}, PATIENCE_MS));
}

/* ---- the registry ------------------------------------------------------------------------- */

struct entry {
    const struct platform *keeper, *owner;
    enum platform_service service;
    const char *name;
};

static bool is_the_owners(void *arg)
{
    const struct entry *e = arg;
    EDGE_CTX_SCOPE(ctx);
    const cJSON *body = NULL;
    const char *target = edge_printf(&ctx.arena, "/api/v3/registry/serviceId/%s", e->name);
    return call(&ctx, e->keeper, KEEPER, "GET", target, NULL, &body) == 200 &&
           strcmp(text_at(body, "registration.status"), "UP") == 0 &&
           int_at(body, "registration.port") == e->owner->port[e->service];
}

/* With -r. */
static void start_registered(struct platform *p, enum platform_service service)
{
    setenv("EDGEX_USE_REGISTRY", "true", 1);
    platform_start(p, service);
    unsetenv("EDGEX_USE_REGISTRY");
}

/* The first is held up until the second has its place at the broker, and comes back. */
static void the_entry_is_of_the_one_that_stays(enum platform_service service, const char *name)
{
    SPLIT(p);
    BESIDE(q, p);
    q.port[KEEPER] = p.port[KEEPER];
    platform_start_broker(&p);
    platform_start(&p, KEEPER);
    start_registered(&p, service);
    struct entry entry = {&p, &p, service, name};
    CU_ASSERT_TRUE_FATAL(wait_until(is_the_owners, &entry, PATIENCE_MS));
    kill(p.pid[service], SIGSTOP);
    start_registered(&q, service);
    CU_ASSERT_TRUE(platform_answers(&q, service));
    kill(p.pid[service], SIGCONT);
    struct couple c = {
        {&p, service, 0},
        {&q, service, 0}
    };
    CU_ASSERT_TRUE_FATAL(wait_until(one_has_ended, &c, PATIENCE_MS));
    entry.owner = p.pid[service] > 0 ? &p : &q;
    CU_ASSERT_TRUE(wait_until(is_the_owners, &entry, PATIENCE_MS));
    CU_ASSERT_PTR_EQUAL(entry.owner, &p);
    CU_ASSERT_EQUAL(platform_log_lines(&q, service, "msg=registered", ""), 0);
}

static void test_the_entry_of_a_driver(void)
{
    the_entry_is_of_the_one_that_stays(VIRTUAL, "device-virtual");
}

static void test_the_entry_of_a_core_service(void)
{
    the_entry_is_of_the_one_that_stays(METADATA, "core-metadata");
}

/* Somebody else has written it, or taken it away. */
static void test_a_lost_entry_comes_back(void)
{
    SPLIT(p);
    platform_start_broker(&p);
    platform_start(&p, KEEPER);
    start_registered(&p, DATA);
    struct entry entry = {&p, &p, DATA, "core-data"};
    CU_ASSERT_TRUE_FATAL(wait_until(is_the_owners, &entry, PATIENCE_MS));
    EDGE_CTX_SCOPE(ctx);
    expect(
        &ctx, &p, KEEPER, "PUT", "/api/v3/registry",
        "{\"apiVersion\":\"v3\",\"registration\":{\"serviceId\":\"core-data\",\"status\":\"HALT\","
        "\"host\":\"localhost\",\"port\":1,\"healthCheck\":{\"interval\":\"10s\","
        "\"path\":\"/api/v3/ping\",\"type\":\"http\"}}}",
        204);
    CU_ASSERT_TRUE(wait_until(is_the_owners, &entry, PATIENCE_MS));
    CU_ASSERT_EQUAL(platform_log_lines(&p, DATA, "level=WARN", "registered anew"), 1);
    expect(&ctx, &p, KEEPER, "DELETE", "/api/v3/registry/serviceId/core-data", NULL, 204);
    CU_ASSERT_TRUE(wait_until(is_the_owners, &entry, PATIENCE_MS));
    CU_ASSERT_EQUAL(platform_log_lines(&p, DATA, "level=WARN", "registered anew"), 2);
}

CU_TestInfo twins_tests[] = {
    {"the second is refused",                test_the_second_is_refused               },
    {"the first goes and the next comes",    test_the_first_goes_and_the_next_comes   },
    {"a killed predecessor holds up nobody", test_a_killed_predecessor_holds_up_nobody},
    {"of two at once one stays",             test_of_two_at_once_one_stays            },
    {"of two before the broker one stays",   test_of_two_before_the_broker_one_stays  },
    {"refused after the broker was away",    test_refused_after_the_broker_was_away   },
    {"one client id for two services",       test_one_client_id_for_two_services      },
    {"instances stand side by side",         test_instances_stand_side_by_side        },
    {"commands go to the one that stays",    test_commands_go_to_the_one_that_stays   },
    {"the entry of a driver",                test_the_entry_of_a_driver               },
    {"the entry of a core service",          test_the_entry_of_a_core_service         },
    {"a lost entry comes back",              test_a_lost_entry_comes_back             },
    CU_TEST_INFO_NULL,
};
