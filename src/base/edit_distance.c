/* SPDX-License-Identifier: Apache-2.0
 *
 * edit_distance.c - how far apart are two words? The table is filled row by row; a row is a prefix
 * of `a`, a column a prefix of `b`. */
#include "base/edit_distance.h"

#include <stdint.h>
#include <string.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t crl_edit_distance(const char *a, const char *b)
{
    size_t rows = strlen(a);
    size_t columns = strlen(b);
    if (rows > CRL_EDIT_WORD_MAX || columns > CRL_EDIT_WORD_MAX)
        return SIZE_MAX;

    size_t d[CRL_EDIT_WORD_MAX + 1][CRL_EDIT_WORD_MAX + 1];
    for (size_t i = 0; i <= rows; i++)
        d[i][0] = i;
    for (size_t j = 0; j <= columns; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= rows; i++) {
        for (size_t j = 1; j <= columns; j++) {
            size_t replaced = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            d[i][j] = least(replaced, least(d[i - 1][j], d[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[rows][columns];
}

/* One slip in a short word, one more for every four letters. */
bool crl_edit_is_near(const char *word, size_t distance)
{
    size_t letters = strlen(word);
    return distance < letters && distance <= 1 + letters / 4;
}

void crl_edit_consider(struct crl_edit_meant *meant, const char *typed, const char *word)
{
    size_t distance = crl_edit_distance(typed, word);
    if (crl_edit_is_near(word, distance) && (meant->word == NULL || distance < meant->distance))
        *meant = (struct crl_edit_meant){word, distance};
}
