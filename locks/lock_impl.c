/* SPDX-License-Identifier: BSD-2-Clause */
/* What a lock does that has nothing to do. */
#include "locks/lock_impl.h"

int
lock_prepare_nothing(const struct lock_config *config, void **shared)
{
	(void)config;
	*shared = NULL;
	return 0;
}

int
lock_attach_shared(void *shared, unsigned worker, unsigned clerk, void **own)
{
	(void)worker;
	(void)clerk;
	*own = shared;
	return 0;
}

enum lock_result
lock_acquire_nothing(
    void *own, unsigned slot, unsigned permits, int64_t deadline_ns)
{
	(void)own;
	(void)slot;
	(void)permits;
	(void)deadline_ns;
	return LOCK_HELD;
}

void
lock_release_nothing(void *own, unsigned slot, unsigned permits)
{
	(void)own;
	(void)slot;
	(void)permits;
}

void
lock_free_nothing(void *made)
{
	(void)made;
}

unsigned
lock_force_release_nothing(void *shared, unsigned worker)
{
	(void)shared;
	(void)worker;
	return 0;
}
