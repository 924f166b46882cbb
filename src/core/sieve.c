/* SPDX-License-Identifier: Apache-2.0
 *
 * sieve.c - a doubly linked list through the entries. */
#include "core/sieve.h"

#include "base/assert.h"

/* Marks that the hand takes away for one victim. Where all entries have been hit since it last came
 * by, the victim is the one that this leads to. */
#define STEPS_MAX 4096

/* Make two neighbours of each other; NULL is the end of the queue on that side. */
static void link_up(struct crl_sieve *sieve, struct crl_entry *older, struct crl_entry *newer)
{
    *(older != NULL ? &older->newer : &sieve->oldest) = newer;
    *(newer != NULL ? &newer->older : &sieve->newest) = older;
}

void crl_sieve_push(struct crl_sieve *sieve, struct crl_entry *entry)
{
    link_up(sieve, sieve->newest, entry);
    link_up(sieve, entry, NULL);
    sieve->entries++;
}

void crl_sieve_remove(struct crl_sieve *sieve, struct crl_entry *entry)
{
    crl_assert(sieve->entries > 0);
    if (sieve->hand == entry)
        sieve->hand = entry->newer;
    link_up(sieve, entry->older, entry->newer);
    sieve->entries--;
}

void crl_sieve_replace(struct crl_sieve *sieve, struct crl_entry *old, struct crl_entry *entry)
{
    if (sieve->hand == old)
        sieve->hand = entry;
    link_up(sieve, old->older, entry);
    link_up(sieve, entry, old->newer);
    if (crl_entry_has(old, CRL_MARK_VISITED))
        (void)crl_entry_mark(entry, CRL_MARK_VISITED);
}

/* Is it without a mark? Takes the mark away. */
static bool is_unvisited(struct crl_entry *entry)
{
    if (!crl_entry_has(entry, CRL_MARK_VISITED))
        return true;
    crl_entry_unmark(entry, CRL_MARK_VISITED);
    return false;
}

struct crl_entry *crl_sieve_victim(struct crl_sieve *sieve, const struct crl_entry *spared)
{
    if (sieve->entries == 0 || (sieve->entries == 1 && sieve->oldest == spared))
        return NULL;
    uint64_t steps_left = STEPS_MAX; /* all others wait for the writer meanwhile */
    struct crl_entry *at = sieve->hand != NULL ? sieve->hand : sieve->oldest;
    while (at == spared || (steps_left > 0 && !is_unvisited(at))) {
        at = at->newer != NULL ? at->newer : sieve->oldest;
        steps_left -= steps_left > 0;
    }
    sieve->hand = at;
    return at;
}
