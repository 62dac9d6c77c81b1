/** A real InfluxDB 1 for tests: on a free port of the loopback, in a folder of its own. It dies with the test program. */
#ifndef TESTS_INFLUX_H
#define TESTS_INFLUX_H

#include <stdint.h>

struct influx_server;
struct edge_arena;

/**
 * Started and answering; where influxd, which the tests install, does not start, the program ends with 1.
 * @p http: further lines of its section [http], or NULL.
 */
struct influx_server *influx_start(const char *http);
void influx_free(struct influx_server *s); /* stops it too; NULL is fine */
/** "http://127.0.0.1:40000" */
const char *influx_url(const struct influx_server *s);
/** Of a statement, as the server answers it: JSON. */
const char *influx_query(struct edge_arena *a, const struct influx_server *s, const char *database,
                         const char *statement);
/** Alive but mute until influx_thaw(). */
void influx_freeze(struct influx_server *s);
void influx_thaw(struct influx_server *s);

#endif
