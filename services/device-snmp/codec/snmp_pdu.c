#include "codec/snmp_pdu.h"

#include <string.h>

enum { OPAQUE_ESCAPE = 0x9f, IP_BYTES = 4, ENTERPRISE_SPECIFIC = 6 };

static const char *const ERRORS[SNMP_ERRORS] = {
    "noError",
    "tooBig",
    "noSuchName",
    "badValue",
    "readOnly",
    "genErr",
    "noAccess",
    "wrongType",
    "wrongLength",
    "wrongEncoding",
    "wrongValue",
    "noCreation",
    "inconsistentValue",
    "resourceUnavailable",
    "commitFailed",
    "undoFailed",
    "authorizationError",
    "notWritable",
    "inconsistentName",
};

const char *snmp_error_name(int64_t error)
{
    return error >= 0 && error < SNMP_ERRORS ? ERRORS[error] : "an error it has no name for";
}

enum snmp_value_kind snmp_kind(uint8_t tag)
{
    switch (tag) {
    case SNMP_INTEGER:
    case SNMP_OPAQUE_I64:
        return SNMP_IS_INT;
    case SNMP_COUNTER32:
    case SNMP_GAUGE32:
    case SNMP_TIMETICKS:
    case SNMP_UINTEGER32:
    case SNMP_COUNTER64:
    case SNMP_OPAQUE_COUNTER64:
    case SNMP_OPAQUE_U64:
        return SNMP_IS_UINT;
    case SNMP_OPAQUE_FLOAT:
    case SNMP_OPAQUE_DOUBLE:
        return SNMP_IS_FLOAT;
    case SNMP_NULL:
    case SNMP_NO_OBJECT:
    case SNMP_NO_INSTANCE:
    case SNMP_END_OF_VIEW:
        return SNMP_IS_NOTHING;
    default:
        return SNMP_IS_BYTES;
    }
}

/* ---- values -------------------------------------------------------------------------------- */

static double float_of(struct snmp_view body)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < body.n; i++) {
        bits = bits << 8 | body.p[i];
    }
    double wide;
    float narrow;
    if (body.n == sizeof(wide)) {
        memcpy(&wide, &bits, sizeof(wide));
        return wide;
    }
    uint32_t half = (uint32_t)bits;
    memcpy(&narrow, &half, sizeof(narrow));
    return (double)narrow;
}

static bool is_special(uint8_t tag)
{
    return tag >= SNMP_OPAQUE_COUNTER64 && tag <= SNMP_OPAQUE_U64;
}

/* 9f, a tag, a length: else it is an Opaque as any. */
static bool special_of(struct snmp_view body, struct snmp_value *ret)
{
    if (body.n < 4 || body.p[0] != OPAQUE_ESCAPE || body.p[2] != body.n - 3) {
        return false;
    }
    struct snmp_value value = {.tag = body.p[1]};
    struct snmp_view inner = snmp_view(body.p + 3, body.n - 3);
    bool sound = false;
    if (value.tag == SNMP_OPAQUE_FLOAT || value.tag == SNMP_OPAQUE_DOUBLE) {
        value.f = float_of(inner);
        sound = inner.n == (value.tag == SNMP_OPAQUE_FLOAT ? sizeof(float) : sizeof(double));
    } else if (value.tag == SNMP_OPAQUE_I64) {
        sound = snmp_int_of(inner, &value.i);
    } else if (is_special(value.tag) && snmp_kind(value.tag) == SNMP_IS_UINT) {
        sound = snmp_uint_of(inner, sizeof(uint64_t), &value.u);
    }
    if (sound) {
        *ret = value;
    }
    return sound;
}

static bool bytes_sound(uint8_t tag, struct snmp_view body)
{
    struct snmp_oid oid;
    if (tag == SNMP_IP) {
        return body.n == IP_BYTES;
    }
    /* No contents at all are some agents' null OID. */
    return tag != SNMP_OID || body.n == 0 || snmp_oid_of(body, &oid);
}

bool snmp_value_of(uint8_t tag, struct snmp_view body, struct snmp_value *ret)
{
    /* Tags of what an Opaque holds mean nothing outside of it. */
    struct snmp_value value = {.tag = is_special(tag) ? 0 : tag};
    bool sound = true;
    if (tag == SNMP_OPAQUE && special_of(body, &value)) {
        *ret = value;
        return true;
    }
    switch (snmp_kind(value.tag)) {
    case SNMP_IS_INT:
        sound = snmp_int_of(body, &value.i);
        break;
    case SNMP_IS_UINT:
        sound = snmp_uint_of(body, tag == SNMP_COUNTER64 ? 8 : 4, &value.u);
        break;
    case SNMP_IS_NOTHING:
        sound = body.n == 0;
        break;
    default:
        value.bytes = body;
        sound = bytes_sound(tag, body);
    }
    if (sound) {
        *ret = value;
    }
    return sound;
}

static void put_special(struct snmp_out *out, const struct snmp_value *value)
{
    size_t end = out->at;
    uint64_t bits = value->u;
    size_t n = sizeof(uint64_t);
    if (value->tag == SNMP_OPAQUE_FLOAT) {
        float narrow = (float)value->f;
        uint32_t half;
        memcpy(&half, &narrow, sizeof(half));
        bits = half;
        n = sizeof(half);
    } else if (value->tag == SNMP_OPAQUE_DOUBLE) {
        memcpy(&bits, &value->f, sizeof(bits));
    }
    for (size_t i = 0; i < n; i++, bits >>= 8) {
        snmp_put_raw(out, &(uint8_t){(uint8_t)bits}, 1);
    }
    snmp_put_raw(out, (uint8_t[]){OPAQUE_ESCAPE, value->tag, (uint8_t)n}, 3);
    snmp_put_head(out, SNMP_OPAQUE, end);
}

void snmp_put_value(struct snmp_out *out, const struct snmp_value *value)
{
    if (is_special(value->tag)) {
        put_special(out, value);
        return;
    }
    switch (snmp_kind(value->tag)) {
    case SNMP_IS_INT:
        snmp_put_int(out, value->tag, value->i);
        return;
    case SNMP_IS_UINT:
        snmp_put_uint(out, value->tag, value->u);
        return;
    case SNMP_IS_NOTHING:
        snmp_put_bytes(out, value->tag, snmp_view(NULL, 0));
        return;
    default:
        snmp_put_bytes(out, value->tag, value->bytes);
    }
}

/* ---- bindings ------------------------------------------------------------------------------ */

bool snmp_take_binding(struct snmp_view *list, struct snmp_binding *ret)
{
    struct snmp_view left = *list, pair, body;
    struct snmp_binding found;
    struct snmp_oid oid;
    uint8_t tag;
    if (!snmp_take_tag(&left, SNMP_SEQUENCE, &pair) ||
        !snmp_take_tag(&pair, SNMP_OID, &found.oid) || !snmp_oid_of(found.oid, &oid) ||
        !snmp_take(&pair, &tag, &body) || pair.n != 0 || !snmp_value_of(tag, body, &found.value)) {
        return false;
    }
    *list = left;
    *ret = found;
    return true;
}

void snmp_put_binding(struct snmp_out *out, struct snmp_view oid, const struct snmp_value *value)
{
    size_t end = out->at;
    snmp_put_value(out, value);
    snmp_put_bytes(out, SNMP_OID, oid);
    snmp_put_head(out, SNMP_SEQUENCE, end);
}

/* ---- PDUs ---------------------------------------------------------------------------------- */

static bool take_v1_head(struct snmp_view *body, struct snmp_pdu *ret)
{
    struct snmp_view ticks;
    struct snmp_oid oid;
    return snmp_take_tag(body, SNMP_OID, &ret->v1.enterprise) &&
           snmp_oid_of(ret->v1.enterprise, &oid) && snmp_take_tag(body, SNMP_IP, &ret->v1.agent) &&
           ret->v1.agent.n == IP_BYTES &&
           snmp_take_int(body, 0, ENTERPRISE_SPECIFIC, &ret->v1.generic) &&
           snmp_take_int(body, INT32_MIN, INT32_MAX, &ret->v1.specific) &&
           snmp_take_tag(body, SNMP_TIMETICKS, &ticks) && snmp_uint_of(ticks, 4, &ret->v1.uptime);
}

static bool take_head(struct snmp_view *body, struct snmp_pdu *ret)
{
    int64_t id;
    if (!snmp_take_int(body, INT32_MIN, INT32_MAX, &id) ||
        !snmp_take_int(body, INT32_MIN, INT32_MAX, &ret->error_status) ||
        !snmp_take_int(body, INT32_MIN, INT32_MAX, &ret->error_index)) {
        return false;
    }
    ret->id = (int32_t)id;
    return true;
}

bool snmp_pdu_of(struct snmp_view in, struct snmp_pdu *ret)
{
    struct snmp_pdu pdu = {0};
    struct snmp_view body, list;
    if (!snmp_take(&in, &pdu.type, &body) || in.n != 0 || pdu.type < SNMP_GET ||
        pdu.type > SNMP_REPORT ||
        !(pdu.type == SNMP_TRAP_V1 ? take_v1_head(&body, &pdu) : take_head(&body, &pdu)) ||
        !snmp_take_tag(&body, SNMP_SEQUENCE, &pdu.bindings) || body.n != 0) {
        return false;
    }
    struct snmp_binding binding;
    for (list = pdu.bindings; list.n > 0; pdu.n_bindings++) {
        if (!snmp_take_binding(&list, &binding)) {
            return false;
        }
    }
    *ret = pdu;
    return true;
}

void snmp_put_pdu(struct snmp_out *out, uint8_t type, int32_t id, int64_t status, int64_t index,
                  size_t end)
{
    snmp_put_head(out, SNMP_SEQUENCE, end);
    snmp_put_int(out, SNMP_INTEGER, index);
    snmp_put_int(out, SNMP_INTEGER, status);
    snmp_put_int(out, SNMP_INTEGER, id);
    snmp_put_head(out, type, end);
}

void snmp_put_request(struct snmp_out *out, uint8_t type, int32_t id, int64_t repetitions,
                      const struct snmp_view *oids, unsigned n)
{
    size_t end = out->at;
    for (unsigned i = n; i-- > 0;) {
        snmp_put_binding(out, oids[i], &(struct snmp_value){.tag = SNMP_NULL});
    }
    snmp_put_pdu(out, type, id, 0, type == SNMP_GETBULK ? repetitions : 0, end);
}

/* ---- traps --------------------------------------------------------------------------------- */

static const struct snmp_oid SNMP_TRAPS = {
    9, {1, 3, 6, 1, 6, 3, 1, 1, 5}
};
static const struct snmp_oid SNMP_TRAP_OID = {
    11, {1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0}
};

static bool v1_trap_oid(const struct snmp_pdu *pdu, struct snmp_oid *ret)
{
    if (pdu->v1.generic != ENTERPRISE_SPECIFIC) {
        *ret = SNMP_TRAPS;
        ret->id[ret->n++] = (uint32_t)pdu->v1.generic + 1;
        return true;
    }
    if (!snmp_oid_of(pdu->v1.enterprise, ret) || ret->n > SNMP_OID_MAX - 2) {
        return false;
    }
    ret->id[ret->n++] = 0;
    ret->id[ret->n++] = (uint32_t)pdu->v1.specific;
    return true;
}

bool snmp_trap_oid(const struct snmp_pdu *pdu, struct snmp_oid *ret)
{
    if (pdu->type == SNMP_TRAP_V1) {
        return v1_trap_oid(pdu, ret);
    }
    struct snmp_view list = pdu->bindings;
    struct snmp_binding binding;
    struct snmp_oid oid;
    while (snmp_take_binding(&list, &binding)) { /* the second one, but who knows */
        if (snmp_oid_of(binding.oid, &oid) && snmp_oid_compare(&oid, &SNMP_TRAP_OID) == 0) {
            return binding.value.tag == SNMP_OID && snmp_oid_of(binding.value.bytes, ret);
        }
    }
    return false;
}
