/* SPDX-License-Identifier: Apache-2.0
 *
 * log.h - what happened, for people and machines: one line an event, on standard error.
 *
 *     2026-11-21T07:02:02.123Z info  listening url="http://127.0.0.1:8080" threads="2"
 *     {"time":"2026-11-21T07:02:02.123Z","level":"info","message":"listening","url":"http://..."}
 *
 * Values come from anywhere and are escaped, so that none can look like a line or a field of its
 * own; messages and names of fields are constants of the program. A line is at most 4 KiB and
 * written by one call, so lines of several threads do not mix; it is dropped where the reader of
 * standard error does not keep up, for the log must not hold anyone: the next line that gets
 * through says how many were.
 *
 * Threads: any. */
#ifndef CRL_SERVER_LOG_H
#define CRL_SERVER_LOG_H

#include "config/config.h"

#include <stdatomic.h>

struct crl_log {
    enum crl_config_level level; /* what is below is not written */
    enum crl_config_format format;
    int fd;
    _Atomic uint64_t lost;
};

struct crl_log_field {
    const char *name;
    struct corral_bytes value;
};

/* crl_log_init - a log on a descriptor, which is borrowed. */
void crl_log_init(struct crl_log *log, enum crl_config_level level, enum crl_config_format format,
                  int fd);

/* crl_log_write - write an event. log: NULL is allowed, and writes nothing. Does not block. */
void crl_log_write(struct crl_log *log, enum crl_config_level level, const char *message,
                   const struct crl_log_field *fields, size_t fields_n);

/* CRL_LOG - the same with the fields as a list: CRL_LOG(log, CRL_LOG_INFO, "text", {"name",
 * value}) */
#define CRL_LOG(log, level, message, ...)                                           \
    crl_log_write(log, level, message, (const struct crl_log_field[]){__VA_ARGS__}, \
                  sizeof((const struct crl_log_field[]){__VA_ARGS__}) /             \
                      sizeof(struct crl_log_field))

enum { CRL_LOG_LINE_MAX = 4096 };

/* crl_log_line - spell a line, with its line feed. time: text. Returns its size. Pure. */
size_t crl_log_line(enum crl_config_format format, enum crl_config_level level, const char *time,
                    const char *message, const struct crl_log_field *fields, size_t fields_n,
                    char line[CRL_LOG_LINE_MAX]);

/* How often one kind of event may be told: `burst` times in each `span_us`. All zeros but these two
 * at the start. */
struct crl_log_limit {
    uint32_t burst;
    corral_us span_us;
    corral_us since;     /* of the present span */
    uint32_t told;       /* in it */
    uint64_t suppressed; /* since the last one that was told */
};

/* crl_log_limit_allows - may an event be told at this instant? ret_suppressed: on true, how many
 * were not, since the last that was. Not thread-safe. Pure but for the struct. */
bool crl_log_limit_allows(struct crl_log_limit *limit, corral_us now, uint64_t *ret_suppressed);

/* The same for any thread, without a lock: one event in each span. All zeros at the start. */
struct crl_log_pace {
    _Atomic corral_us quiet_until;
    _Atomic uint64_t suppressed; /* since the last one that was told */
};

/* crl_log_pace_allows - as crl_log_limit_allows(). now > 0 */
bool crl_log_pace_allows(struct crl_log_pace *pace, corral_us span_us, corral_us now,
                         uint64_t *ret_suppressed);

#endif
