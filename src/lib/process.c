/* SPDX-License-Identifier: Apache-2.0
 *
 * process.c - see process.h. */
#include "lib/process.h"

#include "base/forks.h"
#include "lib/rcu.h"
#include "lib/stats.h"
#include "origin/ticket.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>

/* --------------------------------------------------------------------------------------- fork() */

static void fork_begins(void)
{
    urcu_bp_before_fork(); /* F1 */
    crl_tickets_lock();
    crl_sheets_lock();
}

static void fork_ends_in_parent(void)
{
    crl_sheets_unlock();
    crl_tickets_unlock();
    urcu_bp_after_fork_parent();
}

static void fork_ends_in_child(void)
{
    crl_forks++;
    crl_sheets_unlock();
    crl_tickets_unlock();
    urcu_bp_after_fork_child();
}

/* As early as this, so that no fork can fall into it. It is undone when the object is unloaded. */
__attribute__((constructor)) static void fork_prepare(void)
{
    (void)pthread_atfork(fork_begins, fork_ends_in_parent, fork_ends_in_child);
}

/* ------------------------------------------------------------------------------------ dlclose() */

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
