/* SPDX-License-Identifier: Apache-2.0
 *
 * clock.c - finding the kernel's own function, past the C library's wrapper around it. */
#include "io/clock.h"

#include <dlfcn.h>

int (*crl_clock_read)(clockid_t clock, struct timespec *t) = clock_gettime;

#ifndef CRL_SANITIZED

/* dlsym() gives a function as a pointer to data; POSIX says that both fit. */
union symbol {
    void *data;
    int (*function)(clockid_t clock, struct timespec *t);
};

/* The vdso is in every process already, so nothing is loaded here, and nothing can be unloaded. */
__attribute__((constructor)) static void find_in_vdso(void)
{
    void *vdso = dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD);
    if (vdso == NULL)
        return;
    union symbol symbol = {.data = dlsym(vdso, "__vdso_clock_gettime")};
    if (symbol.data == NULL)
        symbol.data = dlsym(vdso, "__kernel_clock_gettime"); /* its name on ARM */
    if (symbol.data != NULL)
        crl_clock_read = symbol.function;
    dlclose(vdso);
}

#endif
