# SPDX-License-Identifier: Apache-2.0
"""The sabotages: ways to break Corral, and what must notice.

Each row is a fault as somebody could make it. `program` must fail on it and say `says`, or one of
them if there are several. Where `eyes` is "core", everything watches, and the core's own assertions
may be first. Where it is "observer", the promises that the core asserts and its audit are switched
off, so that the observer of the simulator (src/sim/watch/), or the story's figures, must see the
fault from outside.
"""

# In place of what a program says: it hangs, and its last line began so.
HANGS = "hangs after: "

ALL = "core"
OBSERVER = "observer"

# What "observer" switches off in all its sabotages.
BLINDFOLD = [
    ("src/base/assert.h",
     '((condition) ? (void)0 : crl_assert_failed(#number ": " #condition, __FILE__, __LINE__))',
     "((void)sizeof(condition))"),
    ("src/core/check.c",
     "    uint32_t flights = 0, waiters = 0, loads = 0, waits = 0;\n",
     "    uint32_t flights = 0, waiters = 0, loads = 0, waits = 0;\n    if (core != NULL)\n        return;\n"),
]

UNSHARED = [("src/core/flight.c", "    if (!core->spaces[key->space]->config.policy.no_coalescing)\n",
             "    if (false)\n")]

ONE_TOO_MANY = [
    ("src/policy/bulkhead.c", "active < limits->concurrency", "active <= limits->concurrency"),
]
ONE_MORE_PLACE = [
    ("src/core/places.c", "uint32_t places_n = config->limits.concurrency,",
     "uint32_t places_n = config->limits.concurrency + 1,"),
    ("src/core/places.c", "    origin->places_n = origin->limit_now = places_n;\n",
     "    origin->places_n = places_n;\n    origin->limit_now = places_n - 1;\n"),
    ("src/core/places.c", "if (origin->queued == 0 || origin->active >= origin->limit_now)",
     "if (origin->queued == 0 || origin->active > origin->limit_now)"),
]

QUEUE_TOO_LONG = [
    ("src/policy/bulkhead.c", "return queued < limits->queue ?", "return queued <= limits->queue ?"),
]

NO_DEADLINE = [
    ("src/core/loads.c", "    crl_timer_arm(&core->timers, &load->deadline, now + origin->config.deadline_us);\n",
     "    load->deadline.at = now + origin->config.deadline_us;\n"),
]

# The place of a cancelled load, given away before the load has ended.
PLACE_FREED_EARLY = [
    ("src/core/loads.c", "    load_disown(step->core, load);\n}",
     """    load_disown(step->core, load);
    struct origin *origin = crl_load_origin(step->core, load);
    load->order.id = 0;
    step->core->loads_n--;
    for (uint32_t i = 0; i < load->place->loads_n; i++) {
        if (load->place->loads[i].order.id != 0)
            return;
    }
    load->place->loads_n = 0;
    crl_place_free(origin, load->place);
}"""),
]

LOST_WAITER = [
    ("src/core/answers.c",
     "        crl_waiter_detach(step->core, waiter);\n"
     "        cds_list_add_tail(&waiter->link, &action->answer.waiters);\n",
     "        crl_waiter_detach(step->core, waiter);\n"
     "        if (&next->link != waiters || cds_list_empty(&action->answer.waiters))\n"
     "            cds_list_add_tail(&waiter->link, &action->answer.waiters);\n"),
]

NO_PATIENCE = [
    ("src/core/flight.c",
     "    crl_timer_arm(&core->timers, &waiter->timer, step->event->wanted.wait_until);\n", ""),
]

# A budget that nobody keeps.
NO_BUDGET = [
    ("src/core/table.c", "    if (is_over || entries_n", "    if ((is_over && false) || entries_n"),
    ("src/core/table_room.c", "    while (table->entry_bytes - old_bytes",
     "    while (false && table->entry_bytes - old_bytes"),
    ("src/core/table.c", "    if (table->bucket_bytes + needed <= table->room_bytes)", "    if (true)"),
]
NO_BUDGET_ASSERTED = [
    ("src/core/table.c", "    crl_assert(crl_table_bytes(table) <= table->memory_bytes); /* T1 */\n", ""),
]

NO_WAITERS_LIMIT = [
    ("src/core/core.c", "core->waiters_n < core->config.waiters_max ? 0 : CORRAL_ELIMIT", "0"),
]
NO_FLIGHTS_LIMIT = [("src/core/core.c", "core->flights_n >= core->config.flights_max", "false")]

DOUBLE_ANSWER = [
    ("src/core/flight.c", "    crl_timer_disarm(&core->timers, &waiter->timer);\n    cds_list_del",
     "    cds_list_del"),
    ("src/core/core.c", "    struct crl_flight *flight = waiter->flight;\n",
     "    struct crl_flight *flight = waiter->flight;\n"
     "    if (flight == NULL) {\n        crl_answer_one(step, waiter, rc, NULL);\n        return;\n    }\n")]

# A flight may end with its lease.
ANY_END = [
    ("src/core/flight.c",
     "    crl_assert(flight->waiters_n == 0 && flight->loads_n == 0 && !flight->has_lease);\n", ""),
]

LEADER_TAKES_ALL = [
    ("src/core/core.c", "    crl_answer_one(step, waiter, rc, NULL);\n    flight_check_deserted(step, flight);\n",
     "    bool leads = waiter->leads;\n    crl_answer_one(step, waiter, rc, NULL);\n"
     "    if (leads && flight->state == CRL_FLIGHT_LOADING) {\n"
     "        step->rc = rc;\n        crl_loads_cancel(step, flight);\n"
     "        crl_flight_drive(step, flight, CRL_ON_FAILED);\n        return;\n    }\n"
     "    flight_check_deserted(step, flight);\n")]

GENERATION_UNCHECKED = [
    ("src/core/publish.c", "return !flight->is_fenced && flight->generation == flight->key->generation &&\n",
     "return !flight->is_fenced &&\n"),
]
JOINS_LATER_LOADS = [
    ("src/core/flight.c", "return asked && !crl_flight_is_current(core, flight);", "return asked && false;"),
]

# What holds between several spaces and origins.
EVERY_ORIGIN_LIKE_THE_FIRST = [
    ("src/core/core.c", "    struct origin *origin = crl_origin_new(&complete, core->origins_n);\n",
     "    if (core->origins_n > 0)\n        complete = core->origins[0]->config;\n"
     "    struct origin *origin = crl_origin_new(&complete, core->origins_n);\n"),
]
ONE_TOO_MANY_AT_THE_OTHERS = [
    ("src/core/places.c", "uint32_t places_n = config->limits.concurrency,",
     "uint32_t places_n = config->limits.concurrency + (number > 0),"),
]
HASHES_WITHOUT_SPACE = [
    ("src/base/hash.h", "return crl_hash_seeded(crl_hash_space_seed(seed, space), key);",
     "return crl_hash_seeded(seed, key);"),
]
# Both who finds an entry and who judges it look at its space.
VALUES_OF_ANY_SPACE = HASHES_WITHOUT_SPACE + [
    ("src/core/buckets.c", "if (entry != NULL && ((crl_entry_home(entry) ^ home) & mask) == 0 &&\n",
     "if (entry != NULL &&\n"),
    ("src/core/verdict.c",
     "return crl_entry_home(entry) != atomic_load_explicit(&view->home, memory_order_relaxed);",
     "return crl_home_epoch(crl_entry_home(entry)) !=\n"
     "           crl_home_epoch(atomic_load_explicit(&view->home, memory_order_relaxed));"),
]
FLIGHTS_OF_ANY_SPACE = HASHES_WITHOUT_SPACE + [
    ("src/core/keys.c", "found->hash == hash && found->space == space &&", "found->hash == hash &&"),
]

# Epochs, and what the store's client says and tells.
SUSPECTS_SERVED = [
    ("src/core/verdict.c",
     "return crl_entry_home(entry) != atomic_load_explicit(&view->home, memory_order_relaxed);",
     "return crl_home_space(crl_entry_home(entry)) !=\n"
     "           crl_home_space(atomic_load_explicit(&view->home, memory_order_relaxed));"),
]
PRESENT_EPOCH_STAMPED = [
    ("src/core/publish.c",
     "        .home = flight->home,\n        .kind = is_absent ? CRL_ENTRY_ABSENT : CRL_ENTRY_VALUE,\n"
     "        .key = crl_key_bytes(key),\n        .answered_at = step->event->now,\n",
     "        .home = crl_space_of(step->core, flight)->view.home,\n"
     "        .kind = is_absent ? CRL_ENTRY_ABSENT : CRL_ENTRY_VALUE,\n"
     "        .key = crl_key_bytes(key),\n        .answered_at = step->event->now,\n"),
]
NO_EPOCH_STAMPED = [(name, old, new.replace("crl_space_of(step->core, flight)->view.home", "crl_home(key->space, 0)"))
                    for name, old, new in PRESENT_EPOCH_STAMPED]
NO_EPOCH_BEGINS = [
    ("src/store/client.c", "    client->is_linked = false;\n    client->was_lost = true;\n",
     "    client->is_linked = false;\n"),
]
NOT_SAID_AGAIN = [
    ("src/store/client.c",
     "    cds_list_for_each_entry(unsaid, &client->unsaid, link)\n        unsaid_say(client, unsaid);\n",
     "    (void)unsaid;\n"),
]
REFUSED_FILL_STAYS = [
    ("src/core/core.c", "    if (event->filled.is_accepted)\n", "    if (event->kind == CRL_STORE_FILLED)\n"),
]

# Queues and places.
LAST_COME_FIRST = [
    ("src/core/places.c", "    cds_list_add_tail(&flight->in_line, &origin->queue[flight->priority]);\n",
     "    cds_list_add(&flight->in_line, &origin->queue[flight->priority]);\n"),
]
WEAKEST_FIRST = [
    ("src/core/places.c",
     "    uint32_t priority = 0;\n    while (cds_list_empty(&origin->queue[priority]))\n        priority++;\n",
     "    uint32_t priority = CRL_LOAD_REASONS - 1;\n"
     "    while (cds_list_empty(&origin->queue[priority]))\n        priority--;\n"),
]
NOTHING_IS_READY = [
    ("src/core/places.c", "        cds_list_add_tail(&origin->in_ready, &core->ready_origins);\n",
     "        (void)origin;\n"),
]
BATCH_FREED_EARLY = [
    ("src/core/loads.c", "    if (left == 0) {\n        place->loads_n = 0;\n",
     "    if (place != NULL) {\n        place->loads_n = 0;\n"),
]
LOSER_GOES_ON = [
    ("src/core/loads.c", "    struct crl_action *action = crl_action_add(step->out, CRL_CANCEL_LOAD);\n",
     "    static struct crl_action unheard;\n"
     "    struct crl_action *action = step->event->kind == CRL_ORIGIN_ANSWERED\n"
     "                                    ? &unheard : crl_action_add(step->out, CRL_CANCEL_LOAD);\n"),
]
LOADS_WITHOUT_LEASE = [
    ("src/core/flight.c",
     "    if (flight->state == CRL_FLIGHT_QUEUED) {\n        crl_flight_drive(step, flight, CRL_ON_LEASE_GONE);\n"
     "        return;\n    }\n    crl_assert(flight->state == CRL_FLIGHT_LOADING);\n", ""),
]
FENCED_LOAD_KEPT = [("src/core/flight.c", "    flight->is_fenced = true;\n", "")]

# name, promise, program, what it must say, eyes, replacements
SABOTAGES = [
    ("each reader has a flight of its own", "P1", "test_flight", "P1: ", ALL, UNSHARED),
    ("each reader has a flight of its own", "P1", "test_flight", "2 live loads of", OBSERVER, UNSHARED),

    ("values live twice as long", "P3", "test_flight", "P3: reader", OBSERVER, [
        ("src/policy/ttl.c", "return ttl_us + ", "return 2 * ttl_us + ")]),
    ("nobody asks whether a value is fresh", "P3", "test_flight", "P3: reader", OBSERVER, [
        ("src/core/verdict.c", "    if (now < entry->fresh_until)\n        return judge_fresh",
         "    if (now >= 0)\n        return judge_fresh"),
        ("src/core/verdict.c", "    crl_assert(now < entry->fresh_until);\n", "")]),
    ("values are dated by when they were asked for", "P3", "test_flight", "P3: reader", OBSERVER, [
        ("src/core/publish.c", ".answered_at = step->event->now,\n",
         ".answered_at = step->event->now - step->load_us,\n")]),

    ("the generation is not checked", "P4", "test_flight", "P4: reader", OBSERVER, GENERATION_UNCHECKED),
    ("an invalidation leaves the load alone", "P4", "test_flight", "P4: reader", OBSERVER, [
        ("src/core/core.c", "        key->generation++;\n", "        (void)key;\n")]),
    ("an invalidation leaves the value alone", "P4", "test_flight", "P4: reader", OBSERVER, [
        ("src/core/core.c", "    return crl_table_remove(step->core->table, event_hash(step), step->event->space,\n"
         "                            step->event->key);",
         "    return event_hash(step) == 0;")]),
    ("who comes later joins all the same", "P4", "test_flight", "P4: reader", OBSERVER, JOINS_LATER_LOADS),

    ("one waiter is lost", "P5", "test_flight", "P5: reader", OBSERVER, LOST_WAITER),
    ("the patience of readers is not watched", "P5", "test_flight", "P5: ", ALL, NO_PATIENCE),
    ("the patience of readers is not watched", "P5", "test_flight", "P5: reader", OBSERVER, NO_PATIENCE),
    ("a reader is answered once more when its time is over", "P5", "test_flight", "was answered twice", OBSERVER,
     DOUBLE_ANSWER),
    ("who came later is forgotten", "P5", "test_flight", "P5: reader", OBSERVER, ANY_END + [
        ("src/core/flight.c", "    if (!step->core->closing && crl_flight_is_wanted(flight)) {\n",
         "    if (false) {\n")]),
    ("callbacks run where timers do", "P5", "test_engine", HANGS + "# ../tree/tests/unit/test_engine.c", ALL, [
        ("src/lib/loads.c", "crl_loop_post(&engine->callbacks, call);", "crl_loop_post(&engine->loop, call);")]),
    ("what was answered and not taken does not count", "P8", "test_engine", "gets_are_limited_until", ALL, [
        ("src/lib/get.c", "    crl_leave(&cache->gets);\n    if (miss->is_callback)\n",
         "    crl_leave(&cache->gets);\n    if (miss->is_callback)\n        crl_leave(&cache->callbacks);\n"
         "    if (miss->is_callback)\n"),
        ("src/lib/get.c",
         "    if (get->miss.is_callback)\n        crl_leave(&get->miss.space->cache->callbacks);\n", "")]),
    ("reports pile up", "P8", "test_engine", "reports_that_nobody_takes", ALL, [
        ("src/lib/loads.c", "atomic_load(&engine->reports) >= REPORTS_MAX", "REPORTS_MAX == 0")]),
    ("a load without memory keeps its place", "P6", "test_loads", "a_load_without_memory_takes_no_place", ALL, [
        ("src/lib/loads.c", "    while (engine->refused_n > 0) {\n",
         "    engine->refused_n = 0;\n    while (engine->refused_n > 0) {\n")]),
    ("a failure of before an invalidation is kept", "P4", "test_core", "a_failure_of_before_an_invalidation", ALL, [
        ("src/core/publish.c", "retry_us <= 0 || !is_kept(step, flight) ||", "retry_us <= 0 ||")]),
    ("who posts a job starts the thread for it", "P6", "test_pool", "workers_inherit_nothing", ALL, [
        ("src/io/pool.c", "    struct worker *worker = summon(pool);\n    pthread_mutex_unlock",
         "    struct worker *worker = summon(pool);\n"
         "    pool->coming += pool->started < pool->threads_max && start_worker(pool);\n    pthread_mutex_unlock")]),
    ("a thread may be cancelled in the turn", "P5", "test_engine",
     HANGS + "ok - a_wait_limit_is_not_counted", ALL, [
        ("src/lib/turn.c", "int held = crl_cancel_hold();", "int held = 0;"),
        ("src/lib/turn.c", "    crl_cancel_let_go(held);\n", "    (void)held;\n")]),
    ("the engine answers the first reader only", "P5", "test_lib", HANGS + "1..", ALL, [
        ("src/lib/loads.c", "    cds_list_for_each_entry_safe(waiter, next, &answer->answer.waiters, link) {\n",
         "    bool first = true;\n"
         "    cds_list_for_each_entry_safe(waiter, next, &answer->answer.waiters, link) {\n"
         "        if (!first)\n            break;\n        first = false;\n")]),

    ("one load too many", "P6", "test_flight", "P6: ", ALL, ONE_TOO_MANY),
    ("one load too many", "P6", "test_flight", "P6: ", OBSERVER, ONE_TOO_MANY + ONE_MORE_PLACE),
    ("the queue is one too long", "P6", "test_flight", "P6: ", ALL, QUEUE_TOO_LONG),
    ("the queue is one too long", "P6", "test_flight", "not ok - the_bulkhead_holds", OBSERVER, QUEUE_TOO_LONG),
    ("no load has a deadline", "P6", "test_flight", "load->deadline", ALL, NO_DEADLINE),
    ("no load has a deadline", "P6", "test_flight", "not ok - an_overrun_load_is_cancelled",
     OBSERVER, NO_DEADLINE),
    ("the place of a cancelled load is given away", "P6", "test_flight", "P6: ", OBSERVER, PLACE_FREED_EARLY),
    ("an overrun query goes on", "P6", "test_contract_origin",
     HANGS + "ok - sqlite: o1_start_does_not_block", ALL, [
        ("src/origin/sqlite.c", "        sqlite3_interrupt(worker->connection->db);\n", "        (void)worker;\n"),
        ("src/origin/sqlite.c", "    return crl_work_is_cancelled(&worker->load->work);",
         "    return worker == NULL;")]),
    ("a spoilt SQLite connection is kept", "P5", "test_sqlite_files", "a_spoilt_connection_is_not_kept", ALL, [
        ("src/origin/sqlite_connection.c", "    if (!leaves_whole(sqlite_rc) || look(", "    if (look(")]),
    ("a connection that cannot compile is kept", "P5", "test_sqlite_files", "cannot_compile_is_not_kept", ALL, [
        ("src/origin/sqlite.c", "    return sqlite_rc;\n}\n\n/* Returns whether the database was locked",
         "    return SQLITE_OK;\n}\n\n/* Returns whether the database was locked")]),
    ("a file that is written over goes unnoticed", "P3", "test_sqlite_files", "overwritten_in_place", ALL, [
        ("src/origin/sqlite_connection.c",
         "is_same_time(&a->st_mtim, &b->st_mtim) && is_same_time(&a->st_ctim, &b->st_ctim) &&\n           ", "")]),
    ("a lock that outlasts the deadline is a failure", "P5", "test_sqlite_files", "ends_the_waiting_for_a_lock", ALL, [
        ("src/origin/sqlite.c", "    if ((sqlite_rc & 0xFF) != SQLITE_BUSY)\n", "    if (sqlite_rc >= 0)\n")]),

    ("a leader that leaves takes all along", "P7", "test_flight",
     "who_gives_up_does_not_take_the_others_along", OBSERVER, LEADER_TAKES_ALL),
    ("a deserted flight stays in the queue", "P7", "test_flight", "P7: ", ALL, [
        ("src/core/flight.h", "X(QUEUED,  DESERTED,      IDLE,    give_up)",
         "X(QUEUED,  DESERTED,      QUEUED,  carry_on)")]),
    ("a deserted load is thrown away", "P7", "test_flight", "a_deserted_load_serves_who_comes_next", OBSERVER, [
        ("src/core/publish.c",
         "    stamp_use(step, flight, &stamp);\n    crl_entry_stamp(entry, &stamp);\n"
         "    return (struct published){entry, insert",
         "    stamp_use(step, flight, &stamp);\n    crl_entry_stamp(entry, &stamp);\n"
         "    return (struct published){entry, flight->waiters_n > 0 && insert")]),

    ("nothing is evicted", "P8", "test_flight", "crl_table_bytes(table) <= table->memory_bytes", ALL, NO_BUDGET),
    ("nothing is evicted", "P8", "test_flight", "P8: ", OBSERVER, NO_BUDGET + NO_BUDGET_ASSERTED),
    ("any number may wait", "P8", "test_flight", "P8: ", ALL, NO_WAITERS_LIMIT),
    ("any number may wait", "P8", "test_flight", "not ok - waiters_have_a_limit", OBSERVER, NO_WAITERS_LIMIT),
    ("any number may fly", "P8", "test_flight", "P8: ", ALL, NO_FLIGHTS_LIMIT),
    ("any number may fly", "P8", "test_flight", "not ok - flights_have_a_limit", OBSERVER, NO_FLIGHTS_LIMIT),

    ("the lease is not asked for", "P2", "test_flight", "a_lease_makes_it_one_load_for_the_fleet", OBSERVER, [
        ("src/core/flight.c", "signal_send(step, flight, has_store ? with_store : alone);",
         "signal_send(step, flight, has_store ? alone : alone);")]),
    ("a failure is taken for a value", "P10", "test_flight", "that no load brought", OBSERVER, [
        ("src/core/core.c", "    if (flight != NULL && step->rc < 0) {\n",
         "    if (flight != NULL && step->rc > 0) {\n")]),

    ("a value of another space is found", "P10", "test_spaces", "not ok - a_text_is_a_key_in_each_space", OBSERVER,
     VALUES_OF_ANY_SPACE),
    ("a flight of another space is joined", "P10", "test_spaces", "for which nobody works", OBSERVER,
     FLIGHTS_OF_ANY_SPACE),
    ("every origin has the limits of the first", "P6", "test_spaces", "P6: node", OBSERVER,
     EVERY_ORIGIN_LIKE_THE_FIRST),

    ("what is past its time is fresh for one moment more", "P3", "test_verdict", "not ok - judge_rows", ALL, [
        ("src/core/verdict.c", "    if (now < entry->fresh_until)\n        return judge_fresh",
         "    if (now <= entry->fresh_until)\n        return judge_fresh")]),
    ("a value is quiet for longer than it is fresh", "P3", "test_verdict", "stamp->quiet_until", ALL, [
        ("src/core/verdict.c", "return times->fresh_until - crl_early_lead_max",
         "return times->fresh_until + crl_early_lead_max")]),
    ("many readers are told that a load was needed", "needed", "test_verdict", "one_of_many_threads_is_told", ALL, [
        ("src/core/verdict.c",
         "    bool is_first = !crl_entry_has(entry, CRL_MARK_USED) && crl_entry_mark(entry, CRL_MARK_USED);\n",
         "    bool is_first = !crl_entry_has(entry, CRL_MARK_USED);\n"
         "    extern int sched_yield(void); /* so that the others have time to come */\n"
         "    for (int i = 0; i < 4; i++)\n        (void)sched_yield();\n"
         "    (void)crl_entry_mark(entry, CRL_MARK_USED);\n")]),
    ("an early refresh is due before its longest lead", "early", "test_early", "before_the_longest_lead_no_lot_is_due",
     ALL, [("src/policy/early.c", "#define LOG_OF_LOTS 22.2", "#define LOG_OF_LOTS 2.2"),
           ("src/policy/early.c", "if (times->fresh_until - now > crl_early_lead_max(early, times))", "if (false)")]),

    ("a failed load is counted as needed", "needed", "test_needed", "a_failed_load_was_not_needed", OBSERVER, [
        ("src/core/flight.c", "    if (step->is_origins_failure)\n        crl_remember_failure",
         "    crl_counter_add(&crl_space_of(step->core, flight)->counts.needed, 1);\n"
         "    if (step->is_origins_failure)\n        crl_remember_failure")]),
    ("what goes round is needed again and again", "needed", "test_needed", "no_load_is_needed_twice", OBSERVER, [
        ("src/sim/world/record.c", "value->load <= key->needed_load",
         "value->load == key->needed_load || value->load == 0")]),
    ("the first to use a refreshed value is not counted", "needed", "test_needed",
     "an_early_refresh_that_is_read_was_needed", OBSERVER, [
        ("src/core/verdict.c", "    return is_first;\n", "    return is_first && false;\n")]),

    ("who came last is served first", "P6", "test_refresh", "the_queue_is_served_by_priority_then_in_order", OBSERVER,
     LAST_COME_FIRST),
    ("a refresh overtakes a miss", "P6", "test_refresh", "the_queue_is_served_by_priority_then_in_order", OBSERVER,
     WEAKEST_FIRST),
    ("who asked in vain may not ask again", "P5", "test_refresh", "who_asked_in_vain_may_ask_again", OBSERVER, [
        ("src/core/flight.c", "    if (flight->reasons != 0)\n        asked_for_no_more(step, flight);\n", "")]),
    ("what one event leaves is never done", "P6", "test_places", "P6: ", ALL, NOTHING_IS_READY),
    ("what one event leaves is never done", "P5", "test_places", "a_raised_limit_admits_all_one_by_one", OBSERVER,
     NOTHING_IS_READY),
    ("a batch's place is given away with its first load", "P6", "test_places",
     ("P6: ", "load->order.id", "core->loads_n"), ALL, BATCH_FREED_EARLY),
    ("a batch's place is given away with its first load", "P6", "test_places", ("P6: node", "P5: reader"), OBSERVER,
     BATCH_FREED_EARLY),
    ("the loser of a hedge goes on", "P1", "test_places", "P1: ", OBSERVER,
     LOSER_GOES_ON),

    ("a loader may wait for itself", "C7", "test_waits", "a_loader_that_asks_for_its_own_key_is_told", ALL, [
        ("src/core/core.c", "    if (crl_wait_is_stuck(step->core, waiter))\n", "    if (false)\n")]),
    ("every queue is thought to move", "C7", "test_circles", "waits for itself", ALL, [
        ("src/core/waits.c", "return stuck_n(core, flight->queued_at) < flight->queued_at->limit_now;",
         "return stuck_n(core, flight->queued_at) < UINT32_MAX;")]),
    ("no queue is thought to move while a loader waits", "C7", "test_circles", "would have been answered", ALL, [
        ("src/core/waits.c", "return stuck_n(core, flight->queued_at) < flight->queued_at->limit_now;",
         "return stuck_n(core, flight->queued_at) == 0;")]),
    ("who only waits for a circle gives way", "C7", "test_waits", "who_is_no_part_of_the_circle_is_not_told", ALL, [
        ("src/core/waits.c", "place->passed_in != core->look)", "waiter == NULL)")]),
    ("a circle that a lower limit closes is not looked for", "C7", "test_circles", "waits for itself", ALL, [
        ("src/core/core.c", "    step->core->waits_changed |= step->core->waits_n > 0;\n", "")]),
    ("a circle that the store closes is not looked for", "C7", "test_waits", "from_the_store_into_the_queue", ALL, [
        ("src/core/flight.c", "    step->core->waits_changed |= flight->askers_n > 0;", "    (void)step;")]),
    ("places are shared only while none is free", "P6", "test_places", "what_is_wanted_at_once_shares_places", ALL, [
        ("src/core/machine.h", "    return origin->config.batch_max > 1 && origin->config.limits.queue > 0;\n",
         "    return origin == NULL;\n")]),
    ("a full queue refuses beside a free place", "P6", "test_places", "nobody_is_refused_while_a_place_is_free", ALL, [
        ("src/core/flight.c", "    queue_make_room(step, origin);\n", "    (void)queue_make_room;\n")]),

    ("a suspect value is served", "P4", "test_fleet", "what_the_store_vouched_for_is_confirmed_once", OBSERVER,
     SUSPECTS_SERVED),
    ("what was asked for before an epoch is published as of it", "P4", "test_fleet",
     "P4: reader", OBSERVER, PRESENT_EPOCH_STAMPED),
    ("a refused fill leaves its value", "P4", "test_fleet", "which the store had refused", OBSERVER,
     REFUSED_FILL_STAYS),
    ("no epoch begins with a new connection", "P4", "test_fleet", "what_the_store_vouched_for_is_confirmed_once",
     OBSERVER, NO_EPOCH_BEGINS),
    ("an invalidation is not said again", "P4", "test_fleet", "an_invalidation_is_said_first_of_all", OBSERVER,
     NOT_SAID_AGAIN),
    ("what cannot be confirmed is not served", "P9", "test_fleet", "what_cannot_be_confirmed_serves_its_time",
     OBSERVER, [("src/core/publish.c", "    return serves ? entry : NULL;\n", "    return serves ? NULL : NULL;\n")]),
    ("the fleet is not told of a failure", "P10", "test_fleet", "a_failure_costs_one_load_however_many_nodes", OBSERVER,
     [("src/core/flight.c", "    if (step->is_origins_failure && failure_us > 0) {\n", "    if (failure_us < 0) {\n")]),
    ("a refusal of one process is the fleet's failure", "P10", "test_fleet", "a_full_queue_is_not_the_fleets_failure",
     OBSERVER, [("src/core/flight.c", "    if (step->is_origins_failure && failure_us > 0) {\n",
                 "    if (step->rc == 0)\n        step->rc = CORRAL_EQUEUE;\n    if (failure_us > 0) {\n")]),
    ("a lease is not renewed", "P2", "test_fleet", "a_queue_does_not_eat_its_leases", OBSERVER, [
        ("src/core/core.c", "    crl_tell_store(step, flight, CRL_RENEW_LEASE)->lease.token = flight->token;\n", "")]),
    ("a load whose lease is lost is kept", "P4", "test_fleet", "a_load_whose_lease_is_lost_is_fenced", OBSERVER,
     FENCED_LOAD_KEPT),
    ("a queued flight that lost its lease loads", "P2", "test_fleet", "P2: node", OBSERVER, LOADS_WITHOUT_LEASE),

    ("what came before an ask is a sign of life", "L4", "test_store_client",
     "l4_what_came_before_the_ask_is_no_sign_of_life", ALL, [
        ("src/store/client.c", "if (client->heard_at <= pending->sent_at)",
         "if (client->heard_at < pending->sent_at)")]),
    ("an invalidation is not said again", "L2", "test_store_client", "l2_the_unsaid_is_said_first_of_all", ALL,
     NOT_SAID_AGAIN),
    ("no epoch begins with a new connection", "L4", "test_store_client", "l4_a_new_connection_begins_an_epoch", ALL,
     NO_EPOCH_BEGINS),
    ("the way from the store costs no time", "L3", "test_store_client", "l3_a_value_has_lost_the_way", ALL, [
        ("src/store/client.c", "corral_us on_the_way_us = now - pending->sent_at;",
         "corral_us on_the_way_us = now - now;")]),
    ("any number of requests may wait for a reply", "L5", "test_store_client",
     "l5_requests_without_a_reply_have_a_limit", ALL, [
        ("src/store/client.c", "return client->is_linked && client->waiting_n < client->config.requests_max;",
         "return client->is_linked;")]),
    ("a late lease is kept from the core", "L1", "test_store_client",
     "l1_a_late_lease_is_told_under_an_ask_that_nobody_knows", ALL, [
        ("src/store/client.c", "    told(client, now, pending, is_broken ? &no_reply : reply);\n    free(pending);\n",
         "    if (pending->op != CRL_STORE_ASK || pending->ask != 0)\n        told(client, now, pending, reply);\n"
         "    free(pending);\n")]),
    ("a hostile store's answers reach the core", "L6", "test_store_hostile",
     "crl_token_equal(event->store.token, flight->token)", ALL, [
         ("src/store/client.c", "crl_token_equal(reply->token, pending->token) &&",
          "!crl_token_is_none(reply->token) &&")]),
    ("a hostile store's value may have any size", "L6", "test_store_client",
     "l6_an_answer_that_breaks_the_contract_is_none", ALL, [
         ("src/store/client.c", "crl_entry_value(draft).size <= client->config.value_max", "true")]),
    ("a hostile store's spans are believed", "L6", "test_store_client", "l6_a_span_is_no_longer_than_the_longest",
     ALL, [("src/store/client.c", "return span_us > 0 ? crl_span(span_us) : 0;", "return span_us;")]),
    ("an invalidation that was not done is confirmed", "L2", "test_store_client",
     "l2_what_is_not_done_is_not_confirmed", ALL, [
         ("src/store/client.c", "        if (is_done)\n            unsaid_free", "        unsaid_free")]),
    ("a reply is waited for for ever", "L5", "test_store_client", "l5_a_reply_is_not_waited_for_for_ever", ALL, [
        ("src/store/client.c", "now - pending->sent_at >= client->forget_us)", "now < pending->sent_at)")]),
    ("a link may break within send", "L7", "test_store_client", "l7_the_host_does_not_call_back", ALL, [
        ("src/store/client.c", "    (void)now;\n    crl_assert(!is_within(client));\n", "    (void)now;\n")]),

    ("a moved entry is not marked as linked", "T1", "test_table", "CRL_MARK_LINKED", ALL, [
        ("src/core/table.c",
         "    (void)crl_entry_mark(entry, CRL_MARK_LINKED);\n"
         "    table->entry_bytes += crl_table_cost(table, entry);\n    crl_eviction_replace",
         "    table->entry_bytes += crl_table_cost(table, entry);\n    crl_eviction_replace")]),
    ("what is unlinked stays marked as linked", "T3", "test_real_memory", "", ALL, [
        ("src/core/table.c", "    crl_entry_unmark(entry, CRL_MARK_LINKED);\n", "")]),
    ("the table frees at once what readers may hold", "T3", "test_table", "", ALL, [
        ("src/core/table.c", "    entry->older = limbo->entries;\n    limbo->entries = entry;\n",
         "    limbo->bytes -= entry_bytes;\n    limbo->entry_bytes -= entry_bytes;\n"
         "    crl_entry_unref(table->allocator, entry);\n")]),
    ("the table does not wait for its readers", "T3", "test_table", "", ALL, [
        ("src/core/table.c", "    if (table->wait_for_readers != NULL)\n        table->wait_for_readers();\n", "")]),
    ("only blocks are counted, not what the arena holds", "P8", "test_real_memory", "bytes held", ALL, [
        ("src/core/table_room.c", "    if (held <= table->memory_bytes) {\n", "    if (held > 0) {\n"),
        ("src/core/table_room.c", "    bool is_tight = held > table->room_bytes;\n", "    bool is_tight = false;\n")]),
    ("free pages are never given back", "P8", "test_real_memory", "not ok", ALL, [
        ("src/core/table_room.c", "    allocator->real->trim(allocator, bytes);\n", "")]),
    ("what is not given back counts as given back", "P8", "test_real_memory", "resident", ALL, [
        ("src/memory/pages.c",
         "        if (madvise((char *)chunk + i * pages->page_bytes, pages->page_bytes, MADV_DONTNEED) != 0)\n"
         "            continue;\n", "")]),
    ("held values push the others out", "P8", "test_real_memory", "values are held", ALL, [
        ("src/core/table_room.c", "    allocator->real->abandon(allocator);", "    (void)0;")]),
    ("no entry is moved", "P8", "test_real_memory", "not ok", ALL, [
        ("src/core/table_room.c", "            move_entry(table, entries->v[i]);", "            (void)move_entry;")]),
    ("a replaced entry stays in the queue", "T2", "test_table", "", ALL, [
        ("src/core/sieve.c", "    link_up(fifo, entry, old->newer);\n", "")]),
    ("what was hit in the small queue is evicted", "eviction", "test_eviction", "not ok", ALL, [
        ("src/core/eviction.c", "        if (!crl_take_mark(oldest, steps))\n", "        if (oldest != NULL)\n")]),
    ("no ghost is remembered", "eviction", "test_eviction", "not ok", ALL, [
        ("src/core/ghosts.c", "    line[0] = kept_of(hash);\n", "")]),
    ("a walk over marks has no end", "eviction", "test_eviction", "not ok", ALL, [
        ("src/core/sieve.c", "    if (*steps == 0 || !crl_entry_has", "    if (!crl_entry_has")]),
    ("room for a large value is made at once", "eviction", "test_eviction", "not ok", ALL, [
        ("src/core/table_room.c", "    while (room == ROOM_SOME && table->work_left > 0)",
         "    while (room == ROOM_SOME)")]),
    ("a draft is made without a reference", "O8", "test_contract_origin", "memory.refs > 0", ALL, [
        ("src/origin/work.c", "        crl_allocator_ref(work->allocator); /* K6 */\n",
         "        works->answering += 0;\n")]),
    ("a draft that nobody wants is kept", "O8", "test_contract_origin", "not ok", ALL, [
        ("src/origin/work.c", "        crl_entry_unref(work->allocator, result.draft);\n",
         "        works->answering += 0;\n")]),
    ("a cancelled load is handed out with its mates", "O3", "test_callback", "not ok", ALL, [
        ("src/origin/work.c", "        if (work->load != NULL)\n            work->state = CRL_WORK_RUNNING;\n",
         "        work->state = CRL_WORK_RUNNING;\n")]),
    ("the job goes with the first of its mates", "O3", "test_contract_origin", "bug: work->load == NULL", ALL, [
        ("src/origin/work.c", "leader != NULL && leader->open_n == 0 &&", "leader != NULL &&")]),
    ("the room goes with a short value", "O7", "test_callback", "not ok", ALL, [
        ("src/core/entry.c",
         "    if (crl_entry_block_bytes(draft->key_size, value_size) != crl_entry_bytes(draft))\n"
         "        return false;\n", "")]),
    ("what a cancelled load brings is reported", "on_failure", "test_reports", "reported_rc == 0", ALL, [
        ("src/lib/loads.c", "    if (rc < 0)\n        load_report(engine, load, rc, load->why); /* L4",
         "    if (rc < 0 || load->result.rc < 0)\n"
         "        load_report(engine, load, load->result.rc, load->why); /* L4")]),
    ("a failure at the deadline has any reason", "on_failure", "test_flight", "a_failure_at_the_deadline", ALL, [
        ("src/core/core.c", "    if (event->origin.rc < 0 && event->now >= load->order.deadline_at)\n"
         "        return CORRAL_EDEADLINE;\n", "")]),
    ("a ticket is good for ever", "P5", "test_ticket", "not ok", ALL, [
        ("src/origin/ticket.c", "    slot->object = NULL;\n    slot->serial++;\n", "")]),
    ("percent signs are taken as they come", "bad input", "test_form", "not ok", ALL, [
        ("src/base/form.c", "return CRL_FORM_EPERCENT;", "return 0;")]),
]

# What the swarm must see within 2,000 seeds. Ordered by file, so that little is built again. Where two
# promises break, the lots decide which is seen first: either will do.
SWARM_SABOTAGES = [
    ("values live twice as long", "P3", "P3: reader", OBSERVER, [
        ("src/policy/ttl.c", "return ttl_us + ", "return 2 * ttl_us + ")]),
    ("jitter knows no bounds", "P3", ("P3: reader", "P9: node"), OBSERVER, [
        ("src/policy/ttl.c", "jitter * (2.0 * u - 1.0)", "jitter * (4.0 * u - 2.0)")]),
    ("one load too many", "P6", "P6: ", ALL, ONE_TOO_MANY),
    ("one load too many", "P6", "P6: ", OBSERVER, ONE_TOO_MANY + ONE_MORE_PLACE),
    ("the queue is one too long", "P6", "P6: ", OBSERVER, QUEUE_TOO_LONG),

    ("every origin has the limits of the first", "P6", "P6: ", OBSERVER, EVERY_ORIGIN_LIKE_THE_FIRST),
    ("one load too many at every origin but the first", "P6", "P6: ", OBSERVER, ONE_TOO_MANY_AT_THE_OTHERS),
    ("all loads go to the first origin", "P6", "at origin 0", OBSERVER, [
        ("src/core/flight.c", "step->order->origin = origin->number;", "step->order->origin = 0;")]),
    ("a free place is offered at the first origin only", "P5", "for which nobody works", OBSERVER, [
        ("src/core/core.c", "flight, CRL_ON_LOADED);\n    }\n    origin_has_room(step, origin);\n",
         "flight, CRL_ON_LOADED);\n    }\n    origin_has_room(step, step->core->origins[0]);\n")]),
    ("a value of another space is found", "P10", ("P10: reader", "P9: node"), OBSERVER, VALUES_OF_ANY_SPACE),
    ("a flight of another space is joined", "P10", ("P10: reader", "for which nobody works"), OBSERVER,
     FLIGHTS_OF_ANY_SPACE),
    ("a shared failure loses its code", "P10", "P10: reader", OBSERVER, [
        ("src/store/memory.c", "record->failed_rc = request->rc;", "record->failed_rc = CORRAL_EORIGIN;")]),

    ("no load has a deadline", "P6", "P6: ", OBSERVER, NO_DEADLINE),
    ("the deadline is half of what was agreed", "P6", "P6: ", OBSERVER, [
        ("src/core/loads.c", "now + origin->config.deadline_us", "now + origin->config.deadline_us / 2")]),
    ("the place of a cancelled load is given away", "P6", ("P6: ", "P5: "), OBSERVER, PLACE_FREED_EARLY),
    ("the place of a cancelled load never comes back", "P6", ("not idle", "nobody works"), OBSERVER, [
        ("src/core/loads.c", "    else\n        crl_counter_add(&origin->counts.errors[CRL_LOAD_LATE], 1);\n",
         "    else\n        return NULL;\n"),
        ("src/core/core.c", "    crl_assert(crl_core_is_idle(core));\n", "")]),
    ("an overrun load is not cancelled", "P6", ("P6: ", "P1: "), OBSERVER, [
        ("src/core/loads.c",
         "    struct crl_action *action = crl_action_add(step->out, CRL_CANCEL_LOAD);\n"
         "    action->origin = crl_load_origin(step->core, load)->number;\n"
         "    action->cancel.load = load->order.id;\n"
         "    action->cancel.rc = rc;\n", "    (void)rc;\n")]),

    ("each reader has a flight of its own", "P1", "P1: ", ALL, UNSHARED),
    ("the generation is not checked", "P4", "P4: reader", OBSERVER, GENERATION_UNCHECKED),
    ("who comes later joins all the same", "P4", "P4: reader", OBSERVER, JOINS_LATER_LOADS),
    ("who came later gets the old value", "P4", "P4: reader", OBSERVER, [
        ("src/core/flight.c",
         "    crl_answer_list(step, &flight->waiters, CORRAL_LOADED, entry, published.is_cached);\n",
         "    crl_answer_list(step, &flight->waiters, CORRAL_LOADED, entry, published.is_cached);\n"
         "    crl_answer_list(step, &flight->later, CORRAL_LOADED, entry, published.is_cached);\n")]),
    ("one waiter is lost", "P5", "P5: reader", OBSERVER, LOST_WAITER),
    ("a waiter is counted twice", "P5", "P5: ", ALL, [
        ("src/core/flight.c", "    flight->waiters_n++;\n", "    flight->waiters_n += 2;\n")]),
    ("a waiter is counted twice", "P8", "P8: reader", OBSERVER, [
        ("src/core/flight.c", "++core->waiters_n", "core->waiters_n += 2")]),
    ("the patience of readers is not watched", "P5", "P5: reader", OBSERVER, NO_PATIENCE),
    ("a reader is answered once more when its time is over", "P5", "was answered twice", OBSERVER, DOUBLE_ANSWER),
    ("the wait for a lease has no end", "P5", "for which nobody works", OBSERVER, [
        ("src/core/flight.c", "step->event->now + step->event->store.lease_us",
         "step->event->now + 9 * step->event->store.lease_us")]),
    ("a fill does not carry the token", "P2", "P2: node", OBSERVER, [
        ("src/core/flight.c",
         "    action->lease.token = flight->token;\n    action->lease.entry = entry;\n",
         "    action->lease.token = (struct crl_token){0};\n    action->lease.entry = entry;\n")]),
    ("who has no lease fills all the same", "P2", "P2: node", OBSERVER, [
        ("src/core/flight.c", "if (flight->has_lease && flight->generation == flight->key->generation)",
         "if (crl_space_of(step->core, flight)->config.has_store && flight->generation == flight->key->generation)")]),
    ("the lease is given back when the load begins", "P2", "P2: the store leases", OBSERVER, [
        ("src/core/flight.c", "    serve_later(step, flight);\n    order_add(step, flight);\n",
         "    serve_later(step, flight);\n    order_add(step, flight);\n    lease_release(step, flight);\n")]),
    ("a failed load keeps the lease", "P7", ("!flight->has_lease", "P7: node"), ALL, [
        ("src/core/flight.c",
         "    lease_release(step, flight);\n    crl_answer_list(step, &flight->waiters, step->rc, NULL, false);\n",
         "    crl_answer_list(step, &flight->waiters, step->rc, NULL, false);\n")]),
    ("a failed load keeps the lease", "P7", "P7: node", OBSERVER, [
        ("src/core/flight.c",
         "    lease_release(step, flight);\n    crl_answer_list(step, &flight->waiters, step->rc, NULL, false);\n",
         "    lease_end(step, flight);\n    crl_answer_list(step, &flight->waiters, step->rc, NULL, false);\n")]),
    ("nothing is kept", "P9", "P9: node", OBSERVER, [
        ("src/core/publish.c", "return !flight->is_fenced && flight->generation",
         "return false && flight->generation")]),

    ("who lost the lease loads", "P2", "P2: node", OBSERVER, [
        ("src/core/core.c", "? CRL_ON_LEASE_LOST : CRL_ON_UNWANTED;", "? CRL_ON_STORE_DOWN : CRL_ON_UNWANTED;")]),
    ("a lease that comes late is kept", "P7", "P7: node", OBSERVER, [
        ("src/core/core.c", "    if (event->store.answer == CRL_STORE_LEASED && !is_held)\n", "    if (false)\n")]),
    ("a push wakes nobody", "P5", "for which nobody works", OBSERVER, [
        ("src/core/core.c", "static void on_store_changed(struct step *step)\n{\n    (void)key_forget(step);\n"
         "    key_wake(step);\n",
         "static void on_store_changed(struct step *step)\n{\n    (void)key_forget(step);\n")]),
    ("the store is not told of an invalidation", "P4", "P4: reader", OBSERVER, [
        ("src/core/core.c", "    if (step->core->spaces[step->event->space]->config.has_store)\n        (void)crl_tell",
         "    if (false)\n        (void)crl_tell")]),
    ("a free place is offered to nobody", "P5", "for which nobody works", OBSERVER, [
        ("src/core/core.c", "flight, CRL_ON_LOADED);\n    }\n    origin_has_room(step, origin);\n",
         "flight, CRL_ON_LOADED);\n    }\n")]),
    ("a leader that leaves takes all along", "P7", "P7: node", OBSERVER, LEADER_TAKES_ALL),
    ("a deserted flight goes on to wait", "P7", "P7: ", ALL, [
        ("src/core/core.c", "return flight->waiters_n > 0 ? CRL_ON_LEASE_LOST : CRL_ON_UNWANTED;",
         "return CRL_ON_LEASE_LOST;")]),
    ("a suspect value is served", "P4", "P4: reader", OBSERVER, SUSPECTS_SERVED),
    ("a value is published for no epoch", "P9", ("P9: node", "P4: reader"), OBSERVER, NO_EPOCH_STAMPED),
    ("a refused fill leaves its value", "P4", "P4: reader", OBSERVER, REFUSED_FILL_STAYS),
    ("no epoch begins with a new connection", "P4", ("P4: reader", "P5: reader"), OBSERVER, NO_EPOCH_BEGINS),
    ("a cleared space begins no epoch", "P4", "P4: reader", OBSERVER, [
        ("src/core/core.c", "    crl_space_epoch_begin(step->core, step->event->space);\n    atomic",
         "    (void)space;\n    atomic")]),
    ("who waits is not woken by a new connection", "P5", "for which nobody works", OBSERVER, [
        ("src/core/core.c",
         "    cds_list_splice(&core->waiting, core->woken.prev);\n    CDS_INIT_LIST_HEAD(&core->waiting);\n", "")]),
    ("a batch's place is given away with its first load", "P6", ("P6: ", "P5: "), OBSERVER, BATCH_FREED_EARLY),
    ("the loser of a hedge goes on", "P1", ("P1: ", "P2: "), OBSERVER, LOSER_GOES_ON),
    ("a queued flight that lost its lease loads", "P2", "P2: node", OBSERVER, LOADS_WITHOUT_LEASE),
    ("any number may wait", "P8", "P8: ", OBSERVER, NO_WAITERS_LIMIT),
    ("any number may fly", "P8", "P8: ", OBSERVER, NO_FLIGHTS_LIMIT),
    ("nothing is evicted", "P8", "P8: ", OBSERVER, NO_BUDGET + NO_BUDGET_ASSERTED),
]
SABOTAGES += [(name, promise, "corral-swarm", *rest) for name, promise, *rest in SWARM_SABOTAGES]
