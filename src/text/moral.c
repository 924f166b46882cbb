/* SPDX-License-Identifier: Apache-2.0
 *
 * moral.c - see moral.h. */
#include "text/moral.h"

#include "text/report.h"

struct crl_moral_part crl_moral_part_us(corral_us mine, corral_us theirs, const char *before)
{
    struct crl_moral_part part = {
        .mine = (double)mine, .theirs = (double)theirs, .before = before, .after = ""};
    crl_figure_us(mine, part.mine_text, sizeof part.mine_text);
    crl_figure_us(theirs, part.theirs_text, sizeof part.theirs_text);
    return part;
}

struct crl_moral_part crl_moral_part_count(uint64_t mine, uint64_t theirs, const char *one,
                                           const char *many)
{
    struct crl_moral_part part = {.mine = (double)mine,
                                  .theirs = (double)theirs,
                                  .before = "",
                                  .after = mine == 1 ? one : many};
    crl_figure_count(mine, part.mine_text, sizeof part.mine_text);
    crl_figure_count(theirs, part.theirs_text, sizeof part.theirs_text);
    return part;
}

static bool part_is_better(const struct crl_moral_part *part)
{
    return part->mine < part->theirs && part->mine <= part->theirs * 0.9;
}

static bool part_is_worse(const struct crl_moral_part *part)
{
    return part->mine > part->theirs && part->mine >= part->theirs * 1.1;
}

/* All parts that are better, or all that are worse. Returns how many. */
static uint32_t parts_write(const struct crl_moral_part *parts, uint32_t n, bool better,
                            const char *first, char text[CRL_MORAL_MAX])
{
    uint32_t written = 0;
    bool is_said = false; /* by a part that this one would stand for */
    for (uint32_t i = 0; i < n; i++) {
        const struct crl_moral_part *part = &parts[i];
        is_said = part->is_substitute && is_said;
        if (is_said || !(better ? part_is_better(part) : part_is_worse(part)))
            continue;
        is_said = true;
        crl_append(text, CRL_MORAL_MAX, "%s%s%s%s instead of %s", written ? "; " : first,
                   part->before, part->mine_text, part->after, part->theirs_text);
        written++;
    }
    return written;
}

char *crl_moral(const char *name, const struct crl_moral_part *parts, uint32_t n,
                char text[CRL_MORAL_MAX])
{
    (void)snprintf(text, CRL_MORAL_MAX, "%s: ", name);
    uint32_t better = parts_write(parts, n, true, "", text);
    uint32_t worse = parts_write(parts, n, false, better ? "; but " : "worse: ", text);
    if (better + worse == 0)
        crl_append(text, CRL_MORAL_MAX, "nothing is better or worse by a tenth");
    return text;
}
