/* SPDX-License-Identifier: Apache-2.0
 *
 * verdict.c - see verdict.h. */
#include "core/verdict.h"

#include "base/assert.h"

static struct crl_times times_of(const struct crl_entry *entry)
{
    return (struct crl_times){.answered_at = entry->answered_at,
                              .fresh_until = entry->fresh_until,
                              .load_us = entry->load_us};
}

/* It was published before the store was out of sight: what became of it there, nobody has heard. */
static bool is_suspect(const struct crl_entry *entry, const struct crl_space_view *view)
{
    return crl_entry_home(entry) != atomic_load_explicit(&view->home, memory_order_relaxed);
}

static enum crl_ask ask_unless_asked(const struct crl_entry *entry, enum crl_ask ask)
{
    return crl_entry_has(entry, CRL_MARK_ASKED) ? CRL_ASK_NONE : ask;
}

static struct crl_verdict judge_fresh(const struct crl_entry *entry, corral_us now,
                                      const struct crl_space_view *view, uint32_t lot)
{
    struct crl_times times = times_of(entry);
    enum crl_ask ask = CRL_ASK_NONE;
    switch (crl_entry_kind(entry)) {
    case CRL_ENTRY_FAILED:
        return (struct crl_verdict){CRL_VERDICT_FAILED, CRL_ASK_NONE};
    case CRL_ENTRY_ABSENT:
        return (struct crl_verdict){CRL_VERDICT_ABSENT, CRL_ASK_NONE};
    case CRL_ENTRY_VALUE:
        if (crl_early_is_due(&view->early, &times, now, lot))
            ask = ask_unless_asked(entry, CRL_ASK_EARLY);
        return (struct crl_verdict){CRL_VERDICT_FRESH, ask};
    }
    crl_unreachable();
}

struct crl_verdict crl_entry_judge(const struct crl_entry *entry, corral_us now,
                                   const struct crl_space_view *view, uint32_t lot)
{
    if (entry == NULL)
        return (struct crl_verdict){CRL_VERDICT_NOTHING, CRL_ASK_MISS};
    if (is_suspect(entry, view))
        return (struct crl_verdict){CRL_VERDICT_NOTHING, CRL_ASK_SUSPECT};
    if (now < entry->fresh_until)
        return judge_fresh(entry, now, view, lot);
    if (crl_entry_kind(entry) == CRL_ENTRY_FAILED)
        return (struct crl_verdict){CRL_VERDICT_NOTHING, CRL_ASK_RETRY};
    if (crl_entry_kind(entry) == CRL_ENTRY_VALUE && now - entry->fresh_until < view->stale_us)
        return (struct crl_verdict){CRL_VERDICT_STALE, ask_unless_asked(entry, CRL_ASK_STALE)};
    return (struct crl_verdict){CRL_VERDICT_NOTHING, CRL_ASK_MISS};
}

corral_us crl_entry_quiet_until(const struct crl_times *times, const struct crl_space_view *view)
{
    return times->fresh_until - crl_early_lead_max(&view->early, times);
}

bool crl_entry_use(struct crl_entry *entry, corral_us now, const struct crl_space_view *view)
{
    crl_assert(now < entry->fresh_until);
    corral_us seen = atomic_load_explicit(&entry->quiet_until, memory_order_relaxed);
    if (now < seen)
        return false;
    bool is_first = !crl_entry_has(entry, CRL_MARK_USED) && crl_entry_mark(entry, CRL_MARK_USED);
    struct crl_times times = times_of(entry);
    corral_us quiet_until = crl_entry_quiet_until(&times, view);
    if (quiet_until != seen) /* a copy may have the mark, and not this */
        atomic_store_explicit(&entry->quiet_until, quiet_until, memory_order_relaxed);
    return is_first;
}
