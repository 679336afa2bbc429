# SPDX-License-Identifier: BSD-2-Clause
# The browser's page: its files go into the binary as they are.  page_files.c
# has an .incbin and a row of page_files[] for each of them.

PAGE_FILES := $(sort $(wildcard $(addprefix service/page/*.,html css js svg))) \
	service/openapi.yaml $(BUILD)/service/page/orders.json

# What "every order" shows is the laboratory's, which runs here, and links
# nothing of this folder.  Where the machine that builds cannot run what it
# builds, ORDERS_LAB is a laboratory that it can run; without one the page
# lacks that part.
ORDERS_LAB ?= $(BUILD)/lab
ORDERS_SECONDS := 60

$(BUILD)/service/page/orders.json: $(ORDERS_LAB)
	@mkdir -p $(@D)
	@( echo '['; comma=; for case in '2 1' '2 2' '3 2'; do \
		printf '%s' "$$comma" && comma=, && \
		timeout $(ORDERS_SECONDS) $(ORDERS_LAB) --catalogue \
			--buyers "$${case% *}" --tickets "$${case#* }" || exit 1; \
	done; echo ']' ) >$@.new || { echo "$(ORDERS_LAB) cannot run here:" \
		"the page will lack \"every order\"" >&2; echo '[]' >$@.new; }
	@mv $@.new $@

$(BUILD)/service/page/page_files.c: $(PAGE_FILES) service/page/page.mk
	@mkdir -p $(@D)
	@set -e; rows=; i=0; { \
	echo '/* Made by service/page/page.mk. */'; \
	echo '#include "service/page/page.h"'; \
	for file in $(PAGE_FILES); do \
		case $$file in \
		*.html) type=text/html ;; *.css) type=text/css ;; \
		*.js) type=text/javascript ;; *.svg) type=image/svg+xml ;; \
		*.yaml) type=application/openapi+yaml ;; \
		*.json) type=application/json ;; \
		esac; \
		case $$type in image/* | application/*) ;; *) type="$$type; charset=utf-8" ;; \
		esac; \
		sum=$$(sha256sum <"$$file" | cut -c 1-32); \
		size=$$(wc -c <"$$file" | tr -d ' '); \
		printf '__asm__(".pushsection .rodata\\n"\n'; \
		printf '	"page_file_%d: .incbin \\"%s\\"\\n"\n' \
			"$$i" "$$file"; \
		printf '	".popsection\\n");\n'; \
		echo "extern const char page_file_$$i[];"; \
		rows="$$rows	{ \"$${file##*/}\", \"$$type\", page_file_$$i,"; \
		rows="$$rows $$size, \"\\\\\"$$sum\\\\\"\" },\\n"; \
		i=$$((i + 1)); \
	done; \
	echo 'const struct page_file page_files[] = {'; \
	printf "$$rows"; \
	echo '};'; \
	echo "const size_t page_files_count = $$i;"; } >$@.new
	@mv $@.new $@

$(BUILD)/service/page/page_files.o: $(BUILD)/service/page/page_files.c
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

.PHONY: test-page
test-page: $(BUILD)/turnstile ## the page, in a headless Chromium
	@tests/page/run $(BUILD)/turnstile

.PHONY: screenshot
screenshot: $(BUILD)/turnstile ## service/page/collision.png, for the README
	@tests/page/run $(BUILD)/turnstile screenshot service/page/collision.png
