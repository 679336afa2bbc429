/* SPDX-License-Identifier: BSD-2-Clause */
/* The first steps in a row, the last ones in a ring. */
#include "service/sale/trail.h"

#include <assert.h>

#include "service/writer.h"

static const char *const names[] = {
    [STEP_QUEUED] = "queued",
    [STEP_WAIT] = "wait",
    [STEP_LOCK] = "lock",
    [STEP_READ] = "read",
    [STEP_DELAY] = "delay",
    [STEP_WRITE] = "write",
    [STEP_CONFLICT] = "conflict",
    [STEP_RECOVER] = "recover",
    [STEP_SWITCH] = "switch",
    [STEP_COMMIT] = "commit",
    [STEP_UNLOCK] = "unlock",
};

const char *
trail_step_name(enum step step)
{
	return names[step];
}

static struct trail_step *
slot_of(struct trail *trail, size_t i)
{
	if (i < TRAIL_FIRST)
		return &trail->first[i];
	return &trail->last[(i - TRAIL_FIRST) % TRAIL_LAST];
}

void
trail_add(struct trail *trail, enum step step, int64_t at_ns)
{
	*slot_of(trail, trail->count++) = (struct trail_step){
	    .at_ns = at_ns, .step = step, .remaining = -1, .version = -1};
}

void
trail_note(struct trail *trail, int64_t remaining, int64_t version)
{
	struct trail_step *last;

	assert(trail->count > 0);
	last = slot_of(trail, trail->count - 1);
	last->remaining = remaining;
	last->version = version;
}

size_t
trail_length(const struct trail *trail)
{
	const size_t most = TRAIL_FIRST + TRAIL_LAST;

	return trail->count < most ? trail->count : most;
}

const struct trail_step *
trail_at(const struct trail *trail, size_t i)
{
	const size_t forgotten = trail->count - trail_length(trail);

	assert(i < trail_length(trail));
	if (i < TRAIL_FIRST)
		return &trail->first[i];
	return &trail->last[(i + forgotten - TRAIL_FIRST) % TRAIL_LAST];
}

size_t
trail_print(const struct trail *trail, char text[TRAIL_TEXT_SIZE])
{
	struct writer w = writer_on(text, TRAIL_TEXT_SIZE);
	const size_t steps = trail_length(trail);
	size_t i;

	for (i = 0; i < steps; i++) {
		const struct trail_step *s = trail_at(trail, i);

		writer_put_number(
		    &w, i == 0 ? "[{\"at_ns\":" : ",{\"at_ns\":", s->at_ns);
		writer_put_string(&w, ",\"step\":", names[s->step]);
		if (s->version >= 0) {
			writer_put_number(&w, ",\"remaining\":", s->remaining);
			writer_put_number(&w, ",\"version\":", s->version);
		}
		writer_put_text(&w, "}");
	}
	writer_put_text(&w, steps > 0 ? "]" : "[]");
	assert(!w.failed);
	return w.size;
}

int64_t
trail_spent_ns(const struct trail *trail, enum step step)
{
	int64_t spent_ns = 0;
	size_t i;

	for (i = 0; i + 1 < trail_length(trail); i++) {
		const struct trail_step *s = trail_at(trail, i);

		/* Behind the first steps others may be forgotten. */
		if (i + 1 == TRAIL_FIRST && trail->count > trail_length(trail))
			continue;
		if (s->step == step)
			spent_ns += trail_at(trail, i + 1)->at_ns - s->at_ns;
	}
	return spent_ns;
}
