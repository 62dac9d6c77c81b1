/* The DTO layer on tables made for the purpose: every kind, every flag, every fault. */
#include <math.h>
#include <stdlib.h>

#include "dtotest.h"
#include "suites.h"

static const char *const COLOURS[] = {"RED", "Green", NULL};
static const char *const MOODS[] = {"", "GLAD", "SAD", NULL};

struct wheel {
    double size;
    const char *tyre;
};
struct tag {
    const char *key, *value;
};
struct part {
    const char *name;
    struct wheel wheel;
};
struct maker {
    const char *country, *town;
};
struct car {
    const char *id, *name, *note;
    bool sold;
    int64_t doors;
    uint64_t serial;
    double weight;
    unsigned colour, mood;
    const bool *hybrid;
    const int64_t *speed;
    const uint64_t *mask;
    const double *limit;
    struct edge_bytes key;
    struct maker maker;
    struct wheel spare;
    struct wheel *trailer;
    struct wheel engine;
    const char **labels;
    size_t n_labels;
    struct wheel *wheels;
    size_t n_wheels;
    struct tag *tags;
    size_t n_tags;
    struct part *parts;
    size_t n_parts;
    const cJSON *extra, *always, *never;
};

static enum edge_status no_zebra(const void *value, struct edge_scope *at)
{
    return strcmp(value, "zebra") != 0 ? EDGE_OK : edge_scope_fail(at, NULL, "is a zebra");
}

static enum edge_status car_check(const void *value, struct edge_scope *at)
{
    const struct car *c = value;
    return c->sold && c->n_wheels == 0 ? edge_scope_fail(at, "wheels", "are sold with a car")
                                       : EDGE_OK;
}

/* clang-format off */
static const struct edge_field wheel_fields[] = {
    EDGE_FIELD(struct wheel, size, "size", "Inches.", .min = 10, .max = 30),
    EDGE_FIELD(struct wheel, tyre, "tyre", "Make.", .def = "none"),
};
static const struct edge_dto WHEEL = EDGE_DTO(struct wheel, "Wheel", wheel_fields);
static const struct edge_field tag_fields[] = {
    EDGE_FIELD(struct tag, key, NULL, "Name.", .flags = EDGE_KEY | EDGE_REQUIRED),
    EDGE_FIELD(struct tag, value, NULL, "Text.", .flags = EDGE_VALUE, .check = no_zebra),
};
static const struct edge_dto TAG = EDGE_DTO(struct tag, "Tag", tag_fields);
static const struct edge_field part_fields[] = {
    EDGE_FIELD(struct part, name, NULL, "Name.", .flags = EDGE_KEY),
    EDGE_OBJECT(struct part, wheel, NULL, "Bare.", &WHEEL, .flags = EDGE_VALUE),
};
static const struct edge_dto PART = EDGE_DTO(struct part, "Part", part_fields);
static const struct edge_field maker_fields[] = {
    EDGE_FIELD(struct maker, country, "country", "Of the plant.", .def = "IT"),
    EDGE_FIELD(struct maker, town, "town", "Of the plant."),
};
static const struct edge_dto MAKER = EDGE_DTO(struct maker, "Maker", maker_fields);

#define F(m, ...) EDGE_FIELD(struct car, m, __VA_ARGS__)
static const struct edge_field car_fields[] = {
    F(id, "id", "UUID.", .flags = EDGE_READONLY, .check = edge_check_uuid),
    F(name, "name", "Name.", .flags = EDGE_REQUIRED, .check = edge_check_not_blank, .max = 12),
    F(note, "note", "May be cleared.", .flags = EDGE_NULLABLE),
    F(sold, "sold", "Gone.", .flags = EDGE_EMIT_EMPTY),
    F(doors, "doors", "How many.", .def = "4", .min = -5, .max = 5),
    F(serial, "serial", "Not zero.", .flags = EDGE_NONZERO),
    F(weight, "weight", "Tons.", .min = 0.5),
    F(colour, "colour", "Paint.", .flags = EDGE_REQUIRED, .names = COLOURS),
    F(mood, "mood", "Of the driver.", .flags = EDGE_ANY_CASE, .names = MOODS, .fault = "is no mood"),
    F(hybrid, "hybrid", "Maybe."),
    F(speed, "speed", "Maybe.", .flags = EDGE_NULLABLE),
    F(mask, "mask", "Maybe."),
    F(limit, "limit", "Maybe."),
    F(key, "key", "Opens it."),
    EDGE_OBJECT(struct car, maker, NULL, "Maker's members.", &MAKER, .flags = EDGE_INLINE),
    EDGE_OBJECT(struct car, spare, "spare", "Patched in parts.", &WHEEL),
    EDGE_OBJECT_PTR(struct car, trailer, "trailer", "May be absent.", &WHEEL),
    EDGE_OBJECT(struct car, engine, "engine", "Patched whole.", &WHEEL, .flags = EDGE_WHOLE),
    EDGE_LIST(struct car, labels, "labels", "Words.", NULL, .check = no_zebra, .max = 3),
    EDGE_LIST(struct car, wheels, "wheels", "Round.", &WHEEL, .flags = EDGE_EMIT_EMPTY),
    EDGE_MAP(struct car, tags, "tags", "Texts.", &TAG, .flags = EDGE_NULLABLE),
    EDGE_MAP(struct car, parts, "parts", "Bare objects.", &PART),
    F(extra, "extra", "Anything."),
    F(always, "always", "An object.", .flags = EDGE_EMIT_EMPTY, .check = edge_check_object),
    F(never, "never", "null where absent.", .flags = EDGE_EMIT_NULL),
};
#undef F
/* clang-format on */
static const struct edge_dto CAR = EDGE_DTO(struct car, "Car", car_fields, .check = car_check);
static const struct edge_dto STRICT = EDGE_DTO(struct car, "Car", car_fields, .strict = true);
static const struct edge_dto EXACT =
    EDGE_DTO(struct wheel, "Wheel", wheel_fields, .exact_keys = true);

#define SMALL                                                                                      \
    "{\"name\":\"n\",\"serial\":1,\"weight\":1,\"colour\":\"RED\",\"spare\":{\"size\":20},"
#define SMALL_ENGINE "\"engine\":{\"size\":20}"

static void test_tables_are_sound(void)
{
    CU_ASSERT_PTR_NULL(edge_dto_verify(&CAR));
    CU_ASSERT_PTR_NULL(edge_dto_verify(&EXACT));
}

/* ---- in ------------------------------------------------------------------------------------ */

static void test_every_kind_is_decoded(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct car c;
    static const char text[] =
        "{\"id\":\"8a6c8e1a-3f1c-4a90-9d3e-0a0b0c0d0e0f\",\"name\":\"x\",\"note\":\"y\",\"sold\":true,"
        "\"doors\":-3,\"serial\":18446744073709551615,\"weight\":2,\"colour\":\"Green\",\"mood\":\"sad\","
        "\"hybrid\":false,\"speed\":-9223372036854775808,\"mask\":0,\"limit\":0.5,\"key\":\"AAEC\","
        "\"town\":\"Turin\",\"spare\":{\"size\":12.5},\"trailer\":{\"size\":30,\"tyre\":\"t\"},"
        "\"engine\":{\"size\":11},\"labels\":[\"a\",\"b\"],\"wheels\":[{\"size\":10},{\"size\":11}],"
        "\"tags\":{\"b\":\"2\",\"a\":\"1\"},\"parts\":{\"p\":{\"size\":20}},\"extra\":[1,{\"a\":null}]}";
    CU_ASSERT_EQUAL_FATAL(decode(&ctx, &CAR, text, &c), EDGE_OK);
    CU_ASSERT_STRING_EQUAL(c.name, "x");
    CU_ASSERT_TRUE(c.sold);
    CU_ASSERT_EQUAL(c.doors, -3);
    CU_ASSERT_EQUAL(c.serial, UINT64_MAX);
    CU_ASSERT_EQUAL(c.weight, 2.0);
    CU_ASSERT_EQUAL(c.colour, 1);
    CU_ASSERT_EQUAL(c.mood, 2);
    CU_ASSERT_FALSE(*c.hybrid);
    CU_ASSERT_EQUAL(*c.speed, INT64_MIN);
    CU_ASSERT_EQUAL(*c.mask, 0);
    CU_ASSERT_EQUAL(*c.limit, 0.5);
    CU_ASSERT_EQUAL_FATAL(c.key.size, 3);
    CU_ASSERT_EQUAL(memcmp(c.key.data, "\x00\x01\x02", 3), 0);
    CU_ASSERT_STRING_EQUAL(c.maker.country, "IT");
    CU_ASSERT_STRING_EQUAL(c.maker.town, "Turin");
    CU_ASSERT_EQUAL(c.spare.size, 12.5);
    CU_ASSERT_STRING_EQUAL(c.spare.tyre, "none");
    CU_ASSERT_STRING_EQUAL(c.trailer->tyre, "t");
    CU_ASSERT_EQUAL_FATAL(c.n_labels, 2);
    CU_ASSERT_STRING_EQUAL(c.labels[1], "b");
    CU_ASSERT_EQUAL_FATAL(c.n_wheels, 2);
    CU_ASSERT_EQUAL(c.wheels[1].size, 11);
    CU_ASSERT_EQUAL_FATAL(c.n_tags, 2);
    CU_ASSERT_STRING_EQUAL(c.tags[0].key, "a"); /* maps are kept sorted */
    CU_ASSERT_STRING_EQUAL(c.tags[1].value, "2");
    CU_ASSERT_STRING_EQUAL(c.parts[0].name, "p");
    CU_ASSERT_EQUAL(cJSON_GetArraySize(c.extra), 2);
    CU_ASSERT_PTR_NULL(c.never);
}

static void test_absent_members_take_defaults(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct car c;
    CU_ASSERT_EQUAL_FATAL(decode(&ctx, &CAR, SMALL SMALL_ENGINE ",\"doors\":null}", &c), EDGE_OK);
    CU_ASSERT_EQUAL(c.doors, 4);
    CU_ASSERT_STRING_EQUAL(c.maker.country, "IT");
    CU_ASSERT_PTR_NULL(c.note);
    CU_ASSERT_PTR_NULL(c.hybrid);
    CU_ASSERT_PTR_NULL(c.trailer);
    CU_ASSERT_PTR_NULL(c.extra);
    struct car made;
    edge_dto_init(&ctx, &CAR, &made);
    CU_ASSERT_EQUAL(made.doors, 4);
    CU_ASSERT_STRING_EQUAL(made.spare.tyre, "none");
    CU_ASSERT_STRING_EQUAL(made.maker.country, "IT");
    CU_ASSERT_PTR_NULL(made.name);
}

static void test_keys_match_in_any_case_and_the_last_wins(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct car c;
    CU_ASSERT_EQUAL(decode(&ctx, &CAR,
                           SMALL SMALL_ENGINE
                           ",\"NOTE\":\"first\",\"Note\":\"last\",\"doors\":1,"
                           "\"tags\":{\"k\":\"1\",\"a\":\"0\",\"k\":\"2\"},\"doors\":2}",
                           &c),
                    EDGE_OK);
    CU_ASSERT_STRING_EQUAL(c.note, "last");
    CU_ASSERT_EQUAL(c.doors, 2);
    CU_ASSERT_EQUAL_FATAL(c.n_tags, 2);
    CU_ASSERT_STRING_EQUAL(c.tags[1].value, "2");
    struct wheel w;
    CU_ASSERT_EQUAL(decode(&ctx, &EXACT,
                           "{\"Tyre\":\"wrong\",\"tyre\":\"right\",\"TYRE\":\"x\",\"size\":10}",
                           &w),
                    EDGE_OK);
    CU_ASSERT_STRING_EQUAL(w.tyre, "right");
}

static void test_faults_name_their_path(void)
{
    static const struct {
        const char *more, *expect;
    } cases[] = {
        {"\"note\":7",                                                                                                     "Car.note must be a string"                      },
        {"\"note\":true",                                                                                                  "Car.note must be a string"                      },
        {"\"sold\":1",                                                                                                     "Car.sold must be true or false"                 },
        {"\"doors\":\"4\"",                                                                                                "Car.doors must be an integer"                   },
        {"\"doors\":4.5",                                                                                                  "Car.doors must be an integer"                   },
        {"\"doors\":9223372036854775808",                                                                                  "Car.doors must be an integer"                   },
        {"\"doors\":6",                                                                                                    "Car.doors must be between -5 and 5"             },
        {"\"serial\":-1",                                                                                                  "Car.serial must be a non-negative integer"      },
        {"\"serial\":0",                                                                                                   "Car.serial field is required"                   },
        {"\"weight\":0.25",                                                                                                "Car.weight must be at least 0.5"                },
        {"\"weight\":\"1\"",                                                                                               "Car.weight must be a number"                    },
        {"\"colour\":\"red\"",                                                                                             "Car.colour field should be one of 'RED' 'Green'"},
        {"\"colour\":\"\"",                                                                                                "Car.colour field is required"                   },
        {"\"colour\":null",                                                                                                "Car.colour field is required"                   },
        {"\"colour\":[]",                                                                                                  "Car.colour must be a string"                    },
        {"\"mood\":\"x\"",                                                                                                 "Car.mood is no mood"                            },
        {"\"name\":\" \\t\\u00a0\"",                                                                                       "Car.name field should not be empty string"      },
        {"\"name\":\"\"",                                                                                                  "Car.name field is required"                     },
        {"\"name\":\"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4.\"",
         "Car.name must have 0 to 12 characters"                                                                                                                            },
        {"\"id\":\"8A6C8E1A-3f1c-4a90-9d3e-0a0b0c0d0e0f\"",                                                                "Car.id field needs a uuid"                      },
        {"\"key\":\"A\"",                                                                                                  "Car.key must be base64"                         },
        {"\"town\":1",                                                                                                     "Car.town must be a string"                      },
        {"\"spare\":[]",                                                                                                   "Car.spare must be an object"                    },
        {"\"spare\":{\"size\":9}",                                                                                         "Car.spare.size must be between 10 and 30"       },
        {"\"trailer\":{\"size\":31}",                                                                                      "Car.trailer.size must be between 10 and 30"     },
        {"\"labels\":{}",                                                                                                  "Car.labels must be an array"                    },
        {"\"labels\":[\"a\",2]",                                                                                           "Car.labels[1] must be a string"                 },
        {"\"labels\":[\"a\",null]",                                                                                        "Car.labels[1] must be a string"                 },
        {"\"labels\":[\"a\",\"zebra\"]",                                                                                   "Car.labels[1] is a zebra"                       },
        {"\"labels\":[\"a\",\"b\",\"c\",\"d\"]",                                                                           "Car.labels must have 0 to 3 entries"            },
        {"\"wheels\":[{\"size\":10},7]",                                                                                   "Car.wheels[1] must be an object"                },
        {"\"wheels\":[{\"size\":10},{\"tyre\":1,\"size\":0}]",
         "Car.wheels[1].size must be between 10 and 30; Car.wheels[1].tyre must be a string"                                                                                },
        {"\"tags\":[]",                                                                                                    "Car.tags must be an object"                     },
        {"\"tags\":{\"a b\":\"zebra\"}",                                                                                   "Car.tags.a b is a zebra"                        },
        {"\"tags\":{\"\":\"x\"}",                                                                                          "Car.tags. field is required"                    },
        {"\"parts\":{\"x\":1}",                                                                                            "Car.parts.x must be an object"                  },
        {"\"always\":[]",                                                                                                  "Car.always must be an object"                   },
        {"\"sold\":true",                                                                                                  "Car.wheels are sold with a car"                 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct edge_arena a = EDGE_ARENA_INIT;
        expect_fault(&CAR, edge_printf(&a, SMALL SMALL_ENGINE ",%s}", cases[i].more),
                     cases[i].expect);
        edge_arena_done(&a);
    }
    expect_fault(&CAR, "[]", "Car must be an object");
    expect_fault(&CAR, "{}",
                 "Car.name field is required; Car.serial field is required; "
                 "Car.colour field is required");
    expect_fault(&STRICT, SMALL SMALL_ENGINE ",\"tOWn\":\"x\",\"wings\":2}",
                 "Car.wings is not a known member");
}

/* A body with very many faults costs no more than the message holds. */
static void test_the_message_stays_bounded(void)
{
    EDGE_CTX_SCOPE(ctx);
    EDGE_CLEANUP(edge_buf_done) struct edge_buf text = EDGE_BUF_INIT;
    edge_buf_puts(&text, SMALL SMALL_ENGINE ",\"wheels\":[1");
    for (int i = 0; i < 50000; i++) {
        edge_buf_puts(&text, ",1");
    }
    edge_buf_puts(&text, "],\"tags\":{\"");
    for (int i = 0; i < 500; i++) {
        edge_buf_puts(&text, "\xe2\x82\xac");
    }
    edge_buf_puts(&text, "\":1}}");
    struct car c;
    CU_ASSERT_EQUAL(edge_dto_decode_text(&ctx, &CAR, text.data, text.len, &c), EDGE_INVALID);
    const char *message = edge_ctx_message(&ctx, EDGE_INVALID);
    CU_ASSERT(strlen(message) < 2 * EDGE_REASONS_MAX);
    CU_ASSERT_EQUAL(strncmp(message, "Car.wheels[0] must be an object; Car.wheels[1]", 46), 0);
    CU_ASSERT(ctx.arena.used < 8000000);
}

static void test_yaml_scalars_serve_as_strings(void)
{
    EDGE_CTX_SCOPE(ctx);
    char yes[] = "yes", one[] = "1.0", note[] = "note", tyre[] = "tyre";
    cJSON truth = {.type = cJSON_True, .valuestring = yes, .string = note};
    cJSON number = {.type = cJSON_Number, .valuedouble = 1, .valuestring = one, .string = tyre};
    cJSON json = {.type = cJSON_Object, .child = &number};
    struct wheel w;
    CU_ASSERT_EQUAL(edge_dto_patch(&ctx, &WHEEL, &json, &w), EDGE_OK);
    CU_ASSERT_STRING_EQUAL(w.tyre, "1.0");
    json.child = &truth;
    struct car c = {0};
    CU_ASSERT_EQUAL(edge_dto_patch(&ctx, &CAR, &json, &c), EDGE_OK);
    CU_ASSERT_STRING_EQUAL(c.note, "yes");
}

/* ---- patch --------------------------------------------------------------------------------- */

static const cJSON *tree(struct edge_ctx *ctx, const char *text)
{
    const cJSON *json = NULL;
    CU_ASSERT_EQUAL_FATAL(edge_json_parse(ctx, text, strlen(text), NULL, &json), EDGE_OK);
    return json;
}

static void test_a_patch_changes_what_it_names(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct car c;
    CU_ASSERT_EQUAL_FATAL(
        decode(
            &ctx, &CAR,
            SMALL
            "\"engine\":{\"size\":20,\"tyre\":\"old\"},\"id\":\"\",\"note\":\"n\",\"speed\":3,"
            "\"labels\":[\"a\"],\"tags\":{\"k\":\"v\"},\"trailer\":{\"size\":20,\"tyre\":\"old\"}}",
            &c),
        EDGE_OK);
    const struct wheel *before = c.trailer;
    static const char patch[] =
        "{\"id\":\"ignored: read-only\",\"name\":null,\"note\":null,\"speed\":null,\"doors\":0,"
        "\"spare\":{\"tyre\":\"new\"},\"engine\":{\"size\":22},\"trailer\":{\"size\":22},\"labels\":[],\"tags\":null}";
    CU_ASSERT_EQUAL(edge_dto_patch_try(&ctx, &CAR, tree(&ctx, patch)), EDGE_OK);
    CU_ASSERT_EQUAL(edge_dto_patch(&ctx, &CAR, tree(&ctx, patch), &c), EDGE_OK);
    CU_ASSERT_STRING_EQUAL(c.id, "");
    CU_ASSERT_STRING_EQUAL(c.name, "n");
    CU_ASSERT_PTR_NULL(c.note);
    CU_ASSERT_PTR_NULL(c.speed);
    CU_ASSERT_EQUAL(c.doors, 0);
    CU_ASSERT_EQUAL(c.colour, 0);
    CU_ASSERT_EQUAL(c.spare.size, 20);
    CU_ASSERT_STRING_EQUAL(c.spare.tyre, "new");
    CU_ASSERT_EQUAL(c.engine.size, 22);
    CU_ASSERT_STRING_EQUAL(c.engine.tyre, "none");
    CU_ASSERT_EQUAL(c.trailer->size, 22);
    CU_ASSERT_STRING_EQUAL(c.trailer->tyre, "none");
    CU_ASSERT_STRING_EQUAL(before->tyre, "old"); /* whoever shares it sees no change */
    CU_ASSERT_EQUAL(c.n_labels, 0);
    CU_ASSERT_EQUAL(c.n_tags, 0);
}

static void test_a_patch_is_checked_like_a_body(void)
{
    static const struct {
        const char *patch, *expect;
        bool rule_across; /* seen only on the whole object */
    } cases[] = {
        {"{\"name\":\"\"}",                                "Car.name field is required",                      false},
        {"{\"colour\":\"BLUE\"}",                          "Car.colour field should be one of 'RED' 'Green'", false},
        {"{\"spare\":{\"size\":1}}",                       "Car.spare.size must be between 10 and 30",        false},
        {"{\"wheels\":[{\"tyre\":\"x\",\"size\":\"1\"}]}", "Car.wheels[0].size must be a number",
         false                                                                                                     },
        {"[]",                                             "Car must be an object",                           false},
        {"{\"sold\":true}",                                "Car.wheels are sold with a car",                  true },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        struct car c;
        CU_ASSERT_EQUAL_FATAL(decode(&ctx, &CAR, SMALL SMALL_ENGINE "}", &c), EDGE_OK);
        const cJSON *patch = tree(&ctx, cases[i].patch);
        CU_ASSERT_EQUAL(edge_dto_patch_try(&ctx, &CAR, patch),
                        cases[i].rule_across ? EDGE_OK : EDGE_INVALID);
        edge_ctx_clear(&ctx);
        CU_ASSERT_EQUAL(edge_dto_patch(&ctx, &CAR, patch, &c), EDGE_INVALID);
        expect_same(edge_ctx_message(&ctx, EDGE_INVALID), cases[i].expect);
    }
}

static void test_objects_made_by_hand_are_checked(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct wheel wheels[] = {{.size = 10}, {.size = 99}};
    const char *labels[] = {"zebra"};
    struct tag tags[] = {
        {"k", "zebra"}
    };
    struct car c = {.name = " ",
                    .colour = 7,
                    .serial = 1,
                    .weight = 1,
                    .spare.size = 10,
                    .engine.size = 10,
                    .wheels = wheels,
                    .n_wheels = 2,
                    .labels = labels,
                    .n_labels = 1,
                    .tags = tags,
                    .n_tags = 1};
    CU_ASSERT_EQUAL(edge_dto_check(&ctx, &CAR, &c), EDGE_INVALID);
    expect_same(edge_ctx_message(&ctx, EDGE_INVALID),
                "Car.name field should not be empty string; Car.colour has no name for 7; "
                "Car.labels[0] is a zebra; Car.wheels[1].size must be between 10 and 30; "
                "Car.tags.k is a zebra");
    edge_ctx_clear(&ctx);
    c.name = "n";
    c.colour = 0;
    c.n_wheels = 1;
    c.n_labels = c.n_tags = 0;
    CU_ASSERT_EQUAL(edge_dto_check(&ctx, &CAR, &c), EDGE_OK);
    c.sold = true;
    c.n_wheels = 0;
    CU_ASSERT_EQUAL(edge_dto_check(&ctx, &CAR, &c), EDGE_INVALID);
}

static void test_shared_checks(void)
{
    static const struct {
        edge_value_check *check;
        const char *value;
        bool good;
    } cases[] = {
        {edge_check_uuid,         "",                                     true },
        {edge_check_uuid,         "00000000-0000-0000-0000-000000000000", true },
        {edge_check_uuid,         "00000000000000000000000000000000",     false},
        {edge_check_uri,          "http://localhost:59999",               true },
        {edge_check_uri,          "/x",                                   true },
        {edge_check_uri,          "mqtt+tls:x",                           true },
        {edge_check_uri,          "localhost",                            false},
        {edge_check_uri,          "http:",                                false},
        {edge_check_uri,          "http://a b",                           false},
        {edge_check_uri,          "",                                     false},
        {edge_check_duration_0s,  "",                                     true },
        {edge_check_duration_0s,  "1d2h",                                 true },
        {edge_check_duration_0s,  "1x",                                   false},
        {edge_check_duration_0s,  "0s",                                   true },
        {edge_check_duration_0s,  "-1s",                                  false},
        {edge_check_duration_1ms, "1ms",                                  true },
        {edge_check_duration_1ms, "999us",                                false},
        {edge_check_duration_1ms, "",                                     false},
        {edge_check_duration_set, "-1d2h",                                true },
        {edge_check_duration_set, "",                                     false},
        {edge_check_interval,     "0s",                                   true },
        {edge_check_interval,     "-1s",                                  false},
        {edge_check_not_blank,    "\xe3\x80\x80 x",                       true },
        {edge_check_not_blank,    "\xe3\x80\x80\xe2\x80\x8a\xc2\x85\v",   false},
        {edge_check_not_blank,    "\xe2\x80\x8b",                         true }, /* zero width: no space */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EDGE_CTX_SCOPE(ctx);
        struct edge_scope at = {.key = "x", .ctx = &ctx};
        bool good = cases[i].check(cases[i].value, &at) == EDGE_OK;
        if (good != cases[i].good) {
            printf("\n    case %zu: '%s' ", i, cases[i].value);
        }
        CU_ASSERT_EQUAL(good, cases[i].good);
    }
    EDGE_CTX_SCOPE(ctx);
    struct edge_scope at = {.key = "interval", .ctx = &ctx};
    CU_ASSERT_EQUAL(edge_check_duration_1ms("1us", &at), EDGE_INVALID);
    expect_same(
        edge_ctx_message(&ctx, EDGE_INVALID),
        "interval field should follows the ISO 8601 Durations format, e.g.,100ms, 24h, or be "
        "greater than or equal to the minimum value 1ms ");
}

/* ---- out ----------------------------------------------------------------------------------- */

static void test_round_trips_are_exact(void)
{
    expect_round_trip(
        &CAR, SMALL SMALL_ENGINE "}",
        "{\"name\":\"n\",\"sold\":false,\"doors\":4,\"serial\":1,\"weight\":1,\"colour\":\"RED\","
        "\"country\":\"IT\",\"spare\":{\"size\":20,\"tyre\":\"none\"},"
        "\"engine\":{\"size\":20,\"tyre\":\"none\"},\"wheels\":[],\"always\":{},\"never\":null}");
    static const char full[] =
        "{\"id\":\"8a6c8e1a-3f1c-4a90-9d3e-0a0b0c0d0e0f\",\"name\":\"q\\\"\xe2\x82\xac\",\"note\":\"y\","
        "\"sold\":true,\"doors\":-3,\"serial\":18446744073709551615,\"weight\":1e+300,\"colour\":\"Green\","
        "\"mood\":\"SAD\",\"hybrid\":false,\"speed\":-9223372036854775808,\"mask\":0,\"limit\":-0.5,"
        "\"key\":\"AAEC\",\"country\":\"DE\",\"town\":\"Turin\",\"spare\":{\"size\":12.5,\"tyre\":\"s\"},"
        "\"trailer\":{\"size\":30,\"tyre\":\"t\"},\"engine\":{\"size\":11,\"tyre\":\"none\"},"
        "\"labels\":[\"a\",\"b\"],\"wheels\":[{\"size\":10,\"tyre\":\"none\"},{\"size\":11,\"tyre\":\"w\"}],"
        "\"tags\":{\"\xc3\xa4\\\"\":\"1\"},\"parts\":{\"p\":{\"size\":20,\"tyre\":\"none\"},\"q\":{\"size\":21,\"tyre\":\"none\"}},"
        "\"extra\":[1,1700000000123456789,{\"a\":null,\"b\":[]}],\"always\":{\"a\":1.5},\"never\":\"ever\"}";
    expect_round_trip(&CAR, full, full);
}

static void test_cbor_is_definite_and_minimal(void)
{
    EDGE_CLEANUP(edge_buf_done) struct edge_buf out = EDGE_BUF_INIT;
    struct wheel w = {.size = 1.5, .tyre = "x"};
    edge_dto_encode(&WHEEL, &w, EDGE_CBOR, &out);
    static const unsigned char expect[] = {0xa2, 0x64, 's', 'i', 'z',  'e', 0xfb, 0x3f,
                                           0xf8, 0,    0,   0,   0,    0,   0,    0x64,
                                           't',  'y',  'r', 'e', 0x61, 'x'};
    CU_ASSERT_EQUAL_FATAL(out.len, sizeof(expect));
    CU_ASSERT_EQUAL(memcmp(out.data, expect, sizeof(expect)), 0);

    static const struct {
        int64_t value;
        size_t size;
        const char *bytes;
    } ints[] = {
        {0,         1, "\x00"                                },
        {23,        1, "\x17"                                },
        {24,        2, "\x18\x18"                            },
        {255,       2, "\x18\xff"                            },
        {256,       3, "\x19\x01\x00"                        },
        {65536,     5, "\x1a\x00\x01\x00\x00"                },
        {-1,        1, "\x20"                                },
        {-25,       2, "\x38\x18"                            },
        {INT64_MAX, 9, "\x1b\x7f\xff\xff\xff\xff\xff\xff\xff"},
        {INT64_MIN, 9, "\x3b\x7f\xff\xff\xff\xff\xff\xff\xff"},
    };
    for (size_t i = 0; i < sizeof(ints) / sizeof(ints[0]); i++) {
        out.len = 0;
        struct edge_encoder e = {.out = &out, .encoding = EDGE_CBOR};
        edge_put_int(&e, NULL, ints[i].value);
        CU_ASSERT_EQUAL_FATAL(out.len, ints[i].size);
        CU_ASSERT_EQUAL(memcmp(out.data, ints[i].bytes, out.len), 0);
    }
}

/* A map of more than 23 members has a longer head, put when the number is known. */
static void test_wide_cbor_maps(void)
{
    EDGE_CTX_SCOPE(ctx);
    EDGE_CLEANUP(edge_buf_done) struct edge_buf text = EDGE_BUF_INIT;
    edge_buf_puts(&text, SMALL SMALL_ENGINE ",\"tags\":{");
    for (int i = 0; i < 1000; i++) {
        edge_buf_printf(&text, "%s\"k%03d\":\"v\"", i ? "," : "", i);
    }
    edge_buf_puts(&text, "}}");
    struct car c, again;
    CU_ASSERT_EQUAL_FATAL(decode(&ctx, &CAR, edge_buf_str(&text), &c), EDGE_OK);
    EDGE_CLEANUP(edge_buf_done) struct edge_buf cbor = EDGE_BUF_INIT;
    edge_dto_encode(&CAR, &c, EDGE_CBOR, &cbor);
    const cJSON *json = NULL;
    CU_ASSERT_EQUAL_FATAL(edge_cbor_parse(&ctx, cbor.data, cbor.len, NULL, &json), EDGE_OK);
    CU_ASSERT_EQUAL_FATAL(edge_dto_decode(&ctx, &CAR, json, &again), EDGE_OK);
    CU_ASSERT_EQUAL(again.n_tags, 1000);
    expect_same(edge_dto_text(&CAR, &again, &ctx.arena), edge_dto_text(&CAR, &c, &ctx.arena));
}

static void test_not_a_number_is_null(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct wheel w = {.size = (double)NAN, .tyre = "x"};
    expect_same(edge_dto_text(&WHEEL, &w, &ctx.arena), "{\"size\":null,\"tyre\":\"x\"}");
}

static void test_as_a_tree(void)
{
    EDGE_CTX_SCOPE(ctx);
    struct wheel w = {.size = 12, .tyre = "x"};
    const cJSON *json = edge_dto_tree(&ctx, &WHEEL, &w);
    CU_ASSERT_PTR_NOT_NULL_FATAL(json);
    CU_ASSERT_STRING_EQUAL(edge_json_member(json, "tyre", true)->valuestring, "x");
    w.tyre = "a\xff"; /* from a driver, say: the text is mended, not refused */
    json = edge_dto_tree(&ctx, &WHEEL, &w);
    CU_ASSERT_PTR_NOT_NULL_FATAL(json);
    expect_same(edge_json_member(json, "tyre", true)->valuestring, "a\xef\xbf\xbd");
    EDGE_CLEANUP(edge_buf_done) struct edge_buf cbor = EDGE_BUF_INIT;
    edge_dto_encode(&WHEEL, &w, EDGE_CBOR, &cbor);
    CU_ASSERT_PTR_NOT_NULL(memmem(cbor.data, cbor.len,
                                  "\x64"
                                  "a\xef\xbf\xbd",
                                  5));
    w.tyre = "12345678\x80";
    edge_dto_encode(&WHEEL, &w, EDGE_CBOR, &cbor);
    CU_ASSERT_PTR_NOT_NULL(memmem(cbor.data, cbor.len,
                                  "\x6b"
                                  "12345678\xef\xbf\xbd",
                                  12));
}

struct login {
    const char *user, *password;
};

static void test_secrets_are_not_shown(void)
{
    static const struct edge_field fields[] = {
        EDGE_FIELD(struct login, user, "user", "Who.", .flags = EDGE_EMIT_EMPTY),
        EDGE_FIELD(struct login, password, "password", "Proof.", .flags = EDGE_SECRET),
    };
    static const struct edge_dto LOGIN = EDGE_DTO(struct login, "Login", fields);
    EDGE_CTX_SCOPE(ctx);
    struct login l = {.user = "u", .password = "p"};
    expect_same(edge_dto_text(&LOGIN, &l, &ctx.arena),
                "{\"user\":\"u\",\"password\":\"<redacted>\"}");
    l.password = NULL;
    expect_same(edge_dto_text(&LOGIN, &l, &ctx.arena), "{\"user\":\"u\"}");
}

/* ---- docs and verify ----------------------------------------------------------------------- */

static void test_docs_tell_each_member(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    edge_dto_docs(&CAR, out);
    fclose(out);
    static const char *const expect[] = {
        "### Car\n\n| member | type | required | meaning |\n|---|---|---|---|\n",
        "| `name` | string | yes | Name. 0 to 12. |\n",
        "| `mood` | enum |  | Of the driver. One of `GLAD`, `SAD`. |\n",
        "| `doors` | int64 |  | How many. -5 to 5. Default `4`. |\n",
        "| `country` | string |  | Of the plant. Default `IT`. |\n",
        "| `wheels[].size` | number |  | Inches. 10 to 30. |\n",
        "| `tags` | map of values |  | Texts. |\n",
        "| `id` | string |  | UUID. A PATCH does not change it. |\n",
    };
    for (size_t i = 0; i < sizeof(expect) / sizeof(expect[0]); i++) {
        if (!strstr(text, expect[i])) {
            printf("\n    missing: %s    in: %s", expect[i], text);
        }
        CU_ASSERT_PTR_NOT_NULL(strstr(text, expect[i]));
    }
    free(text);
}

static void test_verify_finds_broken_tables(void)
{
    /* clang-format off */
    static const struct {
        struct edge_field rows[2];
        size_t n;
        const char *expect;
    } cases[] = {
        {{EDGE_FIELD(struct tag, key, "a", "")}, 1, "a member has no doc"},
        {{EDGE_FIELD(struct tag, key, NULL, "x")}, 1, "a member has no JSON name, or one it does not need"},
        {{EDGE_FIELD(struct tag, key, "a", "x"), EDGE_FIELD(struct tag, value, "A", "x")}, 2, "a JSON name appears twice"},
        {{EDGE_FIELD(struct tag, key, "a", "x"), EDGE_FIELD(struct tag, value, NULL, "x", .flags = EDGE_KEY)}, 2, "a key is not the first row, or no string"},
        {{EDGE_FIELD(struct tag, value, NULL, "x", .flags = EDGE_VALUE), EDGE_FIELD(struct tag, key, "a", "x")}, 2, "a bare value is not the last row"},
        {{EDGE_FIELD(struct tag, key, "a", "x", .def = "", .flags = EDGE_REQUIRED)}, 1, "a required member has a default"},
        {{EDGE_FIELD(struct tag, key, "a", "x", .def = "zebra", .check = no_zebra)}, 1, "a default breaks the rules of its member"},
        {{EDGE_FIELD(struct tag, key, "a", "x", .names = COLOURS)}, 1, "an enum has no names, or something else has"},
        {{EDGE_FIELD(struct tag, key, "a", "x", .min = 2, .max = 1)}, 1, "a minimum is above its maximum"},
        {{{.json = "a", .doc = "x", .kind = EDGE_K_MAP, .sub = &WHEEL, .elem_size = sizeof(struct wheel)}}, 1, "a map's element does not start with its key"},
        {{{.json = "a", .doc = "x", .kind = EDGE_K_LIST, .sub = &WHEEL, .elem_size = 3}}, 1, "a nested table describes another struct"},
        {{{.json = "a", .doc = "x", .kind = EDGE_K_OBJ}}, 1, "a nested object has no table"},
        {{{.json = "a", .doc = "x", .kind = EDGE_K_STR, .offset = 99}}, 1, "a member lies outside its struct"},
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct edge_dto dto = {.name = "T",
                               .size = sizeof(struct tag),
                               .fields = cases[i].rows,
                               .n_fields = cases[i].n};
        const char *wrong = edge_dto_verify(&dto);
        expect_same(wrong ? wrong : "sound", cases[i].expect);
    }
}

CU_TestInfo dto_tests[] = {
    {"tables are sound",                         test_tables_are_sound                        },
    {"every kind is decoded",                    test_every_kind_is_decoded                   },
    {"absent members take defaults",             test_absent_members_take_defaults            },
    {"keys match in any case and the last wins", test_keys_match_in_any_case_and_the_last_wins},
    {"faults name their path",                   test_faults_name_their_path                  },
    {"the message stays bounded",                test_the_message_stays_bounded               },
    {"YAML scalars serve as strings",            test_yaml_scalars_serve_as_strings           },
    {"a patch changes what it names",            test_a_patch_changes_what_it_names           },
    {"a patch is checked like a body",           test_a_patch_is_checked_like_a_body          },
    {"objects made by hand are checked",         test_objects_made_by_hand_are_checked        },
    {"shared checks",                            test_shared_checks                           },
    {"round trips are exact",                    test_round_trips_are_exact                   },
    {"CBOR is definite and minimal",             test_cbor_is_definite_and_minimal            },
    {"wide CBOR maps",                           test_wide_cbor_maps                          },
    {"not a number is null",                     test_not_a_number_is_null                    },
    {"as a tree",                                test_as_a_tree                               },
    {"secrets are not shown",                    test_secrets_are_not_shown                   },
    {"docs tell each member",                    test_docs_tell_each_member                   },
    {"verify finds broken tables",               test_verify_finds_broken_tables              },
    CU_TEST_INFO_NULL,
};
