/* SPDX-License-Identifier: BSD-2-Clause */
/* The plays: a table. */
#include "tests/torture/stage.h"

#define START                                                                  \
	{                                                                      \
		.kind = STEP_START                                             \
	}
#define CREATE(...)                                                            \
	{                                                                      \
		.kind = STEP_CREATE, __VA_ARGS__                               \
	}
#define SELL(...)                                                              \
	{                                                                      \
		.kind = STEP_SELL, __VA_ARGS__                                 \
	}
#define CHANGE(...)                                                            \
	{                                                                      \
		.kind = STEP_CHANGE, __VA_ARGS__                               \
	}
#define REMOVE(...)                                                            \
	{                                                                      \
		.kind = STEP_REMOVE, __VA_ARGS__                               \
	}
#define TIDY                                                                   \
	{                                                                      \
		.kind = STEP_TIDY                                              \
	}

/* All that can be done to a sale, once. */
static const struct step life[] = {
    START,
    CREATE(.sale = "demo", .capacity = 100, .lock = "mutex"),
    SELL(.sale = "demo"),
    SELL(.sale = "demo", .keyed = true),
    SELL(.sale = "demo", .keyed = true, .lines = 3),
    TIDY,
    CHANGE(.sale = "demo", .lock = "flock"),
    CHANGE(.sale = "demo", .lock = "mutex", .capacity = 120),
    SELL(.sale = "demo", .checked = true),
    CREATE(.sale = "gig", .capacity = 7, .lock = "none", .delay_ms = 5),
    SELL(.sale = "gig", .keyed = true),
    TIDY,
    REMOVE(.sale = "gig"),
    CREATE(.sale = "gig", .capacity = 9, .lock = "optimistic"),
    SELL(.sale = "gig", .checked = true, .keyed = true),
    CHANGE(.sale = "gig", .delay_ms = 20),
};

/* Changes that make lines: an oversold sale gets a lock. */
static const struct step recount[] = {
    START,
    CREATE(.sale = "demo", .capacity = 100, .lock = "none"),
    SELL(.sale = "demo"),
    SELL(.sale = "demo"),
    SELL(.sale = "demo", .wrong = true),
    CHANGE(.sale = "demo", .lock = "mutex", .recount = true),
    SELL(.sale = "demo"),
    CHANGE(.sale = "demo", .lock = "none"),
    SELL(.sale = "demo", .wrong = true),
    CHANGE(.sale = "demo", .lock = "mutex", .capacity = 130, .recount = true),
    SELL(.sale = "demo", .keyed = true),
};

/* Starts on what other starts left. */
static const struct step starts[] = {
    START,
    START,
    CREATE(.sale = "demo", .capacity = 10, .lock = "mutex"),
    START,
    SELL(.sale = "demo", .keyed = true),
    START,
    CHANGE(.sale = "demo", .lock = "flock"),
    START,
    REMOVE(.sale = "demo"),
    START,
    CREATE(.sale = "demo", .capacity = 20, .lock = "mutex"),
    SELL(.sale = "demo"),
};

/* Lines of several sectors and pages. */
static const struct step large[] = {
    START,
    CREATE(.sale = "demo", .capacity = 100, .lock = "mutex"),
    SELL(.sale = "demo", .trail = 700),
    SELL(.sale = "demo", .trail = 5000, .keyed = true),
    SELL(.sale = "demo", .trail = 1500, .lines = 4),
};

/* Enough for SQLite to move its log into the database. */
#define BIG SELL(.sale = "demo", .trail = 1200000)
static const struct step checkpoint[] = {
    START,
    CREATE(.sale = "demo", .capacity = 100, .lock = "mutex"),
    BIG,
    BIG,
    BIG,
    BIG,
    BIG,
    BIG,
    BIG,
    SELL(.sale = "demo", .keyed = true),
    SELL(.sale = "demo"),
    START,
    SELL(.sale = "demo"),
};

#define COUNT(steps) (sizeof(steps) / sizeof((steps)[0]))

const struct play plays[] = {
    {.name = "life", .steps = life, .count = COUNT(life), .accidents_from = 1},
    {.name = "recount",
	.steps = recount,
	.count = COUNT(recount),
	.accidents_from = 5},
    {.name = "starts", .steps = starts, .count = COUNT(starts)},
    {.name = "large",
	.steps = large,
	.count = COUNT(large),
	.accidents_from = 2},
    {.name = "checkpoint",
	.store = "sqlite",
	.steps = checkpoint,
	.count = COUNT(checkpoint),
	.accidents_from = 8,
	.heavy = true},
};
const size_t plays_count = COUNT(plays);
