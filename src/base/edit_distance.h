/* SPDX-License-Identifier: Apache-2.0
 *
 * edit_distance.h - how far apart are two words? For "did you mean".
 *
 * Source: L. Boytsov, "Indexing Methods for Approximate Dictionary Searching", ACM JEA 16, 2011,
 * section 2.2 (optimal string alignment: Levenshtein's distance plus swaps of neighbours). */
#ifndef CRL_BASE_EDIT_DISTANCE_H
#define CRL_BASE_EDIT_DISTANCE_H

#include <stdbool.h>
#include <stddef.h>

enum { CRL_EDIT_WORD_MAX = 32 }; /* bytes of the longest word that is compared */

/* crl_edit_distance - insertions, deletions, replacements and swaps of neighbours that make one
 * word the other; SIZE_MAX if either is longer than CRL_EDIT_WORD_MAX. Pure, O(length x length). */
size_t crl_edit_distance(const char *a, const char *b);

/* crl_edit_is_near - is a word at this distance likely a slip of `word`? Pure. */
bool crl_edit_is_near(const char *word, size_t distance);

/* What somebody may have meant, of the words looked at so far; {0} to begin with. */
struct crl_edit_meant {
    const char *word; /* borrowed; NULL: none is near */
    size_t distance;
};

/* crl_edit_consider - might `typed` be a slip of `word`? The nearest is kept, of equals the
 * first. */
void crl_edit_consider(struct crl_edit_meant *meant, const char *typed, const char *word);

#endif
