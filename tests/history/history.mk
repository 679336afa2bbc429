# SPDX-License-Identifier: BSD-2-Clause
# Histories: a checker and a recorder.  Neither is linked with the service.

HISTORY := $(BUILD)/tests/history
HISTORY_PARTS := $(addprefix $(HISTORY)/,texts.o history.o sale.o clash.o \
	search.o explain.o)
HISTORY_RECORDER := $(addprefix $(HISTORY)/,record.o client.o talk.o \
	journal.o server.o fate.o)
HISTORY_PROGRAMS := $(BUILD)/history-check $(BUILD)/history-record
HISTORY_UNITS := $(BUILD)/unit/test_history $(BUILD)/unit/test_search
HISTORY_BATS := $(wildcard tests/history/*.bats)
HISTORY_TESTS := $(HISTORY_UNITS) $(HISTORY_BATS)

built: $(HISTORY_PROGRAMS)

$(BUILD)/history-check: $(HISTORY)/main.o $(HISTORY_PARTS)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -ljansson
$(BUILD)/history-record: $(HISTORY_RECORDER)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -ljansson -lcurl
$(HISTORY_UNITS): $(BUILD)/unit/%: $(HISTORY)/%.o $(HISTORY_PARTS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -ljansson -lcmocka
$(HISTORY_UNITS:$(BUILD)/unit/%=$(HISTORY)/%.o): | test-packages

$(HISTORY_BATS): $(HISTORY_PROGRAMS) $(BUILD)/turnstile $(BUILD)/stress \
		$(BUILD)/turnstile-broken

-include $(wildcard $(HISTORY)/*.d)

# The first name is the part's of `make torture`.
.PHONY: torture-history history-long test-history
torture-history: history-long
history-long: $(HISTORY_PROGRAMS) $(BUILD)/stress ## histories with kills: four minutes
	@$(MAKE) -s $(BUILD)/turnstile
	@tests/history/run $(BUILD)
test-history: test-packages ## the checker's own tests, and a few histories
	@$(MAKE) -s $(HISTORY_TESTS)
	@TURNSTILE=$(BUILD)/turnstile tests/run.sh $(HISTORY_TESTS)
