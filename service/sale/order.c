/* SPDX-License-Identifier: BSD-2-Clause */
/* What an order's fate is called, in metrics and problems. */
#include "service/sale/order.h"

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
