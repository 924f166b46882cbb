/* SPDX-License-Identifier: Apache-2.0
 *
 * text_file.h - a whole file, for the readers of text. */
#ifndef CRL_YAML_TEXT_FILE_H
#define CRL_YAML_TEXT_FILE_H

#include "yaml/problems.h"

/* crl_text_file_read - the whole file, in memory that the caller frees. Blocks.
 * bytes_max  one byte more is read, so that the reader of the text sees a file that is too large
 * Errors: CORRAL_EINVAL: it cannot be read, which is added to the problems; CORRAL_ENOMEM. */
int crl_text_file_read(const char *file, size_t bytes_max, struct crl_problems *problems,
                       char **ret_text, size_t *ret_size);

#endif
