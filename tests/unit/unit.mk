# SPDX-License-Identifier: BSD-2-Clause
# Unit tests that need more than their own file and the library.

# Clerks that do what they are told: for the contract of the locks.
ACTORS := $(BUILD)/tests/unit/actors.o
$(BUILD)/unit/test_locks $(BUILD)/unit/test_locks_crashes \
    $(BUILD)/unit/test_locks_table: $(ACTORS)

# Tests that run with the checking lock around every strategy.
CHECKED_TESTS := $(BUILD)/unit/test_lock_checked \
	$(filter $(BUILD)/unit/test_sell%,$(UNIT_TESTS))
LOCK_CHECKED := $(BUILD)/tests/unit/lock_checked.o
CHECKED_LIBRARY := $(LOCK_CHECKED) \
	$(filter-out $(BUILD)/locks/lock_rows.o,$(LIBRARY))
$(CHECKED_TESTS): $(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(CHECKED_LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

# The contract holds with and without it.
UNIT_TESTS += $(BUILD)/unit/test_locks-checked
$(BUILD)/unit/test_locks-checked: $(BUILD)/tests/unit/test_locks.o $(ACTORS) \
	    $(CHECKED_LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

$(ACTORS) $(LOCK_CHECKED): | test-packages
-include $(ACTORS:.o=.d) $(LOCK_CHECKED:.o=.d)
