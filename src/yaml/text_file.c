/* SPDX-License-Identifier: Apache-2.0
 *
 * text_file.c - see text_file.h. */
#include "yaml/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct crl_place whole_file = {0};

static int unreadable(struct crl_problems *problems, int error)
{
    crl_problems_add(problems, whole_file, "cannot be read: %s", strerror(error));
    return error == ENOMEM ? CORRAL_ENOMEM : CORRAL_EINVAL;
}

/* Read up to `room` bytes. Returns 0 or an errno. */
static int read_all(int fd, char *to, size_t room, size_t *ret_size)
{
    size_t size = 0;
    while (size < room) {
        ssize_t n = read(fd, to + size, room - size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        if (n == 0)
            break;
        size += (size_t)n;
    }
    *ret_size = size;
    return 0;
}

int crl_text_file_read(const char *file, size_t bytes_max, struct crl_problems *problems,
                       char **ret_text, size_t *ret_size)
{
    size_t room = bytes_max + 1;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return unreadable(problems, errno);
    char *text = malloc(room);
    int error = text != NULL ? read_all(fd, text, room, ret_size) : ENOMEM;
    (void)close(fd); /* nothing was written */
    if (error) {
        free(text);
        return unreadable(problems, error);
    }
    *ret_text = text;
    return CORRAL_OK;
}
