# Needs: make, Node 20 or newer with npm, Go 1.25 or newer, python3, openssl. All else comes with `npm ci` or is built once.

NODE := node_modules/.bin/node
# Written by npm; newer than the lock file when what is installed is what the lock file says.
INSTALLED := node_modules/.package-lock.json

.DEFAULT_GOAL := help
.PHONY: help install modules demo test unit explore mutants faults rollouts alerts e2e gitops krew bench soak bench-emergency bench-keyring bench-preload types lint generate build bundle image release cluster clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Install what package-lock.json names, if it is not installed

$(INSTALLED): package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# On a machine that has built no cluster yet, Go fetches what it needs for that while npm installs.
modules:
	@[ -d "$${XDG_CACHE_HOME:-$$HOME/.cache}/rekey" ] || (cd test/support/cluster/binary && go list -deps . >/dev/null 2>&1 &)

demo: modules $(INSTALLED) ## Watch a rotation; NAIVE=1 the usual way instead; KEEP=1 keep the cluster until Ctrl-C
	@$(NODE) test/demo/demo.ts

test: modules $(INSTALLED) ## Run all checks and tests
	@$(NODE) test/support/all-checks.ts

unit: $(INSTALLED) ## Run the tests that need no cluster
	@npm run --silent test -- --project unit

explore: $(INSTALLED) ## Walk through every state of small worlds; CONFIG=NAME one of them, FLAGS='--minutes M' for M minutes at most
	@$(NODE) --max-old-space-size=6000 test/explore/explore.ts --config $(or $(CONFIG),all) $(FLAGS)

mutants: $(INSTALLED) ## Break production code in known ways: each must be caught
	@$(NODE) test/mutants/mutants.ts

faults: $(INSTALLED) ## Fault campaign on a real API server; FLAGS='--plan N', '--slice 1/20 --minutes 30', '--selftest', '--list'
	@$(NODE) test/faults/faults.ts $(FLAGS)

rollouts: $(INSTALLED) ## Run the tests of Rollouts with the controller of Argo Rollouts; builds it the first time, for minutes
	@REKEY_ROLLOUTS=argo npm run --silent test -- --project apiserver test/apiserver/rollouts.test.ts

alerts: $(INSTALLED) ## See each alert fire and clear in a real Prometheus and Alertmanager, from Debian's packages
	@REKEY_PROMETHEUS=1 npm run --silent test -- --project apiserver --reporter=verbose test/apiserver/monitoring.test.ts

e2e: $(INSTALLED) ## Real services on a real node with containerd and a kubelet, as root; ONLY=env,reboot some scenes, UP=1 keep the node until Ctrl-C
	@$(NODE) test/e2e/e2e.ts $(if $(ONLY),--only $(ONLY)) $(if $(UP),--up)

gitops: $(INSTALLED) ## Run the tests of GitOps with Flux's own engine and Argo CD's comparison; builds both the first time, for minutes
	@REKEY_GITOPS=1 npm run --silent test -- --project unit --project apiserver test/unit/gitops test/apiserver/gitops.test.ts test/apiserver/encrypted.test.ts

krew: $(INSTALLED) ## Install what make release makes with krew itself, and remove it; builds krew the first time
	@REKEY_KREW=1 npm run --silent test -- --project apiserver test/apiserver/krew.test.ts

bench: $(INSTALLED) ## Measure the operator with many resources; ONLY=adopt,idle,start,scrape,herd,shared,wave SIZES=0,1000 LABEL=fleet FLAGS=…
	@$(NODE) bench/bench.ts --only '$(ONLY)' --sizes $(if $(SIZES),$(SIZES),0,1000) --label $(or $(LABEL),fleet) --flags '$(FLAGS)'

soak: $(INSTALLED) ## Let one operator work for an hour, and see that nothing grows; MINUTES=60 RESOURCES=100
	@$(NODE) bench/soak.ts --minutes $(or $(MINUTES),60) --resources $(or $(RESOURCES),100)

bench-emergency: $(INSTALLED) ## Seconds until a leaked key is dead, measured at nine pods; RUNS=10, MODE=FailClosed or Rolling
	@$(NODE) test/bench/emergency.ts --runs $(or $(RUNS),10) --mode $(or $(MODE),both)

bench-keyring: $(INSTALLED) ## What a verification costs with the keyring libraries, beside the bare JWT library
	@$(NODE) test/bench/keyring.ts

bench-preload: $(INSTALLED) ## Processor time of a verification with the preload and without, for each library
	@$(NODE) test/bench/preload.ts

types: $(INSTALLED) ## Check the types
	@npm run --silent types

lint: $(INSTALLED) ## Check format and lint; npm run format mends
	@npm run --silent lint

generate: $(INSTALLED) ## Write the types that the CRD defines
	@npm run --silent generate

build: types bundle ## Check the types, then bundle

bundle: $(INSTALLED) ## Bundle the operator and the command line into dist
	@npm run --silent build
	@node dist/rekey --version >/dev/null || true

image: $(INSTALLED) ## Build the image into dist/image, as root with buildah; PLATFORM=linux/arm64 for another platform, TWICE=1 to compare two builds
	@$(NODE) tools/image/image.ts $(if $(PLATFORM),--platform $(PLATFORM)) $(if $(TWICE),--twice)

release: $(INSTALLED) ## Put what a release hands out into dist/release; make image first, to have the image in it
	@$(NODE) tools/release.ts

cluster: modules $(INSTALLED) ## Run a local cluster with two nodes until Ctrl-C
	@$(NODE) test/support/cluster/cli.ts up

clean: ## Remove what was built here; the built cluster stays in the user's cache
	rm -rf dist coverage .vitest
