/* What people write about SNMP: OIDs come back as they were, values that are written are sound, ranges stay in bounds. */
#include <assert.h>
#include <string.h>

#include "codec/snmp_text.h"
#include "devsdk/ranges.h"

enum { TEXT_MAX = 4096 };

static void oid(const char *text)
{
    struct snmp_oid first, second, third;
    char printed[SNMP_OID_TEXT];
    uint8_t bytes[SNMP_OID_BYTES];
    const char *why = NULL;
    if (!snmp_oid_parse(text, &first, &why)) {
        assert(why);
        return;
    }
    assert(snmp_oid_print(&first, printed, sizeof(printed)) < sizeof(printed));
    assert(snmp_oid_parse(printed, &second, &why) && snmp_oid_compare(&first, &second) == 0);
    assert(snmp_oid_of(snmp_view(bytes, snmp_oid_bytes(&first, bytes)), &third));
    assert(snmp_oid_compare(&first, &third) == 0);
}

static void written(struct snmp_view text)
{
    const struct snmp_wanted wanted = {.kind = SNMP_WANTED_TEXT, .text = text};
    uint8_t scratch[SNMP_OID_BYTES > TEXT_MAX ? SNMP_OID_BYTES : TEXT_MAX], buf[TEXT_MAX + 64];
    for (uint8_t letter = 0; letter < SNMP_LETTERS; letter++) {
        struct snmp_value value, back;
        if (snmp_value_make(letter, &wanted, scratch, sizeof(scratch), &value)) {
            continue;
        }
        struct snmp_out out = snmp_out(buf, sizeof(buf));
        struct snmp_view in, body;
        uint8_t tag;
        snmp_put_value(&out, &value);
        in = snmp_written(&out);
        assert(!out.full && snmp_take(&in, &tag, &body) && in.n == 0);
        assert(snmp_value_of(tag, body, &back) && back.tag == value.tag);
        assert(snmp_view_equal(back.bytes, value.bytes));
    }
}

static void ranges(const char *text)
{
    devsdk_ranges all;
    uint32_t address;
    char why[160] = "";
    if (!devsdk_ranges_parse(text, &all, why, sizeof(why))) {
        assert(why[0]);
        return;
    }
    uint32_t count = devsdk_ranges_count(&all), n = 0;
    assert(count <= DEVSDK_RANGES_ADDRESSES);
    while (n < 1000 && devsdk_ranges_next(&all, &address)) {
        n++;
    }
    assert(n == (count < 1000 ? count : 1000));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[TEXT_MAX];
    if (size >= sizeof(text)) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    oid(text);
    ranges(text);
    written(snmp_view(data, size));
    return 0;
}
