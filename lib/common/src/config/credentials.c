/*
 * Is this a password? Told by the name of a key, of which people have many, and by the form of a
 * text. Names are read word by word, in camel, snake and kebab case: `UserPass` is one, `Bypass` and
 * `PassThrough` are none.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "edge/config.h"

/* ---- names ------------------------------------------------------------------------------- */

static bool is_in(int (*class)(int), char c)
{
    return class((unsigned char)c) != 0;
}

static bool word_starts(const char *key, size_t i)
{
    if (!is_in(isalnum, key[i]) || i == 0 || !is_in(isalnum, key[i - 1])) {
        return is_in(isalnum, key[i]);
    }
    char before = key[i - 1], at = key[i];
    if (is_in(isdigit, before) != is_in(isdigit, at)) {
        return true;
    }
    return is_in(isupper, at) && (is_in(islower, before) || is_in(islower, key[i + 1]));
}

static bool word_ends(const char *key, size_t i)
{
    return !is_in(isalnum, key[i]) || word_starts(key, i);
}

/* Where @p word, which begins at @p i, ends; 0 where another one is there. */
static size_t spelled(const char *key, size_t i, const char *word)
{
    for (; *word; word++, i++) {
        while (key[i] == '_' || key[i] == '-' || key[i] == '.' || key[i] == ' ') {
            i++;
        }
        if (tolower((unsigned char)key[i]) != *word) {
            return 0;
        }
    }
    return i;
}

/* Within one word of the key (`dbpassword`), or from the start of one on (`Api_Key`). */
static bool holds(const char *key, const char *word)
{
    for (size_t i = 0; key[i]; i++) {
        size_t end = is_in(isalnum, key[i]) ? spelled(key, i, word) : 0;
        bool whole = word_starts(key, i);
        bool inside = end > 0;
        for (size_t k = i + 1; k < end && inside && !whole; k++) {
            inside = is_in(isalnum, key[k]) && !word_starts(key, k);
        }
        if (end > 0 && (whole || inside)) {
            return true;
        }
    }
    return false;
}

static bool is_word_at(const char *key, size_t i, const char *word)
{
    size_t len = strlen(word);
    return word_starts(key, i) && strncasecmp(key + i, word, len) == 0 && word_ends(key, i + len);
}

static bool has_word(const char *key, const char *word)
{
    for (size_t i = 0; key[i]; i++) {
        if (is_word_at(key, i, word)) {
            return true;
        }
    }
    return false;
}

/* The last word, but for a number, and none of @p innocent is there: a LedPin, a LowPass. */
static bool ends_with_word(const char *key, const char *word, const char *const *innocent)
{
    size_t len = strlen(key);
    while (len > 0 && !is_in(isalpha, key[len - 1])) {
        len--;
    }
    size_t size = strlen(word);
    if (len < size || !is_word_at(key, len - size, word)) {
        return false;
    }
    for (size_t i = 0; innocent[i]; i++) {
        if (has_word(key, innocent[i])) {
            return false;
        }
    }
    return true;
}

/* From the start of a word on, or within one, and nothing behind: `SessionId`, not `SessionIdle`. */
static bool ends_spelled(const char *key, const char *word)
{
    for (size_t i = 0; key[i]; i++) {
        size_t end = is_in(isalnum, key[i]) ? spelled(key, i, word) : 0;
        if (end > 0 && !key[end]) {
            return true;
        }
    }
    return false;
}

/* Names of secrets are not secret. */
static bool is_reference(const char *key)
{
    return ends_spelled(key, "secretname") || ends_spelled(key, "secretpath");
}

/* What can be told of a secret without telling it: how long it is, of which kind. */
static bool is_measure(const char *key)
{
    static const char *const measures[] = {
        "count",  "size",   "length",   "len",       "number", "type",
        "mode",   "policy", "interval", "timeout",   "ttl",    "lifetime",
        "expiry", "limit",  "protocol", "algorithm", "proto"};
    static const char *const none[] = {NULL};
    for (size_t i = 0; i < sizeof(measures) / sizeof(measures[0]); i++) {
        if (ends_with_word(key, measures[i], none)) {
            return true;
        }
    }
    return false;
}

static bool is_credential_name(const char *key)
{
    static const char *const anywhere[] = {"password",      "passwd",
                                           "passphrase",    "passwort",
                                           "passcode",      "passkey",
                                           "kennwort",      "secret",
                                           "token",         "credential",
                                           "apikey",        "authkey",
                                           "accesskey",     "privatekey",
                                           "sharedkey",     "presharedkey",
                                           "accountkey",    "masterkey",
                                           "sessionkey",    "networkkey",
                                           "netkey",        "linkkey",
                                           "appkey",        "appskey",
                                           "nwkkey",        "nwkskey",
                                           "encryptionkey", "signingkey",
                                           "wepkey",        "wpakey",
                                           "aeskey",        "hmackey",
                                           "pincode",       "sharedaccesssignature",
                                           "privkey",       "securitykey",
                                           "cryptokey",     "cipherkey",
                                           "encryptkey",    "decryptkey",
                                           "decryptionkey", "signkey",
                                           "signaturekey",  "wpa2key",
                                           "wpa3key",       "wifikey",
                                           "sshkey",        "tlskey",
                                           "sslkey",        "rsakey",
                                           "storagekey",    "licensekey",
                                           "groupkey",      "rootkey",
                                           "devicekey",     "joinkey",
                                           "authheader",    "authcode",
                                           "accesscode",    "securitycode",
                                           "unlockcode",    "activationcode",
                                           "otpseed",       "seedphrase"};
    static const char *const last[] = {"sessionid",  "sessid",   "keytab",   "smtpauth",
                                       "mailauth",   "imapauth", "httpauth", "basicauth",
                                       "digestauth", "mqttauth", "snmpauth"};
    static const char *const whole[] = {"pwd",           "pw",   "psk",   "puk", "bearer",
                                        "community",     "cred", "creds", "jwt", "cookie",
                                        "authorization", "totp", "keytab"};
    static const char *const passes[] = {"low", "high", "band", "by", "all", NULL};
    static const char *const pins[] = {"led", "gpio",   "data", "clock", "reset",  "irq",
                                       "cs",  "rx",     "tx",   "relay", "enable", "input",
                                       "in",  "output", "out",  "power", "io",     NULL};
    if (is_reference(key) || is_measure(key)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(anywhere) / sizeof(anywhere[0]); i++) {
        if (holds(key, anywhere[i])) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        if (has_word(key, whole[i])) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++) {
        if (ends_spelled(key, last[i])) {
            return true;
        }
    }
    return ends_with_word(key, "pass", passes) || ends_with_word(key, "pin", pins);
}

/* ---- texts ------------------------------------------------------------------------------- */

/* scheme://user:password@host, anywhere */
static bool has_password(const char *text)
{
    for (const char *at = strstr(text, "://"); at; at = strstr(at, "://")) {
        at += strlen("://");
        const char *end = at + strcspn(at, "/?# \t\r\n"), *host = end;
        while (host > at && *host != '@') {
            host--;
        }
        const char *colon = memchr(at, ':', (size_t)(host - at));
        if (colon && colon + 1 < host) {
            return true;
        }
    }
    return false;
}

static bool is_name_char(char c)
{
    return is_in(isalnum, c) || c == '_' || c == '-' || c == '.';
}

/* user:password@host with no scheme in front: user:password@tcp(127.0.0.1:3306)/db. */
static bool is_user_info(const char *text)
{
    enum { LONGEST = 256 };
    static const char *const others[] = {"mailto", "sip", "sips", "xmpp"};
    size_t user = strcspn(text, ":/@?#=,;\"' \t\r\n");
    const char *password = text + user + 1;
    if (user == 0 || text[user] != ':' || strncmp(password, "//", 2) == 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (strlen(others[i]) == user && strncasecmp(text, others[i], user) == 0) {
            return false;
        }
    }
    for (size_t i = 0; i < LONGEST && password[i] && !strchr("\"' \t\r\n", password[i]); i++) {
        if (i > 0 && password[i] == '@' && is_in(isalnum, password[i + 1])) {
            return true;
        }
    }
    return false;
}

static bool has_user_info(const char *text)
{
    for (const char *at = text; *at; at++) {
        if ((at == text || strchr("=,;(\"' \t\r\n", at[-1])) && is_user_info(at)) {
            return true;
        }
    }
    return false;
}

/* Three parts of base64, of which the first is the start of a JSON object. */
static bool has_jwt(const char *text)
{
    enum { LEAST = 10 };
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (const char *at = strstr(text, "eyJ"); at; at = strstr(at + 1, "eyJ")) {
        bool inside = at > text && strchr(digits, at[-1]);
        size_t head = inside ? 0 : strspn(at, digits);
        size_t body = head >= LEAST && at[head] == '.' ? strspn(at + head + 1, digits) : 0;
        if (body > 0 && at[head + 1 + body] == '.') {
            return true;
        }
    }
    return false;
}

static bool is_quote(char c)
{
    return c == '"' || c == '\'';
}

/* ---- command lines ----------------------------------------------------------------------- */

static const char blanks[] = " \t\r\n";

/* "ann:password", not "tcp://host" */
static bool is_user_and_password(const char *value)
{
    size_t user = strcspn(value, ": \t\r\n");
    return user > 0 && value[user] == ':' && value[user + 1] &&
           strncmp(value + user, "://", 3) != 0 && !strchr("\"' \t\r\n", value[user + 1]);
}

/* Of -P, --password, -pw, --user ann:...: with the value behind a sign or as the next word. */
static bool is_option(const char *word)
{
    char name[64];
    size_t len = strcspn(word, "= \t\r\n");
    const char *value = word + len;
    value += *value == '=' ? 1 : strspn(value, blanks);
    value += is_quote(*value);
    if (len < 2 || len >= sizeof(name) || !*value || *value == '-' || strchr(blanks, *value)) {
        return false;
    }
    memcpy(name, word, len);
    name[len] = '\0';
    bool user = strcmp(name, "-u") == 0 || strcmp(name, "-U") == 0 || strcmp(name, "--user") == 0;
    return strcmp(name, "-P") == 0 || is_credential_name(name) ||
           (user && is_user_and_password(value));
}

static bool has_options(const char *text)
{
    for (const char *at = strchr(text, '-'); at; at = strchr(at + 1, '-')) {
        if ((at == text || strchr(blanks, at[-1])) && is_option(at)) {
            return true;
        }
    }
    return false;
}

/* ---- settings ---------------------------------------------------------------------------- */

/* Of an address, where shorter names do than elsewhere. */
static bool is_credential_parameter(const char *name)
{
    static const char *const names[] = {"sig", "signature", "key", "code", "auth", "hmac"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcasecmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Does the name that ends before @p sign, of which @p text has something behind, say a password? */
static bool is_setting(const char *text, const char *sign)
{
    const char *end = sign;
    while (end > text && (end[-1] == ' ' || is_quote(end[-1]))) {
        end--;
    }
    const char *start = end;
    char name[64]; /* of a longer one the last words */
    while (start > text && is_name_char(start[-1]) && (size_t)(end - start) < sizeof(name) - 1) {
        start--;
    }
    const char *value = sign + 1 + strspn(sign + 1, " \"'");
    size_t len = (size_t)(end - start);
    if (len == 0 || !*value || strchr(";&,}", *value)) {
        return false;
    }
    memcpy(name, start, len);
    name[len] = '\0';
    bool parameter = start > text && strchr("?&#", start[-1]);
    return is_credential_name(name) || (parameter && is_credential_parameter(name));
}

/* "Server=h;Password=p", "?token=t&", "{\"pin\": 1}"; of `host:80` the colon says nothing. */
static bool has_settings(const char *text)
{
    for (const char *at = strpbrk(text, "=:"); at; at = strpbrk(at + 1, "=:")) {
        bool sign = *at == '=' || at[1] == ' ' || (at > text && is_quote(at[-1]));
        if (sign && is_setting(text, at)) {
            return true;
        }
    }
    return false;
}

static bool is_credential_text(const char *text)
{
    static const char bearer[] = "Bearer ";
    return has_password(text) || has_user_info(text) || has_settings(text) || has_options(text) ||
           has_jwt(text) || strstr(text, "PRIVATE KEY-----") ||
           (strncasecmp(text, bearer, strlen(bearer)) == 0 && !strchr(text + strlen(bearer), ' '));
}

/* Official keys that say where a secret is. */
static bool is_name_of_secret(const char *key)
{
    return strcasecmp(key, "SecretValueKey") == 0 || strcasecmp(key, "HTTPSKeyName") == 0;
}

bool edge_config_is_credential(const char *key, const char *text)
{
    return (key && is_credential_name(key) && !is_name_of_secret(key)) ||
           (text && is_credential_text(text));
}
