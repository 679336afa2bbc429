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

built: $(BUILD)/lab
$(BUILD)/lab: $(LAB_OBJECTS) $(LAB_LIBRARY)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)
-include $(LAB_SOURCES:%.c=$(BUILD)/%.d)

# The laboratory with one line of turnstile broken, for its tests.
LAB_PLANTED := $(patsubst tests/lab/planted/%.patch,$(BUILD)/lab-%,\
	$(wildcard tests/lab/planted/*.patch))
planted_file = $(shell sed -n 's|^--- a/\(.*\)\.c$$|\1|p' $<)
$(LAB_PLANTED): $(BUILD)/lab-%: tests/lab/planted/%.patch $(LAB_OBJECTS) \
		$(LAB_LIBRARY)
	@mkdir -p $@.d
	@cp $(planted_file).c $@.d/planted.c
	@patch -s $@.d/planted.c $<
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@.d/planted.o $@.d/planted.c
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $@.d/planted.o \
	    $(filter-out $(BUILD)/$(planted_file).o $<,$^) $(LDLIBS)

LAB_TESTS := $(wildcard tests/lab/*.bats)
$(LAB_TESTS): $(BUILD)/lab
tests/lab/planted.bats: $(LAB_PLANTED)

.PHONY: test-lab
test-lab: test-packages $(BUILD)/lab $(LAB_PLANTED) ## the laboratory's own tests
	@LAB=$(BUILD)/lab tests/run.sh $(LAB_TESTS)
