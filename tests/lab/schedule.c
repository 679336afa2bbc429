/* SPDX-License-Identifier: BSD-2-Clause */
/* Texts of letters, there and back. */
#include "tests/lab/schedule.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

char
schedule_letter(struct letter letter)
{
	const char name = (char)('A' + letter.buyer);

	switch (letter.deed) {
	case DEED_GO:
		return name;
	case DEED_KILL:
		return (char)tolower(name);
	case DEED_SUPERVISE:
		return 'S';
	case DEED_TIME:
		return 'T';
	case DEED_PATCH:
		break;
	}
	return 'P';
}

void
schedule_print(const struct schedule *schedule, char *text)
{
	size_t i;

	for (i = 0; i < schedule->length; i++)
		text[i] = schedule_letter(schedule->letters[i]);
	text[i] = '\0';
}

static bool
parse_letter(char c, unsigned buyers, struct letter *letter)
{
	const char last = (char)('A' + buyers - 1);

	*letter = (struct letter){.deed = DEED_GO};
	if (c == 'S')
		letter->deed = DEED_SUPERVISE;
	else if (c == 'T')
		letter->deed = DEED_TIME;
	else if (c == 'P')
		letter->deed = DEED_PATCH;
	else if (c >= 'A' && c <= last)
		letter->buyer = (unsigned)(c - 'A');
	else if (c >= 'a' && c <= tolower(last))
		*letter = (struct letter){DEED_KILL, (unsigned)(c - 'a')};
	else
		return false;
	return true;
}

bool
schedule_parse(const char *text, unsigned buyers, struct schedule *schedule,
    char *error, size_t error_size)
{
	struct letter letter = {.deed = DEED_GO};
	size_t i, times;

	*schedule = (struct schedule){.length = 0};
	for (i = 0; text[i] != '\0'; i++) {
		times = 1;
		if (text[i] >= '1' && text[i] <= '9' && i > 0 &&
		    !isdigit((unsigned char)text[i - 1])) {
			times = (size_t)(text[i] - '0' - 1);
		} else if (!parse_letter(text[i], buyers, &letter)) {
			snprintf(error, error_size,
			    "letter %zu, '%c', is no buyer: there are A to %c, "
			    "a to %c who are killed, S for the supervisor, P "
			    "for a PATCH, T for ten seconds, and a number "
			    "behind a letter repeats "
			    "it",
			    i + 1, text[i], 'A' + (int)buyers - 1,
			    'a' + (int)buyers - 1);
			return false;
		}
		for (; times > 0; times--) {
			if (schedule->length == SCHEDULE_MAX) {
				snprintf(error, error_size,
				    "it has more than %d letters",
				    SCHEDULE_MAX);
				return false;
			}
			schedule->letters[schedule->length++] = letter;
		}
	}
	if (schedule->length == 0)
		snprintf(error, error_size, "it has no letter");
	return schedule->length > 0;
}

bool
schedule_is_before(const struct schedule *one, const struct schedule *two)
{
	char first[SCHEDULE_MAX + 1], second[SCHEDULE_MAX + 1];

	if (one->preemptions != two->preemptions)
		return one->preemptions < two->preemptions;
	if (one->length != two->length)
		return one->length < two->length;
	schedule_print(one, first);
	schedule_print(two, second);
	return strcmp(first, second) < 0;
}
