/**
 * Requests under way to all agents, on one UDP socket: who is asked, what was asked, when it is asked again. Answers are
 * believed where address, id, community or user, engine and signature fit what was asked; all others are counted.
 */
#ifndef SNMP_ENGINE_H
#define SNMP_ENGINE_H

#include "codec/snmp_remote.h"
#include "devsdk/devsdk.h"
#include "snmp_resolve.h"

struct snmp_engine;

/** Somebody to ask. Set by its owner before the first request; what follows is the engine's. */
struct snmp_session {
    const char *label; /* for the log */
    const char *host;  /* address or name */
    uint16_t port;
    uint8_t version;       /* SNMP_V1, ... */
    const char *context;   /* v3 */
    struct snmp_user user; /* snmp_session_user() */

    struct snmp_peer peer;
    bool numeric, located, lost; /* no name; the address is known; it did not answer there */
    struct snmp_lookup *lookup;
    struct snmp_remote remote;
    bool told_stranger, told_forgery;
};

enum snmp_outcome {
    SNMP_ANSWERED, /* @p pdu is the answer */
    SNMP_SILENT,
    SNMP_UNKNOWN_HOST,
    SNMP_REFUSED, /* by USM */
    SNMP_UNSENT,  /* too big, no crypto */
};
/** Any thread, within snmp_engine_ask() too where it cannot be sent; no lock held. @p why: where it is no answer. May
 * ask again. */
typedef void snmp_answered(void *arg, enum snmp_outcome outcome, const struct snmp_pdu *pdu,
                           const char *why);

struct snmp_ask {
    struct snmp_session *session; /* stays until the outcome */
    struct snmp_view community;   /* v1, v2c; copied */
    uint8_t type;                 /* SNMP_GET, ... */
    int64_t repetitions;          /* of GETBULK */
    struct snmp_view list;        /* encoded bindings, without their head; copied */
    uint32_t timeout_ms;          /* until it is asked again; half as long more each time */
    unsigned retries;
    int64_t deadline_ms; /* CLOCK_MONOTONIC: no outcome is later */
    snmp_answered *fn;
    void *arg;
};

/** NULL and errno: no socket, no memory. */
struct snmp_engine *snmp_engine_create(devsdk_service *service);
/** Nothing must be under way any more. */
void snmp_engine_free(struct snmp_engine *engine); /* NULL is fine */
/** Any thread. The outcome comes exactly once, often before this returns. */
void snmp_engine_ask(struct snmp_engine *engine, const struct snmp_ask *ask);

/** Another user, or other keys of it. Any thread. */
void snmp_session_user(struct snmp_engine *engine, struct snmp_session *session,
                       const struct snmp_user *user);
void snmp_session_user_copy(struct snmp_engine *engine, const struct snmp_session *session,
                            struct snmp_user *ret);
/** Where it is, by what is known now; a name is looked up for the next time. Any thread. */
bool snmp_session_peer(struct snmp_engine *engine, struct snmp_session *session,
                       struct snmp_peer *ret);
/** What it holds; nothing of it is under way. */
void snmp_session_done(struct snmp_engine *engine, struct snmp_session *session);

#endif
