/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   names and values survive the way into a key and back; what is malformed is refused.
 * Method: rows for reading and for writing; then the laws F1 and F2 of form.h on seeded draws, with
 *         buffers of exactly the promised size so that the address sanitizer watches their ends. */
#include "base/bytes.h"
#include "base/form.h"
#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* Read all of `raw` and tell it as "[name|value][name|value]", then the result. */
static void narrate(struct corral_bytes raw, size_t room, char *ret_text, size_t size)
{
    char *copy = malloc(raw.size + 1), *buffer = malloc(room + 1);
    if (raw.size > 0)
        memcpy(copy, raw.data, raw.size);
    struct crl_form_reader reader;
    crl_form_reader_init(&reader, crl_bytes(copy, raw.size), buffer, room);

    int rc;
    size_t at = 0;
    struct crl_form_pair pair;
    ret_text[0] = '\0';
    while ((rc = crl_form_next(&reader, &pair)) == CRL_FORM_PAIR) {
        assert_int_equal(strlen(pair.name.data), pair.name.size);
        assert_int_equal(strlen(pair.value.data), pair.value.size);
        at += (size_t)snprintf(ret_text + at, size - at, "[%s|%s]", (const char *)pair.name.data,
                               (const char *)pair.value.data);
    }
    if (rc < 0)
        snprintf(ret_text + at, size - at, "%s", crl_form_strerror(rc));
    assert_int_equal(crl_form_next(&reader, &pair), CRL_FORM_END);
    free(copy);
    free(buffer);
}

static void test_reading(void **state)
{
    (void)state;
    static const char percent[] = "a '%' is not followed by two hexadecimal digits";
    static const char nul[] = "a NUL byte is not allowed";
    static const char utf8[] = "the text is not valid UTF-8";
    static const struct {
        const char *name, *raw, *told;
    } rows[] = {
        {"nothing", "", ""},
        {"one", "id=1", "[id|1]"},
        {"two", "id=1&name=a", "[id|1][name|a]"},
        {"empty pieces", "&&id=1&&b=2&", "[id|1][b|2]"},
        {"no value", "id=", "[id|]"},
        {"no equals", "id", "[id|]"},
        {"no equals, twice", "a&b", "[a|][b|]"},
        {"no name", "=1", "[|1]"},
        {"only equals", "=", "[|]"},
        {"equals in the value", "a=b=c", "[a|b=c]"},
        {"repeated", "a=1&a=2", "[a|1][a|2]"},
        {"plus", "a+b=c+d", "[a b|c d]"},
        {"encoded plus", "a=%2B", "[a|+]"},
        {"encoded separators", "a%3D=%26", "[a=|&]"},
        {"either case", "a=%c3%A9", "[a|\xC3\xA9]"},
        {"raw utf-8", "a=\xC3\xA9", "[a|\xC3\xA9]"},
        {"characters by halves", "a=\xC3%A9", "[a|\xC3\xA9]"},
        {"line feed", "a=%0A", "[a|\n]"},
        {"semicolons are data", "a=1;b=2", "[a|1;b=2]"},
        {"percent at the end", "a=%", percent},
        {"percent and one digit", "a=%4", percent},
        {"percent cut off by &", "a=%4&1", percent},
        {"percent and no digits", "a=%zz", percent},
        {"second digit bad", "a=%4g", percent},
        {"sign is no digit", "a=%+1", percent},
        {"percent in the name", "%=1", percent},
        {"double percent", "a=%%41", percent},
        {"good, then bad", "a=1&b=%", "[a|1]a '%' is not followed by two hexadecimal digits"},
        {"nul", "a=%00", nul},
        {"nul in the name", "a%00b=1", nul},
        {"overlong slash", "a=%C0%AF", utf8},
        {"surrogate", "a=%ED%A0%80", utf8},
        {"cut off", "a=%E2%82", utf8},
        {"raw byte", "a=\xFF", utf8},
        {"bad name", "%FF=1", utf8},
        {"not across pairs", "a=%C3&%A9=", utf8},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char told[256];
        narrate(corral_str(rows[i].raw), CRL_FORM_ROOM(strlen(rows[i].raw)), told, sizeof told);
        if (strcmp(told, rows[i].told) != 0)
            fail_msg("%s: %s", rows[i].name, told);
    }
}

static void test_raw_nul_is_refused(void **state)
{
    (void)state;
    char told[64];
    narrate(crl_bytes("a=\0b", 4), 16, told, sizeof told);
    assert_string_equal(told, "a NUL byte is not allowed");
    narrate(crl_bytes(NULL, 0), 16, told, sizeof told);
    assert_string_equal(told, "");
}

static void test_reading_is_bounded(void **state)
{
    (void)state;
    char told[64];
    narrate(corral_str("ab=cd"), 6, told, sizeof told); /* "ab\0cd\0" */
    assert_string_equal(told, "[ab|cd]");
    for (size_t room = 0; room < 6; room++) {
        narrate(corral_str("ab=cd"), room, told, sizeof told);
        assert_string_equal(told, "the text is too long");
    }
    narrate(corral_str("ab&c"), 4, told, sizeof told); /* "ab\0", then no room for "c\0" */
    assert_string_equal(told, "[ab|]the text is too long");
}

static void test_writing(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *text;
    } rows[] = {
        {"id", "1", "id=1"},
        {"id", "", "id="},
        {"", "", "="},
        {"name", "a b", "name=a%20b"},
        {"AZaz09", "-._~", "AZaz09=-._~"},
        {"a=b", "c&d", "a%3Db=c%26d"},
        {"a", "+/%*", "a=%2B%2F%25%2A"},
        {"a", "\xC3\xA9", "a=%C3%A9"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t size = strlen(rows[i].text);
        char *data = malloc(size);
        struct crl_form_writer writer;
        crl_form_writer_init(&writer, data, size - 1);
        assert_int_equal(crl_form_put(&writer, corral_str(rows[i].name), corral_str(rows[i].value)),
                         CRL_FORM_EROOM);
        assert_int_equal(writer.size, 0);
        crl_form_writer_init(&writer, data, size);
        assert_int_equal(crl_form_put(&writer, corral_str(rows[i].name), corral_str(rows[i].value)),
                         0);
        assert_true(crl_bytes_equal(crl_form_written(&writer), corral_str(rows[i].text)));
        free(data);
    }
}

static void test_pairs_are_joined(void **state)
{
    (void)state;
    char data[9];
    struct crl_form_writer writer;
    crl_form_writer_init(&writer, data, sizeof data);
    assert_int_equal(crl_form_put(&writer, corral_str("id"), corral_str("1")), 0);
    assert_int_equal(crl_form_put(&writer, corral_str("b"), corral_str("345")), CRL_FORM_EROOM);
    assert_int_equal(crl_form_put(&writer, corral_str("b"), corral_str("34")), 0);
    assert_true(crl_bytes_equal(crl_form_written(&writer), corral_str("id=1&b=34")));
}

/* A text of up to 7 characters without NUL, of all lengths of encoding. */
static size_t draw_text(struct crl_rng *rng, char *ret_text)
{
    static const char *const characters[] = {"a",
                                             "Z",
                                             "0",
                                             "~",
                                             "=",
                                             "&",
                                             "+",
                                             "%",
                                             " ",
                                             "\n",
                                             "/",
                                             ";",
                                             "?",
                                             "\x7F",
                                             "#",
                                             "\"",
                                             "\xC3\xA9",
                                             "\xE2\x82\xAC",
                                             "\xF0\x9F\x98\x80"};
    size_t size = 0;
    for (uint64_t n = crl_rng_below(rng, 8); n > 0; n--) {
        const char *one = characters[crl_rng_below(rng, sizeof characters / sizeof characters[0])];
        memcpy(ret_text + size, one, strlen(one));
        size += strlen(one);
    }
    return size;
}

/* F1 and F2, for one key of up to 4 pairs. */
static void check_laws(struct crl_rng *rng)
{
    char texts[8][32], key[1024], again[1024];
    struct corral_bytes drawn[8];
    struct crl_form_writer writer, second;
    crl_form_writer_init(&writer, key, sizeof key);
    size_t n = crl_rng_below(rng, 5);
    for (size_t i = 0; i < n; i++) {
        drawn[2 * i] = crl_bytes(texts[2 * i], draw_text(rng, texts[2 * i]));
        drawn[2 * i + 1] = crl_bytes(texts[2 * i + 1], draw_text(rng, texts[2 * i + 1]));
        assert_int_equal(crl_form_put(&writer, drawn[2 * i], drawn[2 * i + 1]), 0);
    }

    size_t room = CRL_FORM_ROOM(writer.size);
    char *raw = malloc(writer.size + 1), *buffer = malloc(room);
    memcpy(raw, key, writer.size);
    struct crl_form_reader reader;
    crl_form_reader_init(&reader, crl_bytes(raw, writer.size), buffer, room);
    crl_form_writer_init(&second, again, sizeof again);
    for (size_t i = 0; i < n; i++) {
        struct crl_form_pair pair;
        assert_int_equal(crl_form_next(&reader, &pair), CRL_FORM_PAIR);
        assert_true(crl_bytes_equal(pair.name, drawn[2 * i]));
        assert_true(crl_bytes_equal(pair.value, drawn[2 * i + 1]));
        assert_int_equal(crl_form_put(&second, pair.name, pair.value), 0);
    }
    struct crl_form_pair pair;
    assert_int_equal(crl_form_next(&reader, &pair), CRL_FORM_END);
    assert_true(crl_bytes_equal(crl_form_written(&writer), crl_form_written(&second)));
    free(raw);
    free(buffer);
}

static void test_laws_hold(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20000; seed++) {
        struct crl_rng rng = crl_rng_split(seed, "form");
        check_laws(&rng);
    }
}

/* CRL_FORM_ROOM is enough for any raw text, and nothing is read or written beyond the buffers. */
static void test_any_bytes(void **state)
{
    (void)state;
    static const char alphabet[] = "a=&%4f+0\xC3\xA9";
    for (uint64_t seed = 0; seed < 50000; seed++) {
        struct crl_rng rng = crl_rng_split(seed, "any bytes");
        size_t size = crl_rng_below(&rng, 16);
        char *raw = malloc(size + 1), *buffer = malloc(CRL_FORM_ROOM(size));
        for (size_t i = 0; i < size; i++)
            raw[i] = alphabet[crl_rng_below(&rng, sizeof alphabet)]; /* with its NUL */
        struct crl_form_reader reader;
        struct crl_form_pair pair;
        crl_form_reader_init(&reader, crl_bytes(raw, size), buffer, CRL_FORM_ROOM(size));
        int rc;
        do
            rc = crl_form_next(&reader, &pair);
        while (rc == CRL_FORM_PAIR);
        if (rc == CRL_FORM_EROOM)
            fail_msg("seed %llu", (unsigned long long)seed);
        free(raw);
        free(buffer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_raw_nul_is_refused),
        cmocka_unit_test(test_reading_is_bounded),
        cmocka_unit_test(test_writing),
        cmocka_unit_test(test_pairs_are_joined),
        cmocka_unit_test(test_laws_hold),
        cmocka_unit_test(test_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
