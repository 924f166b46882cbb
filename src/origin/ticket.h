/* SPDX-License-Identifier: Apache-2.0
 *
 * ticket.h - handles for programs that may use them too often or too late.
 *
 * What a loader holds looks like a pointer and is a number: a slot of a table, and the slot's
 * serial number. So a load that is answered twice, from whatever thread and however late, names a
 * ticket that is no longer good, instead of memory that is no longer there. Claiming a ticket is
 * how one of several answers becomes the first.
 *
 * One table for the process, because a late answer has nothing else to go by: its cache may be
 * gone. A child of fork() knows none of its parent's tickets. Limits: 2^23 tickets at once; a
 * serial number comes round after 2^40 claims of one slot.
 *
 * Threads: any; one short lock. */
#ifndef CRL_ORIGIN_TICKET_H
#define CRL_ORIGIN_TICKET_H

#include <stdbool.h>

/* crl_ticket_issue - a new ticket for an object, which stays valid until the ticket is claimed.
 * object  borrowed until the claim; not NULL
 * Returns NULL without memory or beyond the limit. */
const void *crl_ticket_issue(void *object);

/* crl_ticket_claim - make the ticket void. Returns its object, to exactly one caller; NULL to all
 * others, and for what never was a ticket. */
void *crl_ticket_claim(const void *ticket);

/* crl_ticket_look - call `look` with the object while nobody can claim the ticket, or look too;
 * `look` must not block. Returns whether the ticket is good. */
bool crl_ticket_look(const void *ticket, void (*look)(void *object, void *arg), void *arg);

/* crl_tickets_lock, crl_tickets_unlock - let no thread be in the middle of the table, for
 * fork(). */
void crl_tickets_lock(void);
void crl_tickets_unlock(void);

#endif
