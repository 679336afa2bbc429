# SPDX-License-Identifier: BSD-2-Clause
# Unit tests: a program each, and what it is linked with.

UNIT_SOURCES := $(wildcard tests/unit/test_*.c)
UNIT_TESTS := $(UNIT_SOURCES:tests/unit/%.c=$(BUILD)/unit/%)
UNIT_SHARED := $(filter-out $(UNIT_SOURCES),$(wildcard tests/unit/*.c))
UNIT_OBJECTS := $(UNIT_SOURCES:%.c=$(BUILD)/%.o) $(UNIT_SHARED:%.c=$(BUILD)/%.o)
unit_test = $(filter $(BUILD)/unit/test_$(1),$(UNIT_TESTS))
unit_part = $(addprefix $(BUILD)/tests/unit/,$(1:%=%.o))
UNIT_LINK = @mkdir -p $(@D) && \
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

# Clerks that do what they are told; a hall with two desks; a vault and a
# store that fails, and the disk under them.
$(call unit_test,locks%): $(call unit_part,actors)
$(call unit_test,sell%): $(call unit_part,hall)
$(call unit_test,store%): $(call unit_part,vault disk store_faulty)
$(UNIT_TESTS): $(call unit_part,database)

# Its allocations are the test's to fail.
$(call unit_test,store_memory): LDFLAGS += \
	$(addprefix -Wl$(comma)--wrap=,malloc calloc realloc madvise)

# The sale's tests are linked with the sale and what it may use: it sells
# without HTTP, processes, the page and the audit.
GROUND := $(filter-out service/main.c,$(wildcard service/*.c))
SALE_LIBRARY := $(GROUND:%.c=$(BUILD)/%.o) \
	$(filter $(addprefix $(BUILD)/,locks/% storage/% service/sale/%),\
	$(OBJECTS))
SALE_TESTS := $(call unit_test,sell%) $(call unit_test,queue) \
	$(call unit_test,trail) $(call unit_test,counting)
$(SALE_TESTS): LDLIBS := $(filter-out -lmicrohttpd,$(LDLIBS))

# Those of sell() have the checking lock around every strategy, too.
checked = $(call unit_part,lock_checked) \
	$(filter-out $(BUILD)/locks/lock_rows.o,$(1))
$(call unit_test,sell%): $(BUILD)/unit/%: $(BUILD)/tests/unit/%.o \
		$(call checked,$(SALE_LIBRARY))
	$(UNIT_LINK)
$(call unit_test,queue) $(call unit_test,trail) $(call unit_test,counting): \
    $(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(SALE_LIBRARY)
	$(UNIT_LINK)

# The contract of the locks holds with and without it.
UNIT_TESTS += $(BUILD)/unit/test_locks-checked
$(BUILD)/unit/test_locks-checked: $(call unit_part,test_locks actors) \
		$(call checked,$(LIBRARY))
	$(UNIT_LINK)
$(call unit_test,lock_checked): $(BUILD)/unit/%: $(BUILD)/tests/unit/%.o \
		$(call checked,$(LIBRARY))
	$(UNIT_LINK)

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(LIBRARY)
	$(UNIT_LINK)

$(UNIT_OBJECTS): | test-packages
-include $(UNIT_OBJECTS:.o=.d)
