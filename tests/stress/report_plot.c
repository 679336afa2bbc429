/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One picture for a talk: a group for each strategy, a bar for each store.
 * The bar is the price (sold a second), its whisker the spread; who is wrong
 * has no price and gets its verdict in red where the bar would be.
 */
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "tests/stress/result.h"

#define WIDTH 1280
#define LEFT 250  /* where bars begin */
#define RIGHT 960 /* where the longest one ends */
#define TOP 150
#define BAR 27
#define BAR_STEP 31
#define GROUP_GAP 19
#define FOOT 112
#define CAP 6    /* of a whisker, half its height */
#define STORES 2 /* the flags take no more; asserted */

static const char ink[] = "#1d2733", pale[] = "#6b7785", grid[] = "#e3e8ee",
		  red[] = "#c8102e";

/* Told apart also by those who do not see colours: one is much darker. */
static const char *const colours[STORES] = {"#0b5c8a", "#6bb4d8"};

struct plot {
	const struct result *result;
	FILE *out;
	double most; /* sold a second, at the right edge of the grid */
	double step; /* between two lines of the grid */
	const char *stores[STORES];
	size_t store_count;
};

static void
print_escaped(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '<')
			fputs("&lt;", out);
		else if (*text == '&')
			fputs("&amp;", out);
		else
			fputc(*text, out);
	}
}

struct words {
	double x, y;
	int size;
	const char *colour;
	const char *anchor; /* start, middle, end */
	bool bold;
};

static void
print_words(const struct plot *plot, const struct words *w, const char *text)
{
	fprintf(plot->out,
	    "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%d\" fill=\"%s\" "
	    "text-anchor=\"%s\"%s>",
	    w->x, w->y, w->size, w->colour, w->anchor,
	    w->bold ? " font-weight=\"700\"" : "");
	print_escaped(plot->out, text);
	fprintf(plot->out, "</text>\n");
}

/* 15766 as "15,766". */
static void
print_thousands(char *text, size_t size, double number)
{
	const long n = lround(number);

	if (n >= 1000)
		snprintf(text, size, "%ld,%03ld", n / 1000, n % 1000);
	else
		snprintf(text, size, "%ld", n);
}

static double
x_of(const struct plot *plot, double sold_per_s)
{
	return LEFT + (RIGHT - LEFT) * sold_per_s / plot->most;
}

/* 1, 2 or 5 times a power of ten, three to six of them. */
static void
set_scale(struct plot *plot)
{
	double most = 0, power;
	size_t i;

	for (i = 0; i < plot->result->count; i++) {
		const struct price *p = &plot->result->rows[i].price;

		if (p->known)
			most = fmax(most, p->sold_per_s * (1 + p->spread));
	}
	if (most <= 0)
		most = 1;
	power = pow(10, floor(log10(most / 3)));
	plot->step = power;
	if (most / plot->step > 6)
		plot->step = 2 * power;
	if (most / plot->step > 6)
		plot->step = 5 * power;
	plot->most = most;
}

static size_t
store_index(struct plot *plot, const char *store)
{
	size_t i;

	for (i = 0; i < plot->store_count; i++)
		if (strcmp(plot->stores[i], store) == 0)
			return i;
	assert(i < STORES);
	plot->stores[plot->store_count++] = store;
	return i;
}

/* Rows of one label are a group: the first of them. */
static bool
is_first_of_group(const struct result *result, size_t row)
{
	size_t i = 0;

	while (strcmp(result->rows[i].label, result->rows[row].label) != 0)
		i++;
	return i == row;
}

/* From the mean less the deviation to the mean and it; where it ends. */
static double
draw_spread(const struct plot *plot, const struct price *price, double y)
{
	const double sold = price->sold_per_s, middle = y + BAR / 2.0;
	const double from = x_of(plot, sold * fmax(1 - price->spread, 0));
	const double to = x_of(plot, sold * (1 + price->spread));
	char path[128];

	snprintf(path, sizeof(path),
	    "M%.1f %.1fv%dM%.1f %.1fH%.1fM%.1f %.1fv%d", from, middle - CAP,
	    2 * CAP, from, middle, to, to, middle - CAP, 2 * CAP);
	/* On a dark bar it stands out by its white edge. */
	fprintf(plot->out,
	    "<path d=\"%s\" stroke=\"#ffffff\" stroke-width=\"5\"/>\n"
	    "<path class=\"spread\" d=\"%s\" fill=\"none\" stroke=\"%s\" "
	    "stroke-width=\"2\"/>\n",
	    path, path, ink);
	return to;
}

static void
draw_price(const struct plot *plot, const struct row *row, double y,
    const char *colour)
{
	const double end = x_of(plot, row->price.sold_per_s);
	struct words words = {0, y + 19, 17, ink, "start", true};
	char text[PRICE_FAILURES], number[32];

	fprintf(plot->out,
	    "<rect x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" rx=\"2\" "
	    "fill=\"%s\"/>\n",
	    LEFT, y, end - LEFT, BAR, colour);
	words.x = draw_spread(plot, &row->price, y) + 10;
	print_thousands(number, sizeof(number), row->price.sold_per_s);
	print_words(plot, &words, number);
	words.x += 11.0 * (double)strlen(number) + 4;
	words.bold = false;
	words.colour = pale;
	words.size = 15;
	if (isinf(row->price.sold.p99_ms))
		price_failures(&row->price, text);
	else
		snprintf(text, sizeof(text),
		    row->price.sold.p99_ms < 10
			? "half in %.1f ms, 99%% in %.1f ms"
			: "half in %.0f ms, 99%% in %.0f ms",
		    row->price.sold.p50_ms, row->price.sold.p99_ms);
	print_words(plot, &words, text);
}

/* No bar: the verdict, where it would be. */
static void
draw_verdict(const struct plot *plot, const struct row *row, double y)
{
	const bool wrong = row->wrong_runs > 0;
	struct words words = {
	    LEFT + 12, y + 19, 16, wrong ? "#ffffff" : ink, "start", true};
	const double width = 11.6 * (double)strlen(row->verdict) + 24;
	char text[256];

	if (wrong)
		fprintf(plot->out,
		    "<rect x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" "
		    "rx=\"2\" fill=\"%s\"/>\n",
		    LEFT, y, width, BAR, red);
	print_words(plot, &words, row->verdict);
	words.x = LEFT + width + 12;
	words.colour = wrong ? red : pale;
	words.bold = false;
	snprintf(text, sizeof(text), "%" PRId64 " sold of %" PRId64 ", %s",
	    row->judgement.tickets, row->capacity, row->setting.store);
	print_words(plot, &words, wrong && row->runs == 1 ? text : row->reason);
}

/* All rows of one label, one under the other; where the next group is. */
static double
draw_group(struct plot *plot, size_t first, double y)
{
	const struct result *r = plot->result;
	struct words words = {LEFT - 18, 0, 20, ink, "end", true};
	const char *label = r->rows[first].label;
	double at = y;
	size_t i;

	for (i = first; i < r->count; i++) {
		const struct row *row = &r->rows[i];

		if (strcmp(row->label, label) != 0)
			continue;
		if (row->price.known)
			draw_price(plot, row, at,
			    colours[store_index(plot, row->setting.store)]);
		else
			draw_verdict(plot, row, at);
		at += BAR_STEP;
	}
	words.y = (y + at - (BAR_STEP - BAR)) / 2 + 7;
	print_words(plot, &words, label);
	return at + GROUP_GAP;
}

static void
draw_grid(const struct plot *plot, double bottom)
{
	struct words words = {0, TOP - 14, 14, pale, "middle", false};
	char text[40];
	const int lines = (int)(plot->most * 1.001 / plot->step);
	int i;

	for (i = 0; i <= lines; i++) {
		const double at = i * plot->step;

		words.x = x_of(plot, at);
		fprintf(plot->out,
		    "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%.1f\" "
		    "stroke=\"%s\" stroke-width=\"1.5\"/>\n",
		    words.x, TOP - 6, words.x, bottom, grid);
		print_thousands(text, sizeof(text), at);
		if (i == 0)
			snprintf(text, sizeof(text), "sold a second");
		print_words(plot, &words, text);
	}
}

static void
draw_legend(const struct plot *plot)
{
	struct words words = {0, 52, 18, ink, "start", false};
	double x = WIDTH - 40 - 110.0 * (double)plot->store_count;
	size_t i;

	for (i = 0; i < plot->store_count; i++, x += 110) {
		fprintf(plot->out,
		    "<rect x=\"%.1f\" y=\"36\" width=\"20\" height=\"20\" "
		    "rx=\"2\" fill=\"%s\"/>\n",
		    x, colours[i]);
		words.x = x + 28;
		print_words(plot, &words, plot->stores[i]);
	}
}

static void
draw_head(const struct plot *plot)
{
	struct words words = {40, 56, 32, ink, "start", true};
	const struct flags *flags = plot->result->flags;
	char text[400];

	print_words(
	    plot, &words, "Who sells a seat twice, and what the cure costs");
	words = (struct words){40, 88, 17, pale, "start", false};
	snprintf(text, sizeof(text), "Race: %s.  Price: no delay, %.3g s, ",
	    plot->result->setting, (double)flags->duration_ms / 1e3);
	if (flags->rate > 0)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
		    "%" PRIu64 " orders a second.", flags->rate);
	else
		strcat(text, "closed loop.");
	print_words(plot, &words, text);
}

/* What whiskers are, who was late, and where it was. */
static void
draw_foot(const struct plot *plot, double height)
{
	struct words words = {40, height - 72, 14, pale, "start", false};
	char text[RESULT_LATE];

	snprintf(text, sizeof(text),
	    "Whiskers: ± how much %s differ, deviation over mean.",
	    plot->result->flags->rounds > 1 ? "the rounds"
					    : "tenths of the time");
	if (plot->result->flags->duration_ms > 0)
		print_words(plot, &words, text);
	words.y = height - 48;
	words.colour = red;
	if (result_late_client(plot->result, text))
		print_words(plot, &words, text);
	words.y = height - 24;
	words.colour = pale;
	print_words(plot, &words, plot->result->machine);
}

void
report_plot(const struct result *result, FILE *out)
{
	struct plot plot = {.result = result, .out = out};
	double y = TOP, height;
	size_t i, groups = 0;

	for (i = 0; i < result->count; i++) {
		store_index(&plot, result->rows[i].setting.store);
		groups += is_first_of_group(result, i);
	}
	set_scale(&plot);
	height = TOP + (double)result->count * BAR_STEP +
		 (double)groups * GROUP_GAP + FOOT;
	fprintf(out,
	    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
	    "height=\"%.0f\" viewBox=\"0 0 %d %.0f\" "
	    "font-family=\"Inter, 'Helvetica Neue', Arial, 'DejaVu Sans', "
	    "sans-serif\">\n<title>turnstile: verdict and price of each "
	    "strategy</title>\n<rect width=\"100%%\" height=\"100%%\" "
	    "fill=\"#ffffff\"/>\n",
	    WIDTH, height, WIDTH, height);
	draw_head(&plot);
	draw_legend(&plot);
	draw_grid(&plot, height - FOOT);
	for (i = 0; i < result->count; i++)
		if (is_first_of_group(result, i))
			y = draw_group(&plot, i, y);
	draw_foot(&plot, height);
	fprintf(out, "</svg>\n");
}
