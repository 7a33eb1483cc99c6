# make help lists the targets.

GO      ?= go
RUNARGS ?=
.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/conform
	@mkdir -p bin
	$(GO) build -o bin/ ./cmd/conform

.PHONY: run
run: build ## run the whole suite against the built-in registry (RUNARGS: more flags)
	bin/conform run --embedded --profile all $(RUNARGS)

.PHONY: setup
setup: ## install what the tests need, as root on Debian
	ci/setup.sh

.PHONY: lint
lint: ## check the code: go vet, gofumpt, staticcheck, at pinned versions
	ci/lint.sh

.PHONY: test
test: setup lint ## do all set-up and run every test
	ci/test.sh

.PHONY: race
race: setup ## run every test under the race detector
	ci/test.sh -race

.PHONY: fuzz
fuzz: ## run every fuzz target for a minute each
	ci/fuzz.sh

.PHONY: coverage-seeds
coverage-seeds: ## print each behaviour of the reference registry with the test that shows it
	$(GO) run ./ci/behaviours

.PHONY: scale
scale: ## list 100,000 tags and 10,000 repositories, page by page
	CONFORM_SCALE=full $(GO) test -count=1 -v -timeout 60m -run TestLists ./reference/server

.PHONY: test-drivers
test-drivers: setup ## judge every storage driver for a minute each: ours, and distribution's
	ci/test-drivers.sh

.PHONY: bench-drivers
bench-drivers: ## measure our filesystem driver beside distribution's, and write the ratios into ci/performance.md
	ci/bench-drivers.sh

.PHONY: bench
bench: ## measure our registry beside others, and write the ratios into ci/performance.md
	ci/bench.sh

.PHONY: test-crash
test-crash: setup ## kill the server a thousand times while it takes pushes
	$(GO) test ./ci/crash -run TestKill -count=1 -timeout 30m -v -args -rounds 1000
