/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Depth first, without recursion.  The events stand in a list in the order of
 * time; an operation that is taken leaves it and comes back when it is taken
 * back.  What can be next are the invocations before the first answer that is
 * still in the list.
 *
 * What is used unless it is to be plain (README.md has the proofs):
 *   same     what fits and changes nothing is taken at once, and not again
 *   claims   a version that a receipt names is that order's, or its key's
 *   left     a version that somebody has yet to tell of is not left before
 *   dead     an answer that tells of what is over: this way is no way
 *   alike    of unknown ones that ask for the same, the first goes first
 */
#include "tests/history/search.h"

#include <stdlib.h>
#include <string.h>

#include "tests/history/clash.h"

#define NOBODY SIZE_MAX

struct node {
	struct node *before, *after;
	size_t op;
	size_t line;
	bool is_answer;
};

struct frame {
	size_t op;
	bool is_forced; /* there was no choice */
	struct undo undo;
};

/* What is known of an operation beforehand, and where it stands. */
struct task {
	struct op op;
	size_t index;  /* in the partition */
	bool is_known; /* it has an answer, so it must be in the order */
	bool is_taken;
	struct node *asked, *answered; /* answered NULL: never */
	size_t alike, rank;            /* its class, and its place in it */
	size_t next_claim;             /* another receipt of the same version */
};

struct memory {
	uint64_t (*slot)[2];
	size_t count, slots;
};

struct searcher {
	const struct search_options *options;
	struct task *tasks;
	size_t count, known_left;
	struct node *nodes, head;
	struct frame *frames;
	size_t depth;
	struct sale *sale;
	uint64_t taken_hash[2];
	struct memory memory;
	size_t *best;
	size_t best_depth;
	bool out_of_memory;
	/* Unless plain: */
	size_t *claim;    /* by version: the first receipt that names it */
	size_t *left_at;  /* by version: how many have yet to tell of it */
	size_t *in_class; /* by class: how many are taken */
	size_t *turns;    /* those that open or delete the sale */
	size_t turn_count;
	int64_t base;    /* no version is below */
	bool lives_once; /* the sale cannot be opened twice */
};

/* --------------------------------------------------------------- memory -- */

static bool
widen(struct memory *memory)
{
	const size_t slots = memory->slots == 0 ? 4096 : memory->slots * 2;
	uint64_t(*slot)[2] = calloc(slots, sizeof(*slot));
	size_t i, at;

	if (slot == NULL)
		return false;
	for (i = 0; i < memory->slots; i++) {
		if (memory->slot[i][0] == 0)
			continue;
		for (at = memory->slot[i][0] & (slots - 1); slot[at][0] != 0;)
			at = (at + 1) & (slots - 1);
		memcpy(slot[at], memory->slot[i], sizeof(*slot));
	}
	free(memory->slot);
	memory->slot = slot;
	memory->slots = slots;
	return true;
}

/* False: it was there before, or (`*full`) there is no room. */
static bool
remember(struct memory *memory, const uint64_t hash[2], bool *full)
{
	const uint64_t first = hash[0] == 0 ? 1 : hash[0]; /* 0 is free */
	size_t at;

	if (memory->count * 2 >= memory->slots && !widen(memory)) {
		*full = true;
		return false;
	}
	for (at = first & (memory->slots - 1); memory->slot[at][0] != 0;
	     at = (at + 1) & (memory->slots - 1))
		if (memory->slot[at][0] == first &&
		    memory->slot[at][1] == hash[1])
			return false;
	memory->slot[at][0] = first;
	memory->slot[at][1] = hash[1];
	memory->count++;
	return true;
}

static uint64_t
scramble(uint64_t value)
{
	value += UINT64_C(0x9e3779b97f4a7c15);
	value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
	return value ^ (value >> 31);
}

/* ----------------------------------------------------------------- list -- */

static void
toggle_taken(struct searcher *s, size_t op)
{
	s->taken_hash[0] ^= scramble(2 * op);
	s->taken_hash[1] ^= scramble(2 * op + 1);
}

static void
unlink_node(struct node *node)
{
	if (node == NULL)
		return;
	node->before->after = node->after;
	if (node->after != NULL)
		node->after->before = node->before;
}

static void
relink_node(struct node *node)
{
	if (node == NULL)
		return;
	node->before->after = node;
	if (node->after != NULL)
		node->after->before = node;
}

/* The epoch that the sale must have when this one is taken, or after. */
static int
epoch_told(const struct op *op)
{
	switch (op->kind) {
	case OP_LOOK:
	case OP_AUDIT:
	case OP_PATCH:
		return op->epoch;
	case OP_BUY: /* else its If-Match may stand in a receipt's repetition */
		return op->answer == ANSWER_CHANGED ? op->epoch : 0;
	case OP_START:
	case OP_CREATE:
	case OP_DELETE:
		break;
	}
	return 0;
}

/* Nobody can tell of more versions than there are operations. */
static size_t
place(const struct searcher *s, int64_t version)
{
	return version >= s->base && version - s->base <= (int64_t)s->count
		   ? (size_t)(version - s->base)
		   : NOBODY;
}

static void
count_left(struct searcher *s, const struct task *task, size_t by)
{
	if (s->options->plain || !task->is_known)
		return;
	if (history_tells_version(&task->op) &&
	    place(s, task->op.version) != NOBODY)
		s->left_at[place(s, task->op.version)] += by;
}

static void
take(struct searcher *s, size_t op, const struct undo *undo, bool is_forced)
{
	struct task *task = &s->tasks[op];

	s->frames[s->depth++] =
	    (struct frame){.op = op, .is_forced = is_forced, .undo = *undo};
	task->is_taken = true;
	s->known_left -= task->is_known;
	toggle_taken(s, op);
	unlink_node(task->asked);
	unlink_node(task->answered);
	count_left(s, task, (size_t)-1);
	if (task->alike != NOBODY)
		s->in_class[task->alike]++;
}

static struct frame
take_back(struct searcher *s)
{
	const struct frame frame = s->frames[--s->depth];
	struct task *task = &s->tasks[frame.op];

	task->is_taken = false;
	s->known_left += task->is_known;
	toggle_taken(s, frame.op);
	relink_node(task->answered);
	relink_node(task->asked);
	count_left(s, task, 1);
	if (task->alike != NOBODY)
		s->in_class[task->alike]--;
	sale_undo(s->sale, &frame.undo);
	return frame;
}

/* ---------------------------------------------------------------- prunes -- */

/* Could the sale be deleted and opened again before this one's answer? */
static bool
may_be_later_life(const struct searcher *s, const struct task *task)
{
	bool created = false, deleted = false;
	size_t i;

	if (s->lives_once)
		return false;
	for (i = 0; i < s->turn_count; i++) {
		const struct task *turn = &s->tasks[s->turns[i]];

		if (turn->asked->line > task->answered->line)
			break;
		if (turn->is_taken)
			continue;
		created |= turn->op.kind == OP_CREATE;
		deleted |= turn->op.kind == OP_DELETE;
	}
	return created && (deleted || !s->sale->now.exists);
}

/* A receipt says that the version is somebody else's. */
static bool
is_claimed(const struct searcher *s, int64_t version, const struct task *by)
{
	const size_t at = place(s, version);
	size_t i;

	if (at == NOBODY)
		return false;
	for (i = s->claim[at]; i != NOBODY; i = s->tasks[i].next_claim) {
		const struct task *task = &s->tasks[i];

		if (!task->is_taken && task != by &&
		    (task->op.key == 0 || task->op.key != by->op.key) &&
		    !may_be_later_life(s, task))
			return true;
	}
	return false;
}

/* The sale was `before` and is changed by this: is that no way to go? */
static bool
is_pruned(const struct searcher *s, const struct sale_now *before,
    const struct task *by)
{
	const struct sale_now *now = &s->sale->now;
	size_t at;

	if (now->version <= before->version || !before->exists || !now->exists)
		return false;
	at = place(s, before->version);
	return is_claimed(s, now->version, by) ||
	       (s->lives_once && at != NOBODY && s->left_at[at] > 0);
}

/* Nobody who waits for his answer can be explained any more. */
static bool
is_dead(const struct searcher *s, const struct task *task)
{
	const struct op *op = &task->op;
	const int epoch = epoch_told(op);
	const int64_t version = s->sale->now.version;

	if (!task->is_known)
		return false;
	if (epoch != 0 && s->sale->retired[epoch])
		return true;
	if (!s->sale->now.exists || op->version == NOT_TOLD)
		return false;
	if (history_tells_version(op) ? op->version >= version
	    : op->kind == OP_BUY && op->answer == ANSWER_DONE
		? op->version > version
		: true)
		return false;
	return !may_be_later_life(s, task);
}

/* ---------------------------------------------------------------- search -- */

static struct node *
first(struct searcher *s)
{
	return s->head.after;
}

static bool
is_candidate(const struct node *node)
{
	return node != NULL && !node->is_answer;
}

/* A receipt that changes nothing here could be a sale in a later life. */
static bool
is_write_elsewhere(bool lives_once, const struct op *op)
{
	return !lives_once && op->kind == OP_BUY && op->answer == ANSWER_DONE;
}

/* Take it if it fits and changes nothing.  FIT_NOT: this way is dead. */
static enum fit
take_if_same(struct searcher *s, size_t op)
{
	struct task *task = &s->tasks[op];
	struct undo undo;
	struct reason reason;

	switch (sale_apply(s->sale, &task->op, &undo, &reason)) {
	case FIT_NOT:
		return is_dead(s, task) ? FIT_NOT : FIT_CHANGED;
	case FIT_CHANGED:
		sale_undo(s->sale, &undo);
		return FIT_CHANGED;
	case FIT_SAME:
		break;
	}
	if (is_write_elsewhere(s->lives_once, &task->op))
		return FIT_CHANGED;
	take(s, op, &undo, true);
	return FIT_SAME;
}

/* Take all that fits and changes nothing.  False: this way is dead. */
static bool
take_same(struct searcher *s)
{
	struct node *node;
	bool again = true;

	while (again && s->known_left > 0) {
		again = false;
		for (node = first(s); is_candidate(node); node = node->after) {
			const enum fit fit = take_if_same(s, node->op);

			if (fit == FIT_NOT)
				return false;
			again |= fit == FIT_SAME;
		}
	}
	return true;
}

/* Take this one, if it fits and leads to where nobody was. */
static bool
try_one(struct searcher *s, size_t op)
{
	struct task *task = &s->tasks[op];
	struct undo undo;
	struct reason reason;
	uint64_t hash[2], taken[2];

	if (task->alike != NOBODY && s->in_class[task->alike] != task->rank)
		return false;
	switch (sale_apply(s->sale, &task->op, &undo, &reason)) {
	case FIT_NOT:
		return false;
	case FIT_SAME:
		break;
	case FIT_CHANGED:
		if (!s->options->plain && is_pruned(s, &undo.now, task)) {
			sale_undo(s->sale, &undo);
			return false;
		}
	}
	sale_hash(s->sale, hash);
	memcpy(taken, s->taken_hash, sizeof(taken));
	toggle_taken(s, op);
	hash[0] = scramble(hash[0] ^ s->taken_hash[0]);
	hash[1] = scramble(hash[1] + s->taken_hash[1]);
	memcpy(s->taken_hash, taken, sizeof(taken));
	if (!remember(&s->memory, hash, &s->out_of_memory)) {
		sale_undo(s->sale, &undo);
		return false;
	}
	take(s, op, &undo, false);
	return true;
}

static void
note_best(struct searcher *s)
{
	size_t i;

	s->best_depth = s->depth;
	for (i = 0; i < s->depth; i++)
		s->best[i] = s->tasks[s->frames[i].op].index;
}

/* To the last choice, and the candidate behind it; NULL: there is none. */
static struct node *
go_back(struct searcher *s)
{
	if (s->best_depth < s->depth)
		note_best(s);
	while (s->depth > 0) {
		const struct frame frame = take_back(s);

		if (!frame.is_forced)
			return s->tasks[frame.op].asked;
	}
	return NULL;
}

static bool
is_too_much(const struct searcher *s)
{
	return s->out_of_memory ||
	       (s->options->most != 0 && s->memory.count > s->options->most);
}

/* The next choice behind `from`, or the first one.  False: there is none. */
static bool
choose(struct searcher *s, const struct node *from)
{
	struct node *node = from == NULL ? first(s) : from->after;

	for (; is_candidate(node); node = node->after)
		if (try_one(s, node->op))
			return true;
	return false;
}

static enum verdict
run(struct searcher *s)
{
	struct node *from = NULL; /* NULL: nobody has chosen here yet */

	for (;;) {
		const bool lives =
		    from != NULL || s->options->plain || take_same(s);

		if (s->known_left == 0) {
			note_best(s);
			return LINEARIZABLE;
		}
		if (is_too_much(s)) {
			if (s->best_depth < s->depth)
				note_best(s);
			return UNDECIDED;
		}
		if (lives && choose(s, from)) {
			from = NULL;
			continue;
		}
		from = go_back(s);
		if (from == NULL)
			return s->out_of_memory ? UNDECIDED : NOT_LINEARIZABLE;
	}
}

/* --------------------------------------------------------------- prepare -- */

static int
by_line(const void *a, const void *b)
{
	const struct node *const *x = a, *const *y = b;

	return (*x)->line < (*y)->line ? -1 : (*x)->line > (*y)->line;
}

/* All events in a list, in the order of the file. */
static bool
make_list(struct searcher *s)
{
	struct node **sorted, *last = &s->head;
	size_t i, n = 0;

	s->nodes = calloc(2 * s->count + 1, sizeof(*s->nodes));
	sorted = calloc(2 * s->count + 1, sizeof(struct node *));
	if (s->nodes == NULL || sorted == NULL) {
		free(sorted);
		return false;
	}
	for (i = 0; i < s->count; i++) {
		struct task *task = &s->tasks[i];

		task->asked = sorted[n] = &s->nodes[n];
		s->nodes[n++] =
		    (struct node){.op = i, .line = task->op.invoked};
		if (!task->is_known)
			continue;
		task->answered = sorted[n] = &s->nodes[n];
		s->nodes[n++] = (struct node){
		    .op = i, .line = task->op.returned, .is_answer = true};
	}
	qsort(sorted, n, sizeof(struct node *), by_line);
	for (i = 0; i < n; i++) {
		sorted[i]->before = last;
		last->after = sorted[i];
		last = sorted[i];
	}
	free(sorted);
	return true;
}

/* Who bears a key. */
struct bearers {
	size_t count, known;
	size_t first; /* in the partition */
	bool differ;  /* in what they ask for */
};

static struct bearers *
count_bearers(const struct partition *p, int texts)
{
	struct bearers *bearers = calloc((size_t)texts + 1, sizeof(*bearers));
	size_t i;

	for (i = 0; bearers != NULL && i < p->count; i++) {
		const struct op *op = &p->ops[i];
		struct bearers *b = &bearers[op->key];

		if (b->count++ == 0)
			b->first = i;
		b->known += op->answer != ANSWER_NONE;
		b->differ |= op->match_epoch != 0 ||
			     op->quantity != p->ops[b->first].quantity;
	}
	return bearers;
}

/*
 * What the search looks at.  Looks without an answer say and do nothing.  Of
 * orders with one key whose outcomes are all unknown at most one did anything
 * (in one life of the sale): the first stands for all.  And a key that only
 * one order bears might as well not be there.
 */
static void
add_task(struct searcher *s, const struct partition *p,
    const struct bearers *bearers, size_t i)
{
	const struct op *op = &p->ops[i];
	const struct bearers *b = &bearers[op->key];
	const bool is_one =
	    op->key != 0 && !s->options->plain &&
	    (b->count == 1 || (b->known == 0 && !b->differ && s->lives_once));
	struct task *task = &s->tasks[s->count];

	if ((op->answer == ANSWER_NONE && !history_is_write(op)) ||
	    (is_one && b->first != i))
		return;
	*task = (struct task){.op = *op,
	    .index = i,
	    .is_known = op->answer != ANSWER_NONE,
	    .alike = NOBODY,
	    .next_claim = NOBODY};
	if (is_one)
		task->op.key = 0;
	if (!s->options->plain && s->lives_once)
		task->op.order = 0; /* clash_find() has compared them */
	s->count++;
	s->known_left += task->is_known;
}

static bool
make_tasks(struct searcher *s, const struct partition *p, int texts)
{
	struct bearers *bearers = count_bearers(p, texts);
	const bool good = bearers != NULL;
	size_t i;

	s->tasks = calloc(p->count + 1, sizeof(*s->tasks));
	if (s->tasks != NULL && good)
		for (i = 0; i < p->count; i++)
			add_task(s, p, bearers, i);
	free(bearers);
	return s->tasks != NULL && good;
}

/* Do two that are unknown ask for the same thing? */
static bool
is_alike(const struct op *a, const struct op *b)
{
	return a->kind == b->kind && a->quantity == b->quantity &&
	       a->wish_capacity == b->wish_capacity &&
	       a->wish_lock == b->wish_lock && a->force == b->force;
}

/* All that are unknown, without key and If-Match. */
static bool
make_classes(struct searcher *s)
{
	size_t i, j, *first_of, classes = 0;

	first_of = calloc(s->count + 1, sizeof(*first_of));
	s->in_class = calloc(s->count + 1, sizeof(*s->in_class));
	if (first_of == NULL || s->in_class == NULL) {
		free(first_of);
		return false;
	}
	for (i = 0; i < s->count; i++) {
		struct task *task = &s->tasks[i];

		if (task->is_known || task->op.key != 0 ||
		    task->op.match_epoch != 0)
			continue;
		for (j = 0; j < classes; j++)
			if (is_alike(&s->tasks[first_of[j]].op, &task->op))
				break;
		if (j == classes)
			first_of[classes++] = i;
		task->alike = j;
		task->rank = s->in_class[j]++;
	}
	memset(s->in_class, 0, (s->count + 1) * sizeof(*s->in_class));
	free(first_of);
	return true;
}

static bool
note_turns(struct searcher *s)
{
	size_t i;

	s->turns = calloc(s->count + 1, sizeof(*s->turns));
	if (s->turns == NULL)
		return false;
	for (i = 0; i < s->count; i++) {
		const struct op *op = &s->tasks[i].op;

		if (op->kind == OP_START)
			s->base = op->version;
		if (history_is_write(op) && op->kind != OP_BUY &&
		    op->kind != OP_PATCH)
			s->turns[s->turn_count++] = i;
	}
	return true;
}

static bool
make_claims(struct searcher *s)
{
	size_t i;

	s->claim = calloc(s->count + 1, sizeof(*s->claim));
	s->left_at = calloc(s->count + 1, sizeof(*s->left_at));
	if (s->claim == NULL || s->left_at == NULL)
		return false;
	memset(s->claim, 0xff, (s->count + 1) * sizeof(*s->claim));
	for (i = 0; i < s->count; i++) {
		struct task *task = &s->tasks[i];
		const size_t at = place(s, task->op.version);

		count_left(s, task, 1);
		if (at == NOBODY || task->op.kind != OP_BUY ||
		    task->op.answer != ANSWER_DONE)
			continue;
		task->next_claim = s->claim[at];
		s->claim[at] = i;
	}
	return true;
}

static bool
prepare(struct searcher *s, const struct partition *p, int texts)
{
	s->lives_once = history_lives_once(p);
	if (!sale_init(s->sale, texts) || !make_tasks(s, p, texts))
		return false;
	s->frames = calloc(s->count + 1, sizeof(*s->frames));
	s->best = calloc(s->count + 1, sizeof(*s->best));
	if (s->frames == NULL || s->best == NULL || !make_list(s))
		return false;
	if (s->options->plain)
		return true;
	return note_turns(s) && make_classes(s) && make_claims(s);
}

static void
clear(struct searcher *s)
{
	sale_clear(s->sale);
	free(s->tasks);
	free(s->nodes);
	free(s->frames);
	free(s->memory.slot);
	free(s->claim);
	free(s->left_at);
	free(s->in_class);
	free(s->turns);
}

/*
 * The order that was found, against the file and the specification alone: each
 * operation once, none behind one that was asked after its answer, all with an
 * answer, and each answer what the sale would say.  So none of the above can
 * let pass what is wrong.
 */
static bool
is_order(const struct partition *p, struct sale *sale, bool *seen,
    const struct search_result *result)
{
	struct reason reason;
	struct undo undo;
	size_t i, latest = 0;

	for (i = 0; i < result->ordered; i++) {
		const struct op *op = &p->ops[result->order[i]];

		if (seen[result->order[i]] ||
		    (op->returned != 0 && op->returned < latest) ||
		    sale_apply(sale, op, &undo, &reason) == FIT_NOT)
			return false;
		seen[result->order[i]] = true;
		if (op->invoked > latest)
			latest = op->invoked;
	}
	for (i = 0; i < p->count; i++)
		if (p->ops[i].answer != ANSWER_NONE && !seen[i])
			return false;
	return true;
}

static enum verdict
confirm(
    const struct partition *p, int texts, const struct search_result *result)
{
	enum verdict verdict = UNDECIDED;
	bool *seen = calloc(p->count + 1, sizeof(*seen));
	struct sale sale;

	if (seen != NULL && sale_init(&sale, texts)) {
		if (!is_order(p, &sale, seen, result))
			abort(); /* the search is wrong */
		sale_clear(&sale);
		verdict = LINEARIZABLE;
	}
	free(seen);
	return verdict;
}

struct search_result
search(const struct partition *partition, int texts,
    const struct search_options *options)
{
	struct sale sale;
	struct searcher s = {.options = options, .sale = &sale};
	struct search_result result = {.verdict = UNDECIDED};
	struct clash clash;
	size_t i;

	if (prepare(&s, partition, texts))
		result.verdict =
		    !options->plain && clash_find(partition, texts, &clash)
			? NOT_LINEARIZABLE
			: run(&s);
	result.configurations = s.memory.count;
	result.order = s.best;
	result.ordered = s.best_depth;
	for (i = 0; i < partition->count; i++)
		result.unknown += partition->ops[i].answer == ANSWER_NONE &&
				  history_is_write(&partition->ops[i]);
	for (i = 0; i < s.best_depth; i++)
		result.happened +=
		    partition->ops[s.best[i]].answer == ANSWER_NONE;
	clear(&s);
	if (result.verdict == LINEARIZABLE)
		result.verdict = confirm(partition, texts, &result);
	return result;
}
