/* SPDX-License-Identifier: Apache-2.0
 *
 * answers.c - actions: answers to waiters, and words to the store. */
#include "core/machine.h"

struct crl_action *crl_action_add(struct crl_actions *out, enum crl_action_kind kind)
{
    crl_assert(out->n < CRL_ACTIONS_MAX);
    struct crl_action *action = &out->v[out->n++];
    *action = (struct crl_action){.kind = kind};
    return action;
}

static struct crl_action *answer_add(struct step *step, int result, struct crl_entry *entry,
                                     bool cached)
{
    crl_promise(P5, (result >= 0) == (entry != NULL));
    struct crl_action *action = crl_action_add(step->out, CRL_ANSWER);
    action->answer.result = result;
    action->answer.entry = entry;
    action->answer.cached = cached;
    CDS_INIT_LIST_HEAD(&action->answer.waiters);
    if (entry != NULL)
        crl_entry_ref(entry);
    return action;
}

void crl_answer_one(struct step *step, struct crl_waiter *waiter, int result,
                    struct crl_entry *entry)
{
    struct crl_action *action = answer_add(step, result, entry, entry != NULL);
    cds_list_add_tail(&waiter->link, &action->answer.waiters);
}

void crl_answer_list(struct step *step, struct cds_list_head *waiters, int result,
                     struct crl_entry *entry, bool cached)
{
    if (cds_list_empty(waiters))
        return;
    struct crl_action *action = answer_add(step, result, entry, cached);
    struct crl_waiter *waiter, *next;
    cds_list_for_each_entry_safe(waiter, next, waiters, link) {
        crl_waiter_detach(step->core, waiter);
        cds_list_add_tail(&waiter->link, &action->answer.waiters);
    }
}

struct crl_action *crl_tell_store(struct step *step, const struct crl_flight *flight,
                                  enum crl_action_kind kind)
{
    struct crl_action *action = crl_action_add(step->out, kind);
    action->space = flight->key->space;
    action->key = crl_key_bytes(flight->key);
    return action;
}

struct crl_action *crl_tell_store_of_event(struct step *step, enum crl_action_kind kind)
{
    struct crl_action *action = crl_action_add(step->out, kind);
    action->space = step->event->space;
    action->key = step->event->key;
    return action;
}
