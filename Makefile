# SPDX-License-Identifier: BSD-2-Clause
# turnstile.  `make demo` and `make test` do everything; `make help` lists all.

comma := ,
BUILD ?= build$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))
CC := $(if $(filter default undefined,$(origin CC)),gcc,$(CC))
PREFIX ?= /usr/local

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion
OPTIMISE ?= -O2 -g

# What makes a fault harder to exploit; tests/e2e/18-doors.bats looks for it in
# the binary.  Sanitizers have checks of their own in place of fortified calls,
# which also need an optimiser.
HARDEN := -fPIE -fstack-protector-strong -fstack-clash-protection
ifneq ($(filter x86_64 i%86,$(shell uname -m)),)
HARDEN += -fcf-protection
endif
ifeq ($(SANITIZE)$(findstring -O0,$(OPTIMISE)),)
HARDEN += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
endif
HARDEN_LINK := -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack \
	-Wl,-z,separate-code

CPPFLAGS += -D_GNU_SOURCE -I.
CFLAGS += -std=c17 $(OPTIMISE) $(WARNINGS) $(HARDEN) -pthread \
	-fno-omit-frame-pointer $(EXTRA_CFLAGS)
LDFLAGS += $(HARDEN_LINK) $(EXTRA_LDFLAGS)
LDLIBS += -lmicrohttpd -ljansson -lsqlite3 -lqrencode

# PostgreSQL, where the headers of its client library are; `make LIBPQ=` does
# without.
LIBPQ ?= $(shell pg_config --includedir 2>/dev/null)

ifneq ($(SANITIZE),)
CFLAGS += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all
LDFLAGS += -fsanitize=$(SANITIZE)
endif

# The rooms of the house, from the ground up.
ROOMS := locks storage storage/json $(if $(LIBPQ),storage/postgres) service \
	service/sale service/audit service/page service/http service/process
ifneq ($(LIBPQ),)
CPPFLAGS += -DHAVE_LIBPQ -isystem $(LIBPQ)
LDLIBS += -lpq
endif
# What was built the other way is built again.
LIBPQ_MARK := $(BUILD)/$(if $(LIBPQ),with,without)-libpq
$(LIBPQ_MARK):
	@mkdir -p $(@D) && rm -f $(BUILD)/*-libpq && touch $@
$(BUILD)/storage/store_rows.o $(BUILD)/tests/unit/database.o: $(LIBPQ_MARK)

SOURCES := $(wildcard $(ROOMS:%=%/*.c))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o) $(BUILD)/service/page/page_files.o
LIBRARY := $(filter-out $(BUILD)/service/main.o,$(OBJECTS))
E2E_TESTS := $(wildcard tests/e2e/*.bats)

# A compiler, the six libraries, and the curl to try them with.
BUILD_PACKAGES := gcc libc6-dev libmicrohttpd-dev libjansson-dev \
	libsqlite3-dev libqrencode-dev libcurl4-openssl-dev libpq-dev curl
TEST_PACKAGES := libcmocka-dev bats strace python3-jsonschema wrk jq postgresql

.DEFAULT_GOAL := all
.PHONY: all built
# Whether there is libpq is known when make begins: it may be installed now.
all: packages ## build the service (default)
	@$(MAKE) --no-print-directory built
built: $(BUILD)/turnstile

$(BUILD)/turnstile: $(OBJECTS)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/%.o: %.c | packages
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

-include tests/unit/unit.mk
-include service/page/page.mk
-include tests/stress/stress.mk
-include tests/fuzz/fuzz.mk
-include tests/tenth/tenth.mk
-include tests/exercises/exercises.mk
-include tests/torture/torture.mk
-include tests/lab/lab.mk
-include tests/million/million.mk
-include tests/bench/bench.mk
-include tests/openapi/openapi.mk
-include tests/history/history.mk
-include tests/models/models.mk
-include tests/mutants/mutants.mk
-include tests/lint/lint.mk

.PHONY: packages test-packages
packages: ## install what building needs
	@CC="$(CC)" tests/packages.sh $(BUILD_PACKAGES)
test-packages: packages ## install what testing needs as well
	@tests/packages.sh $(TEST_PACKAGES)

.PHONY: run
run: all ## run in the foreground: make run ARGS='--lock none'
	$(BUILD)/turnstile $(ARGS)

.PHONY: demo
demo: packages ## see it oversell, see why, see the cure; under a minute
	@echo "building (first time: half a minute)"
	@$(MAKE) -s $(BUILD)/turnstile $(BUILD)/stress $(BUILD)/lab
	@tests/demo.sh $(BUILD) $(BUILD)/demo.log

.PHONY: demo-hosts
demo-hosts: packages ## how far each lock reaches: two hosts on one PostgreSQL
	@tests/packages.sh postgresql
	@$(MAKE) -s $(BUILD)/turnstile $(BUILD)/stress
	@tests/demo_hosts.sh $(BUILD) $(BUILD)/demo-hosts.log

# Beside a PostgreSQL, if there is a store that wants one.
RUN := $(if $(LIBPQ),tests/cluster) tests/run.sh

.PHONY: test unit e2e
test: test-packages ## all tests that need nothing but Debian's packages
	@$(MAKE) -s $(BUILD)/turnstile $(BUILD)/stress $(UNIT_TESTS) \
	    $(STRESS_TESTS) $(TENTH_TESTS) $(TORTURE_TESTS) $(HISTORY_TESTS) \
	    $(FUZZ_TESTS) $(EXERCISE_TESTS) $(BUILD)/million $(BUILD)/lab \
	    $(LAB_PLANTED) $(BENCH_PROGRAMS)
	@TURNSTILE=$(BUILD)/turnstile STRESS=$(BUILD)/stress \
	    BROKEN=$(BUILD)/turnstile-broken TENTH=$(BUILD)/tenth \
	    TORTURE=$(BUILD)/torture MILLION=$(BUILD)/million \
	    LAB=$(BUILD)/lab $(RUN) \
	    $(UNIT_TESTS) $(E2E_TESTS) $(STRESS_TESTS) $(TENTH_TESTS) \
	    $(TORTURE_TESTS) $(MILLION_TESTS) $(FUZZ_TESTS) $(LINT_TESTS) \
	    $(EXERCISE_TESTS) $(HISTORY_TESTS) $(MODELS_TESTS) $(MUTANTS_TESTS) \
	    $(BENCH_TESTS) $(LAB_TESTS)
unit: test-packages ## unit and contract tests only
	@$(MAKE) -s $(UNIT_TESTS)
	@$(RUN) $(UNIT_TESTS)
e2e: test-packages ## end-to-end tests only
	@$(MAKE) -s $(BUILD)/turnstile
	@TURNSTILE=$(BUILD)/turnstile $(RUN) $(E2E_TESTS)

.PHONY: coverage
coverage: ## line coverage of all tests, in build-coverage
	$(MAKE) BUILD=build-coverage OPTIMISE='-O0 -g' \
	    EXTRA_CFLAGS='--coverage -D_exit=exit' EXTRA_LDFLAGS=--coverage \
	    test
	cd build-coverage && gcov -n $$(find . -name '*.gcda') 2>/dev/null | \
	    grep -A1 -E "File '.*(locks|storage|service)/" || true

.PHONY: install
install: all ## into $(PREFIX)
	install -D $(BUILD)/turnstile $(DESTDIR)$(PREFIX)/bin/turnstile
	install -D $(BUILD)/stress $(DESTDIR)$(PREFIX)/bin/turnstile-stress
	install -D $(BUILD)/lab $(DESTDIR)$(PREFIX)/bin/turnstile-lab

.PHONY: help
help: ## this
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | \
	    sed -E 's/:.*## /\t/' | sort | \
	    awk -F'\t' '{ printf "  make %-14s %s\n", $$1, $$2 }'

.PHONY: clean
clean: ## remove what was built
	rm -rf build build-*

-include $(OBJECTS:.o=.d)
