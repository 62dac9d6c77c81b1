/* What the SNMP codec takes it can write: each value comes back the same, its text fits the room it says, and a forged
 * message of v3 never opens. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "codec/snmp_remote.h"
#include "codec/snmp_text.h"

static void same_value(const struct snmp_binding *binding)
{
    size_t size = SNMP_MESSAGE_MAX + 64;
    uint8_t *buf = malloc(size);
    struct snmp_out out = snmp_out(buf, size);
    struct snmp_binding back;
    snmp_put_binding(&out, binding->oid, &binding->value);
    assert(!out.full);
    struct snmp_view list = snmp_written(&out);
    if (binding->value.tag != 0) { /* 0: of an unknown type, which is not written */
        assert(snmp_take_binding(&list, &back) && list.n == 0);
        assert(snmp_view_equal(back.oid, binding->oid) && back.value.tag == binding->value.tag);
        if (snmp_kind(back.value.tag) == SNMP_IS_BYTES) {
            assert(snmp_view_equal(back.value.bytes, binding->value.bytes));
        } else if (snmp_kind(back.value.tag) != SNMP_IS_NOTHING) {
            assert(back.value.u == binding->value.u || back.value.f != back.value.f);
        }
    }
    free(buf);
}

static void texts(const struct snmp_value *value)
{
    size_t room = snmp_text_room(value), n;
    char *text = malloc(room);
    for (uint8_t format = 0; format < SNMP_FORMATS; format++) {
        if (snmp_text_of(value, format, text, room, &n)) {
            assert(n < room && strlen(text) == n);
        }
    }
    /* Every value but those that are none has a text of its own. */
    assert(snmp_text_of(value, SNMP_FORMAT_AUTO, text, room, &n) ==
           (snmp_kind(value->tag) != SNMP_IS_NOTHING));
    free(text);
}

static void oids(struct snmp_view contents)
{
    struct snmp_oid oid, again;
    char text[SNMP_OID_TEXT];
    uint8_t bytes[SNMP_OID_BYTES];
    const char *why;
    assert(snmp_oid_of(contents, &oid));
    assert(snmp_view_equal(contents, snmp_view(bytes, snmp_oid_bytes(&oid, bytes))));
    snmp_oid_print(&oid, text, sizeof(text));
    assert(snmp_oid_parse(text, &again, &why) && snmp_oid_compare(&oid, &again) == 0);
}

static void bindings(const struct snmp_pdu *pdu)
{
    struct snmp_view list = pdu->bindings;
    struct snmp_binding binding;
    unsigned n = 0;
    for (; snmp_take_binding(&list, &binding); n++) {
        same_value(&binding);
        texts(&binding.value);
        oids(binding.oid);
    }
    assert(n == pdu->n_bindings && list.n == 0);
}

/* Keys nobody out there has: whatever opens was signed with them. */
static void security(struct snmp_view whole, struct snmp_message *m)
{
    const struct snmp_user user = {
        .name = "fuzz", .level = SNMP_AUTH_PRIV, .auth = SNMP_AUTH_SHA, .priv = SNMP_PRIV_AES};
    struct snmp_remote remote = {0};
    uint8_t *clear = malloc(whole.n + 1);
    if (snmp_remote_meet(&remote, m->engine_id, m->boots, m->time, 0)) {
        remote.keyed = true;
        remote.keys = (struct snmp_keys){
            .auth = user.auth,
            .priv = user.priv,
            .auth_key = {20, {0x5a, 0xa5, 0x17}},
            .priv_key = {16, {0x71}            }
        };
        assert(snmp_remote_judge(&remote, &user, whole, m, clear, 1) != SNMP_TAKE);
    }
    free(clear);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct snmp_message m;
    struct snmp_oid trap;
    struct snmp_view whole = snmp_view(data, size);
    if (!snmp_message_of(whole, &m)) {
        return 0;
    }
    bindings(&m.pdu);
    (void)snmp_trap_oid(&m.pdu, &trap);
    if (m.version == SNMP_V3) {
        security(whole, &m);
    }
    return 0;
}
