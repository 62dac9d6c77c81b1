#include "ctl_names.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "edge/text.h"

enum { NAME_MAX_LEN = 96 };

/* Letters of Latin-1 people leave the dots and strokes of away; NULL: none of them. */
static const char *letters_of(const char *s, size_t n)
{
    static const struct {
        const char *letter, *plain;
    } known[] = {
        {"ä", "ae"},
        {"ö", "oe"},
        {"ü", "ue"},
        {"Ä", "Ae"},
        {"Ö", "Oe"},
        {"Ü", "Ue"},
        {"ß", "ss"},
        {"é", "e" },
        {"è", "e" },
        {"ê", "e" },
        {"á", "a" },
        {"à", "a" },
        {"â", "a" },
        {"å", "a" },
        {"ç", "c" },
        {"ñ", "n" },
        {"ó", "o" },
        {"ô", "o" },
        {"ø", "o" },
        {"í", "i" },
        {"ú", "u" }
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strlen(known[i].letter) == n && memcmp(known[i].letter, s, n) == 0) {
            return known[i].plain;
        }
    }
    return NULL;
}

static bool may_stand(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

const char *ctl_name_of(struct edge_arena *a, const char *text)
{
    char name[NAME_MAX_LEN + 4];
    size_t n = 0;
    for (size_t len; *text && n < NAME_MAX_LEN; text += len) {
        len = edge_utf8_char(text, strlen(text));
        len = len > 0 ? len : 1;
        const char *plain = letters_of(text, len);
        if (plain) {
            n += (size_t)snprintf(name + n, sizeof(name) - n, "%s", plain);
        } else if (may_stand(*text)) {
            name[n++] = *text;
        } else if (n > 0 && name[n - 1] != '_') {
            name[n++] = '_';
        }
    }
    while (n > 0 && name[n - 1] == '_') {
        n--;
    }
    return edge_strndup(a, name, n);
}

void ctl_names_done(struct ctl_names *names)
{
    edge_map_done(&names->taken);
    edge_map_done(&names->numbers);
}

const char *ctl_names_take(struct ctl_names *names, struct edge_arena *a, const char *base)
{
    const char *name = base;
    uintptr_t number = (uintptr_t)edge_map_find(&names->numbers, base);
    for (number = number > 0 ? number : 1; edge_map_find(&names->taken, name);) {
        name = edge_printf(a, "%s_%u", base, (unsigned)++number);
    }
    (void)edge_map_put(&names->taken, name, names);
    (void)edge_map_put(&names->numbers, base, (void *)number);
    return name;
}
