# SPDX-License-Identifier: BSD-2-Clause
# The code, broken on purpose, a line at a time: do the tests notice?

MUTANTS_TESTS := $(wildcard tests/mutants/*.bats)

.PHONY: mutants test-mutants
mutants: test-packages ## broken on purpose, who notices: MUTANTS='storage/*'
	@tests/packages.sh patch
	@$(if $(LIBPQ),tests/cluster) tests/mutants/run $(BUILD)/mutants '$(MUTANTS)'
test-mutants: test-packages ## that each still applies; and the runner itself
	@tests/run.sh $(MUTANTS_TESTS)
