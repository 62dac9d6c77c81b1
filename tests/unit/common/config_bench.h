/** A configuration for tests: sections of its own beside the common ones, and its sources. */
#ifndef TESTS_CONFIG_BENCH_H
#define TESTS_CONFIG_BENCH_H

#include "edge/config.h"
#include "scratch.h"

struct limits {
    int64_t max_entries;
    double ratio;
    const char **names;
    size_t n_names;
};
struct writable {
    struct edge_writable base;
    bool persist;
};
struct test_config {
    struct edge_base_config base;
    struct writable writable;
    struct limits limits;
    const cJSON *driver;
};
extern const struct edge_dto TEST_CONFIG;

/** A folder of its own for each test, and the sources that read from it. */
struct config_bench {
    struct edge_ctx ctx;
    struct scratch dir;
    struct edge_options options;
    struct edge_config_source source;
    struct test_config config;
    struct edge_config_loaded loaded;
};

void config_bench_open(struct config_bench *b);
void config_bench_close(struct config_bench *b);
/** A file and the folders above it. */
void config_bench_put(struct config_bench *b, const char *name, const char *text);
/** A failure ends the test. */
void config_bench_load(struct config_bench *b);
/** Asserts that it cannot be loaded, and that @p text is in the reason. */
void config_bench_fails(struct config_bench *b, const char *text);
/** A text of JSON as a tree. */
const cJSON *config_bench_tree(struct config_bench *b, const char *json);
/** How many values were refused. */
size_t config_bench_refused(const struct config_bench *b);

#endif
