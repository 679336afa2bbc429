# SPDX-License-Identifier: BSD-2-Clause
# The exercises of tests/EXERCISES.md: what judges them, and programs with a
# lock of the student's own.

EXERCISES := $(BUILD)/exercises
EXERCISE_TESTS := $(wildcard tests/exercises/*.bats)
EXERCISE_PROGRAMS := $(BUILD)/turnstile $(BUILD)/stress $(EXERCISES)/play

$(EXERCISES)/play: tests/exercises/play.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $<

# make LOCK=FILE.c TRY=DIR DIR/turnstile …: FILE.c in the place of the file of
# its name in locks/, if there is one, and with a row of its own, if it has
# none.
ifneq ($(LOCK),)
LOCK_NAME := $(basename $(notdir $(LOCK)))
TRY_PROGRAMS := $(addprefix $(TRY)/,turnstile stress test_locks \
	test_locks_crashes test_yours)
try_library = $(TRY)/lock.o $(TRY)/lock_rows.o $(filter-out \
	$(BUILD)/locks/lock_rows.o $(BUILD)/locks/$(LOCK_NAME).o,$(1))

$(TRY)/lock.o: $(LOCK) locks/lock_impl.h
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$(TRY)/lock_rows.o: locks/lock_rows.c tests/exercises/exercises.mk
	@mkdir -p $(@D)
	grep -q 'ROW($(LOCK_NAME))' $< && cp $< $(@:.o=.c) || sed -E \
	    's/^	ROW\(\w+\)$$/& ROW($(LOCK_NAME))/' $< >$(@:.o=.c)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $(@:.o=.c)

$(TRY)/turnstile: $(call try_library,$(OBJECTS))
$(TRY)/stress: $(STRESS_OBJECTS) $(call try_library,$(STRESS_LIBRARY))
$(TRY)/test_yours: $(BUILD)/tests/exercises/test_yours.o \
	$(call unit_part,actors) $(call try_library,$(LIBRARY))
$(TRY)/test_locks $(TRY)/test_locks_crashes: $(TRY)/%: \
	$(BUILD)/tests/unit/%.o $(call unit_part,actors) \
	$(call try_library,$(LIBRARY))
$(TRY_PROGRAMS):
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcurl -lm \
	    $(if $(findstring test_,$@),-lcmocka)
endif

# Files that are there; what they run must be built.
$(EXERCISE_TESTS): $(EXERCISE_PROGRAMS)

# "not yet" is no error of make's; who wants the status asks run itself.
.PHONY: exercise test-exercises
exercise: test-packages ## judge an exercise: make exercise N=3; without N a list
	@BUILD=$(BUILD) tests/exercises/run $(N) || [ $$? -eq 1 ]
test-exercises: test-packages ## the exercises' checks, with solutions and mistakes
	@$(MAKE) -s $(EXERCISE_TESTS)
	@tests/run.sh $(EXERCISE_TESTS)

-include $(BUILD)/tests/exercises/test_yours.d
