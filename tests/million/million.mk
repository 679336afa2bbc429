# SPDX-License-Identifier: BSD-2-Clause
# A data directory with a million orders, to see what grows with a ledger.

MILLION_OBJECTS := $(BUILD)/tests/million/million.o \
	$(filter $(addprefix $(BUILD)/,locks/% storage/%),$(OBJECTS))
MILLION_TESTS := $(wildcard tests/million/*.bats)

$(BUILD)/million: LDLIBS := -ljansson -lsqlite3
$(BUILD)/million: $(MILLION_OBJECTS)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)
-include $(BUILD)/tests/million/million.d
