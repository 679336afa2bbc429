/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A store that fails by plan, for tests of what stands on stores: a row that
 * asks the plan first and then calls the row of the real store.
 *
 *     store_faulty_wrap(store);
 *     store_faulty_plan(FAULTY_BEGIN, 2, STORE_BUSY);
 *     … the second write from here finds the latch held …
 *     assert_true(store_faulty_happened(FAULTY_BEGIN));
 *
 * The plan is the process's; any thread's call counts.
 */
#ifndef STORE_FAULTY_H
#define STORE_FAULTY_H

#include "storage/store.h"

enum faulty_call {
	FAULTY_READ,
	FAULTY_FIND,
	FAULTY_EACH,
	FAULTY_BEGIN,  /* of a put, configure or remove: nothing is written */
	FAULTY_APPEND, /* in its latch: nothing is written */
	FAULTY_END,    /* it is written, and then said not to be */
	FAULTY_CALLS,
};

/* Once for each store, before it has users; the store keeps its name. */
void store_faulty_wrap(struct store *store);

/*
 * The nth call of that kind from now, 1 being the next, returns `result`; the
 * others are the real store's.  UNKNOWN poisons the store, as it must.
 */
void store_faulty_plan(
    enum faulty_call call, unsigned nth, enum store_result result);

/* Every call of that kind waits first, also in its latch.  0: no more. */
void store_faulty_delay(enum faulty_call call, int64_t delay_ns);

/* Was the call that was planned made?  The plan is empty then. */
bool store_faulty_happened(enum faulty_call call);

/* No faults and no delays any more. */
void store_faulty_reset(void);

#endif
