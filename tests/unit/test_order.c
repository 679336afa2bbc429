/* SPDX-License-Identifier: BSD-2-Clause */
/* An order's id is a UUID of version 7: it sorts by time, and is a secret. */
#include "service/sale/order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define CHANCE_BITS 74

/* RFC 9562, appendix A.6. */
static void
test_example(void **state)
{
	char id[STORE_ORDER_SIZE];

	(void)state;
	order_print_id(id, 0x017f22e279b0, 0xcc3, 0x18c4dc0c0c07398f);
	assert_string_equal(id, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
}

static void
test_form(void **state)
{
	char id[STORE_ORDER_SIZE];

	(void)state;
	order_print_id(id, 0, 0, 0);
	assert_string_equal(id, "00000000-0000-7000-8000-000000000000");
	order_print_id(id, INT64_MAX, UINT64_MAX, UINT64_MAX);
	assert_string_equal(id, "ffffffff-ffff-7fff-bfff-ffffffffffff");
}

/* Whatever chance says, a later moment sorts behind. */
static void
test_sorts(void **state)
{
	char early[STORE_ORDER_SIZE], late[STORE_ORDER_SIZE];
	int64_t ms;

	(void)state;
	for (ms = 1; ms < INT64_C(1) << 47; ms *= 3) {
		order_print_id(early, ms - 1, UINT64_MAX, UINT64_MAX);
		order_print_id(late, ms, 0, 0);
		assert_true(strcmp(early, late) < 0);
	}
}

/* Who knows the time knows nothing of the other bits, each of which counts. */
static void
test_chance(void **state)
{
	char plain[STORE_ORDER_SIZE], other[STORE_ORDER_SIZE];
	unsigned bit, changed = 0;

	(void)state;
	order_print_id(plain, 1, 0, 0);
	for (bit = 0; bit < 128; bit++) {
		const uint64_t one = UINT64_C(1) << bit % 64;

		order_print_id(
		    other, 1, bit < 64 ? one : 0, bit < 64 ? 0 : one);
		changed += strcmp(plain, other) != 0;
	}
	assert_int_equal(changed, CHANCE_BITS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_example),
	    cmocka_unit_test(test_form),
	    cmocka_unit_test(test_sorts),
	    cmocka_unit_test(test_chance),
	};

	return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
