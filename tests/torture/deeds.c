/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/torture/deeds.h"

#include <stdint.h>
#include <string.h>

#include "tests/torture/shelf.h"

/* clang-format off */
const struct deed deeds[] = {
	{ .name = "buy", .count = 1, .buys = true, .done = 201,
	  .sells = "demo",
	  .requests = { { "POST", "/sales/demo/buy", "buyer=c1", NULL } } },
	{ .name = "buy-key", .count = 1, .buys = true, .done = 201,
	  .was_done = 201, .sells = "demo",
	  .requests = { { "POST", "/sales/demo/buy", "buyer=c1", "c1" } } },
	{ .name = "crowd", .count = 3, .buys = true, .done = 201,
	  .was_done = 201, .sells = "demo",
	  .requests = { { "POST", "/sales/demo/buy", "buyer=c1", "c1" },
	    { "POST", "/sales/demo/buy", "buyer=c2", "c2" },
	    { "POST", "/sales/demo/buy", "buyer=c3", "c3" } } },
	{ .name = "patch", .count = 1, .done = 200, .was_done = 200,
	  .sells = "odd",
	  .requests = { { "PATCH", "/sales/odd",
	    "lock=mutex&capacity=30&delay=1ms", NULL } } },
	{ .name = "patch-lock", .count = 1, .done = 200, .was_done = 200,
	  .sells = "demo",
	  .requests = { { "PATCH", "/sales/demo", "lock=optimistic&delay=1ms",
	    NULL } } },
	{ .name = "patch-capacity", .count = 1, .done = 200, .was_done = 200,
	  .sells = "demo",
	  .requests = { { "PATCH", "/sales/demo", "capacity=100020", NULL } } },
	{ .name = "create", .count = 1, .done = 201, .was_done = 409,
	  .sells = "new",
	  .requests = { { "POST", "/sales", "id=new&capacity=5&lock=flock",
	    NULL } } },
	{ .name = "delete", .count = 1, .done = 204, .was_done = 404,
	  .sells = "demo",
	  .requests = { { "DELETE", "/sales/gone?force=1", NULL, NULL } } },

	{ .name = "audit", .count = 1, .reads = true, .done = 200,
	  .requests = { { "GET", "/sales/odd/audit", NULL, NULL } } },
	{ .name = "audit-text", .count = 1, .reads = true, .done = 200,
	  .requests = { { "GET", "/sales/odd/audit.txt", NULL, NULL } } },
	{ .name = "ledger", .count = 1, .reads = true, .done = 200,
	  .requests = { { "GET", "/sales/odd/ledger?trail", NULL, NULL } } },
	{ .name = "order", .count = 1, .reads = true, .done = 200,
	  .requests = { { "GET", "/sales/demo/orders/" SHELF_ORDER, NULL,
	    NULL } } },
	{ .name = "sales", .count = 1, .reads = true, .done = 200,
	  .requests = { { "GET", "/sales", NULL, NULL } } },
	{ .name = "sale", .count = 1, .reads = true, .done = 200,
	  .requests = { { "GET", "/sales/odd", NULL, NULL } } },
};
/* clang-format on */
const size_t deeds_count = sizeof(deeds) / sizeof(deeds[0]);

const struct deed *
deeds_named(const char *name)
{
	size_t i;

	for (i = 0; i < deeds_count; i++)
		if (strcmp(deeds[i].name, name) == 0)
			return &deeds[i];
	return NULL;
}

/* --------------------------------------------------------------- states -- */

/* Is this line of a look a ticket for one of the deed's buyers?  Which? */
static size_t
buyer_of(const char *line, size_t length)
{
	static const char mark[] = ", buyer c";
	const char *at = memmem(line, length, mark, sizeof(mark) - 1);

	if (at == NULL)
		return SIZE_MAX;
	return (size_t)(at[sizeof(mark) - 1] - '1');
}

/* A sale's own line, without the counter that a buy moves. */
static size_t
fixed_length(const char *line, size_t length)
{
	const char *at = memmem(line, length, ", remaining", 11);

	return line[0] == ' ' || at == NULL ? length : (size_t)(at - line);
}

/*
 * Lines of `now` that are no ticket of the deed's must be those of `before`;
 * demo's own line may differ in its counter.
 */
static enum deed_state
buy_state(const struct deed *deed, const char *before, const char *now)
{
	size_t times[DEED_REQUESTS] = {0}, i, length, old, got = 0;
	bool is_demo = false;

	while (*now != '\0') {
		length = strcspn(now, "\n") + 1;
		old = strcspn(before, "\n") + 1;
		if (now[0] != ' ')
			is_demo = strncmp(now, "demo:", 5) == 0;
		i = now[0] == ' ' ? buyer_of(now, length) : SIZE_MAX;
		if (i < deed->count) {
			times[i]++;
			now += length;
			continue;
		}
		if (is_demo && now[0] != ' ') {
			if (fixed_length(now, length) !=
				fixed_length(before, old) ||
			    memcmp(now, before, fixed_length(now, length)) != 0)
				return DEED_WRONG;
		} else if (length != old || memcmp(now, before, length) != 0) {
			return DEED_WRONG;
		}
		now += length;
		before += old;
	}
	if (*before != '\0')
		return DEED_WRONG;
	for (i = 0; i < deed->count; i++) {
		if (times[i] > 1)
			return DEED_WRONG;
		got += times[i];
	}
	return got == 0             ? DEED_ABSENT
	       : got == deed->count ? DEED_DONE
				    : DEED_PARTLY;
}

enum deed_state
deeds_judge(const struct deed *deed, const char *before, const char *after,
    const char *now)
{
	if (deed->buys)
		return buy_state(deed, before, now);
	if (strcmp(now, before) == 0)
		return DEED_ABSENT;
	return strcmp(now, after) == 0 ? DEED_DONE : DEED_WRONG;
}
