/* SPDX-License-Identifier: Apache-2.0
 *
 * sized.h - structs of options and figures that begin with their size: how a program and a
 * library of two versions understand each other.
 *
 * A struct only ever grows at its end: a new member begins at what was its sizeof, not in padding,
 * which a program may have left as it was. Threads: any. */
#ifndef CRL_LIB_SIZED_H
#define CRL_LIB_SIZED_H

#include <stdbool.h>
#include <stddef.h>

/* crl_sized_read - what a program gave, as this version knows it.
 *
 * known_bytes   of the struct of this version, with its own size in front
 * Members that the program does not know are 0. Returns false where the program gave a member that
 * this version does not know, other than 0; or where the size is not even that of a size. */
bool crl_sized_read(void *ret_known, size_t known_bytes, const void *given);

#define CRL_SIZED_READ(ret_known, given) crl_sized_read((ret_known), sizeof *(ret_known), (given))

/* crl_sized_write - give a program as many figures as it has room for.
 *
 * ret_figures   begins with its size, which stays
 * Returns false where the size is not even that of a size. */
bool crl_sized_write(void *ret_figures, const void *figures, size_t figures_bytes);

#define CRL_SIZED_WRITE(ret_figures, figures) \
    crl_sized_write((ret_figures), (figures), sizeof *(figures))

#endif
