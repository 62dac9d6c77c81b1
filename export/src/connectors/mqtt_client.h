/**
 * What every destination that speaks MQTT needs: a client, made when the first message comes and made anew when its
 * secret changes or its token grows old; the window, what became of each message, stop. What one destination does in
 * its own way are hooks of its stage.
 */
#ifndef EXPORT_MQTT_CLIENT_H
#define EXPORT_MQTT_CLIENT_H

#include "commands.h"
#include "edge/mqtt.h"
#include "export/connector.h"

struct mqtt;
struct mqtt_stage;

/** A connection that is being made. Texts in the context's arena. */
struct mqtt_login {
    struct edge_mqtt_config *config; /* what the stage says is there; credentials go to it */
    int64_t renew_ms;                /* edge_now_mono_ms: then it is made anew; INT64_MAX: never */
    struct mqtt *connector;
    void *memory;
    bool refused; /* the one before was */
};

/**
 * For credentials that are asked for: wait until @p done(arg), asked now and after each mqtt_wake(). False at the
 * deadline, and at once when the queue stops.
 */
bool mqtt_wait(struct mqtt *c, bool (*done)(void *), void *arg, int64_t deadline_ms);
void mqtt_wake(struct mqtt *c); /* any thread */

/** A function's own begins with it. Texts live as long as the stage. */
struct mqtt_stage {
    const struct export_host *host;
    const char *protocol, *broker_host, *client_id, *secret_name;
    const char *topic; /* may have {placeholders}; NULL: compose makes it */
    const char *alpn;
    uint16_t port;
    int version, qos, connect_timeout_s, keep_alive_s, retry_last_ms, ack_ms;
    bool retain, skip_verify, connect_first, has_will;
    struct edge_mqtt_message will;
    size_t max_bytes;
    unsigned window;             /* 0: 64 */
    bool hangs_up;               /* the peer, on what it does not allow: the message is denied */
    const char *const *patterns; /* subscribed to; ended by NULL. NULL: none */
    size_t memory_size; /* of what each connector remembers between its connections; zeroed first */

    /**
     * On the queue's thread, for each connection; NULL: it needs none. UNAVAILABLE: not now, tried again; else messages
     * wait for another secret.
     */
    enum edge_status (*credentials)(struct edge_ctx *ctx, const struct mqtt_stage *s,
                                    struct mqtt_login *login);
    /** The message is as it came, its topic too; NULL: it goes so. Without a topic it is not sent: it is done with. */
    enum edge_status (*compose)(struct edge_ctx *ctx, const struct mqtt_stage *s, void *memory,
                                const struct export_message *m, struct edge_mqtt_message *out);
    bool answers; /* what is sent is settled by mqtt_answer() only; without one it is sent again */
    /** What the patterns bring; paho's thread. */
    void (*received)(struct mqtt *c, const struct mqtt_stage *s, const struct edge_mqtt_message *m);
    /** The patterns are heard; the client's thread. NULL: nobody wants to know. */
    void (*heard)(struct mqtt *c, const struct mqtt_stage *s);
    /** Not NULL: commands are taken, so there is a connection without messages, too. What became of one; may reply. */
    void (*executed)(struct mqtt *c, const struct mqtt_stage *s, struct edge_ctx *ctx,
                     const struct export_command *command, int code, const char *body);
};

/** What the peer said of the message with that id; where it is not under way: nothing. Any thread. */
void mqtt_answer(struct mqtt *c, const char *id, enum export_fate fate, const char *reason);

extern const struct export_connector mqtt_connector;
/** Of a stage with executed(). */
struct export_commands *mqtt_commands(const struct mqtt *c);
/** Say this, where there is a connection; nobody is told what becomes of it. Any thread. */
void mqtt_reply(struct mqtt *c, const char *topic, const char *text);

/** A value of the stage's secret, in the context's arena. */
enum edge_status mqtt_secret(struct edge_ctx *ctx, const struct mqtt_stage *s, const char *key,
                             const char **ret);
/** NULL where it has none. */
const char *mqtt_secret_if_any(struct edge_ctx *ctx, const struct mqtt_stage *s, const char *key);
/** The client's certificate, its key, and who vouches for the broker, if that is given. */
enum edge_status mqtt_certificate(struct edge_ctx *ctx, const struct mqtt_stage *s,
                                  struct edge_mqtt_config *config);
/**
 * Seconds since 1970 of a token that lives so long from now; the connection is made anew at 80 % of it. UNAVAILABLE
 * while the clock shows a time that cannot be.
 */
enum edge_status mqtt_token_life(struct edge_ctx *ctx, int64_t life_ms, struct mqtt_login *login,
                                 int64_t *ret_from_s, int64_t *ret_until_s);

/** Of those that take commands. */
#define MQTT_COMMANDS_PARAM                                                                        \
    {                                                                                              \
        "Commands", "Whoever has rights there commands devices here; see docs/export.md.",         \
            EXPORT_P_BOOL, .def = "false"                                                          \
    }
/** Rows all tables have, and what is taken from them. */
#define MQTT_PARAMS                                                                                \
    {"KeepAlive", "Without a word so long, the broker is asked.", EXPORT_P_DURATION,               \
     .def = "60s"},                                                                                \
        {"ConnectTimeout", "Of one attempt.", EXPORT_P_DURATION, .def = "30s"},                    \
        {"MaxReconnectInterval", "Between two attempts, at most.", EXPORT_P_DURATION,              \
         .def = "2m"},                                                                             \
        {"AckTimeout", "Without an acknowledgement so long: connect anew, send again.",            \
         EXPORT_P_DURATION, .def = "30s"},                                                         \
    {                                                                                              \
        "PersistOnError", "Keep what could not be sent, and send it later.", EXPORT_P_BOOL,        \
            .def = "false"                                                                         \
    }
void mqtt_take_params(struct edge_arena *a, const struct export_host *host,
                      const struct export_params *p, struct mqtt_stage *s);
/** What a cloud looks like: TLS, MQTT 3.1.1, QoS 1, SecretName and Port of the table. */
void mqtt_take_cloud(struct edge_arena *a, const struct export_host *host,
                     const struct export_params *p, const char *broker_host, struct mqtt_stage *s);
enum edge_status mqtt_check_keep_alive(struct edge_ctx *ctx, const struct mqtt_stage *s,
                                       int least_s, int most_s);
/** TokenLife, which is between 2 s and @p most_ms. */
enum edge_status mqtt_take_life(struct edge_ctx *ctx, const struct export_params *p,
                                int64_t most_ms, int64_t *ret_ms);
/** What stands in a topic's level as it is: no separator, no wildcard, not empty. */
enum edge_status mqtt_take_level(struct edge_ctx *ctx, struct edge_arena *a,
                                 const struct export_params *p, const char *name, const char **ret);

#endif
