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

/* Names of secrets are not secret. */
static bool is_reference(const char *key)
{
    static const char *const ends[] = {"secretname", "secretpath"};
    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 0; key[k]; k++) {
            size_t end = word_starts(key, k) ? spelled(key, k, ends[i]) : 0;
            if (end > 0 && !key[end]) {
                return true;
            }
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
                                           "pincode",       "sharedaccesssignature"};
    static const char *const whole[] = {"pwd",    "pw",        "psk",          "puk",
                                        "bearer", "community", "cred",         "creds",
                                        "jwt",    "cookie",    "authorization"};
    static const char *const passes[] = {"low", "high", "band", "by", "all", NULL};
    static const char *const pins[] = {"led", "gpio",   "data", "clock", "reset",  "irq",
                                       "cs",  "rx",     "tx",   "relay", "enable", "input",
                                       "in",  "output", "out",  "power", "io",     NULL};
    if (is_reference(key)) {
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

static bool is_quote(char c)
{
    return c == '"' || c == '\'';
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
    return is_credential_name(name);
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
    return has_password(text) || has_settings(text) || strstr(text, "PRIVATE KEY-----") ||
           (strncasecmp(text, bearer, strlen(bearer)) == 0 && !strchr(text + strlen(bearer), ' '));
}

bool edge_config_is_credential(const char *key, const char *text)
{
    return (key && is_credential_name(key)) || (text && is_credential_text(text));
}
