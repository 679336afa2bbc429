# SPDX-License-Identifier: BSD-2-Clause
# The models, looked at by spin.

MODELS_TESTS := $(wildcard tests/models/*.bats)

.PHONY: models test-models
models: ## every state of the models: locks and stores, on paper
	@tests/models/run $(BUILD)/models
test-models: test-packages ## the quick ones, and the table itself
	@MODELS=$(BUILD)/models tests/run.sh $(MODELS_TESTS)
