/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every write is synced before the next one begins.  So all that a power cut
 * can tear belongs to the last write; what is torn elsewhere is damage.
 */
#include "storage/json/recovery.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "storage/json/files.h"
#include "storage/json/ledger.h"
#include "storage/json/lines.h"
#include "storage/json/segments.h"

#define AHEAD 16 /* lines whose memory is on its way */

/* A ledger as far as it was read. */
struct recovery {
	struct segments *segments;     /* lines are added there … */
	const struct store_copy *copy; /* … or given to it, if it is not NULL */
	bool is_refused; /* by it: the lines behind are not looked at */
	int64_t to;      /* nor are those behind this byte */
	struct segments_line kept[AHEAD]; /* line n, and those before it */
	int64_t added;
	struct head head; /* as the last good line leaves it */
	int64_t changes;  /* changes behind that version were not done */
	int64_t number;   /* of the last good line, or of the first bad one */
	const char *bad;  /* what is wrong with that; NULL: none is bad */
	bool is_damaged;  /* and that is more than a killed writer's end */
	bool no_memory;
};

/* Add the lines that were kept, but for the last `but`. */
static void
add_kept(struct recovery *r, int64_t but)
{
	const struct store_state *state = &r->head.state;

	while (r->added < state->version - but)
		segments_add(
		    r->segments, state->slot, &r->kept[r->added++ % AHEAD]);
}

static void
take_good(struct recovery *r, const struct store_line *line)
{
	struct store_state *state = &r->head.state;

	if (r->copy != NULL) {
		r->is_refused = !r->copy->line(line, r->copy->arg);
		store_follow(state, line);
		return;
	}
	r->no_memory = !segments_reserve(r->segments, state, 1);
	if (r->no_memory)
		return;
	add_kept(r, AHEAD - 1);
	r->kept[state->version % AHEAD] =
	    segments_line(r->segments, state->slot, line, r->head.mark);
	store_follow(state, line);
}

/* A sealed line.  Behind a bad one it must be of the same write. */
static bool
take_sealed(const struct store_line *line, void *arg)
{
	struct recovery *r = arg;
	const int64_t next = r->head.state.version + 1;

	if (r->bad != NULL) {
		r->is_damaged = line->version - line->nth + 1 > next;
	} else if (line->version != next) {
		r->bad = "its version is not the last one's plus 1";
		r->is_damaged = true;
	} else if (line->kind != STORE_SOLD && line->version > r->changes) {
		r->bad = "it is of a change that " SETTINGS " does not know";
	} else {
		take_good(r, line);
	}
	return true;
}

/* A lines_take_fn. */
static bool
take_line(char *text, size_t length, void *arg)
{
	struct recovery *r = arg;
	const char *why;
	bool sealed, go_on;

	if (r->bad == NULL)
		r->number++;
	sealed = ledger_decode(text, length, take_sealed, r, &go_on, &why);
	if (r->bad == NULL && sealed)
		r->head.mark += (int64_t)length;
	else if (r->bad == NULL)
		r->bad = why;
	return !r->is_damaged && !r->no_memory && !r->is_refused;
}

/* Read on behind the head's mark. */
static enum store_result
read_file(struct store_user *user, struct recovery *r, int fd)
{
	const char *id = r->head.state.settings.id;
	const enum lines_result result =
	    lines_walk(fd, r->head.mark, r->to, take_line, r);

	if (r->copy == NULL)
		add_kept(r, 0);
	if (r->no_memory || (result == LINES_FAILED && errno == ENOMEM))
		return store_no_memory(user);
	if (r->is_damaged)
		return store_fail(user, STORE_FAILED,
		    "%s/%s/" LEDGER ", line %" PRId64
		    ", is damaged: %s; restore the directory from a backup",
		    user->store->dir, id, r->number, r->bad);
	if (result == LINES_FAILED) /* what cannot be read is not cut */
		return files_fail(user, id, LEDGER ": read");
	return STORE_OK;
}

static enum store_result
read_ledger(struct store_user *user, struct recovery *r)
{
	const char *id = r->head.state.settings.id;
	enum store_result result;
	int fd;

	fd = files_open_ledger(user->store, id, O_RDONLY);
	if (fd == -1)
		return files_fail(user, id, LEDGER ": open");
	result = read_file(user, r, fd);
	close(fd);
	return result;
}

/* A change was acknowledged: its lines are there. */
static enum store_result
check_changes(struct store_user *user, const struct recovery *r)
{
	if (r->changes == RECOVERY_ALL || r->head.state.version >= r->changes)
		return STORE_OK;
	return store_fail(user, STORE_FAILED,
	    "%s/%s/" LEDGER " ends with line %" PRId64 ", and " SETTINGS
	    " is of line %" PRId64 ": restore the directory from a backup",
	    user->store->dir, r->head.state.settings.id, r->head.state.version,
	    r->changes);
}

enum store_result
recovery_read(struct store_user *user, struct head *head, int64_t changes)
{
	struct recovery r = {.segments = user->store->local,
	    .added = head->state.version,
	    .head = *head,
	    .changes = changes,
	    .number = head->state.version,
	    .to = INT64_MAX};
	enum store_result result;

	result = read_ledger(user, &r);
	if (result == STORE_OK)
		result = check_changes(user, &r);
	if (result == STORE_OK && r.bad != NULL)
		result = files_cut_ledger(
		    user, head->state.settings.id, r.head.mark);
	if (result == STORE_OK)
		*head = r.head;
	return result;
}

enum store_result
recovery_copy(struct store_user *user, struct head *head, int64_t changes,
    int fd, int64_t to, const struct store_copy *copy)
{
	struct recovery r = {
	    .copy = copy, .to = to, .head = *head, .changes = changes};
	enum store_result result;

	result = read_file(user, &r, fd);
	if (result == STORE_OK && !r.is_refused)
		result = check_changes(user, &r);
	*head = r.head;
	return result;
}
