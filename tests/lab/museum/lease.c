/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lease: a lock that ends by itself, so that the dead hold nobody up.
 *
 * Excludes:     others, until its time is over.  Its holder does not notice:
 *               it sleeps, or is paused, and goes on as if nothing had been.
 * Holder dies:  it is free when its time is over.
 * Cure:         a fencing token: a number that grows with each holder, which
 *               the store asks for and refuses if it has seen a higher one.
 *               `fenced` is the same lease; its token is the version that was
 *               read.
 *
 * Kleppmann, "How to do distributed locking", 2016.
 */
#include "tests/lab/museum/museum.h"

#include "locks/clock.h"

#define LEASE_NS (10 * NS_PER_SEC)

static enum lock_result
lease_acquire(void *own, unsigned slot, unsigned permits, int64_t deadline_ns)
{
	struct visitor *v = own;
	struct words *words = v->words;
	const int64_t now_ns = museum_now_ns();

	(void)permits;
	(void)deadline_ns;
	if (atomic_load(&words->word[slot][0]) != 0 &&
	    now_ns < atomic_load(&words->until_ns[slot]))
		return LOCK_TIMED_OUT;
	atomic_store(&words->word[slot][0], v->name);
	atomic_store(&words->until_ns[slot], now_ns + LEASE_NS);
	return LOCK_HELD;
}

/* clang-format off */
#define LEASE(its_name, its_summary, checks) \
	.impl = {.name = (its_name), \
	    .summary = (its_summary), \
	    .when_killed = "it is free when its time is over", \
	    .facts = {MUSEUM_CLAIMS, .checks_write = (checks)}, \
	    .acquire = lease_acquire, \
	    .release = museum_release, \
	    MUSEUM_SHARED}
/* clang-format on */

const struct exhibit lease_exhibit = {
    LEASE("lease", "a lock that ends by itself", false),
    .says = "but nobody holds it for longer than ten seconds",
    .why = "its holder slept, and does not know that the time is over",
    .cure = "a fencing token, which the store looks at: fenced",
    .ends_by_itself = true,
    .met_in = "https://martin.kleppmann.com/2016/02/08/"
	      "how-to-do-distributed-locking.html",
};

const struct exhibit lease_fenced = {
    LEASE("fenced", "a lease with a fencing token", true),
    .says = "and the store refuses who comes too late",
    .why = "it is right: the cure of lease",
    .ends_by_itself = true,
    .cure = "",
};
