/* SPDX-License-Identifier: Apache-2.0
 *
 * moral.h - what one run has over another, in one sentence for people.
 *
 *     guard: 50 loads at once instead of 4,882; at worst 2.07 s instead of 5.00 s;
 *     but 60,282 loads instead of 28,082
 *
 * What is better by a tenth or more is named, then what is worse by as much; the rest is noise.
 * Pure. */
#ifndef CRL_TEXT_MORAL_H
#define CRL_TEXT_MORAL_H

#include "text/figures.h"

enum { CRL_MORAL_MAX = 512 };

/* A figure of both runs. The less the better. */
struct crl_moral_part {
    double mine, theirs;
    char mine_text[CRL_FIGURE_MAX], theirs_text[CRL_FIGURE_MAX];
    const char *before, *after; /* words around mine: "at worst ", " loads" */
    bool is_substitute; /* silent where the part before it, or what that is a substitute for,
                                   says as much: is better where this is better, or worse */
};

/* crl_moral_part_us, crl_moral_part_count - a part in figures. The words are borrowed. */
struct crl_moral_part crl_moral_part_us(corral_us mine, corral_us theirs, const char *before);
struct crl_moral_part crl_moral_part_count(uint64_t mine, uint64_t theirs, const char *one,
                                           const char *many);

/* crl_moral - the sentence. What does not fit is cut off. Returns `text`. */
char *crl_moral(const char *name, const struct crl_moral_part *parts, uint32_t n,
                char text[CRL_MORAL_MAX]);

#endif
