/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why the service cannot sell now: one line in shared memory, for those who
 * ask it.  Written seldom, by whoever finds out; two who write at once may
 * leave a mixture until the next one does.
 */
#ifndef TROUBLE_H
#define TROUBLE_H

#include <stdatomic.h>

#define TROUBLE_SIZE 512

/* Zeroed: there is none. */
struct trouble {
	_Atomic char text[TROUBLE_SIZE];
};

/* "": it is over.  Any thread of any process; what is too long is cut. */
void trouble_set(struct trouble *trouble, const char *text);

/* "": there is none. */
void trouble_get(const struct trouble *trouble, char text[TROUBLE_SIZE]);

#endif
