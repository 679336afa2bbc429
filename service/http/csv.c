/* SPDX-License-Identifier: BSD-2-Clause */
/* A field is written in pieces, up to each quote, which is doubled. */
#include "service/http/csv.h"

#include <string.h>

static void
put_quoted(FILE *out, const char *text)
{
	size_t length;

	for (;; text += length) {
		length = strcspn(text, "\"");
		fwrite(text, 1, length, out);
		if (text[length] == '\0')
			break;
		fputs("\"\"", out);
		length++;
	}
}

void
csv_put_text(FILE *out, const char *text)
{
	fputc('"', out);
	if (text[0] != '\0' && strchr("=+-@'\t\r\n", text[0]) != NULL)
		fputc('\'', out);
	put_quoted(out, text);
	fputc('"', out);
}
