/* SPDX-License-Identifier: BSD-2-Clause */
/* Fields of text that somebody else wrote, as a spreadsheet gets them. */
#include "service/http/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void
test_fields(void **state)
{
	static const char *const rows[][2] = {
	    {"", "\"\""},
	    {"alice", "\"alice\""},
	    {"a,b", "\"a,b\""},
	    {"say \"hi\"", "\"say \"\"hi\"\"\""},
	    {"\"", "\"\"\"\""},
	    {"\"\"", "\"\"\"\"\"\""},
	    {"two\r\nlines", "\"two\r\nlines\""},
	    {"Zo\xc3\xab", "\"Zo\xc3\xab\""},
	    /* What would be run. */
	    {"=1+1", "\"'=1+1\""},
	    {"+1", "\"'+1\""},
	    {"-1", "\"'-1\""},
	    {"@SUM(A1)", "\"'@SUM(A1)\""},
	    {"\t=1", "\"'\t=1\""},
	    {"\r=1", "\"'\r=1\""},
	    {"\n=1", "\"'\n=1\""},
	    {"=\"\"", "\"'=\"\"\"\"\""},
	    /* And so that it can be undone. */
	    {"'=1", "\"''=1\""},
	    {"a=1", "\"a=1\""},
	};
	char *text;
	size_t i, size;
	FILE *out;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		out = open_memstream(&text, &size);
		assert_non_null(out);
		csv_put_text(out, rows[i][0]);
		fclose(out);
		assert_string_equal(text, rows[i][1]);
		free(text);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fields),
	};

	if (argc > 1) /* only those whose name matches, * and ? allowed */
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
