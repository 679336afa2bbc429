/* SPDX-License-Identifier: BSD-2-Clause */
/* What an order's fate is called, and what its buyer gets to hold. */
#include "service/sale/order.h"

#include <string.h>

#include "service/writer.h"

static const char *const names[OUTCOMES] = {
    [OUTCOME_NONE] = "none",
    [OUTCOME_SOLD] = "sold",
    [OUTCOME_REPLAYED] = "replayed",
    [OUTCOME_SOLD_OUT] = "sold-out",
    [OUTCOME_NOT_ENOUGH] = "not-enough",
    [OUTCOME_NO_SALE] = "no-sale",
    [OUTCOME_CHANGED] = "changed",
    [OUTCOME_KEY_REUSED] = "key-reused",
    [OUTCOME_QUEUE_FULL] = "queue-full",
    [OUTCOME_QUEUE_TIMEOUT] = "queue-timeout",
    [OUTCOME_LOCK_TIMEOUT] = "lock-timeout",
    [OUTCOME_CONFLICTS] = "too-many-conflicts",
    [OUTCOME_MOVED] = "too-many-changes",
    [OUTCOME_STORE_BUSY] = "store-busy",
    [OUTCOME_STORE_FULL] = "storage-full",
    [OUTCOME_STORE_ERROR] = "storage-error",
    [OUTCOME_UNKNOWN] = "outcome-unknown",
    [OUTCOME_DRAINING] = "draining",
};

const char *
order_outcome_name(enum outcome outcome)
{
	return names[outcome];
}

enum order_end
order_end(enum outcome outcome)
{
	switch (outcome) {
	case OUTCOME_SOLD:
	case OUTCOME_REPLAYED:
		return ORDER_GOT;
	case OUTCOME_SOLD_OUT:
	case OUTCOME_NOT_ENOUGH:
	case OUTCOME_NO_SALE:
	case OUTCOME_CHANGED:
	case OUTCOME_KEY_REUSED:
		return ORDER_REFUSED;
	case OUTCOME_NONE:
	case OUTCOME_QUEUE_FULL:
	case OUTCOME_QUEUE_TIMEOUT:
	case OUTCOME_LOCK_TIMEOUT:
	case OUTCOME_CONFLICTS:
	case OUTCOME_MOVED:
	case OUTCOME_STORE_BUSY:
	case OUTCOME_STORE_FULL:
	case OUTCOME_STORE_ERROR:
	case OUTCOME_UNKNOWN:
	case OUTCOME_DRAINING:
		break;
	}
	return ORDER_FAILED;
}

const char *
order_end_name(enum order_end end)
{
	static const char *const names_of_ends[ORDER_ENDS] = {
	    [ORDER_GOT] = "sold",
	    [ORDER_REFUSED] = "refused",
	    [ORDER_FAILED] = "failed",
	};

	return names_of_ends[end];
}

void
order_print_id(
    char id[STORE_ORDER_SIZE], int64_t wall_ms, uint64_t a, uint64_t b)
{
	const uint64_t ms = (uint64_t)wall_ms;
	struct writer w = writer_on(id, STORE_ORDER_SIZE);

	writer_put_hex(&w, "", 8, ms >> 16);
	writer_put_hex(&w, "-", 4, ms);
	writer_put_hex(&w, "-7", 3, a);
	writer_put_hex(&w, "-", 4, 0x8000 | (b >> 48 & 0x3fff));
	writer_put_hex(&w, "-", 12, b);
}

/* What does not fit is left out. */
static void
copy_text(char *to, size_t size, const char *text)
{
	const size_t length = strnlen(text, size - 1);

	memcpy(to, text, length);
	to[length] = '\0';
}

void
order_fill_receipt(struct receipt *receipt, const struct store_line *line)
{
	struct receipt *r = receipt;

	copy_text(r->order, sizeof(r->order), line->order);
	copy_text(r->buyer, sizeof(r->buyer), line->buyer);
	copy_text(r->lock, sizeof(r->lock), line->lock);
	r->seat = line->seat;
	r->quantity = line->quantity;
	r->remaining = line->remaining;
	r->version = line->version;
	r->base = line->base;
	r->sold_at_ms = line->sold_at_ms;
	r->host = line->host;
	r->worker = line->worker;
	r->clerk = line->clerk;
}
