# SPDX-License-Identifier: BSD-2-Clause
# What is checked without running it, and what is counted.

LINT_PACKAGES := clang-format clang-tidy cppcheck shellcheck
LINT_TESTS := $(wildcard tests/lint/*.bats)

C_FILES := $(wildcard $(ROOMS:%=%/*.[ch]) tests/*/*.[ch] \
	tests/lab/museum/*.[ch] tests/exercises/solutions/*/*.[ch])
C_TESTS := $(filter tests/%.c,$(C_FILES))
SCRIPTS := .ci/run $(wildcard tests/*.sh tests/*/*.sh tests/*/run)
BASH_SCRIPTS := $(wildcard tests/*/*.bats tests/*/*.bash)

# clang-tidy warns as clang does, too.  What it says on stderr is how many
# warnings it did not show.
TIDY = clang-tidy --quiet FILE -- $(CPPFLAGS) -std=c17 $(WARNINGS) 2>/dev/null
CPPCHECK = cppcheck --quiet --error-exitcode=1 --inline-suppr \
	--enable=warning,portability --std=c11 $(CPPFLAGS)

.PHONY: format lint objects house counts test-lint
format: ## format the C code
	clang-format -i $(C_FILES)

lint: test-packages ## formats, warnings, analyzers, scripts, and the house
	@tests/packages.sh $(LINT_PACKAGES)
	@echo clang-format
	@clang-format --dry-run -Werror $(C_FILES)
	@echo gcc
	@$(MAKE) -s BUILD=build-lint EXTRA_CFLAGS=-Werror objects
	@echo the house
	@tests/lint/house.sh . build-lint
	@! tests/lint/house.sh --graph . build-lint | sed 's/^/    /' | \
	    grep -vxFf tests/lint/README.md | sed 's/^/the README lacks:/' | grep .
	@echo clang and clang-tidy
	@printf '%s\n' $(filter %.c,$(C_FILES)) | \
	    xargs -P "$$(nproc)" -I FILE sh -c '$(TIDY)'
	@echo cppcheck
	@$(CPPCHECK) $(SOURCES)
	@$(CPPCHECK) $(C_TESTS)
	@echo shellcheck
	@shellcheck $(SCRIPTS)
	@shellcheck -x -s bash $(BASH_SCRIPTS)

objects: $(OBJECTS) $(C_TESTS:%.c=$(BUILD)/%.o) ## every C file, compiled
$(C_TESTS:%.c=$(BUILD)/%.o): | test-packages

house: objects ## the rooms of the house, each with those it uses
	@tests/lint/house.sh --graph . $(BUILD)

counts: packages ## what growing costs; FOLDER=DIR counts another checkout
	@tests/lint/counts.sh $(FOLDER)

test-lint: test-packages ## the tests of these checks
	@tests/run.sh $(LINT_TESTS)
