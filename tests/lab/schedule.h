/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Schedules as texts.  A letter is one look at the counter, or one change of
 * it, by one buyer: ABBA is *A looks, B looks, B changes, A changes*.
 */
#ifndef SCHEDULE_H
#define SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>

#define SCHEDULE_MAX 128

enum deed {
	DEED_GO = 0,    /* a letter of a buyer: A */
	DEED_KILL,      /* the same, and it is killed in it: a */
	DEED_SUPERVISE, /* what the dead held is handed back: S */
	DEED_PATCH,     /* the strategy is changed: P */
	DEED_TIME,      /* ten seconds pass: T */
};

struct letter {
	enum deed deed;
	unsigned buyer; /* of GO and KILL */
};

struct schedule {
	struct letter letters[SCHEDULE_MAX];
	size_t length;
	/* Letters of another buyer while the one before could go on. */
	unsigned preemptions;
};

/* 'A', 'a', 'S', 'P' */
char schedule_letter(struct letter letter);

/* `text` has room for SCHEDULE_MAX + 1. */
void schedule_print(const struct schedule *schedule, char *text);

/*
 * A2B is AAB.  False, with one line in `error`: a letter that is no buyer of
 * so many, nothing at all, or too much.
 */
bool schedule_parse(const char *text, unsigned buyers,
    struct schedule *schedule, char *error, size_t error_size);

/* Fewer preemptions, then fewer letters, then the alphabet. */
bool schedule_is_before(const struct schedule *one, const struct schedule *two);

#endif
