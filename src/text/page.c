/* SPDX-License-Identifier: Apache-2.0
 *
 * page.c - see page.h.
 *
 * Classes:  cards, wide    a grid of cards, and one of wide cards
 *           card, scroll   a box; one that is scrolled if its content is too wide
 *           moral, lack    a sentence that matters; why there is nothing to see
 *           key            a list of what the colours of the plots below stand for
 *           c0 to c7       the looks of the runs; hit, wait, fail: of answers (chart.h) */
#include "text/page.h"

#include "text/exit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char page_style[] =
    "<style>\n"
    ":root { color-scheme: light dark; --paper: #faf9f7; --card: #fff; --ink: #1c1e21;\n"
    "  --dim: #5f646c; --rule: #e4e1db; --fault: #e9b44c33; --hit: #b9cbd4; --wait: #d98a1f;\n"
    "  --fail: #a51d35;\n"
    "  --c0: #d1495b; --c1: #178a6e; --c2: #2c6fbb; --c3: #a86a12; --c4: #7a4fb3; --c5: #0e8a9a;\n"
    "  --c6: #b3478f; --c7: #5c6b2f }\n"
    "@media (prefers-color-scheme: dark) { :root { --paper: #15171a; --card: #1d2024;\n"
    "  --ink: #e8e6e3; --dim: #9aa0a8; --rule: #33373d; --fault: #e9b44c26; --hit: #3f5662;\n"
    "  --wait: #d9922e; --fail: #ff8497;\n"
    "  --c0: #f0717f; --c1: #3fc29f; --c2: #6aa6ee; --c3: #dda448; --c4: #b48bea; --c5: #45c4d4;\n"
    "  --c6: #e585c3; --c7: #a5b66b } }\n"
    "body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper);\n"
    "  max-width: 70rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem }\n"
    "h1 { font-size: 2.1rem; line-height: 1.15; margin: 0; letter-spacing: -.01em }\n"
    "h2 { font-size: 1.2rem; margin: 2.6rem 0 .9rem }\n"
    "h2 small { font-size: 1rem; font-weight: 400; color: var(--dim) }\n"
    "h3 { font-size: .95rem; margin: 0 0 .5rem; font-weight: 600 }\n"
    "h3.next { margin-top: 1.4rem }\n"
    "h3 small { font-weight: 400; color: var(--dim) }\n"
    ".about { font-size: 1.15rem; margin: .4rem 0 0; overflow-wrap: anywhere }\n"
    ".facts { color: var(--dim); margin: .2rem 0 0 }\n"
    ".command { margin: .6rem 0 0; padding: .5rem .8rem; background: var(--card); font: .85rem/1.5\n"
    "  ui-monospace, monospace; border: 1px solid var(--rule); border-radius: 6px;\n"
    "  overflow-wrap: anywhere }\n"
    ".shows { max-width: 46rem; border-left: 3px solid var(--rule); padding-left: 1rem;\n"
    "  margin: 1.5rem 0 0 }\n"
    ".moral { font-size: 1.15rem; font-weight: 600; margin: .3rem 0 .9rem }\n"
    ".lack { background: var(--fault); border-left: 3px solid var(--wait); padding: .5rem 1rem;\n"
    "  margin: .3rem 0 .9rem }\n"
    ".broken { background: #a51d35; color: #fff; padding: .7rem 1rem; border-radius: 6px }\n"
    ".cards { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill,\n"
    "  minmax(min(100%, 20rem), 1fr)) }\n"
    ".wide { grid-template-columns: repeat(auto-fill, minmax(min(100%, 31rem), 1fr)) }\n"
    ".cards + .cards { margin-top: 1rem }\n"
    ".card { background: var(--card); border: 1px solid var(--rule); border-radius: 8px;\n"
    "  padding: .9rem 1rem; min-width: 0; align-self: start }\n"
    ".scroll { overflow-x: auto }\n"
    "table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }\n"
    "th, td { text-align: right; padding: .3rem 0 .3rem 1.1rem;\n"
    "  border-bottom: 1px solid var(--rule); white-space: nowrap }\n"
    "th:first-child { text-align: left; font-weight: 400; padding-left: 0 }\n"
    "tbody th { white-space: normal }\n"
    "tbody tr:last-child > * { border-bottom: 0 }\n"
    "thead th { font-weight: 600 }\n"
    "td.words { white-space: normal; text-align: left }\n"
    ".small { font-size: .85rem }\n"
    ".key { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; margin: 0 0 .9rem; padding: 0;\n"
    "  list-style: none }\n"
    ".key svg { display: inline-block; width: 2.6em; height: 1em; vertical-align: -.1em;\n"
    "  margin-right: .4em }\n"
    "details { margin: .4rem 0 } summary { cursor: pointer; color: var(--dim) }\n"
    "footer { margin-top: 3rem; color: var(--dim); font-size: .9rem }\n"
    "svg { display: block; width: 100%; height: auto }\n"
    "svg.bars { max-width: 22rem } svg.plot { max-width: 40rem }\n"
    "svg text { fill: var(--ink); font: 12px system-ui, sans-serif;\n"
    "  font-variant-numeric: tabular-nums }\n"
    "svg .tick, svg .band-name { fill: var(--dim) }\n"
    "svg .bar-value { font-weight: 600 }\n"
    "svg .line-name { stroke: none; font-weight: 600 }\n"
    ".chart .key { display: none }\n"
    /* 130 %: a plot without the names at the ends of its lines is as wide as its card, chart.c. */
    "@media (max-width: 36rem) { svg.plot { width: 130%; max-width: none }\n"
    "  svg.plot text { font-size: 14px } .ends { display: none } .chart { overflow: hidden }\n"
    "  .key { display: none } .chart .key { display: flex; margin: .5rem 0 0 }\n"
    "  body { padding: 1.5rem .9rem } }\n"
    ".grid { stroke: var(--rule); stroke-width: 1; fill: none }\n"
    ".fault { fill: var(--fault) } .warm-up { fill: var(--rule); opacity: .45 }\n"
    ".hit { fill: var(--hit) } .wait { fill: var(--wait) } .fail { fill: var(--fail) }\n";

/* Runs differ by hue and by dashes; plot lines have a marker besides. */
static void looks_write(FILE *out)
{
    static const char *const dashes[] = {"none", "8 4", "2 3",      "10 3 2 3",
                                         "5 2",  "1 4", "12 3 4 3", "6 2 1 2 1 2"};
    for (uint32_t i = 0; i < sizeof dashes / sizeof dashes[0]; i++)
        fprintf(out,
                ".c%u { fill: var(--c%u); stroke: var(--c%u) } "
                ".curve.c%u { stroke-dasharray: %s }\n",
                i, i, i, i, dashes[i]);
    fputs(".curve { fill: none; stroke-width: 1.8; stroke-linejoin: round }\n"
          ".plane, .bar { stroke: none } .faint { opacity: .12 }\n</style>\n",
          out);
}

void crl_html_write(const char *text, FILE *out)
{
    for (; *text; text++) {
        switch (*text) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc(*text, out);
        }
    }
}

void crl_html_paragraph(const char *class, const char *text, FILE *out)
{
    if (text == NULL)
        return;
    fprintf(out, "<p class=\"%s\">", class);
    crl_html_write(text, out);
    fputs("</p>\n", out);
}

void crl_page_begin(const struct crl_page_head *head, FILE *out)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>",
          out);
    crl_html_write(head->name, out);
    if (head->verb != NULL)
        fprintf(out, " - %s", head->verb);
    fputs("</title>\n", out);
    fputs(page_style, out);
    looks_write(out);
    fputs("</head>\n<body>\n<header>\n<h1>", out);
    crl_html_write(head->name, out);
    fputs("</h1>\n", out);
    crl_html_paragraph("about", head->about, out);
    crl_html_paragraph("facts", head->facts, out);
    crl_html_paragraph("command", head->command, out);
    crl_html_paragraph("shows", head->shows, out);
    fputs("</header>\n<main>\n", out);
}

void crl_page_end(const char *footer, FILE *out)
{
    fputs("</main>\n<footer>", out);
    crl_html_write(footer, out);
    fputs("</footer>\n</body>\n</html>\n", out);
}

static int page_is_lost(const char *file, char *why, size_t why_size)
{
    (void)snprintf(why, why_size, "cannot write %.300s: %s", file, strerror(errno));
    return CORRAL_ESYSTEM;
}

/* What a name stands for. */
struct place {
    char *target; /* behind all links; NULL without memory */
    bool exists, is_regular;
    bool is_loose;      /* a link to nothing: what is written makes it good */
    bool is_printed_to; /* standard output goes there as well */
    mode_t mode;        /* of a file that exists */
};

static bool is_standard_output(const struct stat *file)
{
    struct stat output;
    return fstat(STDOUT_FILENO, &output) == 0 && output.st_dev == file->st_dev &&
           output.st_ino == file->st_ino;
}

static struct place place_of(const char *file)
{
    struct place place = {0};
    struct stat found;
    if (stat(file, &found) == 0) {
        place.exists = true;
        place.is_regular = S_ISREG(found.st_mode);
        place.is_printed_to = is_standard_output(&found);
        place.mode = found.st_mode & 07777;
        place.target = place.is_regular && !place.is_printed_to ? realpath(file, NULL) : NULL;
    } else if (lstat(file, &found) == 0) {
        place.exists = place.is_loose = true;
    }
    if (place.target == NULL)
        place.target = strdup(file);
    return place;
}

/* A new file in the folder of another one, hidden there; NULL with errno if there can be none. */
static FILE *temporary_open(const char *target, mode_t mode, char **ret_name)
{
    const char *slash = strrchr(target, '/');
    int folder = slash != NULL ? (int)(slash - target + 1) : 0;
    char *name;
    if (asprintf(&name, "%.*s.corral-%ld.new", folder, target, (long)getpid()) < 0)
        return NULL;
    (void)unlink(name); /* of a program that had our number and was killed */
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (out != NULL && mode != 0)
        (void)fchmod(fd, mode); /* a file system without modes needs none */
    if (out == NULL) {
        int error = errno;
        if (fd >= 0) {
            (void)close(fd);
            (void)unlink(name);
        }
        free(name);
        errno = error;
        return NULL;
    }
    *ret_name = name;
    return out;
}

/* Is it replaced by one that is written beside it? */
static bool is_replaced(const struct place *place)
{
    return !place->exists || (place->is_regular && !place->is_printed_to);
}

int crl_page_check(const char *file, char *why, size_t why_size)
{
    struct crl_page_file page = {0};
    struct stat found;
    if (file == NULL)
        return CORRAL_OK;
    if (stat(file, &found) == 0 && S_ISDIR(found.st_mode)) {
        errno = EISDIR;
        return page_is_lost(file, why, why_size);
    }
    struct place place = place_of(file);
    if (place.target != NULL && is_replaced(&place))
        page.out = temporary_open(place.target, 0, &page.temporary);
    bool can = page.out != NULL || place.is_loose || (place.exists && access(file, W_OK) == 0);
    int rc = can ? CORRAL_OK : page_is_lost(file, why, why_size);
    if (page.out != NULL) {
        (void)fclose(page.out); /* nothing was written */
        (void)unlink(page.temporary);
    }
    free(page.temporary);
    free(place.target);
    return rc;
}

int crl_page_open(const char *file, struct crl_page_file *ret_page, char *why, size_t why_size)
{
    *ret_page = (struct crl_page_file){0};
    if (file == NULL)
        return CORRAL_OK;
    (void)fflush(stdout); /* main() says if that is lost */
    struct place place = place_of(file);
    ret_page->target = place.target;
    if (place.target != NULL && is_replaced(&place))
        ret_page->out = temporary_open(place.target, place.mode, &ret_page->temporary);
    /* A file may be writable in a folder that is not. */
    if (place.target != NULL && ret_page->out == NULL && place.exists)
        ret_page->out = fopen(place.target, place.is_printed_to ? "ae" : "we");
    return ret_page->out != NULL ? CORRAL_OK : page_is_lost(file, why, why_size);
}

int crl_page_close(const char *file, struct crl_page_file *page, char *why, size_t why_size)
{
    int rc = CORRAL_OK;
    if (page->out != NULL && !crl_stream_close(page->out))
        rc = page_is_lost(file, why, why_size);
    if (page->temporary != NULL && rc == CORRAL_OK && rename(page->temporary, page->target) < 0)
        rc = page_is_lost(file, why, why_size);
    if (page->temporary != NULL && rc < 0)
        (void)unlink(page->temporary);
    free(page->temporary);
    free(page->target);
    *page = (struct crl_page_file){0};
    return rc;
}
