/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A trail: what one order did, step by step, with times.  It keeps the first
 * 8 and the last 24 steps; an order that is refused a thousand times by the
 * version check still shows how it began and how it ended.
 *
 * A trail belongs to its order: whoever holds the order may touch it.
 */
#ifndef TRAIL_H
#define TRAIL_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define TRAIL_FIRST 8
#define TRAIL_LAST 24
#define TRAIL_TEXT_SIZE (32 * 112 + 8) /* any trail as JSON, with NUL */
static_assert(TRAIL_FIRST + TRAIL_LAST == 32, "TRAIL_TEXT_SIZE is for 32");

enum step {
	STEP_QUEUED = 0, /* arrived, and waits for a clerk */
	STEP_WAIT,       /* waits for the lock */
	STEP_LOCK,       /* has it */
	STEP_READ,       /* reads remaining and version */
	STEP_DELAY,      /* pauses */
	STEP_WRITE,      /* writes remaining */
	STEP_CONFLICT,   /* was refused: the version had changed */
	STEP_RECOVER,    /* the lock was inherited from the dead */
	STEP_SWITCH,     /* the sale's settings changed: again */
	STEP_COMMIT,     /* the write is durable and has this version */
	STEP_UNLOCK,     /* releases the lock */
};

struct trail_step {
	int64_t at_ns;
	enum step step;
	int64_t remaining, version; /* -1: the step knows none */
};

struct trail {
	size_t count; /* steps added, the forgotten ones too */
	struct trail_step first[TRAIL_FIRST];
	struct trail_step last[TRAIL_LAST]; /* a ring */
};

void trail_add(struct trail *trail, enum step step, int64_t at_ns);

/* Say what the last step saw or wrote. */
void trail_note(struct trail *trail, int64_t remaining, int64_t version);

/* The steps that are kept, in order: 0 ≤ i < trail_length(). */
size_t trail_length(const struct trail *trail);
const struct trail_step *trail_at(const struct trail *trail, size_t i);

/* As a JSON list; the length without NUL. */
size_t trail_print(const struct trail *trail, char text[TRAIL_TEXT_SIZE]);

const char *trail_step_name(enum step step);

/* How long the order was at such steps, as far as the trail knows. */
int64_t trail_spent_ns(const struct trail *trail, enum step step);

#endif
