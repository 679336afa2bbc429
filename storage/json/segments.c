/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One large mapping that is made before any fork and stands at the same
 * place in all processes.  Most of it is never touched and costs nothing: a
 * slot takes the addresses of its segments when it first needs them, and
 * keeps them; their memory comes and goes with the sales.  So no process maps
 * or unmaps anything while it works.
 */
#include "storage/json/segments.h"

#include <sys/mman.h>

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "storage/json/table.h"
#include "storage/store_impl.h"

#define SEGMENTS 23       /* two thousand million lines */
#define FIRST_LINES 256   /* of segment 0 */
#define LINE_ENTRIES 3    /* for an order, a key, and some air between */
#define STEP (256 * 1024) /* bytes that one reserve gets ahead, about */

/* Addresses that are asked for; less where there is a limit. */
#define MAPPED_MOST ((size_t)64 << 30)
#define MAPPED_MODEST ((size_t)1 << 30)
#define MAPPED_LEAST ((size_t)16 << 20)

struct segment {
	_Atomic uint64_t at;    /* bytes from the mapping's start, 0: none */
	_Atomic uint64_t ready; /* bytes of it that have memory */
};

/* All but what is read is for the slot's latch, or recovery. */
struct shelf {
	_Atomic uint64_t birth; /* of the sale it is about */
	_Atomic int64_t added;  /* the last version that was ever added */
	struct segment segment[SEGMENTS];
};

/* The mapping's start. */
struct segments {
	uint64_t seed[2][2]; /* of orders' and of keys' hashes */
	size_t page, size;
	_Atomic uint64_t end; /* addresses up to here have been given away */
	struct shelf shelf[STORE_SALES_MAX];
};

/* ----------------------------------------------------------- the layout -- */

static int64_t
lines_of(int k)
{
	return (int64_t)FIRST_LINES << k;
}

/* The versions before segment k. */
static int64_t
lines_before(int k)
{
	return lines_of(k) - FIRST_LINES;
}

static int
segment_of(int64_t version)
{
	const uint64_t part = (uint64_t)(version - 1) / FIRST_LINES + 1;

	return 63 - __builtin_clzll(part);
}

/* First the offsets of its blocks, then its table. */
static uint64_t
offsets_size(int k)
{
	return (uint64_t)lines_of(k) / SEGMENTS_BLOCK * sizeof(uint64_t);
}

static uint64_t
segment_size(const struct segments *segments, int k)
{
	const uint64_t size = offsets_size(k) + (uint64_t)lines_of(k) *
						    LINE_ENTRIES *
						    sizeof(uint32_t);

	return (size + segments->page - 1) / segments->page * segments->page;
}

static _Atomic uint64_t *
offsets_at(const struct segments *segments, unsigned slot, int k)
{
	const uint64_t at = atomic_load(&segments->shelf[slot].segment[k].at);

	assert(at != 0);
	return (_Atomic uint64_t *)((uintptr_t)segments + at);
}

static struct table
table_of(const struct segments *segments, unsigned slot, int k)
{
	const uintptr_t at = (uintptr_t)offsets_at(segments, slot, k);

	return (struct table){
	    .entry = (_Atomic uint32_t *)(at + offsets_size(k)),
	    .size = (uint32_t)(lines_of(k) * LINE_ENTRIES),
	    .line_bits = (unsigned)k + 9}; /* a line is 1 … 256 * 2^k */
}

/* ----------------------------------------------------------- the memory -- */

struct segments *
segments_new(void)
{
	const int flags = MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE;
	size_t size = MAPPED_MOST;
	struct segments *segments;
	int i;

	do {
		segments =
		    mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
		if (segments != MAP_FAILED)
			break;
		size = size > MAPPED_MODEST ? MAPPED_MODEST : size / 2;
	} while (size >= MAPPED_LEAST);
	if (segments == MAP_FAILED)
		return NULL;
	madvise(segments, size, MADV_DONTDUMP); /* a core of it all is large */
	for (i = 0; i < 4; i++)
		segments->seed[i / 2][i % 2] = store_random();
	segments->page = (size_t)sysconf(_SC_PAGESIZE);
	segments->size = size;
	atomic_store(&segments->end,
	    (sizeof(*segments) / segments->page + 1) * segments->page);
	return segments;
}

void
segments_free(struct segments *segments)
{
	if (segments != NULL)
		munmap(segments, segments->size);
}

/*
 * Have memory where there were only addresses: at the first touch it would be
 * too late to say that there is none.  The pages are the system's, and no
 * process counts them as its own before it needs them.
 */
static bool
populate(void *at, size_t size)
{
	if (madvise(at, size, MADV_POPULATE_WRITE) != 0 && errno != EINVAL)
		return false; /* EINVAL: Linux before 5.14 */
	madvise(at, size, MADV_DONTNEED);
	return true;
}

static bool
take_addresses(struct segments *segments, struct segment *segment, int k)
{
	const uint64_t size = segment_size(segments, k);
	uint64_t at = atomic_load(&segments->end);

	if (atomic_load(&segment->at) != 0)
		return true;
	do
		if (segments->size - at < size)
			return false;
	while (!atomic_compare_exchange_weak(&segments->end, &at, at + size));
	atomic_store(&segment->at, at);
	return true;
}

/* The first `wanted` bytes of segment k have memory. */
static bool
make_ready(struct segments *segments, unsigned slot, int k, uint64_t wanted)
{
	struct segment *segment = &segments->shelf[slot].segment[k];
	const uint64_t ready = atomic_load(&segment->ready);

	if (ready >= wanted)
		return true;
	if (!take_addresses(segments, segment, k) ||
	    !populate(
		(char *)offsets_at(segments, slot, k) + ready, wanted - ready))
		return false;
	atomic_store(&segment->ready, wanted);
	return true;
}

/*
 * As far as segment k is used, the one behind it is made ready, so that no
 * writer has to make all of a large one.  If it cannot be, there is time.
 */
static void
look_ahead(struct segments *segments, unsigned slot, int k, int64_t last)
{
	const uint64_t size =
	    k + 1 < SEGMENTS ? segment_size(segments, k + 1) : 0;
	const uint64_t used = (uint64_t)(last - lines_before(k));
	uint64_t wanted;

	if (size <= STEP)
		return;
	wanted = (size / (uint64_t)lines_of(k) + 1) * used + STEP;
	wanted = wanted < size ? wanted / STEP * STEP : size;
	(void)make_ready(segments, slot, k + 1, wanted);
}

/* Zeros, and the memory is the system's again. */
static void
empty(struct segments *segments, unsigned slot, int k)
{
	struct segment *segment = &segments->shelf[slot].segment[k];
	const uint64_t ready = atomic_load(&segment->ready);

	if (ready == 0)
		return;
	if (madvise(offsets_at(segments, slot, k), ready, MADV_REMOVE) != 0)
		memset(offsets_at(segments, slot, k), 0, ready);
	atomic_store(&segment->ready, 0);
}

void
segments_drop(struct segments *segments, unsigned slot)
{
	struct shelf *shelf = &segments->shelf[slot];
	int k;

	atomic_store(&shelf->birth, 0); /* first: half of it is nothing */
	for (k = 0; k < SEGMENTS; k++)
		empty(segments, slot, k);
	atomic_store(&shelf->added, 0);
}

/* ------------------------------------------------------------ the lines -- */

/* Take out what stands behind `version`. */
static void
cut(struct segments *segments, unsigned slot, int64_t version)
{
	struct shelf *shelf = &segments->shelf[slot];
	const int last = segment_of(atomic_load(&shelf->added));
	int k;

	for (k = segment_of(version + 1); k <= last; k++) {
		const struct table table = table_of(segments, slot, k);
		const int64_t keep = version - lines_before(k);

		table_cut(&table, keep < 0 ? 0 : (uint32_t)keep);
	}
	atomic_store(&shelf->added, version);
}

bool
segments_reserve(
    struct segments *segments, const struct store_state *now, size_t count)
{
	struct shelf *shelf = &segments->shelf[now->slot];
	const int64_t last = now->version + (int64_t)count;
	int k;

	if (atomic_load(&shelf->birth) != now->birth) {
		assert(now->version == 0);
		segments_drop(segments, now->slot);
		atomic_store(&shelf->birth, now->birth);
	}
	if (atomic_load(&shelf->added) > now->version)
		cut(segments, now->slot, now->version);
	for (k = segment_of(now->version + 1); k <= segment_of(last); k++)
		if (k >= SEGMENTS || !make_ready(segments, now->slot, k,
					 segment_size(segments, k)))
			return false;
	look_ahead(segments, now->slot, k - 1, last);
	return true;
}

/* Never 0, which is none. */
static uint64_t
hash(const struct segments *segments, enum store_by by, const char *value)
{
	const uint64_t hash =
	    table_hash(segments->seed[by], value, strlen(value));

	return hash == 0 ? 1 : hash;
}

struct segments_line
segments_line(const struct segments *segments, unsigned slot,
    const struct store_line *line, int64_t offset)
{
	const struct table table =
	    table_of(segments, slot, segment_of(line->version));
	struct segments_line kept = {
	    .version = line->version, .offset = offset};

	if (line->order[0] != '\0')
		kept.order = hash(segments, STORE_BY_ORDER, line->order);
	if (line->key != NULL)
		kept.key = hash(segments, STORE_BY_KEY, line->key);
	__builtin_prefetch(
	    (void *)&table.entry[table_place(&table, kept.order)], 1);
	__builtin_prefetch(
	    (void *)&table.entry[table_place(&table, kept.key)], 1);
	return kept;
}

void
segments_add(
    struct segments *segments, unsigned slot, const struct segments_line *line)
{
	const int k = segment_of(line->version);
	const int64_t index = line->version - lines_before(k) - 1;
	const struct table table = table_of(segments, slot, k);

	atomic_store(&segments->shelf[slot].added, line->version);
	if (index % SEGMENTS_BLOCK == 0)
		atomic_store(
		    &offsets_at(segments, slot, k)[index / SEGMENTS_BLOCK],
		    (uint64_t)line->offset);
	if (line->order != 0)
		table_add(&table, line->order, (uint32_t)index + 1);
	if (line->key != 0)
		table_add(&table, line->key, (uint32_t)index + 1);
}

/* Blocks end where segments do. */
int64_t
segments_first(int64_t version)
{
	return (version - 1) / SEGMENTS_BLOCK * SEGMENTS_BLOCK + 1;
}

int64_t
segments_offset(const struct segments *segments, unsigned slot, int64_t version)
{
	const int k = segment_of(version);
	const int64_t index = version - lines_before(k) - 1;

	return (int64_t)atomic_load(
	    &offsets_at(segments, slot, k)[index / SEGMENTS_BLOCK]);
}

/* ----------------------------------------------------------- the search -- */

/* Segments are searched from the last, which holds half of all lines. */
static void
enter(struct search *search, int k)
{
	struct table table;

	search->segment = k;
	if (k < 0)
		return;
	table = table_of(search->segments, search->slot, k);
	search->at = table_place(&table, search->hash);
}

struct search
segments_search(const struct segments *segments,
    const struct store_state *state, enum store_by by, const char *value)
{
	struct search search = {.segments = segments,
	    .slot = state->slot,
	    .last = state->version,
	    .hash = hash(segments, by, value)};

	enter(&search, search.last == 0 ? -1 : segment_of(search.last));
	return search;
}

/* A line behind the last is one whose head is not published yet. */
int64_t
segments_next(struct search *search)
{
	while (search->segment >= 0) {
		const struct table table =
		    table_of(search->segments, search->slot, search->segment);
		const uint32_t line =
		    table_next(&table, search->hash, &search->at);
		const int64_t version = lines_before(search->segment) + line;

		if (line == 0)
			enter(search, search->segment - 1);
		else if (version <= search->last)
			return version;
	}
	return 0;
}
