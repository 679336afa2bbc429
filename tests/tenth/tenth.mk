# SPDX-License-Identifier: BSD-2-Clause
# Programs with strategies that turnstile does not have; see generate.sh.

TENTH := $(BUILD)/tenth
TENTH_PROGRAMS := $(TENTH)/turnstile-futex $(TENTH)/stress-futex \
	$(TENTH)/test_locks-futex $(TENTH)/test_locks_crashes-futex \
	$(TENTH)/turnstile-liar $(TENTH)/stress-liar $(TENTH)/test_locks-liar \
	$(TENTH)/turnstile-full $(TENTH)/turnstile-late
TENTH_OBJECTS := $(foreach kind,futex liar full late,\
	$(TENTH)/lock_$(kind).o $(TENTH)/lock_rows_$(kind).o)
TENTH_TESTS := tests/tenth/tenth.bats
TENTH_LIBRARY := $(filter-out $(BUILD)/locks/lock_rows.o,$(LIBRARY))

$(TENTH)/generated: tests/tenth/generate.sh tests/tenth/lock_futex.c \
		locks/lock.h locks/lock_rows.c locks/lock_none.c
	@mkdir -p $(TENTH)
	tests/tenth/generate.sh $(TENTH)
	@touch $@
$(TENTH_OBJECTS): $(TENTH)/%.o: $(TENTH)/generated locks/lock_impl.h
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $(TENTH)/$*.c

# What is named before the dash, with the strategy and the table behind it.
$(filter $(TENTH)/turnstile-%,$(TENTH_PROGRAMS)): $(BUILD)/service/main.o
$(filter $(TENTH)/stress-%,$(TENTH_PROGRAMS)): $(STRESS_OBJECTS)
$(filter $(TENTH)/test_locks-%,$(TENTH_PROGRAMS)): \
    $(BUILD)/tests/unit/test_locks.o $(ACTORS)
$(filter $(TENTH)/test_locks_crashes-%,$(TENTH_PROGRAMS)): \
    $(BUILD)/tests/unit/test_locks_crashes.o $(ACTORS)
$(foreach kind,futex liar full late,$(eval $(filter %-$(kind),\
    $(TENTH_PROGRAMS)): $(TENTH)/lock_$(kind).o $(TENTH)/lock_rows_$(kind).o))
$(TENTH_PROGRAMS): $(TENTH_LIBRARY)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcurl -lm \
	    $(if $(findstring test_,$@),-lcmocka)

$(TENTH_TESTS): $(TENTH_PROGRAMS)

.PHONY: test-tenth
test-tenth: test-packages ## a tenth strategy, from one file and one row
	@$(MAKE) -s $(TENTH_TESTS)
	@TENTH=$(TENTH) tests/run.sh $(TENTH_TESTS)
