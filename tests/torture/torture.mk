# SPDX-License-Identifier: BSD-2-Clause
# The damage tests: build/torture, and the library that it puts into the
# service.

TORTURE_LIBRARY := tamper tape calls preload
TORTURE_SOURCES := $(filter-out tests/torture/preload.c,\
	$(wildcard tests/torture/*.c))
TORTURE_OBJECTS := $(TORTURE_SOURCES:%.c=$(BUILD)/%.o)
TORTURE_PIC := $(TORTURE_LIBRARY:%=$(BUILD)/tests/torture/%.pic.o)

all: $(BUILD)/torture $(BUILD)/libtamper.so
$(BUILD)/torture: $(TORTURE_OBJECTS) $(LIBRARY)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/tests/torture/%.pic.o: tests/torture/%.c | packages
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -fPIC -MMD -MP -c -o $@ $<

$(BUILD)/libtamper.so: $(TORTURE_PIC)
	$(CC) $(CFLAGS) $(LDFLAGS) -shared -o $@ $^

-include $(TORTURE_OBJECTS:.o=.d) $(TORTURE_PIC:.o=.d)
