# SPDX-License-Identifier: BSD-2-Clause
# turnstile.  `make demo` and `make test` do everything; `make help` lists all.

BUILD ?= build$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))
comma := ,
CC := $(if $(filter default undefined,$(origin CC)),gcc,$(CC))

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion
OPTIMISE ?= -O2 -g
CPPFLAGS += -D_GNU_SOURCE -Ilocks -Istorage -Iservice -I$(BUILD)
CFLAGS += -std=c17 $(OPTIMISE) $(WARNINGS) -pthread -fno-omit-frame-pointer
LDLIBS += -lmicrohttpd -ljansson -lsqlite3

ifneq ($(SANITIZE),)
CFLAGS += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all
LDFLAGS += -fsanitize=$(SANITIZE)
endif

# What needs libmicrohttpd, and main(), stay out of the unit tests.
SOURCES := $(wildcard locks/*.c storage/*.c service/*.c)
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
LIBRARY := $(filter-out $(BUILD)/service/main.o,$(OBJECTS))
UNIT_SOURCES := $(wildcard tests/unit/test_*.c)
UNIT_TESTS := $(UNIT_SOURCES:tests/unit/%.c=$(BUILD)/unit/%)

.PHONY: all
all: $(BUILD)/turnstile

$(BUILD)/turnstile: $(OBJECTS)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/%.o: %.c | packages
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

.PHONY: packages
packages:

-include $(OBJECTS:.o=.d) $(UNIT_SOURCES:%.c=$(BUILD)/%.d)

.PHONY: clean
clean: ## remove what was built
	rm -rf build build-*
