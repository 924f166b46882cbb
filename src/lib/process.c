/* SPDX-License-Identifier: Apache-2.0
 *
 * process.c - see process.h. */
#include "lib/process.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>

static pthread_once_t stay_once = PTHREAD_ONCE_INIT;

/* The program itself has no name, and stays anyway. */
static void stay(void)
{
    Dl_info info;
    struct link_map *object = NULL;
    if (dladdr1(&stay_once, &info, (void **)&object, RTLD_DL_LINKMAP) == 0 ||
        object->l_name[0] == '\0')
        return;
    /* A reference that is never given back. It is refused for no object that is here. */
    (void)dlopen(object->l_name, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

void crl_process_stay(void)
{
    (void)pthread_once(&stay_once, stay);
}
