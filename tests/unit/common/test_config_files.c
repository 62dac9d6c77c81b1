/* Where the files of a configuration are found. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_bench.h"
#include "edge/client.h"
#include "suites.h"
#include "tcp_peer.h"

static void test_files_are_looked_up_by_service_first(void)
{
    struct config_bench b;
    config_bench_open(&b);
    b.source.base_yaml = "Service: {Port: 1}\n";
    config_bench_load(&b);
    CU_ASSERT_EQUAL(b.config.base.service.port, 1);
    static const struct {
        const char *file;
        int port;
    } steps[] = {
        {"configuration.yaml",               2},
        {"core-data/res/configuration.yaml", 3},
        {"core-data/configuration.yaml",     4},
    };
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        config_bench_put(&b, steps[i].file,
                         edge_printf(&b.ctx.arena, "Service: {Port: %d}\n", steps[i].port));
        config_bench_load(&b);
        CU_ASSERT_EQUAL(b.config.base.service.port, steps[i].port);
        CU_ASSERT_STRING_EQUAL(b.loaded.file,
                               edge_printf(&b.ctx.arena, "%s/%s", b.dir.path, steps[i].file));
    }
    b.options.profile = "docker";
    config_bench_fails(&b, "configuration file docker/configuration.yaml does not exist in /");
    config_bench_put(&b, "core-data/docker/configuration.yaml", "Service: {Port: 5}\n");
    config_bench_load(&b);
    CU_ASSERT_EQUAL(b.config.base.service.port, 5);
    config_bench_close(&b);
}

static void test_files_asked_for_by_name_must_exist(void)
{
    struct config_bench b;
    config_bench_open(&b);
    b.source.base_yaml = "Service: {Port: 1}\n";
    b.options.config_file = "other.yaml";
    config_bench_fails(&b, "configuration file other.yaml does not exist in /");
    b.options.config_file = "/nowhere/other.yaml";
    config_bench_fails(&b, "/nowhere/other.yaml");
    b.options.config_file = "http://host/configuration.yaml";
    config_bench_fails(&b, "only http and https");
    b.options.config_file = NULL;
    b.options.common_config = "/nowhere/common.yaml";
    config_bench_fails(&b, "cannot read /nowhere/common.yaml: No such file or directory");
    b.options.common_config = b.dir.path;
    config_bench_fails(&b, "not a file");
    b.options.common_config = NULL;
    b.options.config_dir = "/nowhere";
    config_bench_fails(&b, "configuration directory /nowhere does not exist");
    config_bench_close(&b);
}

static void test_named_files_are_found_beside_the_configuration(void)
{
    SCRATCH(dir);
    EDGE_CTX_SCOPE(ctx);
    const char *path = edge_printf(&ctx.arena, "%s/extra.yaml", dir.path), *text = NULL;
    size_t len = 0;
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs("a: 1\n", f);
    fclose(f);
    const char *const names[] = {path, "extra.yaml", "./res/extra.yaml"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        text = NULL;
        CU_ASSERT_EQUAL(edge_config_read(&ctx, NULL, dir.path, names[i], &text, &len), EDGE_OK);
        CU_ASSERT_STRING_EQUAL(text, "a: 1\n");
        CU_ASSERT_EQUAL(len, 5);
    }
    CU_ASSERT_EQUAL(edge_config_read(&ctx, NULL, dir.path, "none.yaml", &text, &len),
                    EDGE_NOT_FOUND);
    CU_ASSERT_PTR_NOT_NULL(strstr(edge_ctx_message(&ctx, EDGE_NOT_FOUND), "none.yaml"));
    CU_ASSERT_EQUAL(edge_config_read(&ctx, NULL, dir.path, "/extra.yaml", &text, &len),
                    EDGE_NOT_FOUND);
    CU_ASSERT_EQUAL(edge_config_read(&ctx, NULL, dir.path, dir.path, &text, &len), EDGE_INVALID);
}

static const char *http_text(struct config_bench *b, int code, const char *body)
{
    return edge_printf(&b->ctx.arena, "HTTP/1.1 %d Said\r\nContent-Length: %zu\r\n\r\n%s", code,
                       strlen(body), body);
}

static void test_files_come_from_web_servers(void)
{
    struct config_bench b;
    config_bench_open(&b);
    const struct peer_step script[] = {
        {PEER_ANSWER,                                        http_text(&b, 200, "all-services: {Service: {MaxResultCount: 9}}\n")},
        {PEER_ANSWER, http_text(&b,             200, "Limits: {MaxEntries: 8}\n")},
        {PEER_ANSWER,                                      http_text(&b,                                   404, "nothing")},
        {PEER_HANG,                                                  NULL                                                   },
    };
    struct tcp_peer *peer = tcp_peer_start(script, sizeof(script) / sizeof(script[0]));
    const char *uri = edge_printf(&b.ctx.arena, "%s/conf/a.yaml?x=1", tcp_peer_url(peer));
    b.options.common_config = uri;
    b.options.config_file = uri;
    config_bench_fails(&b, "only http and https");
    b.source.client = edge_client_create();
    config_bench_load(&b);
    CU_ASSERT_EQUAL(b.config.base.service.max_result_count, 9);
    CU_ASSERT_EQUAL(b.config.limits.max_entries, 8);
    CU_ASSERT_STRING_EQUAL(b.loaded.file, uri);
    CU_ASSERT_PTR_NOT_NULL(strstr(tcp_peer_last(peer), "GET /conf/a.yaml?x=1 HTTP/1.1"));
    config_bench_fails(&b, "it answers 404");

    setenv("EDGEX_FILE_URI_TIMEOUT", "100ms", 1);
    config_bench_fails(&b, uri);
    setenv("EDGEX_FILE_URI_TIMEOUT", "soon", 1);
    config_bench_fails(&b, "EDGEX_FILE_URI_TIMEOUT: 'soon' is not a duration");
    unsetenv("EDGEX_FILE_URI_TIMEOUT");
    b.options.common_config = "ftp://localhost/a.yaml";
    config_bench_fails(&b, "ftp://localhost/a.yaml: only http and https");
    edge_client_free(b.source.client);
    tcp_peer_free(peer);
    config_bench_close(&b);
}

CU_TestInfo config_files_tests[] = {
    {"files are looked up by service first",           test_files_are_looked_up_by_service_first},
    {"files asked for by name must exist",             test_files_asked_for_by_name_must_exist  },
    {"named files are found beside the configuration",
     test_named_files_are_found_beside_the_configuration                                        },
    {"files come from web servers",                    test_files_come_from_web_servers         },
    CU_TEST_INFO_NULL,
};
