/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal:   crl_utf8_is_valid() accepts all of Unicode and nothing else; what is to be replaced of
 *         the rest is what the Unicode Standard says.
 * Method: the edges of each range as rows; then every code point in every length of encoding, and
 *         every byte sequence up to three bytes, against a decoder that works the other way round.
 */
#include "base/bytes.h"
#include "base/utf8.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void test_edges(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *text;
        bool valid;
    } rows[] = {
        {"empty", "", true},
        {"ascii", "template 1", true},
        {"delete", "\x7F", true},
        {"two bytes, first", "\xC2\x80", true},
        {"two bytes, last", "\xDF\xBF", true},
        {"three bytes, first", "\xE0\xA0\x80", true},
        {"before the surrogates", "\xED\x9F\xBF", true},
        {"after the surrogates", "\xEE\x80\x80", true},
        {"three bytes, last", "\xEF\xBF\xBF", true},
        {"four bytes, first", "\xF0\x90\x80\x80", true},
        {"U+10FFFF", "\xF4\x8F\xBF\xBF", true},
        {"continuation alone", "\x80", false},
        {"overlong slash", "\xC0\xAF", false},
        {"overlong, two bytes", "\xC1\xBF", false},
        {"overlong, three bytes", "\xE0\x9F\xBF", false},
        {"overlong, four bytes", "\xF0\x8F\xBF\xBF", false},
        {"first surrogate", "\xED\xA0\x80", false},
        {"last surrogate", "\xED\xBF\xBF", false},
        {"U+110000", "\xF4\x90\x80\x80", false},
        {"five bytes", "\xF8\x88\x80\x80\x80", false},
        {"never a byte", "\xFF", false},
        {"cut off after one", "a\xE2", false},
        {"cut off after two", "a\xE2\x82", false},
        {"cut off after three", "\xF0\x9F\x98", false},
        {"lead, then ascii", "\xC3(", false},
        {"third byte is ascii", "\xE2\x82(", false},
        {"fourth byte is ascii", "\xF0\x9F\x98(", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (crl_utf8_is_valid(corral_str(rows[i].text)) != rows[i].valid)
            fail_msg("%s", rows[i].name);
    }
}

/* Encode in exactly `length` bytes, be it right or not. */
static size_t encode(uint32_t code, size_t length, unsigned char *ret_bytes)
{
    static const unsigned char marks[] = {0, 0x00, 0xC0, 0xE0, 0xF0};
    for (size_t i = length; i-- > 1; code >>= 6)
        ret_bytes[i] = (unsigned char)(0x80 | (code & 0x3F));
    ret_bytes[0] = (unsigned char)(marks[length] | code);
    return length;
}

static size_t shortest(uint32_t code)
{
    return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

static void test_every_code_point(void **state)
{
    (void)state;
    static const uint32_t limits[] = {0, 0x80, 0x800, 0x10000, 0x200000};
    for (size_t length = 1; length <= 4; length++) {
        for (uint32_t code = 0; code < limits[length]; code++) {
            unsigned char bytes[4];
            size_t size = encode(code, length, bytes);
            bool is_surrogate = code >= 0xD800 && code <= 0xDFFF;
            bool valid = length == shortest(code) && !is_surrogate && code <= 0x10FFFF;
            if (crl_utf8_is_valid(crl_bytes(bytes, size)) != valid)
                fail_msg("U+%04X in %zu bytes", code, length);
        }
    }
}

/* By counting: a text is a sequence of characters, so the number of valid texts of n bytes follows
 * from the number of characters of each length. */
static void test_nothing_else(void **state)
{
    (void)state;
    const uint64_t one = 0x80, two = 0x800 - 0x80, three = 0x10000 - 0x800 - 0x800;
    const uint64_t expected[] = {1, one, one * one + two, one * one * one + 2 * one * two + three};
    for (size_t size = 0; size <= 3; size++) {
        uint64_t valid = 0;
        for (uint32_t i = 0; i < UINT32_C(1) << (8 * size); i++) {
            unsigned char bytes[] = {(unsigned char)i, (unsigned char)(i >> 8),
                                     (unsigned char)(i >> 16)};
            valid += crl_utf8_is_valid(crl_bytes(bytes, size));
        }
        assert_int_equal(valid, expected[size]);
    }
}

/* Each U+FFFD that a text is repaired with as '?'. The rows: The Unicode Standard 15.0, tables 3-8
 * to 3-11. */
static void test_what_is_replaced(void **state)
{
    (void)state;
    static const struct {
        const char *text, *repaired;
    } rows[] = {
        {"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", "????????A"},
        {"\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", "????????A"},
        {"\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", "?????A??B"},
        {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", "????A"},
        {"a\xF0\x9F\x98", "a?"},
        {"\xC3", "?"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char repaired[32];
        size_t n = 0;
        struct corral_bytes rest = corral_str(rows[i].text);
        while (rest.size > 0) {
            size_t good = crl_utf8_valid_size(rest);
            memcpy(repaired + n, rest.data, good);
            n += good;
            rest = crl_bytes((const char *)rest.data + good, rest.size - good);
            if (rest.size == 0)
                break;
            size_t bad = crl_utf8_bad_size(rest);
            repaired[n++] = '?';
            rest = crl_bytes((const char *)rest.data + bad, rest.size - bad);
        }
        repaired[n] = '\0';
        assert_string_equal(repaired, rows[i].repaired);
    }
}

/* Of each character, and of what is none: may a terminal be given it? */
static void test_kinds(void **state)
{
    (void)state;
    unsigned char bytes[4];
    size_t size = 0;
    for (uint32_t code = 0; code <= 0x10FFFF; code++) {
        size_t length = encode(code, shortest(code), bytes);
        enum crl_utf8_kind wanted = code < 0x20 || (code >= 0x7F && code < 0xA0) ? CRL_UTF8_CONTROL
                                    : code >= 0xD800 && code < 0xE000 ? CRL_UTF8_MALFORMED
                                                                      : CRL_UTF8_PLAIN;
        enum crl_utf8_kind kind = crl_utf8_first(crl_bytes(bytes, length), &size);
        if (kind != wanted || size != (wanted == CRL_UTF8_MALFORMED ? 1 : length))
            fail_msg("U+%04X: kind %d, size %zu", code, (int)kind, size);
        if (kind == CRL_UTF8_CONTROL)
            assert_int_equal(bytes[size - 1], code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edges),        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_nothing_else), cmocka_unit_test(test_what_is_replaced),
        cmocka_unit_test(test_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
