/* What attackers and careless clients do to a whole platform: it stays small, answers everybody else,
 * and stops at once. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "contracts/event.h"
#include "edge/clock.h"
#include "edge/text.h"
#include "http_probe.h"
#include "platform.h"
#include "suites.h"

enum {
    EVENT_SIZE = 4 * 1024 * 1024,
    N_EVENTS = 6,
    N_PEERS = 60,
    MAX_PSS_KB = 96 * 1024,
    STOP_MS = 2000, /* the machine may be busy */
};

/* Large ones, later than those of the devices: every list begins with them. */
static void add_large_events(const struct platform *p)
{
    EDGE_CTX_SCOPE(ctx);
    const int64_t origin = edge_now_ns() + INT64_C(3600000000000);
    char *bytes = edge_alloc(&ctx.arena, EVENT_SIZE, 1);
    for (int i = 0; i < N_EVENTS; i++) {
        struct edge_buf body = EDGE_BUF_INIT;
        struct reading reading = {
            .origin = origin + i,
            .device_name = "d",
            .resource_name = "r",
            .profile_name = "p",
            .value_type = VT_BINARY,
            .media_type = "image/raw",
            .binary = {bytes, EVENT_SIZE}
        };
        const struct add_event_request request = {
            .base = {.api_version = "v3"},
            .event = { .api_version = "v3",
                     .id = edge_uuid_make(&ctx.arena),
                     .device_name = "d",
                     .profile_name = "p",
                     .source_name = "r",
                     .origin = origin + i,
                     .readings = &reading,
                     .n_readings = 1}
        };
        edge_dto_encode(&ADD_EVENT_REQUEST, &request, EDGE_JSON, &body);
        expect(&ctx, p, DATA, "POST", "/api/v3/event/s/p/d/r", edge_buf_str(&body), 201);
        edge_buf_done(&body);
    }
}

static int64_t pss_kb(const struct platform *p)
{
    char path[64], line[128];
    int64_t kb = -1;
    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", p->pid[0]);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof(line), f)) {
        if (strncmp(line, "Pss:", 4) == 0) {
            kb = strtoll(line + 4, NULL, 10);
        }
    }
    if (f) {
        fclose(f);
    }
    return kb;
}

/* ASan's shadow and quarantine are no memory of ours. */
static bool is_sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return true;
#else
    return false;
#endif
}

static int attack(const struct platform *p, int i)
{
    static const char half_body[] = "POST /api/v3/event/s/p/d/r HTTP/1.1\r\nHost: x\r\n"
                                    "Content-Length: 20000000\r\n\r\n";
    static const char list[] = "GET /api/v3/event/all?limit=100 HTTP/1.1\r\nHost: x\r\n\r\n";
    static char part[1024 * 1024];
    int fd = http_probe_open(p->port[DATA]);
    if (fd < 0) {
        return fd;
    }
    switch (i % 4) {
    case 0:
        http_probe_text(fd, half_body);
        for (int k = 0; k < 4; k++) {
            (void)!send(fd, part, sizeof(part), MSG_NOSIGNAL | MSG_DONTWAIT);
        }
        break;
    case 1:
        http_probe_text(fd, list);
        break;
    case 2:
        http_probe_text(fd, "GET /api/v3/ping HTT");
        shutdown(fd, SHUT_WR);
        break;
    default:
        http_probe_text(fd, list);
        shutdown(fd, SHUT_RDWR);
        break;
    }
    return fd;
}

static void test_a_mixed_attack(void)
{
    struct edge_arena a = EDGE_ARENA_INIT;
    struct http_answer answer;
    int fds[N_PEERS];
    PLATFORM(p, SHAPE_ONE);
    add_large_events(&p);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < N_PEERS; i++) {
            fds[i] = attack(&p, i);
            if (i % 10 == 0) {
                int64_t since_ms = edge_now_mono_ms();
                http_probe_ask(&a, p.port[DATA], "GET", "/api/v3/ping", NULL, NULL, &answer);
                CU_ASSERT_EQUAL(answer.code, 200);
                CU_ASSERT(edge_now_mono_ms() - since_ms < 1000);
                CU_ASSERT(is_sanitized() || pss_kb(&p) < MAX_PSS_KB);
            }
        }
        for (int i = 0; i < N_PEERS && round < 2; i++) {
            close(fds[i]);
        }
    }
    int64_t since_ms = edge_now_mono_ms(); /* with the last round still there */
    CU_ASSERT_TRUE(platform_down(&p));
    CU_ASSERT(edge_now_mono_ms() - since_ms < STOP_MS);
    for (int i = 0; i < N_PEERS; i++) {
        close(fds[i]);
    }
    edge_arena_done(&a);
}

/* A list far longer than the budget allows at once comes whole, over a socket. */
static void test_long_lists_come_whole(void)
{
    EDGE_CTX_SCOPE(ctx);
    PLATFORM(p, SHAPE_ONE);
    add_large_events(&p);
    const cJSON *body =
        expect(&ctx, &p, DATA, "GET", "/api/v3/event/device/name/d?limit=4", NULL, 200);
    CU_ASSERT_EQUAL(int_at(body, "totalCount"), N_EVENTS);
    CU_ASSERT_EQUAL(cJSON_GetArraySize(at(body, "events")), 4);
    body = expect(&ctx, &p, DATA, "GET", "/api/v3/reading/device/name/d?offset=4", NULL, 200);
    CU_ASSERT_EQUAL(int_at(body, "totalCount"), N_EVENTS);
    CU_ASSERT_EQUAL(cJSON_GetArraySize(at(body, "readings")), 2);
    CU_ASSERT_TRUE(platform_down(&p));
}

/* An expression that takes too long is refused with its name, not "not found". */
static void test_expressions_at_their_limit(void)
{
    EDGE_CTX_SCOPE(ctx);
    PLATFORM(p, SHAPE_ONE);
    const cJSON *body = expect(&ctx, &p, COMMAND, "GET",
                               "/api/v3/device/name/Random-Integer-Device/"
                               "((%5BA-Za-z0-9_%5D%2B)*)*%5B%5EA-Za-z0-9_%5D",
                               NULL, 400);
    CU_ASSERT_PTR_NOT_NULL(strstr(text_at(body, "message"), "takes too many steps"));
    CU_ASSERT_TRUE(platform_down(&p));
}

CU_TestInfo abuse_tests[] = {
    {"a mixed attack",             test_a_mixed_attack            },
    {"long lists come whole",      test_long_lists_come_whole     },
    {"expressions at their limit", test_expressions_at_their_limit},
    CU_TEST_INFO_NULL,
};
