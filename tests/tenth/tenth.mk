# SPDX-License-Identifier: BSD-2-Clause
# Programs with strategies that turnstile does not have; see generate.sh.

TENTH := $(BUILD)/tenth
TENTH_PROGRAMS := $(TENTH)/turnstile-futex $(TENTH)/stress-futex \
	$(TENTH)/test_locks-futex $(TENTH)/test_locks_crashes-futex \
	$(TENTH)/turnstile-liar $(TENTH)/stress-liar $(TENTH)/test_locks-liar \
	$(TENTH)/turnstile-full $(TENTH)/turnstile-late
TENTH_OBJECTS := $(foreach kind,futex liar full late,\
	$(TENTH)/lock_$(kind).o $(TENTH)/lock_rows_$(kind).o)
TENTH_TESTS := tests/tenth/tenth.bats tests/tenth/walk.bats
tenth_library = $(filter-out $(BUILD)/locks/lock_rows.o,$(1))

$(TENTH)/generated: tests/tenth/generate.sh tests/tenth/lock_futex.c \
		locks/lock.h locks/lock_rows.c locks/lock_none.c
	@mkdir -p $(TENTH)
	tests/tenth/generate.sh $(TENTH)
	@touch $@
$(TENTH_OBJECTS): $(TENTH)/%.o: $(TENTH)/generated locks/lock_impl.h
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $(TENTH)/$*.c

# What is named before the dash, with the strategy and the table behind it.
$(filter $(TENTH)/turnstile-%,$(TENTH_PROGRAMS)): \
    $(call tenth_library,$(OBJECTS))
$(filter $(TENTH)/stress-%,$(TENTH_PROGRAMS)): \
    $(STRESS_OBJECTS) $(call tenth_library,$(STRESS_LIBRARY))
$(filter $(TENTH)/test_locks-%,$(TENTH_PROGRAMS)): \
    $(call unit_part,test_locks actors) $(call tenth_library,$(LIBRARY))
$(filter $(TENTH)/test_locks_crashes-%,$(TENTH_PROGRAMS)): \
    $(call unit_part,test_locks_crashes actors) $(call tenth_library,$(LIBRARY))
$(foreach kind,futex liar full late,$(eval $(filter %-$(kind),\
    $(TENTH_PROGRAMS)): $(TENTH)/lock_$(kind).o $(TENTH)/lock_rows_$(kind).o))
$(TENTH_PROGRAMS):
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcurl -lm \
	    $(if $(findstring test_,$@),-lcmocka)

$(TENTH_TESTS): $(TENTH_PROGRAMS)

.PHONY: test-tenth
test-tenth: test-packages ## a tenth strategy, from one file and one row
	@$(MAKE) -s $(TENTH_TESTS)
	@TENTH=$(TENTH) tests/run.sh $(TENTH_TESTS)
