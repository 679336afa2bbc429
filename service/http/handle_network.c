/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For telephones: where they reach the service, and any text as a QR code.
 * The only file that knows libqrencode.
 */
#include "service/http/handle.h"

#include <qrencode.h>
#include <string.h>

#include "service/http/problem.h"
#include "service/network.h"

#define TEXT_MOST 256
#define QUIET 4 /* modules of nothing around it, as the standard wants */

json_t *
handle_network_addresses(const struct call *call)
{
	const char *port = strrchr(call->service->address, ':');
	const char *host = call->service->options->host;
	char hosts[NETWORK_MOST][NETWORK_HOST_SIZE];
	json_t *list = json_array();
	size_t i, count;

	if (port == NULL || network_is_local(host))
		return list;
	if (!network_is_any(host)) {
		json_array_append_new(
		    list, json_string(call->service->address));
		return list;
	}
	count = network_hosts(hosts);
	for (i = 0; i < count; i++)
		json_array_append_new(
		    list, json_sprintf("%s%s", hosts[i], port));
	return list;
}

/* A path of runs: move to the first dark module, and along the row. */
static void
print_code(const QRcode *code, FILE *out)
{
	const int width = code->width, whole = width + 2 * QUIET;
	int i, from;

	fprintf(out,
	    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
	    "shape-rendering=\"crispEdges\">"
	    "<path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/><path d=\"",
	    whole, whole, whole, whole);
	for (i = 0; i < width * width; i++) {
		if (!(code->data[i] & 1))
			continue;
		for (from = i; i % width < width - 1 && code->data[i + 1] & 1;)
			i++;
		fprintf(out, "M%d %dh%dv1h-%dz", from % width + QUIET,
		    from / width + QUIET, i - from + 1, i - from + 1);
	}
	fprintf(out, "\"/></svg>\n");
}

void
handle_network_qr(struct call *call)
{
	const char *text = request_arg(call->request, "text");
	QRcode *code;
	FILE *out;

	if (text == NULL || text[0] == '\0' || strlen(text) > TEXT_MOST) {
		problem_reply(call->reply, PROBLEM_BAD_VALUE,
		    problem_member("text"),
		    "\"text\" must be 1 to %d bytes: what the code says.",
		    TEXT_MOST);
		return;
	}
	code = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
	if (code == NULL) {
		problem_reply(call->reply, PROBLEM_NO_MEMORY, NULL,
		    "There is no code; try again.");
		return;
	}
	out = reply_open(call->reply);
	if (out != NULL) {
		print_code(code, out);
		reply_close(call->reply, out, 200, "image/svg+xml");
	}
	QRcode_free(code);
	reply_header(call->reply, "Cache-Control", "no-store");
	reply_header(
	    call->reply, "Content-Security-Policy", "default-src 'none'");
	reply_header(call->reply, "X-Content-Type-Options", "nosniff");
}
