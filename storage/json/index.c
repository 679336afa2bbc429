/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The segments say where a line may be; it is read from the ledger and
 * compared.  The ledger is opened for each look: only a hit needs it, and no
 * process keeps files open that another one deletes.
 */
#include "storage/json/index.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "storage/json/files.h"
#include "storage/json/heads.h"
#include "storage/json/ledger.h"
#include "storage/json/lines.h"
#include "storage/json/segments.h"

/* Is the slot still that of the sale which was read with `state`? */
static bool
still_there(
    struct store_user *user, const struct store_state *state, struct head *head)
{
	*head = heads_read(heads_slot(user, state->slot));
	return head->state.birth != 0 && head->state.birth == state->birth;
}

/*
 * The ledger, open to be read.  The birth is looked at afterwards: the file is
 * no namesake's, and what the segments said before was of this sale.
 */
static enum store_result
open_ledger(struct store_user *user, const struct store_state *state, int *fd)
{
	const char *id = state->settings.id;
	struct head head;
	int error;

	*fd = files_open_ledger(user->store, id, O_RDONLY);
	error = errno;
	if (!still_there(user, state, &head)) {
		if (*fd != -1)
			close(*fd);
		return STORE_GONE;
	}
	errno = error;
	return *fd == -1 ? files_fail(user, id, "open " LEDGER) : STORE_OK;
}

/* Some lines, and who looks at them. */
struct walk {
	int64_t version;     /* of the line that comes next */
	int64_t first, last; /* the versions that are shown */
	store_visit_fn *visit;
	void *arg;
	const char *bad; /* what is wrong with line `version`; NULL: nothing */
};

/* A lines_take_fn. */
static bool
take_line(char *text, size_t length, void *arg)
{
	struct walk *walk = arg;
	bool go_on = true;

	if (walk->version >= walk->first &&
	    !ledger_decode(
		text, length, walk->visit, walk->arg, &go_on, &walk->bad))
		return false;
	return go_on && walk->version++ < walk->last;
}

static enum store_result
walk_lines(struct store_user *user, const char *id, int fd, struct walk *walk,
    int64_t from, int64_t to)
{
	const enum lines_result result =
	    lines_walk(fd, from, to, take_line, walk);

	if (result == LINES_FAILED && errno == ENOMEM)
		return store_no_memory(user);
	if (walk->bad != NULL)
		return store_fail(user, STORE_FAILED,
		    "%s/%s/" LEDGER ", line %" PRId64 ": %s", user->store->dir,
		    id, walk->version, walk->bad);
	if (result == LINES_OK)
		return STORE_OK;
	return store_fail(user, STORE_FAILED, "%s/%s/" LEDGER ": %s",
	    user->store->dir, id,
	    result == LINES_SHORT ? "cut short" : strerror(errno));
}

/* The end of the block that `version` is in, as far as `head` shows it. */
static int64_t
end_of(const struct store_user *user, const struct head *head, int64_t version)
{
	const int64_t next = segments_first(version) + SEGMENTS_BLOCK;

	return next > head->state.version ? head->mark
					  : segments_offset(user->store->local,
						head->state.slot, next);
}

/* Lines walk->first … walk->last, which a head has shown. */
static enum store_result
show_lines(
    struct store_user *user, const struct store_state *state, struct walk *walk)
{
	enum store_result result;
	struct head head;
	int64_t from, to;
	int fd;

	if (!still_there(user, state, &head))
		return STORE_GONE;
	walk->version = segments_first(walk->first);
	from = segments_offset(user->store->local, state->slot, walk->version);
	to = end_of(user, &head, walk->last);
	result = open_ledger(user, state, &fd);
	if (result != STORE_OK)
		return result;
	result = walk_lines(user, state->settings.id, fd, walk, from, to);
	close(fd);
	return result;
}

struct wanted {
	enum store_by by;
	const char *value;
	bool found;
	store_visit_fn *visit;
	void *arg;
};

static bool
is_wanted(const struct store_line *line, void *arg)
{
	struct wanted *wanted = arg;
	const char *value =
	    wanted->by == STORE_BY_KEY ? line->key : line->order;

	wanted->found = value != NULL && strcmp(value, wanted->value) == 0;
	if (wanted->found)
		wanted->visit(line, wanted->arg);
	return false;
}

enum store_result
index_find(struct store_user *user, const struct store_state *state,
    enum store_by by, const char *value, store_visit_fn *visit, void *arg)
{
	struct wanted wanted = {
	    .by = by, .value = value, .visit = visit, .arg = arg};
	struct walk walk = {.visit = is_wanted, .arg = &wanted};
	enum store_result result = STORE_OK;
	struct search search;
	struct head head;

	if (!still_there(user, state, &head))
		return STORE_GONE;
	search = segments_search(user->store->local, &head.state, by, value);
	while (result == STORE_OK && !wanted.found &&
	       (walk.first = segments_next(&search)) != 0) {
		walk.last = walk.first;
		result = show_lines(user, state, &walk);
	}
	return result == STORE_OK && !wanted.found ? STORE_GONE : result;
}

enum store_result
index_each(struct store_user *user, const struct store_state *state,
    int64_t after, store_visit_fn *visit, void *arg)
{
	struct walk walk = {.first = after + 1,
	    .last = state->version,
	    .visit = visit,
	    .arg = arg};
	struct head head;

	if (!still_there(user, state, &head))
		return STORE_GONE;
	if (after >= state->version)
		return STORE_OK;
	return show_lines(user, state, &walk);
}
