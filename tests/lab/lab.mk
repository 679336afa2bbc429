# SPDX-License-Identifier: BSD-2-Clause
# The laboratory: build/lab, and its tests.

LAB_SOURCES := $(filter-out tests/lab/test_%,\
	$(wildcard tests/lab/*.c tests/lab/museum/*.c))
LAB_OBJECTS := $(LAB_SOURCES:%.c=$(BUILD)/%.o)
# The heart, the stores, the locks and the audit; no HTTP, and no processes but
# its own.
LAB_LIBRARY := $(filter-out $(BUILD)/service/process/% \
	$(BUILD)/service/http/% $(BUILD)/service/page/% \
	$(BUILD)/locks/lock_rows.o,$(LIBRARY))

all: $(BUILD)/lab
$(BUILD)/lab: $(LAB_OBJECTS) $(LAB_LIBRARY)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)
-include $(LAB_SOURCES:%.c=$(BUILD)/%.d)

LAB_TESTS := $(wildcard tests/lab/*.bats)
$(LAB_TESTS): $(BUILD)/lab

.PHONY: test-lab
test-lab: test-packages $(BUILD)/lab ## the laboratory's own tests
	@LAB=$(BUILD)/lab tests/run.sh $(LAB_TESTS)
