/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines are made with jansson, which knows how to quote. */
#include "service/log.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "locks/clock.h"
#include "locks/timestamp.h"

static void
put_quoted(FILE *out, const char *text)
{
	json_t *string = json_string(text);

	if (string == NULL)
		string = json_string("?"); /* it was not UTF-8 */
	json_dumpf(string, out, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
	json_decref(string);
}

static void
put_field(FILE *out, const struct log_field *field, bool json)
{
	fprintf(out, json ? ",\"%s\":" : " %s=", field->name);
	if (field->text != NULL)
		put_quoted(out, field->text);
	else
		fprintf(out, "%" PRId64, field->number);
}

void
log_event(
    const struct log *log, const char *event, const struct log_field *fields)
{
	char now[TIMESTAMP_SIZE], *line = NULL;
	size_t size = 0;
	FILE *out;

	out = open_memstream(&line, &size);
	if (out == NULL)
		return;
	timestamp_print(clock_read_ns(CLOCK_REALTIME) / NS_PER_MS, now);
	fprintf(out, log->json ? "{\"time\":\"%s\",\"event\":\"%s\"" : "%s %s",
	    now, event);
	for (; fields->name != NULL; fields++)
		put_field(out, fields, log->json);
	fprintf(out, log->json ? "}\n" : "\n");
	if (fclose(out) == 0)
		(void)!write(STDERR_FILENO, line, size); /* nowhere to tell */
	free(line);
}
