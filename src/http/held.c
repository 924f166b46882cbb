/* SPDX-License-Identifier: Apache-2.0
 *
 * held.c - see held.h. */
#include "http/held.h"

#include "base/assert.h"

#include <h2o/memory.h>

void crl_held_book_init(struct crl_held_book *book, struct crl_held_total *total)
{
    crl_assert(total->books > 0);
    book->total = total;
    book->bytes = 0;
    h2o_linklist_init_anchor(&book->all);
    for (size_t i = 0; i < CRL_HELD_SLOTS; i++)
        h2o_linklist_init_anchor(&book->slots[i]);
}

static h2o_linklist_t *slot_of(struct crl_held_book *book, const void *data)
{
    uint64_t mixed = (uint64_t)(uintptr_t)data * 0x9E3779B97F4A7C15u; /* 2^64 / golden ratio */
    return &book->slots[mixed >> 56];
}

static struct crl_held *first_with(const h2o_linklist_t *slot, const void *data)
{
    for (h2o_linklist_t *link = slot->next; link != slot; link = link->next) {
        struct crl_held *held = H2O_STRUCT_FROM_MEMBER(struct crl_held, link, link);
        if (held->data == data)
            return held;
    }
    return NULL;
}

static void book_count(struct crl_held_book *book, size_t size)
{
    book->bytes += size;
    atomic_fetch_add_explicit(&book->total->bytes, size, memory_order_relaxed);
}

static void book_discount(struct crl_held_book *book, size_t size)
{
    crl_assert(book->bytes >= size); /* H1 */
    book->bytes -= size;
    atomic_fetch_sub_explicit(&book->total->bytes, size, memory_order_relaxed);
}

void crl_held_add(struct crl_held_book *book, struct crl_held *held)
{
    crl_assert(held->data != NULL && held->size > 0 && !h2o_linklist_is_linked(&held->all));
    h2o_linklist_t *slot = slot_of(book, held->data);
    struct crl_held *first = first_with(slot, held->data);
    held->is_first = first == NULL;
    h2o_linklist_init_anchor(&held->twins);
    h2o_linklist_insert(first != NULL ? &first->twins : slot, &held->link);
    h2o_linklist_insert(&book->all, &held->all);
    if (held->is_first)
        book_count(book, held->size);
}

/* The first of several leaves: the next of them is the first from now on. */
static void first_replace(struct crl_held_book *book, struct crl_held *held)
{
    struct crl_held *heir = H2O_STRUCT_FROM_MEMBER(struct crl_held, link, held->twins.next);
    crl_assert(heir->data == held->data && heir->size == held->size);
    h2o_linklist_unlink(&heir->link);
    h2o_linklist_insert_list(&heir->twins, &held->twins);
    heir->is_first = true;
    h2o_linklist_insert(slot_of(book, held->data), &heir->link);
}

void crl_held_remove(struct crl_held_book *book, struct crl_held *held)
{
    if (!h2o_linklist_is_linked(&held->all))
        return;
    h2o_linklist_unlink(&held->all);
    h2o_linklist_unlink(&held->link);
    if (!held->is_first)
        return;
    if (h2o_linklist_is_empty(&held->twins))
        book_discount(book, held->size);
    else
        first_replace(book, held);
}

bool crl_held_is_too_much(const struct crl_held_book *book)
{
    const struct crl_held_total *total = book->total;
    bool has_several = book->all.next != book->all.prev;
    return atomic_load_explicit(&total->bytes, memory_order_relaxed) > total->max &&
           book->bytes > total->max / total->books && has_several;
}

struct crl_held *crl_held_slowest(struct crl_held_book *book, corral_us now,
                                  size_t (*sent)(const struct crl_held *held))
{
    struct crl_held *slowest = NULL;
    double lowest = 0;
    h2o_linklist_t *last = book->all.prev;
    for (int i = 0; i < CRL_HELD_LOOKED_AT && !h2o_linklist_is_empty(&book->all); i++) {
        struct crl_held *held = H2O_STRUCT_FROM_MEMBER(struct crl_held, all, book->all.next);
        h2o_linklist_unlink(&held->all);
        h2o_linklist_insert(&book->all, &held->all); /* is looked at last the next time */
        if (now - held->since >= CRL_HELD_GRACE) {
            double rate = (double)sent(held) / (double)(now - held->since);
            bool is_older = slowest != NULL && rate == lowest && held->since < slowest->since;
            if (slowest == NULL || rate < lowest || is_older) {
                slowest = held;
                lowest = rate;
            }
        }
        if (&held->all == last)
            break;
    }
    return slowest;
}
