/* How long the DTO layer takes: an event with one reading, a profile of 200 resources. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contracts/event.h"
#include "contracts/profile.h"
#include "edge/cbor.h"
#include "edge/clock.h"

static const char EVENT_TEXT[] =
    "{\"apiVersion\":\"v3\",\"requestId\":\"e6e8a2f4-eb14-4649-9e2b-175247911369\",\"event\":{"
    "\"apiVersion\":\"v3\",\"id\":\"d5471d59-2810-4edf-a5f4-5a1c0b3d0c0e\",\"deviceName\":\"D1\","
    "\"profileName\":\"Simple-Device\",\"sourceName\":\"Temperature\",\"origin\":1754470001000000001,"
    "\"readings\":[{\"id\":\"0f7e8f9a-2c60-4a3d-8c3c-2f1f7b1f6f43\",\"origin\":1754470001000000001,"
    "\"deviceName\":\"D1\",\"resourceName\":\"Temperature\",\"profileName\":\"Simple-Device\","
    "\"valueType\":\"Float64\",\"value\":\"2.15e+01\"}]}}";

struct subject {
    const char *name;
    const struct edge_dto *dto;
    struct edge_buf text, cbor;
    int rounds;
};

enum step { PARSE, PARSE_CBOR, DECODE, ENCODE, ENCODE_CBOR, CLONE, STEPS };
static const char *const STEP_NAMES[STEPS] = {"parse JSON",  "parse CBOR",  "decode",
                                              "encode JSON", "encode CBOR", "clone"};

static void must(enum edge_status st, struct edge_ctx *ctx)
{
    if (st != EDGE_OK) {
        fprintf(stderr, "bench_dto: %s\n", edge_ctx_message(ctx, st));
        exit(1);
    }
}

static const cJSON *parse(struct edge_ctx *ctx, const struct edge_buf *b, bool cbor)
{
    const cJSON *json = NULL;
    must(cbor ? edge_cbor_parse(ctx, b->data, b->len, NULL, &json)
              : edge_json_parse(ctx, b->data, b->len, NULL, &json),
         ctx);
    return json;
}

static void once(enum step step, const struct subject *s, const cJSON *json, const void *obj,
                 struct edge_buf *out)
{
    EDGE_CTX_SCOPE(ctx);
    out->len = 0;
    switch (step) {
    case PARSE:
        (void)parse(&ctx, &s->text, false);
        break;
    case PARSE_CBOR:
        (void)parse(&ctx, &s->cbor, true);
        break;
    case DECODE:
        must(edge_dto_decode(&ctx, s->dto, json, edge_alloc(&ctx.arena, 1, s->dto->size)), &ctx);
        break;
    case ENCODE:
        edge_dto_encode(s->dto, obj, EDGE_JSON, out);
        break;
    case ENCODE_CBOR:
        edge_dto_encode(s->dto, obj, EDGE_CBOR, out);
        break;
    default:
        edge_dto_clone(s->dto, &ctx.arena, obj);
        break;
    }
}

static void measure(struct subject *s)
{
    EDGE_CTX_SCOPE(ctx);
    struct edge_buf out = EDGE_BUF_INIT;
    const cJSON *json = parse(&ctx, &s->text, false);
    void *obj = edge_alloc(&ctx.arena, 1, s->dto->size);
    must(edge_dto_decode(&ctx, s->dto, json, obj), &ctx);
    edge_dto_encode(s->dto, obj, EDGE_CBOR, &s->cbor);
    printf("%s: %zu bytes of JSON, %zu of CBOR\n", s->name, s->text.len, s->cbor.len);
    for (enum step step = 0; step < STEPS; step++) {
        int64_t start = edge_now_mono_ns();
        for (int i = 0; i < s->rounds; i++) {
            once(step, s, json, obj, &out);
        }
        printf("  %-12s %9.2f us\n", STEP_NAMES[step],
               (double)(edge_now_mono_ns() - start) / s->rounds / 1000);
    }
    edge_buf_done(&out);
    edge_buf_done(&s->text);
    edge_buf_done(&s->cbor);
}

static void put_profile(struct edge_buf *text)
{
    edge_buf_puts(
        text,
        "{\"name\":\"p\",\"manufacturer\":\"m\",\"labels\":[\"a\",\"b\"],\"deviceResources\":[");
    for (int i = 0; i < 200; i++) {
        edge_buf_printf(
            text,
            "%s{\"name\":\"r%d\",\"description\":\"some resource\",\"isHidden\":false,"
            "\"properties\":{\"valueType\":\"Float64\",\"readWrite\":\"RW\",\"units\":\"degC\","
            "\"minimum\":-40,\"maximum\":85.5,\"defaultValue\":\"0\"},"
            "\"attributes\":{\"register\":%d,\"type\":\"HOLDING\"}}",
            i ? "," : "", i, 40000 + i);
    }
    edge_buf_puts(text, "]}");
}

int main(void)
{
    struct subject event = {
        .name = "AddEventRequest, one reading", .dto = &ADD_EVENT_REQUEST, .rounds = 200000};
    struct subject profile = {
        .name = "DeviceProfile, 200 resources", .dto = &DEVICE_PROFILE, .rounds = 2000};
    edge_buf_puts(&event.text, EVENT_TEXT);
    put_profile(&profile.text);
    measure(&event);
    measure(&profile);
    return 0;
}
