/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the clerks of a service are that does not sell any more: those that
 * dawdle (service/process/jitter.h) say so in the names of their threads.
 */
#ifndef HANG_H
#define HANG_H

#include "tests/stress/buyers.h"
#include "tests/stress/launch.h"

#define HANG_NAMES_SIZE 128

/* Clerks by what they do: "1.2, 2.1", and how many. */
struct hang_clerks {
	char names[HANG_NAMES_SIZE];
	size_t count;
};

struct hang_scene {
	struct hang_clerks holding, waiting;
};

/* Now; nobody is seen in a service of others (pid 0). */
void hang_look(const struct launch *launch, struct hang_scene *scene);

/*
 * In words: after how many receipts, who holds the lock, who waits for it; and
 * who sold last, if nobody holds it.  Of a service of others only what the
 * buyers know.  There were `tickets`, 0 if nobody knows.
 */
void hang_describe(const struct launch *launch, const struct buyers_log *log,
    const struct hang_scene *scene, int64_t tickets, char *text, size_t size);

#endif
