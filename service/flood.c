/* SPDX-License-Identifier: BSD-2-Clause */
/* Whoever is first in a second begins to count anew. */
#include "service/flood.h"

#include "locks/clock.h"

bool
flood_says(struct flood *flood, int64_t now_ns)
{
	const int64_t now = now_ns / NS_PER_SEC;
	int64_t second = atomic_load(&flood->second);

	if (second != now &&
	    atomic_compare_exchange_strong(&flood->second, &second, now))
		atomic_store(&flood->said, 0);
	if (atomic_fetch_add(&flood->said, 1) < FLOOD_SAID)
		return true;
	atomic_fetch_add(&flood->unsaid, 1);
	return false;
}

uint64_t
flood_rest(struct flood *flood, int64_t now_ns)
{
	if (atomic_load(&flood->unsaid) == 0 ||
	    atomic_load(&flood->second) == now_ns / NS_PER_SEC)
		return 0;
	return atomic_exchange(&flood->unsaid, 0);
}
