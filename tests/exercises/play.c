/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * play: a sale on paper.  Two or three clerks, each with a program of a few
 * steps; a word says who takes the next step: in "abba" alice takes one, bob
 * two, alice another.  A capital letter kills.
 *
 *     play PUZZLE            what it is
 *     play PUZZLE WORD       plays the word; is it one of the shortest?
 *     play PUZZLE never      is there none?
 *     play cure STEPS        the puzzle "cure", with these steps for bob
 *
 * Which words are the shortest is not written down anywhere: all words are
 * tried, the short ones first, until one reaches the puzzle's goal.
 *
 * Exit status: 0 solved, 1 not yet, 2 usage.
 */
#include <assert.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CLERKS 3
#define SEATS 8
#define STEPS_MAX 12
#define STATES_MAX (1u << 16)

enum goal { TWICE, THREE_TIMES, LOST, TWO_INSIDE, STUCK };

/*
 * Steps: r read, w write, c write if the number is still what was read, v if
 * the version is (c and v: else back to r), g add a ticket, x y take lock x
 * or y, X Y release it, q call wait(), p get a permit, s post, t claim
 * the tag (else back to p), T clear it.
 */
struct puzzle {
	const char *name;
	const char *what;
	const char *steps[CLERKS]; /* NULL: nobody */
	int capacity, left, permits;
	bool kills;      /* capital letters kill */
	bool supervisor; /* posts for a dead clerk between q and s */
	enum goal goal;
};

/* clang-format off */
static const struct puzzle puzzles[] = {
	{"none", "no lock: read, write", {"rw", "rw"}, 9, 9, 0, false, false,
	    TWICE},
	{"late", "the lock is taken after the read: read, lock, write, unlock",
	    {"rxwX", "rxwX"}, 9, 9, 0, false, false, TWICE},
	{"mutex", "lock, read, write, unlock", {"xrwX", "xrwX"}, 9, 9, 0,
	    false, false, TWICE},
	{"two", "a semaphore with two permits: wait, read, write, post",
	    {"prws", "prws"}, 9, 9, 2, false, false, TWICE},
	{"three", "no lock, three clerks: read, write", {"rw", "rw", "rw"}, 9,
	    9, 0, false, false, THREE_TIMES},
	{"bare", "a semaphore with one permit: call wait, get the permit, "
	    "read, write, post", {"qprws", "qprws", "qprws"}, 9, 9, 1, true,
	    false, LOST},
	{"eager", "the same; whenever a clerk dies that has called wait and "
	    "has not posted, the supervisor posts", {"qprws", "qprws", "qprws"},
	    9, 9, 1, true, true, TWO_INSIDE},
	{"tags", "as eager, but who gets a permit must claim the only tag, or "
	    "wait again: wait, permit, claim, read, write, clear, post",
	    {"qptrwTs", "qptrwTs", "qptrwTs"}, 9, 9, 1, true, true,
	    TWO_INSIDE},
	{"value", "read, write if as many are left as were read; carol adds "
	    "a ticket to the sale", {"rc", "rc", "g"}, 5, 3, 0, false, false, TWICE},
	{"value-down", "the same, and nobody adds one", {"rc", "rc"}, 5,
	    3, 0, false, false, TWICE},
	{"version", "read, write if the version is the one that was read; "
	    "carol adds a ticket to the sale", {"rv", "rv", "g"}, 5, 3, 0, false,
	    false, TWICE},
	{"deadlock", "two locks; alice takes x, then y; bob y, then x",
	    {"xyrwYX", "yxrwXY"}, 9, 9, 0, false, false, STUCK},
	{"cure", "two locks; alice takes x, then y; bob as you say",
	    {"xyrwYX", "yxrwXY"}, 9, 9, 0, false, false, STUCK},
};
/* clang-format on */

static const char *const goals[] = {
    [TWICE] = "a seat is sold twice",
    [THREE_TIMES] = "a seat is sold three times",
    [LOST] = "the permit is lost: nobody inside, and nobody can get in",
    [TWO_INSIDE] = "two are inside at once",
    [STUCK] = "both wait for ever",
};

static const char *const names[CLERKS] = {"alice", "bob", "carol"};

/* All that a word has led to; bytes only, so that it can be compared. */
struct state {
	struct {
		uint8_t at; /* the next step */
		uint8_t dead, inside, permit;
		uint8_t read, version, seat; /* as it read and decided */
	} clerk[CLERKS];
	uint8_t capacity, left, version, permits, tag;
	uint8_t lock[2];     /* the owner's number + 1, 0: free */
	uint8_t sold[SEATS]; /* how often, by seat */
};

struct game {
	struct puzzle puzzle;
	bool tells; /* say what happens */
};

static void
tell(const struct game *game, unsigned i, const char *what, int number)
{
	if (game->tells && number >= 0)
		printf("    %-6s %s %d\n", names[i], what, number);
	else if (game->tells)
		printf("    %-6s %s\n", names[i], what);
}

static struct state
begin(const struct puzzle *puzzle)
{
	struct state state;

	memset(&state, 0, sizeof(state));
	state.capacity = (uint8_t)puzzle->capacity;
	state.left = (uint8_t)puzzle->left;
	state.permits = (uint8_t)puzzle->permits;
	return state;
}

static char
next_step(const struct game *game, const struct state *state, unsigned i)
{
	const char *steps = game->puzzle.steps[i];

	return steps == NULL || state->clerk[i].dead
		   ? '\0'
		   : steps[state->clerk[i].at];
}

/* Back to an earlier step of its program. */
static void
go_back(const struct game *game, struct state *state, unsigned i, char to)
{
	const char *steps = game->puzzle.steps[i];

	state->clerk[i].at = (uint8_t)(strchr(steps, to) - steps);
}

static void
write_left(const struct game *game, struct state *state, unsigned i)
{
	const unsigned seat = state->clerk[i].seat;

	state->left = (uint8_t)(state->clerk[i].read - 1);
	state->version++;
	if (seat >= 1 && seat <= SEATS)
		state->sold[seat - 1]++;
	if (game->tells)
		printf("    %-6s writes %d left, takes seat %u\n", names[i],
		    state->left, seat);
}

/* A write that looks first.  False: it has to read again. */
static bool
check_and_write(
    const struct game *game, struct state *state, unsigned i, bool same)
{
	if (same) {
		write_left(game, state, i);
		return true;
	}
	tell(game, i, "may not write: reads again", -1);
	go_back(game, state, i, 'r');
	return false;
}

static void
take_lock(const struct game *game, struct state *state, unsigned i, char step)
{
	const bool y = tolower(step) == 'y', takes = islower(step) != 0;

	state->lock[y] = (uint8_t)(takes ? i + 1 : 0);
	tell(game, i,
	    takes ? y ? "takes lock y" : "takes lock x"
	    : y   ? "releases lock y"
		  : "releases lock x",
	    -1);
}

/* The semaphore's steps.  False: it has to wait again. */
static bool
use_permit(const struct game *game, struct state *state, unsigned i, char step)
{
	const bool has_tags = strchr(game->puzzle.steps[i], 't') != NULL;

	switch (step) {
	case 'q':
		tell(game, i, "calls wait", -1);
		return true;
	case 'p':
		state->permits--;
		state->clerk[i].permit = 1;
		state->clerk[i].inside = !has_tags;
		tell(game, i, "gets a permit; permits left:", state->permits);
		return true;
	case 's':
		state->permits++;
		state->clerk[i].permit = state->clerk[i].inside = 0;
		tell(game, i, "posts; permits:", state->permits);
		return true;
	case 'T':
		state->tag = state->clerk[i].inside = 0;
		tell(game, i, "clears the tag", -1);
		return true;
	default:
		break;
	}
	if (state->tag != 0) {
		state->clerk[i].permit = 0;
		go_back(game, state, i, 'p');
		tell(game, i, "finds no free tag: drops the permit", -1);
		return false;
	}
	state->tag = (uint8_t)(i + 1);
	state->clerk[i].inside = 1;
	tell(game, i, "claims the tag", -1);
	return true;
}

/* Why clerk `i` cannot take a step; NULL: it can. */
static const char *
why_not(const struct game *game, const struct state *state, unsigned i)
{
	const char step = next_step(game, state, i);

	switch (step) {
	case '\0':
		return state->clerk[i].dead ? "is dead" : "has gone home";
	case 'x':
		return state->lock[0] != 0 ? "must wait for lock x" : NULL;
	case 'y':
		return state->lock[1] != 0 ? "must wait for lock y" : NULL;
	case 'X':
		return state->lock[0] != i + 1 ? "does not hold x" : NULL;
	case 'Y':
		return state->lock[1] != i + 1 ? "does not hold y" : NULL;
	case 'p':
		return state->permits == 0 ? "must wait for a permit" : NULL;
	default:
		return NULL;
	}
}

static void
take_step(const struct game *game, struct state *state, unsigned i)
{
	const char step = next_step(game, state, i);
	bool on = true;

	switch (step) {
	case 'r':
		state->clerk[i].read = state->left;
		state->clerk[i].version = state->version;
		state->clerk[i].seat =
		    (uint8_t)(state->capacity - state->left + 1);
		tell(game, i, "reads; left:", state->left);
		break;
	case 'w':
		write_left(game, state, i);
		break;
	case 'c':
		on = check_and_write(
		    game, state, i, state->clerk[i].read == state->left);
		break;
	case 'v':
		on = check_and_write(
		    game, state, i, state->clerk[i].version == state->version);
		break;
	case 'g':
		state->capacity++;
		state->left++;
		state->version++;
		tell(game, i, "adds a ticket; left:", state->left);
		break;
	case 'q':
	case 'p':
	case 's':
	case 't':
	case 'T':
		on = use_permit(game, state, i, step);
		break;
	default:
		take_lock(game, state, i, step);
	}
	if (on)
		state->clerk[i].at++;
}

static void
kill_clerk(const struct game *game, struct state *state, unsigned i)
{
	const bool begun = state->clerk[i].at > 0;

	state->clerk[i].dead = 1;
	state->clerk[i].inside = state->clerk[i].permit = 0;
	tell(game, i, "is killed", -1);
	if (!game->puzzle.supervisor || !begun)
		return;
	if (state->tag == i + 1)
		state->tag = 0;
	state->permits++;
	if (game->tells)
		printf(
		    "    the supervisor posts; permits: %d\n", state->permits);
}

/* One letter.  Why it cannot be played, or NULL. */
static const char *
play_letter(const struct game *game, struct state *state, char letter)
{
	const unsigned i = (unsigned)(tolower(letter) - 'a');
	const char *why;

	if (i >= CLERKS || game->puzzle.steps[i] == NULL)
		return "is nobody here";
	if (isupper(letter)) {
		if (!game->puzzle.kills)
			return "may not be killed here";
		if (next_step(game, state, i) == '\0')
			return why_not(game, state, i);
		kill_clerk(game, state, i);
		return NULL;
	}
	why = why_not(game, state, i);
	if (why == NULL)
		take_step(game, state, i);
	return why;
}

static bool
is_stuck(const struct game *game, const struct state *state)
{
	bool waits = false;
	unsigned i;

	for (i = 0; i < CLERKS; i++) {
		if (next_step(game, state, i) == '\0')
			continue;
		if (why_not(game, state, i) == NULL)
			return false;
		waits = true;
	}
	return waits;
}

static bool
is_reached(const struct game *game, const struct state *state)
{
	unsigned i, inside = 0, permits = state->permits, most = 0;

	for (i = 0; i < CLERKS; i++) {
		inside += state->clerk[i].inside;
		permits += state->clerk[i].permit;
	}
	for (i = 0; i < SEATS; i++)
		if (state->sold[i] > most)
			most = state->sold[i];
	switch (game->puzzle.goal) {
	case TWICE:
		return most >= 2;
	case THREE_TIMES:
		return most >= 3;
	case LOST:
		return permits == 0;
	case TWO_INSIDE:
		return inside >= 2;
	case STUCK:
		return is_stuck(game, state);
	}
	return false;
}

/* ----------------------------------------------------- the shortest word -- */

/* The states that words have led to, the short ones' first. */
struct search {
	struct state *states;
	uint8_t *lengths;
	unsigned *seen; /* by hash: 1 + a state's number, 0: none */
	unsigned count;
};

static void
search_add(struct search *search, const struct state *state, uint8_t length)
{
	const unsigned char *bytes = (const unsigned char *)state;
	uint32_t hash = 2166136261u;
	unsigned i;

	for (i = 0; i < sizeof(*state); i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	for (i = hash % (2 * STATES_MAX); search->seen[i] != 0;
	     i = (i + 1) % (2 * STATES_MAX))
		if (memcmp(&search->states[search->seen[i] - 1], state,
			sizeof(*state)) == 0)
			return;
	if (search->count == STATES_MAX)
		abort(); /* a puzzle that is too big for this program */
	search->states[search->count] = *state;
	search->lengths[search->count] = length;
	search->seen[i] = ++search->count;
}

static int
search_shortest(const struct game *game, struct search *search)
{
	const char letters[] = "abcABC";
	const struct state first = begin(&game->puzzle);
	unsigned i;
	size_t n;

	search_add(search, &first, 0);
	for (i = 0; i < search->count; i++) {
		if (is_reached(game, &search->states[i]))
			return search->lengths[i];
		for (n = 0; letters[n] != '\0'; n++) {
			struct state state = search->states[i];

			if (play_letter(game, &state, letters[n]) == NULL)
				search_add(search, &state,
				    (uint8_t)(search->lengths[i] + 1));
		}
	}
	return -1;
}

/* How many letters it takes at least; -1: no word does it. */
static int
shortest(const struct game *game)
{
	struct search search = {
	    .states = calloc(STATES_MAX, sizeof(*search.states)),
	    .lengths = calloc(STATES_MAX, sizeof(*search.lengths)),
	    .seen = calloc(2 * STATES_MAX, sizeof(*search.seen))};
	int length;

	if (search.states == NULL || search.lengths == NULL ||
	    search.seen == NULL)
		abort();
	length = search_shortest(game, &search);
	free(search.states);
	free(search.lengths);
	free(search.seen);
	return length;
}

/* ------------------------------------------------------------- the player --
 */

static int
not_yet(const char *format, const char *what)
{
	printf(format, what);
	return EXIT_FAILURE;
}

static int
judge_never(const struct game *game)
{
	if (shortest(game) == -1)
		return EXIT_SUCCESS;
	return not_yet(
	    "  There is a word after which %s.\n", goals[game->puzzle.goal]);
}

/* The letters up to the goal; -1: it is not reached, and that was said. */
static int
play_word(struct game *game, const char *word)
{
	struct state state = begin(&game->puzzle);
	const char *why;
	size_t i;

	game->tells = true;
	printf("  %s: %s\n", game->puzzle.name, word);
	for (i = 0; word[i] != '\0'; i++) {
		why = play_letter(game, &state, word[i]);
		if (why != NULL) {
			printf("  Letter %zu: %c %s.\n", i + 1, word[i], why);
			return -1;
		}
		if (is_reached(game, &state))
			return (int)i + 1;
	}
	printf("  Not after this word: %s.\n", goals[game->puzzle.goal]);
	return -1;
}

static int
judge_word(struct game *game, const char *word)
{
	const int length = play_word(game, word);

	if (length == -1)
		return EXIT_FAILURE;
	game->tells = false;
	if (length < (int)strlen(word))
		return not_yet("  %s\n", "The last letters change nothing.");
	if (length > shortest(game))
		return not_yet("  %s\n", "It does it. Fewer letters do, too.");
	return EXIT_SUCCESS;
}

/* Bob sells under both locks, and gives both back. */
static bool
steps_are_whole(const char *steps)
{
	const char *r = strchr(steps, 'r'), *w = strchr(steps, 'w');
	const char *locks;

	if (strlen(steps) != 6 || strspn(steps, "xyrwXY") != 6 || r == NULL ||
	    w != r + 1)
		return false;
	for (locks = "xy"; *locks != '\0'; locks++) {
		const char *take = strchr(steps, *locks);
		const char *leave = strchr(steps, toupper(*locks));

		if (take == NULL || leave == NULL || take > r || leave < w)
			return false;
	}
	return true;
}

static int
judge_cure(struct game *game, const char *steps)
{
	if (!steps_are_whole(steps))
		return not_yet("  %s\n", "Bob takes x and y, then r and w, "
					 "then X and Y: six letters.");
	game->puzzle.steps[1] = steps;
	if (shortest(game) == -1)
		return EXIT_SUCCESS;
	return not_yet("  With these steps there is still a word after which "
		       "%s.\n",
	    goals[STUCK]);
}

/* What it is, and what to type next. */
static int
explain(const struct puzzle *puzzle, const char *program)
{
	unsigned i;

	printf("%s: %s.\nThe goal: %s.\nIn a word each letter is a step of",
	    puzzle->name, puzzle->what, goals[puzzle->goal]);
	for (i = 0; i < CLERKS && puzzle->steps[i] != NULL; i++)
		printf(
		    "%s %c: %s", i == 0 ? "" : ",", (int)('a' + i), names[i]);
	printf(".%s\nType: %s %s ",
	    puzzle->kills ? "  A capital letter kills." : "", program,
	    puzzle->name);
	for (; i > 0; i--)
		putchar((int)('a' + i - 1));
	printf(", or another word.\n");
	return EXIT_SUCCESS;
}

int
main(int argc, char *argv[])
{
	struct game game = {.tells = false};
	size_t i;

	for (i = 0; i < sizeof(puzzles) / sizeof(puzzles[0]); i++) {
		if (argc < 2 || strcmp(argv[1], puzzles[i].name) != 0)
			continue;
		game.puzzle = puzzles[i];
		if (argc == 2)
			return explain(&game.puzzle, argv[0]);
		if (strcasecmp(argv[2], "never") == 0)
			return judge_never(&game);
		if (strcmp(argv[1], "cure") == 0)
			return judge_cure(&game, argv[2]);
		return judge_word(&game, argv[2]);
	}
	fprintf(stderr, "usage: play PUZZLE [WORD | never]\npuzzles:");
	for (i = 0; i < sizeof(puzzles) / sizeof(puzzles[0]); i++)
		fprintf(stderr, " %s", puzzles[i].name);
	fprintf(stderr, "\n");
	return 2;
}
