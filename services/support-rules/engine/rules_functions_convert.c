#include <math.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "edge/text.h"
#include "rules_code.h"
#include "rules_tables.h"

/* ---- cast --------------------------------------------------------------------------------- */

static bool real_to_integer(struct rules_call *c, double f, struct rules_value *ret)
{
    f = trunc(f);
    if (!(f >= -0x1p63 && f < 0x1p64)) {
        return rules_error(c, "the number is out of the range of a bigint");
    }
    *ret = f < 0x1p63 ? rules_int((int64_t)f) : rules_uint((uint64_t)f);
    return true;
}

static bool cast_integer(struct rules_call *c, const struct rules_value *v, struct rules_value *ret)
{
    int64_t i;
    uint64_t u;
    if (rules_is_integer(v)) {
        *ret = *v;
    } else if (v->kind == RULES_BOOL) {
        *ret = rules_int(v->b);
    } else if (v->kind == RULES_REAL) {
        return real_to_integer(c, v->f, ret);
    } else if (v->kind == RULES_TEXT && edge_int_parse(v->text, &i)) {
        *ret = rules_int(i);
    } else if (v->kind == RULES_TEXT && edge_uint_parse(v->text, &u)) {
        *ret = rules_uint(u);
    } else {
        return rules_error(c, "a %s that is no bigint", rules_kind_name(v->kind));
    }
    return true;
}

static bool cast_real(struct rules_call *c, const struct rules_value *v, struct rules_value *ret)
{
    if (v->kind == RULES_BOOL) {
        *ret = rules_real(v->b);
        return true;
    }
    if (v->kind == RULES_TEXT && v->n > 0) {
        char *end;
        *ret = rules_real(strtod(v->text, &end));
        return (*end == '\0' && isfinite(ret->f)) || rules_error(c, "a string that is no float");
    }
    *ret = rules_real(rules_as_real(v));
    return rules_is_number(v) || rules_error(c, "a %s that is no float", rules_kind_name(v->kind));
}

static bool cast_bool(struct rules_call *c, const struct rules_value *v, struct rules_value *ret)
{
    bool b = false;
    if (v->kind == RULES_BOOL) {
        b = v->b;
    } else if (rules_is_number(v)) {
        b = rules_as_real(v) != 0;
    } else if (v->kind != RULES_TEXT || !edge_bool_parse(v->text, &b)) {
        return rules_error(c, "a %s that is no boolean", rules_kind_name(v->kind));
    }
    *ret = rules_bool(b);
    return true;
}

static bool cast_text(struct rules_call *c, const struct rules_value *v, struct rules_value *ret)
{
    const char *text;
    if (!rules_to_text(c, v, &text)) {
        return false;
    }
    *ret = rules_text(text);
    return true;
}

static bool cast_bytes(struct rules_call *c, const struct rules_value *v, struct rules_value *ret)
{
    *ret = *v;
    ret->kind = RULES_BYTES;
    return v->kind == RULES_TEXT || v->kind == RULES_BYTES ||
           rules_error(c, "a %s that is no bytea", rules_kind_name(v->kind));
}

static bool fn_cast(struct rules_call *c, const struct rules_value *args, size_t n,
                    struct rules_value *ret)
{
    static const struct {
        const char *name;
        bool (*cast)(struct rules_call *, const struct rules_value *, struct rules_value *);
    } types[] = {
        {"bigint",   cast_integer   },
        {"float",    cast_real      },
        {"string",   cast_text      },
        {"boolean",  cast_bool      },
        {"bytea",    cast_bytes     },
        {"datetime", rules_time_cast}
    };
    const char *type;
    (void)n;
    if (!rules_arg_text(c, args, 1, &type)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcasecmp(types[i].name, type) == 0) {
            return types[i].cast(c, args, ret);
        }
    }
    return rules_error(c, "'%.40s' is none of bigint, float, string, boolean, bytea, datetime",
                       type);
}

/* ---- codings ------------------------------------------------------------------------------ */

static bool arg_bytes(struct rules_call *c, const struct rules_value *args)
{
    return args[0].kind == RULES_TEXT || args[0].kind == RULES_BYTES ||
           rules_error(c, "argument 1 is neither string nor bytea");
}

static bool coding(struct rules_call *c, const struct rules_value *args)
{
    const char *name;
    return rules_arg_text(c, args, 1, &name) &&
           (strcasecmp(name, "base64") == 0 || rules_error(c, "'%.40s' is not base64", name));
}

static bool fn_encode(struct rules_call *c, const struct rules_value *args, size_t n,
                      struct rules_value *ret)
{
    (void)n;
    if (!arg_bytes(c, args) || !coding(c, args)) {
        return false;
    }
    if (args[0].n > RULES_TEXT_MAX) {
        return rules_error(c, "too many bytes");
    }
    *ret = rules_text(edge_base64_encode(&c->memory->more, args[0].bytes, args[0].n));
    return true;
}

static bool fn_decode(struct rules_call *c, const struct rules_value *args, size_t n,
                      struct rules_value *ret)
{
    const char *text;
    const void *bytes;
    size_t size;
    (void)n;
    if (!rules_arg_text(c, args, 0, &text) || !coding(c, args)) {
        return false;
    }
    if (args[0].n > RULES_TEXT_MAX || !edge_base64_decode(&c->memory->more, text, &bytes, &size)) {
        return rules_error(c, "that is no base64");
    }
    *ret = (struct rules_value){.kind = RULES_BYTES, .n = (uint32_t)size, .bytes = bytes};
    return true;
}

static bool fn_chr(struct rules_call *c, const struct rules_value *args, size_t n,
                   struct rules_value *ret)
{
    int64_t i;
    (void)n;
    char *text = rules_new_text(c, 1);
    if (!text || !rules_arg_int(c, args, 0, &i)) {
        return false;
    }
    if (i < 1 || i > 127) {
        return rules_error(c, "there is no character %lld", (long long)i);
    }
    text[0] = (char)i;
    *ret = rules_text(text);
    return true;
}

static bool hex(struct rules_call *c, const unsigned char *bytes, size_t n, struct rules_value *ret)
{
    static const char digit[] = "0123456789abcdef";
    char *text = rules_new_text(c, n * 2);
    for (size_t i = 0; text && i < n; i++) {
        text[2 * i] = digit[bytes[i] >> 4];
        text[2 * i + 1] = digit[bytes[i] & 15];
    }
    *ret = text ? rules_text(text) : rules_null();
    return text != NULL;
}

static bool digest(struct rules_call *c, const struct rules_value *args, const char *name,
                   struct rules_value *ret)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    size_t n = 0;
    if (!arg_bytes(c, args)) {
        return false;
    }
    if (EVP_Q_digest(NULL, name, NULL, args[0].bytes, args[0].n, bytes, &n) != 1) {
        return rules_error(c, "%s is not to be had here", name);
    }
    return hex(c, bytes, n, ret);
}

#define DIGEST(fn, name)                                                                           \
    static bool fn(struct rules_call *c, const struct rules_value *args, size_t n,                 \
                   struct rules_value *ret)                                                        \
    {                                                                                              \
        (void)n;                                                                                   \
        return digest(c, args, name, ret);                                                         \
    }
DIGEST(fn_md5, "MD5")
DIGEST(fn_sha1, "SHA1")
DIGEST(fn_sha256, "SHA256")
DIGEST(fn_sha384, "SHA384")
DIGEST(fn_sha512, "SHA512")

static bool fn_crc32(struct rules_call *c, const struct rules_value *args, size_t n,
                     struct rules_value *ret)
{
    uint32_t crc = UINT32_MAX;
    (void)n;
    if (!arg_bytes(c, args)) {
        return false;
    }
    for (uint32_t i = 0; i < args[0].n; i++) {
        crc ^= ((const unsigned char *)args[0].bytes)[i];
        for (int k = 0; k < 8; k++) {
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xEDB88320) : 0);
        }
    }
    crc = ~crc;
    unsigned char bytes[4] = {(unsigned char)(crc >> 24), (unsigned char)(crc >> 16),
                              (unsigned char)(crc >> 8), (unsigned char)crc};
    return hex(c, bytes, sizeof(bytes), ret);
}

/* ---- nothing or something ----------------------------------------------------------------- */

static bool fn_isnull(struct rules_call *c, const struct rules_value *args, size_t n,
                      struct rules_value *ret)
{
    (void)c, (void)n;
    *ret = rules_bool(rules_is_nothing(&args[0]));
    return true;
}

static bool fn_coalesce(struct rules_call *c, const struct rules_value *args, size_t n,
                        struct rules_value *ret)
{
    (void)c;
    for (size_t i = 0; i < n; i++) {
        if (!rules_is_nothing(&args[i])) {
            *ret = args[i];
            break;
        }
    }
    return true;
}

static bool fn_newuuid(struct rules_call *c, const struct rules_value *args, size_t n,
                       struct rules_value *ret)
{
    (void)args, (void)n;
    char *text = rules_new_text(c, EDGE_UUID_SIZE);
    if (!text) {
        return false;
    }
    edge_uuid_new(text);
    *ret = rules_text(text);
    return true;
}

/* clang-format off */
#define ROW(name, min, max, flags, fn, args, doc) {name, min, max, flags, fn, NULL, NULL, args, doc}
const struct rules_function RULES_CONVERSIONS[] = {
    ROW("cast", 2, 2, 0, fn_cast, "value, type", "As bigint, float, string, boolean, bytea or datetime."),
    ROW("chr", 1, 1, 0, fn_chr, "code", "The ASCII character."),
    ROW("encode", 2, 2, 0, fn_encode, "value, 'base64'", "As base64."),
    ROW("decode", 2, 2, 0, fn_decode, "text, 'base64'", "The bytes of a base64."),
    ROW("md5", 1, 1, 0, fn_md5, "value", "MD5, hexadecimal."),
    ROW("sha1", 1, 1, 0, fn_sha1, "value", "SHA-1, hexadecimal."),
    ROW("sha256", 1, 1, 0, fn_sha256, "value", "SHA-256, hexadecimal."),
    ROW("sha384", 1, 1, 0, fn_sha384, "value", "SHA-384, hexadecimal."),
    ROW("sha512", 1, 1, 0, fn_sha512, "value", "SHA-512, hexadecimal."),
    ROW("crc32", 1, 1, 0, fn_crc32, "value", "CRC-32, hexadecimal."),
    ROW("isnull", 1, 1, RULES_FN_NULLS, fn_isnull, "value", "Whether it is null or missing."),
    ROW("coalesce", 1, -1, RULES_FN_NULLS, fn_coalesce, "value, ...", "The first that is not null."),
    ROW("newuuid", 0, 0, RULES_FN_IMPURE, fn_newuuid, "", "A new random UUID."),
    {0},
};
