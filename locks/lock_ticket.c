/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ticket: everybody draws a number and waits until it is served.
 *
 * Excludes:     threads and processes: no number is drawn twice, and one is
 *               served when all before it are done with.
 * Holder dies:  the supervisor crosses out the ticket with the dead one's
 *               name on it, wherever in the queue; nobody is told.
 * Fails:        between the death and the supervisor's turn (milliseconds)
 *               nobody gets in.  Never wrongly, and first come, first served
 *               has a price: the next one may be asleep, or stopped, and all
 *               others wait for it while the lock is free.
 *
 * The book has two numbers, next ticket and now serving.  That is enough while
 * nobody gives up and nobody dies; so there is a stub for each ticket as well,
 * and the stubs are what counts:
 *
 *   draw     write one's name on the next stub by compare-and-swap; then the
 *            ticket is drawn, and next is moved on, by whoever comes first
 *   leave    cross one's stub out: served, given up or dead is the same
 *   serving  the first stub that is not crossed out
 *
 * So a clerk can be killed between any two steps: a name is on a stub, where
 * the supervisor finds it, or on none; and what was not moved on yet the next
 * one moves on.  Who gives up leaves no empty place to wait for.
 *
 * There are STUBS of them, used again and again, each time in a new round.
 * Who finds them all in use waits outside, where there is no order.
 *
 * Mellor-Crummey and Scott, "Algorithms for Scalable Synchronization on
 * Shared-Memory Multiprocessors", 1991.
 */
#include "locks/lock_impl.h"

#include <sys/param.h>
#include <sys/syscall.h>

#include <assert.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "locks/nap.h"
#include "locks/owner.h"
#include "locks/shared.h"

#define STUBS 128
#define LOOK_AGAIN_NS (10 * NS_PER_MS) /* who rings the bell may be killed */
#define NO_TICKET UINT64_MAX

/*
 * Ticket t's stub is stub[t % STUBS], in round t / STUBS.  It has its round
 * above the name of who drew it, 0 before that; a later round: crossed out.
 */
#define STUB(round, name) ((round) << 16 | (name))
#define ROUND(stub) ((stub) >> 16)
#define NAME(stub) ((uint32_t)(stub)&0xffff)
static_assert(CLERK_NAMES <= 0xffff, "a name has 16 bits");

/*
 * Of one sale.  Each ticket before `next` is drawn, and each before `serving`
 * crossed out; they may be behind, and are moved on by whoever sees it.
 */
struct book {
	_Atomic uint64_t next, serving;
	_Atomic uint32_t bell; /* rung when `serving` has moved: futex(2) */
	_Atomic uint64_t stub[STUBS];
};

struct ticket_own {
	struct book *books;
	uint32_t name;
	uint64_t mine; /* drawn and not crossed out, or of no meaning */
};

static int
ticket_prepare(const struct lock_config *config, void **shared)
{
	(void)config;
	*shared = shared_new(LOCK_SLOTS * sizeof(struct book));
	return *shared == NULL ? -1 : 0;
}

static void
ticket_destroy(void *shared)
{
	shared_free(shared, LOCK_SLOTS * sizeof(struct book));
}

static int
ticket_attach(void *shared, unsigned worker, unsigned clerk, void **own)
{
	struct ticket_own *o;

	o = calloc(1, sizeof(*o));
	if (o == NULL)
		return -1;
	o->books = shared;
	o->name = clerk_name(worker, clerk);
	*own = o;
	return 0;
}

static _Atomic uint64_t *
stub_of(struct book *book, uint64_t ticket)
{
	return &book->stub[ticket % STUBS];
}

/* From `ticket` to the one behind it, unless somebody has. */
static bool
move_on(_Atomic uint64_t *number, uint64_t ticket)
{
	return atomic_compare_exchange_strong(number, &ticket, ticket + 1);
}

/* Wake who waits for `ticket`: nobody else, up to 32 that wait. */
static void
ring(struct book *book, uint64_t ticket)
{
	atomic_fetch_add(&book->bell, 1);
	if (ticket < atomic_load(&book->next))
		syscall(SYS_futex, &book->bell, FUTEX_WAKE_BITSET, INT_MAX,
		    NULL, NULL, UINT32_C(1) << ticket % 32);
}

/* The ticket that is served; or, if it is not drawn yet, the next one. */
static uint64_t
serving(struct book *book)
{
	for (;;) {
		const uint64_t ticket = atomic_load(&book->serving);

		if (ROUND(atomic_load(stub_of(book, ticket))) <= ticket / STUBS)
			return ticket;
		if (move_on(&book->serving, ticket))
			ring(book, ticket + 1);
	}
}

/* A ticket; with `only_first` none but the one that is served at once. */
static uint64_t
draw(struct book *book, uint32_t name, bool only_first)
{
	for (;;) {
		const uint64_t ticket = atomic_load(&book->next);
		const uint64_t round = ticket / STUBS;
		uint64_t seen = STUB(round, 0);

		if (only_first && serving(book) < ticket)
			return NO_TICKET;
		if (atomic_compare_exchange_strong(
			stub_of(book, ticket), &seen, STUB(round, name))) {
			move_on(&book->next, ticket);
			return ticket;
		}
		if (ROUND(seen) < round)
			return NO_TICKET; /* STUBS are in use */
		move_on(&book->next, ticket);
	}
}

static void
cross_out(struct book *book, uint64_t ticket)
{
	atomic_store(stub_of(book, ticket), STUB(ticket / STUBS + 1, 0));
	serving(book); /* it may be another one now, who sleeps */
}

/* Sleep until another ticket may be served than `seen`. */
static void
await_bell(struct book *book, uint64_t seen, uint64_t mine, int64_t deadline_ns)
{
	const uint32_t bell = atomic_load(&book->bell);
	const struct timespec until =
	    clock_timespec(MIN(deadline_ns, clock_now_ns() + LOOK_AGAIN_NS));

	if (serving(book) == seen)
		syscall(SYS_futex, &book->bell, FUTEX_WAIT_BITSET, bell, &until,
		    NULL, UINT32_C(1) << mine % 32);
}

/* False: it was not served in time. */
static bool
await_turn(struct book *book, uint64_t mine, int64_t deadline_ns)
{
	uint64_t seen;

	while ((seen = serving(book)) != mine) {
		if (clock_now_ns() >= deadline_ns)
			return false;
		await_bell(book, seen, mine, deadline_ns);
	}
	return true;
}

static enum lock_result
ticket_acquire(void *own, unsigned slot, unsigned permits, int64_t deadline_ns)
{
	struct ticket_own *o = own;
	struct book *book = &o->books[slot];
	int64_t nap_ns = NAP_FIRST_NS;

	(void)permits;
	o->mine = draw(book, o->name, deadline_ns == 0);
	while (o->mine == NO_TICKET && nap(&nap_ns, deadline_ns))
		o->mine = draw(book, o->name, false);
	if (o->mine == NO_TICKET)
		return LOCK_TIMED_OUT;
	if (await_turn(book, o->mine, deadline_ns))
		return LOCK_HELD;
	cross_out(book, o->mine);
	return LOCK_TIMED_OUT;
}

static void
ticket_release(void *own, unsigned slot, unsigned permits)
{
	struct ticket_own *o = own;

	(void)permits;
	cross_out(&o->books[slot], o->mine);
}

/* The dead have drawn no ticket before the one that is served. */
static unsigned
cross_out_all(struct book *book, unsigned worker)
{
	const uint64_t served = serving(book);
	uint64_t ticket;
	unsigned held = 0;

	for (ticket = served; ticket < served + STUBS; ticket++) {
		const uint64_t stub = atomic_load(stub_of(book, ticket));

		if (ROUND(stub) == ticket / STUBS &&
		    clerk_is_of(NAME(stub), worker)) {
			held += ticket == served;
			cross_out(book, ticket);
		}
	}
	return held;
}

static unsigned
ticket_force_release(void *shared, unsigned worker)
{
	struct book *books = shared;
	unsigned slot, held = 0;

	for (slot = 0; slot < LOCK_SLOTS; slot++)
		if (atomic_load(&books[slot].stub[0]) != 0) /* ever used */
			held += cross_out_all(&books[slot], worker);
	return held;
}

const struct lock_impl lock_ticket = {
    .name = "ticket",
    .summary = "everybody draws a number, and is served in its order",
    .when_killed = "the supervisor crosses out its ticket",
    .permits_max = 1,
    .facts = {.holds = true,
	.excludes_threads = true,
	.excludes_processes = true,
	.fair = true},
    .prepare = ticket_prepare,
    .attach = ticket_attach,
    .acquire = ticket_acquire,
    .release = ticket_release,
    .detach = free,
    .force_release = ticket_force_release,
    .destroy = ticket_destroy,
};
