# SPDX-License-Identifier: Apache-2.0

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# How long each fuzz target runs under `make fuzz`.
FUZZTIME ?= 30s

# Linters and xcaddy are built from the versions that .ci/tools/go.mod pins.
TOOLS := .ci/tools/go.mod .ci/tools/go.sum

# Systems beside this one that the modules and their tests must compile for.
OTHER_SYSTEMS := darwin windows

.PHONY: help
help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: build
build: ## Build cmd/caddy to bin/caddy
	go build -o bin/caddy ./cmd/caddy

# What README.md says to ask while the example runs.
ASK := curl -sS --cacert .state/pki/authorities/local/root.crt --resolve www.example.test:8443:127.0.0.1 https://www.example.test:8443/

# Beside the storage that Caddyfile.example names, Caddy autosaves its config and keeps locks
# in the user's home: here they go to .state/ too.
.PHONY: run
run: export XDG_DATA_HOME = $(CURDIR)/.state/data
run: export XDG_CONFIG_HOME = $(CURDIR)/.state/config
run: build ## Build, then run Caddyfile.example on loopback, all its state in .state/
	@echo '==> ask it, from another terminal in this folder: $(ASK)' >&2
	bin/caddy run --config Caddyfile.example

# -count=1: go test does not see that the programs which the tests build have changed. GORACE: the
# race detector sleeps for a second at the end of a program, 50 of which are the tests' own.
.PHONY: test
test: export GORACE = atexit_sleep_ms=0
test: ## Run all tests under the race detector; installs what they need (.ci/deps)
	.ci/deps
	go test -race -count=1 -timeout 18m ./...

# HAPROXY=/path and CADDY=/path name other programs than the installed one and a new build.
.PHONY: oracle
oracle: ## Run the scenarios in HAProxy and in ours and compare: all, or RUN=FOLDER[/NAME]
	.ci/deps
	go test -v -count=1 -timeout 18m -run 'TestScenarios/$(RUN)' ./integration/oracle

# The adapter writes frontends of the app passthrough, whose connections are served on shards.
.PHONY: oracle-forms
oracle-forms: ## Run the scenarios of oracle over layer4 servers, and with a goroutine for each connection
	.ci/deps
	FORM=layer4 go test -count=1 -timeout 18m -run 'TestScenarios/$(RUN)' ./integration/oracle
	WAY=general go test -count=1 -timeout 18m -run 'TestScenarios/$(RUN)' ./integration/oracle
	FORM=layer4 WAY=general go test -count=1 -timeout 18m -run 'TestScenarios/$(RUN)' ./integration/oracle
	@# Not in make test: the race detector finds a data race of caddy-l4's listener wrapper.
	go test -count=1 -run TestListenerBehindLayer4 ./modules/listeners

# SOAK is the duration of the mixed load, which comes last; everything else takes about six minutes.
.PHONY: soak
soak: ## Reload under load: a million connections, long sessions, and mixed load with faults (SOAK=10m)
	.ci/deps
	SOAK=$(or $(SOAK),10m) go test -v -count=1 -timeout 0 -run 'TestReloadStorm|TestHeartbeats|TestOnePort|TestSoak' ./integration

.PHONY: simulate
simulate: ## Run the long simulations of servers and of arriving connections: 4096 seeds each (SEED=N: that one alone)
	go test -v -count=1 -timeout 0 -run TestSimulation ./modules/pool -args -sim.seeds=4096 -sim.steps=20000 -sim.seed=$(or $(SEED),0)
	go test -v -count=1 -timeout 0 -run TestArrivalSimulation ./modules/relay -args -sim.seeds=4096 -sim.steps=5000 -sim.seed=$(or $(SEED),0)

.PHONY: fleet
fleet: ## Simulate fleets of 10 to 1000 nodes, and write the numbers, tables and pictures of docs/scale.md again
	go run ./integration/fleet
	cd .ci/plots && go run . -numbers ../../docs/scale.json -to ../../docs/pictures

# FULL=1 uses the sizes of docs/security.md and takes about 15 minutes; RUN=silent picks attacks by name.
.PHONY: attack
attack: ## Attack HAProxy and this program with many connections, floods, shortages, faults and reloads (FULL=1)
	.ci/deps
	ATTACK=$(if $(FULL),full,quick) go test -v -count=1 -timeout 30m -run 'TestAttacks/$(RUN)' ./integration/attack

# As command:package: the command that .ci/deps looks for, and the package to install for it.
SERVERS := postgres:postgresql mariadbd:mariadb-server slapd:slapd redis-server:redis-server nginx-mail:libnginx-mod-mail

.PHONY: servers
servers: ## Check real databases, directories and mail servers, by HAProxy and by this program; installs the servers, and leaves none running
	.ci/deps $(SERVERS)
	go test -v -count=1 -timeout 10m -tags servers -run 'Test$(RUN)' ./integration/servers

# RUN=Views picks tests by name.
.PHONY: page
page: .ci/tools/node_modules/.package-lock.json ## Show the page in Chromium: all tests of it, with axe-core from npm, which looks for what keeps people from reading it
	PAGE=whole go test -v -count=1 -timeout 15m -run 'Test$(RUN)' ./integration/page

# PICTURES is how long clients come before, which the graphs show.
.PHONY: page-pictures
page-pictures: ## Take the pictures of docs/page.md again, after PICTURES (1h) of traffic
	.ci/deps
	mkdir -p docs/pictures
	PICTURES=$(or $(PICTURES),1h) go test -v -count=1 -timeout 0 -run TestPictures ./integration/page

.ci/tools/node_modules/.package-lock.json: .ci/tools/package-lock.json
	.ci/deps npm:npm
	npm ci --prefix .ci/tools --ignore-scripts --no-audit --no-fund

.PHONY: load
load: ## Check 1200 servers each second, move 10 GiB each way by curl, show 1000 servers and 8000 sessions each second, and the page to ten readers; print what that costs
	.ci/deps
	LOAD=1 go test -v -count=1 -timeout 30m -run 'TestManyChecks|TestCurlBothWays|TestSnapshotCost|TestStatusCost' ./integration

# ROUNDS and SECONDS are the number and the duration of runs of each workload per proxy; RUN=short,late
# and PROXIES=haproxy,ours pick some of them. HAPROXY=/path names another HAProxy to compare with.
.PHONY: bench
bench: ## Compare with HAProxy, nginx and caddy-l4: CPU, latency, memory, calls (docs/performance.md)
	.ci/deps nginx-stream:libnginx-mod-stream strace:strace
	go run ./integration/bench -rounds $(or $(ROUNDS),9) -seconds $(or $(SECONDS),2) $(if $(RUN),-only $(RUN)) $(if $(PROXIES),-proxies $(PROXIES)) $(if $(HAPROXY),-haproxy $(HAPROXY))

.PHONY: words
words: ## Count wording that this project avoids, in comments, messages and documents; fails on more than before
	go run ./integration/words

.PHONY: lint
lint: bin/golangci-lint words ## Check format, code and wording, and that the modules compile for macOS and Windows
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "gofmt -l:"; echo "$$unformatted"; exit 1; fi
	go vet -tags xcaddy,servers ./...
	$(foreach os,$(OTHER_SYSTEMS),GOOS=$(os) CGO_ENABLED=0 go vet ./modules/... ./integration$(newline))
	bin/golangci-lint run ./...

.PHONY: xcaddy
xcaddy: ## Build bin/caddy-xcaddy by xcaddy from this checkout, and check the modules in it
	go test -v -count=1 -timeout 30m -tags xcaddy ./integration/xcaddy

# Up to Go 1.26 a run now and then ends in "context deadline exceeded" because its time is
# over (golang/go#75804). Without a failing input that is not a failure.
.PHONY: fuzz
fuzz: ## Run every fuzz target of the modules, each for FUZZTIME (30s)
	@targets=$$(go test -list '^Fuzz' ./modules/... | awk ' \
		/^Fuzz/ { name[++n] = $$1 } \
		/^ok/ { for (i = 1; i <= n; i++) print $$2, name[i]; n = 0 }'); \
	[ -n "$$targets" ] || { echo "no fuzz target in ./modules/..." >&2; exit 1; }; \
	mkdir -p bin; \
	while read -r package name; do \
		echo "==> $$package $$name"; \
		go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "$$package" | tee bin/fuzz.log || { \
			if grep -qE 'Failing input|seed corpus|panic' bin/fuzz.log; then exit 1; fi; \
			grep -q '^ *context deadline exceeded$$' bin/fuzz.log || exit 1; }; \
	done <<<"$$targets"

.PHONY: clean
clean: ## Remove what make built, and the state of make run
	rm -rf bin .state

bin/golangci-lint: $(TOOLS)
	go build -C .ci/tools -o ../../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

define newline


endef
