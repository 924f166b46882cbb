/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   patterns match whole values, as the C library says; those that would take its compiler
 *         too long are refused; matching writes nothing that it shares, and keeps nothing.
 * Method: rows; expressions and texts drawn from a seed, on which the C library's matcher is the
 *         judge; a program in memory that is made read-only; and the C library's own count of the
 *         memory in use. */
#include "config/pattern.h"

#include "base/rng.h"

#include "../helper/draws.h"

#include <malloc.h>
#include <regex.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

static const struct {
    const char *expression, *text;
    bool matches;
} whole_rows[] = {
    {"[a-z]+", "abc", true},
    {"[a-z]+", "abc1", false},
    {"[a-z]+", "", false},
    {"a|b", "b", true},
    {"a|b", "ab", false},
    {"a|ab", "ab", true},
    {"^a$", "a", true},
    {"a*", "", true},
    {"[]a]+", "]a", true},
    {"a.c", "a\nc", true},
    {"a", "a\n", false},
    {"(x|y){2}", "xy", true},
    {"(a|bb?){0,300}", "abba", true},
    {"(a?)?", "", true},
    {"(a*b)*", "aab", true},
    {"(^a|b$)+", "a", true},
    {"(^a){2}", "aa", false},
    {".{0,1000}", "abc", true},
    {"[)]", ")", true},
    {"[^)(]{3}", "abc", true},
    {"a{2}", "aa", true},
    {"a{2}", "aaa", false},
    {"a{2,}", "aaaa", true},
    {"a{2,}", "a", false},
    {"a{,2}", "", true},
    {"a{,2}b", "aaab", false},
    {"a{0}b", "b", true},
    {"(ab){0}", "", true},
    {"a|", "", true},
    {"(|a)b", "b", true},
    {"(|a)b", "ab", true},
    {"()", "", true},
    {"a}", "a}", true},
    {"a??", "a", true},
    {"a^b", "ab", false},
    {"a$b", "ab", false},
    {"[[:digit:][:upper:]_-]+", "A_9-", true},
    {"[[:alpha:]]", "\xe9", false},
    {"[^a]", "\xe9", true},
    {"[a-]", "-", true},
    {"[--/]+", "-./", true},
    {"[^]]", "]", false},
    {"[[.-.]a]+", "a-", true},
    {"[[=a=]b]+", "ab", true},
    {"[[.a.]-c]+", "abc", true},
    {"[\\d]+", "\\d", true},
    {"\\.\\*\\{", ".*{", true},
    {"\\w+\\W\\w+", "a_1 b", true},
    {"\\s\\S", " x", true},
    {"\\<ab\\> \\bc\\b", "ab c", true},
    {"a\\bb", "ab", false},
    {"a\\Bb", "ab", true},
    {"\\`a\\'", "a", true},
};

static void test_patterns_match_the_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof whole_rows / sizeof whole_rows[0]; i++) {
        char why[CRL_PATTERN_WHY_MAX];
        struct crl_pattern pattern;
        assert_int_equal(crl_pattern_compile(whole_rows[i].expression, why, &pattern), CORRAL_OK);
        if (crl_pattern_matches(&pattern, whole_rows[i].text) != whole_rows[i].matches)
            fail_msg("'%s' on '%s'", whole_rows[i].expression, whole_rows[i].text);
        crl_pattern_fini(&pattern);
    }
    struct crl_pattern none = {0};
    assert_true(crl_pattern_matches(&none, "anything"));
}

static void test_patterns_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "(",
        ")",
        "a)(b",
        "[",
        "[a",
        "a{",
        "a{2",
        "a{2,1}",
        "*(",
        "\\",
        "[[:foo:]]",
        "(a)\\1",
        "a{1001}",
        "(a{40}){40}",
        "((a{255}){255}){255}",
        "(((a{255}){255}){255}){255}",
        "a++++++++++++",
        "((((((((((a+)+)+)+)+)+)+)+)+)+)+",
        "a{1,}{100}{100}",
        "(a{999}|b{999})",
        "a)",
        "(){40}{40}",
        "a{18446744073709551617}",
        "(b|||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||||){100}",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char why[CRL_PATTERN_WHY_MAX] = "";
        struct crl_pattern pattern;
        if (crl_pattern_compile(rows[i], why, &pattern) != CORRAL_EINVAL || why[0] == '\0')
            fail_msg("'%s' was accepted", rows[i]);
    }
    char longest[CRL_PATTERN_BYTES_MAX + 2];
    memset(longest, 'a', sizeof longest);
    longest[CRL_PATTERN_BYTES_MAX + 1] = '\0';
    char why[CRL_PATTERN_WHY_MAX];
    struct crl_pattern pattern;
    assert_int_equal(crl_pattern_compile(longest, why, &pattern), CORRAL_EINVAL);
    longest[CRL_PATTERN_BYTES_MAX] = '\0';
    assert_int_equal(crl_pattern_compile(longest, why, &pattern), CORRAL_OK);
    crl_pattern_fini(&pattern);
}

/* ------------------------------------------------------------------------------ the C library's */

/* A text that grows. */
struct draft {
    char text[CRL_PATTERN_BYTES_MAX + 1];
    size_t size;
};

static void put(struct draft *draft, const char *text)
{
    size_t size = strlen(text);
    if (draft->size + size < sizeof draft->text) {
        memcpy(draft->text + draft->size, text, size + 1);
        draft->size += size;
    }
}

static void put_one(struct crl_rng *rng, struct draft *draft, const char *const words[], size_t n)
{
    put(draft, words[crl_rng_below(rng, n)]);
}

#define PUT_ONE(rng, draft, words) put_one(rng, draft, words, sizeof(words) / sizeof(words)[0])

enum { DEPTH = 3 };

/* Anchors stand in no group: in one that is repeated, the library forgets them ("(^a){2}" matches
 * its "aa"). */
static void draw_branches(struct crl_rng *rng, struct draft *draft, int depth)
{
    static const char *const parts[] = {
        "a",
        "b",
        "a",
        "b",
        ".",
        "[ab]",
        "[^a]",
        "[a-c_]",
        "[]a-]",

        "[[:alpha:]b]",
        "[^[:space:]]",
        "-",
        "\\w",
        "\\W",
        "\\s",
        "\\S",
        "\\.",
        "[.a]",
        "[a\\]",
        "[[.a.]-b]",
        "()",
        "}",
        "[^]b-c]",
        "_",
        " ",
    };
    static const char *const anchors[] = {"^", "$", "\\b", "\\B", "\\<", "\\>", "\\`", "\\'"};
    static const char *const repetitions[] = {"*",     "+",     "?",    "{2}",
                                              "{1,3}", "{0,2}", "{2,}", "{0}"};
    uint64_t length = 1 + crl_rng_below(rng, 4);
    for (uint64_t i = 0; i < length; i++) {
        if (i > 0 && crl_rng_below(rng, 4) == 0)
            put(draft, "|");
        if (depth == DEPTH && crl_rng_below(rng, 12) == 0)
            PUT_ONE(rng, draft, anchors);
        if (depth > 0 && crl_rng_below(rng, 3) == 0) {
            put(draft, "(");
            draw_branches(rng, draft, depth - 1);
            put(draft, ")");
        } else {
            PUT_ONE(rng, draft, parts);
        }
        if (crl_rng_below(rng, 3) == 0)
            PUT_ONE(rng, draft, repetitions);
    }
}

/* The judge: the expression between anchors. */
static bool library_matches(const char *expression, const char *text)
{
    char whole[CRL_PATTERN_BYTES_MAX + sizeof "^()$"];
    regex_t regex;
    snprintf(whole, sizeof whole, "^(%s)$", expression);
    assert_int_equal(regcomp(&regex, whole, REG_EXTENDED | REG_NOSUB), 0);
    bool matches = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return matches;
}

static void test_patterns_match_as_the_library_says(void **state)
{
    (void)state;
    static const char *const letters[] = {"a", "b", "c", "_", " ", "-", "]", "\\", "\xe9"};
    uint64_t compiled = 0, matched = 0;
    for (uint64_t seed = 0; seed < DRAWS(20000); seed++) {
        char why[CRL_PATTERN_WHY_MAX];
        struct draft expression = {0};
        struct crl_pattern pattern;
        struct crl_rng rng = crl_rng_split(seed, "patterns");
        draw_branches(&rng, &expression, DEPTH);
        if (crl_pattern_compile(expression.text, why, &pattern) < 0)
            continue;
        compiled++;
        for (int i = 0; i < 8; i++) {
            struct draft text = {0};
            for (uint64_t left = crl_rng_below(&rng, 7); left > 0; left--)
                PUT_ONE(&rng, &text, letters);
            bool matches = crl_pattern_matches(&pattern, text.text);
            matched += matches;
            if (matches != library_matches(expression.text, text.text))
                fail_msg("seed %llu: '%s' on '%s'", (unsigned long long)seed, expression.text,
                         text.text);
        }
        crl_pattern_fini(&pattern);
    }
    /* the draws are worth something */
    assert_true(compiled > DRAWS(5000) && matched > DRAWS(5000));
}

/* ------------------------------------------------------------------------ what matching touches */

/* Each value leads the C library to states that it has not seen before, 2^20 of them in all, and it
 * keeps them. */
static void test_matching_keeps_nothing(void **state)
{
    (void)state;
    char why[CRL_PATTERN_WHY_MAX], text[257] = "";
    struct crl_pattern pattern;
    struct crl_rng rng = crl_rng_split(1, "values");
    assert_int_equal(crl_pattern_compile("[ab]*a[ab]{20}", why, &pattern), CORRAL_OK);
    size_t before = 0;
    for (int i = 0; i < 50; i++) {
        for (size_t j = 0; j + 1 < sizeof text; j++)
            text[j] = (char)('a' + crl_rng_below(&rng, 2));
        text[sizeof text - 22] = 'a';
        assert_true(crl_pattern_matches(&pattern, text));
        struct mallinfo2 info = mallinfo2();
        if (i == 0)
            before = info.uordblks + info.hblkhd;
        assert_int_equal(info.uordblks + info.hblkhd, before);
    }
    crl_pattern_fini(&pattern);
}

void *__real_malloc(size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void __wrap_free(void *block);

enum { SEALED_BYTES = 1 << 20 };
static unsigned char *sealed; /* NULL: memory is as always */

void *__wrap_malloc(size_t size)
{
    return sealed != NULL && size <= SEALED_BYTES ? sealed : __real_malloc(size);
}

void __wrap_free(void *block)
{
    if (block != sealed)
        __real_free(block);
}

static sigjmp_buf on_fault;

static void fault(int signal)
{
    (void)signal;
    siglongjmp(on_fault, 1);
}

static bool matching_writes(const struct crl_pattern *pattern, const char *text, bool culprit)
{
    if (sigsetjmp(on_fault, 1) != 0)
        return true;
    assert_true(crl_pattern_matches(pattern, text));
    if (culprit)
        *(volatile unsigned char *)pattern->program = 0;
    return false;
}

static void test_matching_writes_to_nothing_shared(void **state)
{
    (void)state;
    char why[CRL_PATTERN_WHY_MAX];
    struct crl_pattern pattern;
    unsigned char *memory =
        mmap(NULL, SEALED_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    sealed = memory;
    assert_int_equal(crl_pattern_compile("([a-z]+|\\b[0-9]{1,8}){1,4}", why, &pattern), CORRAL_OK);
    assert_ptr_equal(pattern.program, memory);
    assert_int_equal(mprotect(memory, SEALED_BYTES, PROT_READ), 0);
    struct sigaction catch = {.sa_handler = fault}, before;
    sigaction(SIGSEGV, &catch, &before);
    bool culprit = matching_writes(&pattern, "abc", true); /* the judge can see */
    bool writes =
        matching_writes(&pattern, "abc", false) || matching_writes(&pattern, "12345678abc", false);
    sigaction(SIGSEGV, &before, NULL);
    crl_pattern_fini(&pattern);
    sealed = NULL;
    munmap(memory, SEALED_BYTES);
    assert_true(culprit);
    assert_false(writes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns_match_the_whole),
        cmocka_unit_test(test_patterns_refused),
        cmocka_unit_test(test_patterns_match_as_the_library_says),
        cmocka_unit_test(test_matching_keeps_nothing),
        cmocka_unit_test(test_matching_writes_to_nothing_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
