#include "codec/snmp_message.h"

enum { USM = 3, LEAST_MAX_SIZE = 484 };

static bool take_scoped(struct snmp_view *in, struct snmp_message *ret)
{
    struct snmp_view body;
    return snmp_take_tag(in, SNMP_SEQUENCE, &body) &&
           snmp_take_tag(&body, SNMP_OCTETS, &ret->context_engine_id) &&
           snmp_take_tag(&body, SNMP_OCTETS, &ret->context_name) && snmp_pdu_of(body, &ret->pdu);
}

bool snmp_scoped_of(struct snmp_view in, struct snmp_message *ret)
{
    return take_scoped(&in, ret);
}

static bool take_header(struct snmp_view *in, struct snmp_message *ret)
{
    struct snmp_view body, flags;
    int64_t id, max_size, model;
    if (!snmp_take_tag(in, SNMP_SEQUENCE, &body) || !snmp_take_int(&body, 0, INT32_MAX, &id) ||
        !snmp_take_int(&body, LEAST_MAX_SIZE, INT32_MAX, &max_size) ||
        !snmp_take_tag(&body, SNMP_OCTETS, &flags) || flags.n != 1 ||
        !snmp_take_int(&body, USM, USM, &model) || body.n != 0) {
        return false;
    }
    ret->id = (int32_t)id;
    ret->flags = flags.p[0];
    return (ret->flags & (SNMP_FLAG_AUTH | SNMP_FLAG_PRIV)) != SNMP_FLAG_PRIV;
}

static bool take_usm(struct snmp_view *in, struct snmp_message *ret)
{
    struct snmp_view outer, body;
    int64_t boots, time;
    if (!snmp_take_tag(in, SNMP_OCTETS, &outer) || !snmp_take_tag(&outer, SNMP_SEQUENCE, &body) ||
        outer.n != 0 || !snmp_take_tag(&body, SNMP_OCTETS, &ret->engine_id) ||
        !snmp_take_int(&body, 0, INT32_MAX, &boots) || !snmp_take_int(&body, 0, INT32_MAX, &time) ||
        !snmp_take_tag(&body, SNMP_OCTETS, &ret->user) ||
        !snmp_take_tag(&body, SNMP_OCTETS, &ret->mac) ||
        !snmp_take_tag(&body, SNMP_OCTETS, &ret->salt) || body.n != 0) {
        return false;
    }
    ret->boots = (uint32_t)boots;
    ret->time = (uint32_t)time;
    return ret->engine_id.n <= SNMP_ENGINE_ID_MAX && ret->user.n <= SNMP_USER_MAX &&
           ret->mac.n <= SNMP_MAC_MAX && (ret->salt.n == 0 || ret->salt.n == SNMP_SALT_BYTES);
}

static bool take_v3(struct snmp_view *in, struct snmp_message *ret)
{
    if (!take_header(in, ret) || !take_usm(in, ret)) {
        return false;
    }
    return ret->flags & SNMP_FLAG_PRIV ? snmp_take_tag(in, SNMP_OCTETS, &ret->sealed)
                                       : take_scoped(in, ret);
}

bool snmp_message_of(struct snmp_view in, struct snmp_message *ret)
{
    struct snmp_message message = {0};
    struct snmp_view body;
    int64_t version;
    if (!snmp_take_tag(&in, SNMP_SEQUENCE, &body) || in.n != 0 ||
        !snmp_take_int(&body, SNMP_V1, SNMP_V3, &version)) {
        return false;
    }
    message.version = (int)version;
    bool sound = false;
    if (version == SNMP_V3) {
        sound = take_v3(&body, &message) && body.n == 0;
    } else if (version == SNMP_V1 || version == SNMP_V2C) {
        sound = snmp_take_tag(&body, SNMP_OCTETS, &message.community) &&
                snmp_pdu_of(body, &message.pdu);
    }
    if (sound) {
        *ret = message;
    }
    return sound;
}

/* ---- writing ------------------------------------------------------------------------------- */

void snmp_put_message(struct snmp_out *out, int version, struct snmp_view community, size_t end)
{
    snmp_put_bytes(out, SNMP_OCTETS, community);
    snmp_put_int(out, SNMP_INTEGER, version);
    snmp_put_head(out, SNMP_SEQUENCE, end);
}

void snmp_put_scoped(struct snmp_out *out, struct snmp_view engine_id, struct snmp_view context,
                     size_t end)
{
    snmp_put_bytes(out, SNMP_OCTETS, context);
    snmp_put_bytes(out, SNMP_OCTETS, engine_id);
    snmp_put_head(out, SNMP_SEQUENCE, end);
}

static void put_usm(struct snmp_out *out, const struct snmp_message *head, size_t *ret_mac_at)
{
    static const uint8_t zeros[SNMP_MAC_MAX];
    size_t end = out->at;
    snmp_put_bytes(out, SNMP_OCTETS, head->salt);
    size_t mac_end = out->at;
    snmp_put_bytes(out, SNMP_OCTETS, snmp_view(zeros, head->mac.n));
    *ret_mac_at = mac_end - head->mac.n;
    snmp_put_bytes(out, SNMP_OCTETS, head->user);
    snmp_put_int(out, SNMP_INTEGER, head->time);
    snmp_put_int(out, SNMP_INTEGER, head->boots);
    snmp_put_bytes(out, SNMP_OCTETS, head->engine_id);
    snmp_put_head(out, SNMP_SEQUENCE, end);
    snmp_put_head(out, SNMP_OCTETS, end);
}

void snmp_put_v3(struct snmp_out *out, const struct snmp_message *head, size_t end,
                 size_t *ret_mac_at)
{
    put_usm(out, head, ret_mac_at);
    size_t header_end = out->at;
    snmp_put_int(out, SNMP_INTEGER, USM);
    snmp_put_bytes(out, SNMP_OCTETS, snmp_view(&head->flags, 1));
    snmp_put_int(out, SNMP_INTEGER, SNMP_MESSAGE_MAX);
    snmp_put_int(out, SNMP_INTEGER, head->id);
    snmp_put_head(out, SNMP_SEQUENCE, header_end);
    snmp_put_int(out, SNMP_INTEGER, SNMP_V3);
    snmp_put_head(out, SNMP_SEQUENCE, end);
}
