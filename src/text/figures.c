/* SPDX-License-Identifier: Apache-2.0
 *
 * figures.c - see figures.h. */
#include "text/figures.h"

#include "base/assert.h"

#include <inttypes.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

char *crl_figure_count(uint64_t n, char *text, size_t room)
{
    char digits[24];
    int size = snprintf(digits, sizeof(digits), "%" PRIu64, n);
    size_t used = 0;
    crl_assert(room >= CRL_FIGURE_MAX);
    for (int i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0)
            text[used++] = ',';
        text[used++] = digits[i];
    }
    text[used] = 0;
    return text;
}

char *crl_figure_us(corral_us us, char *text, size_t room)
{
    if (us < 0)
        return memcpy(text, "-", 2);
    const char *unit = us < 1000 ? "us" : us < 999500 ? "ms" : "s";
    double value = us < 1000 ? (double)us : us < 999500 ? (double)us / 1e3 : (double)us / 1e6;
    int decimals = us < 1000 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    (void)snprintf(text, room, "%.*f %s", decimals, value, unit);
    return text;
}

char *crl_figure_factor(double factor, char *text, size_t room)
{
    if (factor < 0)
        (void)snprintf(text, room, "-");
    else if (factor < 99.95)
        (void)snprintf(text, room, "%.1f", factor);
    else
        (void)crl_figure_count((uint64_t)(factor + 0.5), text, room);
    return text;
}

bool crl_is_terminal(int fd)
{
    const char *kind = getenv("TERM");
    return isatty(fd) && kind != NULL && strcmp(kind, "dumb") != 0;
}

static int columns_lacking(int fd)
{
    struct winsize window = {0};
    if (!crl_is_terminal(fd) || ioctl(fd, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 ||
        window.ws_col >= 80)
        return 0;
    return window.ws_col > 40 ? 80 - window.ws_col : 40;
}

struct crl_style crl_style_of(int fd)
{
    const char *no_colour = getenv("NO_COLOR");
    return (struct crl_style){
        .colour = crl_is_terminal(fd) && !(no_colour != NULL && *no_colour),
        .unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
        .narrower = columns_lacking(fd),
    };
}

struct crl_paint crl_paint_of(struct crl_style style)
{
    if (!style.colour)
        return (struct crl_paint){"", "", "", "", ""};
    return (struct crl_paint){"\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m"};
}
