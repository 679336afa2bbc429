# SPDX-License-Identifier: BSD-2-Clause
# A data directory with a million orders, to see what grows with a ledger.

MILLION_OBJECTS := $(BUILD)/tests/million/million.o \
	$(filter $(addprefix $(BUILD)/,locks/% storage/% service/writer.o),$(OBJECTS))
MILLION_TESTS := $(wildcard tests/million/*.bats)

$(BUILD)/million: LDLIBS := -ljansson -lsqlite3 $(LIBPQ:%=-lpq)
$(BUILD)/million: $(MILLION_OBJECTS)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)
-include $(BUILD)/tests/million/million.d

# Its waits are those of people who ask.
$(BUILD)/million-waits: $(BUILD)/tests/million/waits.o
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^
-include $(BUILD)/tests/million/waits.d

.PHONY: million
million: $(BUILD)/million $(BUILD)/million-waits $(BUILD)/turnstile ## the worst waits beside a million orders: three minutes
	@tests/million/run $(BUILD)
