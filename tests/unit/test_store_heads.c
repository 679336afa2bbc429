/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A head is read whole while others are published.  The meeting is arranged:
 * the slot lies over the border of a page that cannot be read, and whoever
 * gets there is stopped by a signal in whose handler two heads are published.
 */
#include "tests/unit/fixture.h"

#include <sys/mman.h>

#include <stdalign.h>
#include <string.h>

#include "storage/json/heads.h"

static struct slot *slot;
static char *second; /* the page behind the border */
static size_t page;
static int64_t published;
static unsigned interruptions;

/* All numbers of a head are the same. */
static void
publish_next(void)
{
	struct head head = {.state = {.birth = 1}};

	published++;
	head.state.version = head.state.remaining = published;
	head.state.settings.delay_min_ms = published;
	head.state.settings.capacity = head.state.highest = published;
	head.mark = published;
	heads_publish(slot, &head);
}

static void
on_border(int signal)
{
	(void)signal;
	mprotect(second, page, PROT_READ | PROT_WRITE);
	interruptions++;
	publish_next();
	publish_next();
}

/* Copy `copy` of the slot lies half on each side of the border. */
static void
lay_over_border(char *memory, int copy)
{
	const size_t border = offsetof(struct slot, copy) +
			      (size_t)copy * sizeof(slot->copy[0]) +
			      sizeof(slot->copy[0]) / 2;
	const size_t aligned = border / alignof(struct slot);

	second = memory + 2 * page;
	slot = (struct slot *)(void *)(second - aligned * alignof(struct slot));
	memset(slot, 0, sizeof(*slot));
	published = 0;
	while (atomic_load(&slot->published) % 2 != (uint64_t)copy)
		publish_next();
}

static void
assert_whole(const struct head *head)
{
	const int64_t number = head->state.version;

	assert_int_equal(head->state.remaining, number);
	assert_int_equal(head->state.settings.delay_min_ms, number);
	assert_int_equal(head->state.settings.capacity, number);
	assert_int_equal(head->state.highest, number);
	assert_int_equal(head->mark, number);
	assert_int_equal(number, published);
}

static void
test_read_while_published(void **state)
{
	const struct sigaction stop = {.sa_handler = on_border};
	struct sigaction before;
	char *memory;
	int copy;

	(void)state;
	page = (size_t)sysconf(_SC_PAGESIZE);
	memory = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(memory != MAP_FAILED);
	for (copy = 0; copy < 2; copy++) {
		struct head head;

		lay_over_border(memory, copy);
		publish_next();
		publish_next();
		interruptions = 0;
		sigaction(SIGSEGV, &stop, &before);
		mprotect(second, page, PROT_NONE);
		head = heads_read(slot);
		sigaction(SIGSEGV, &before, NULL);
		assert_int_equal(interruptions, 1);
		assert_whole(&head);
	}
	munmap(memory, 4 * page);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_read_while_published),
	};

	alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
