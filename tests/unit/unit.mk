# SPDX-License-Identifier: BSD-2-Clause
# Unit tests that need more than their own file and the library.

ACTORS := $(BUILD)/tests/unit/actors.o
$(BUILD)/unit/test_locks $(BUILD)/unit/test_locks_crashes \
    $(BUILD)/unit/test_locks_table: $(ACTORS)
$(ACTORS): | test-packages
-include $(ACTORS:.o=.d)
