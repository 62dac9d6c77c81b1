/* Which known name somebody may have meant. The distance is the number of letters to change, add,
 * leave out or swap with their neighbour; case does not count. */
#include "edge/text.h"

#include <ctype.h>
#include <string.h>

enum { LONGEST = 64 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool same(const char *a, const char *b)
{
    return tolower((unsigned char)*a) == tolower((unsigned char)*b);
}

/* Optimal string alignment: row i tells how far the first i letters of @p a are from those of @p b. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t rows[3][LONGEST + 1];
    size_t *above2 = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b_len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        size_t *next = above2;
        above2 = above;
        above = row;
        row = next;
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t changed = above[j - 1] + !same(&a[i - 1], &b[j - 1]);
            row[j] = smaller(changed, smaller(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && same(&a[i - 1], &b[j - 2]) && same(&a[i - 2], &b[j - 1])) {
                row[j] = smaller(row[j], above2[j - 2] + 1);
            }
        }
    }
    return row[b_len];
}

/* Where hardly a letter is left as it was, nobody meant that name. */
static size_t limit(size_t len)
{
    size_t third = len / 3 > 2 ? len / 3 : 2;
    return smaller(third, len / 2);
}

void edge_nearest_offer(struct edge_nearest *n, const char *known)
{
    size_t wanted_len = strnlen(n->wanted, LONGEST + 1), len = strnlen(known, LONGEST + 1);
    if (wanted_len > LONGEST || len > LONGEST) {
        return;
    }
    size_t d = distance(n->wanted, wanted_len, known, len);
    size_t longer = wanted_len > len ? wanted_len : len;
    if (d <= limit(longer) && (!n->name || d < n->distance)) {
        n->name = known;
        n->distance = d;
    }
}
