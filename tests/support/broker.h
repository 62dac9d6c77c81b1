/**
 * A real mosquitto for tests: on a free port of the loopback, with its own temporary folder. It
 * dies with the test program.
 */
#ifndef TESTS_BROKER_H
#define TESTS_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct broker;
struct edge_arena;

/**
 * Started and accepting connections; where mosquitto, which the tests install, does not start, the program ends
 * with 1. @p more: further lines of its configuration, %s in it stands for its folder; or NULL.
 */
struct broker *broker_start(const char *more);
/** As broker_start(), but only the port is chosen: nobody answers yet. */
struct broker *broker_prepare(const char *more);
/** As broker_start(), and anybody may publish and subscribe to open/# only: all else is refused. */
struct broker *broker_ruled(void);
void broker_free(struct broker *b); /* stops it too; NULL is fine */
uint16_t broker_port(const struct broker *b);
const char *broker_folder(const struct broker *b);

/** Terminated orderly, or killed; returns when it is gone. */
void broker_stop(struct broker *b);
void broker_kill(struct broker *b);
/** On the same port again; returns when it accepts connections. */
bool broker_restart(struct broker *b);
/** Alive but mute: connections stay, nothing is read or written until broker_thaw(). */
void broker_freeze(struct broker *b);
void broker_thaw(struct broker *b);

/** In its folder and gone with it: a file; its contents. */
void broker_write(struct broker *b, const char *name, const char *text);
const char *broker_file(struct edge_arena *a, const struct broker *b, const char *name);
/**
 * Certificates: ca.pem vouches for the broker's srv.pem (localhost) and for cli.pem with cli.key. False where
 * there is no openssl.
 */
bool broker_certify(struct broker *b);
#define BROKER_TLS "cafile %s/ca.pem\ncertfile %s/srv.pem\nkeyfile %s/srv.key\n"

/** Publish bytes as they are, with a client of a few lines (QoS 0). */
bool broker_publish_raw(struct broker *b, const char *topic, const void *bytes, size_t size);

#endif
