# Everything a person or CI does here, by name. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
export CARGO_TERM_COLOR ?= always

# Always of the whole workspace and with one test: cargo then gives every crate the features that `cargo test` needs, and
# nothing is compiled a second time for another set of them.
BUILD := $(CARGO) build --locked --workspace --test binaries
PROGRAMS := $(or $(CARGO_TARGET_DIR),target)/debug

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | column -t -s "$$(printf '\t')"

##@ The two commands of the README

.PHONY: demo
demo: export CARGO_TERM_COLOR := auto
demo: programs ## Watch a Deployment and a StatefulSet follow PromQL on a real control plane (KEEP=1 stays up)
	@$(PROGRAMS)/testkit binaries >/dev/null
	@$(PROGRAMS)/demo

.PHONY: test
test: test-unit test-apiserver test-membership test-crash-walk test-side-by-side ## Run every test: units, properties, and the suites on the real binaries

##@ Parts of them

.PHONY: toolchain
toolchain:
	@command -v $(CARGO) >/dev/null || { echo "cargo is missing: install Rust from https://rustup.rs, the version comes from rust-toolchain.toml" >&2; exit 1; }
	@command -v cc >/dev/null || { echo "a C compiler is missing (the ring crate needs one): install gcc or clang" >&2; exit 1; }

.PHONY: programs
programs: toolchain ## Build the operator and the testkit, which runs a local control plane
	@echo "building the operator and the testkit (the first time about 5 minutes on two cores)"
	@command -v go >/dev/null || echo "Go is not installed: etcd, kube-apiserver and the rest must then be in KUBEBUILDER_ASSETS, on the PATH or built before"
	@$(BUILD) --bins

.PHONY: binaries
binaries: programs ## Find or build etcd, kube-apiserver, Prometheus and the rest of the local control plane
	@$(PROGRAMS)/testkit binaries

.PHONY: test-unit
test-unit: binaries ## Unit, property and crate tests
	$(CARGO) test --locked --workspace --exclude acceptance

# A part of the names of tests: only those are run.
FILTER ?=

.PHONY: test-apiserver
test-apiserver: binaries ## The operator against real etcd, kube-apiserver, kube-controller-manager and Prometheus (FILTER=name)
	@# The tests mostly wait: more of them at once than there are cores.
	@# What is skipped here is test-membership, test-crash-walk and test-rabbitmq: whole clusters, and loads of their own.
	$(CARGO) test --locked --workspace --test apiserver --test scenarios_against_prometheus -- --test-threads 12 \
		--skip membership:: $(FILTER)

.PHONY: test-membership
test-membership: binaries ## The same with clusters: members that leave and come under the real controllers
	$(CARGO) test --locked --workspace --test apiserver -- --test-threads 6 --skip membership::walk --skip membership::rabbitmq membership::

.PHONY: test-crash-walk
test-crash-walk: binaries ## The operator killed, and paused, at every effect of a shrink on a real API server
	$(CARGO) test --locked --workspace --test apiserver -- membership::walk

.PHONY: test-rabbitmq
test-rabbitmq: binaries ## Real RabbitMQ, 5 to 3 to 5 nodes, with sessions and a queue in it (Debian's packages, unpacked; some minutes)
	$(CARGO) test --locked --workspace --test apiserver -- --nocapture membership::rabbitmq

# With `--nocapture`, because a table is what one wants; each of its times has to be as promised, which tests do not ask.
.PHONY: membership-numbers
membership-numbers: binaries ## The crash walk, a 5-3-5 cycle and aborts, and what was promised of them as one table (docs/proof/membership.md)
	MEMBERSHIP_NUMBERS=1 $(CARGO) test --locked --workspace --test apiserver -- --nocapture --test-threads 12 \
		membership::walk:: membership::midway:: membership::five_members

.PHONY: test-side-by-side
test-side-by-side: binaries ## Ours beside the HPA controller of Kubernetes, decision by decision (SIDE_BY_SIDE_SEED=n)
	@# Shown even when it passes: the counts are what one wants to know.
	$(CARGO) test --locked --workspace --test side_by_side -- --nocapture

# Namespaces, mounts and cgroups are made anew for the run, and are gone after it: crates/testkit/src/isolation.rs.
.PHONY: test-cluster
test-cluster: node-packages image previous node-binaries ## The image on two real nodes: kubelet, containerd, pods that start and stop; then RabbitMQ (needs root; FILTER=name)
	@# One after the other: there is one operator, and what happens to it happens to all.
	$(CARGO) test --locked --workspace --test cluster --config 'target."cfg(all())".runner = ["$(abspath $(PROGRAMS))/testkit", "isolated"]' \
		-- --nocapture --test-threads 1 $(FILTER)
	@# The other one that wants Debian's packages.
	@test -n "$(FILTER)" || $(MAKE) test-rabbitmq

COMMAND ?=

.PHONY: cluster
cluster: node-packages node-binaries ## A shell in which kubectl means two real nodes of this machine, to try the guide on (needs root; COMMAND='...')
	@$(PROGRAMS)/testkit isolated $(PROGRAMS)/testkit nodes $(if $(COMMAND),bash -c '$(COMMAND)')

.PHONY: node-binaries
node-binaries: programs
	@$(PROGRAMS)/testkit binaries --node

NODE_PACKAGES := buildah busybox-static conntrack containerd containernetworking-plugins iproute2 iptables python3 runc

.PHONY: node-packages
node-packages: ## Install from Debian or Ubuntu what a real node needs and the machine has not (containerd, CNI plugins, buildah and so on)
	@missing=; for program in buildah conntrack containerd iptables ip runc /bin/busybox /usr/bin/python3 /usr/lib/cni/ptp; do \
		command -v $$program >/dev/null || missing="$$missing $$program"; done; \
	if [ -n "$$missing" ]; then \
		echo "missing:$$missing; installing $(NODE_PACKAGES)"; \
		command -v apt-get >/dev/null || { echo "there is no apt-get: install them by hand" >&2; exit 1; }; \
		test "$$(id -u)" = 0 || { echo "only root can: sudo make node-packages" >&2; exit 1; }; \
		apt-get update --quiet=2 && DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends $(NODE_PACKAGES) >/dev/null; fi

##@ Looking for trouble, and for time

.PHONY: bench
bench: toolchain ## Time one decision of the core (the aim: 20 us)
	$(CARGO) bench --locked --package autoscaler-core

.PHONY: model-check
model-check: toolchain ## Every interleaving of a small cluster with several mishaps in one story (about ten minutes)
	MODEL_CHECK=1 $(CARGO) test --locked --workspace --test membership -- --nocapture --test-threads 1 model

TARGET ?= quantity
FUZZ_SECONDS ?= 60

.PHONY: fuzz
fuzz: toolchain ## Look for inputs that break a parser, guided by coverage (TARGET=quantity|query|duration|answer|history|object|profile)
	@command -v cargo-fuzz >/dev/null || { echo "cargo-fuzz is missing: cargo install --locked cargo-fuzz" >&2; exit 1; }
	@# Without a sanitizer, which would need a nightly compiler: the parsers hold no unsafe code.
	cargo-fuzz fuzz run --sanitizer none --fuzz-dir tests/fuzz/libfuzzer $(TARGET) tests/fuzz/libfuzzer/corpus/$(TARGET) tests/fuzz/corpus/$(TARGET) \
		-- -max_total_time=$(FUZZ_SECONDS) -max_len=4096

.PHONY: mutants
mutants: toolchain ## Break the core in every way cargo-mutants knows, and list what no test notices (docs/proof/mutants.md)
	@command -v cargo-mutants >/dev/null || { echo "cargo-mutants is missing: cargo install --locked cargo-mutants" >&2; exit 1; }
	@# Each job has a copy of the sources, and a target directory of its own in it.
	env -u CARGO_TARGET_DIR cargo-mutants mutants --package autoscaler-core --jobs 2 --output target

##@ The image, and what installs it

VERSION := $(shell sed -n '/^\[workspace.package\]/,/^$$/s/^version = "\(.*\)"/\1/p' Cargo.toml)
COMMIT := $(shell git describe --always --dirty --abbrev=40 --exclude='*' 2>/dev/null || echo unknown)
# With the host in it that local images have: a kubelet would look for a bare name elsewhere.
IMG ?= localhost/metric-autoscaler:$(VERSION)

# musl, because glibc's resolver wants shared libraries. The plain C compiler will do: only ring has C, which needs no libc.
RUST_TARGET ?= $(shell uname -m)-unknown-linux-musl
CC_OF_TARGET = CC_$(subst -,_,$(RUST_TARGET))
# Where it was built must not be in the binary: one commit, one digest. Hence below the clone, whatever CARGO_TARGET_DIR says:
# what build scripts write is compiled by its path.
STATIC_BINARY = target/$(RUST_TARGET)/release/metric-autoscaler
REMAP = --remap-path-prefix=$(CURDIR)=/source --remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)=/cargo

# A build script (that of promql-parser) writes a table in the order of a hash map, which a random seed decides. With this preloaded
# build scripts, and nothing else, get zeros for random bytes.
define NO_RANDOMNESS
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

ssize_t getrandom(void *to, size_t bytes, unsigned flags)
{
	if (strcmp(program_invocation_short_name, "build-script-build") != 0)
		return syscall(SYS_getrandom, to, bytes, flags);
	memset(to, 0, bytes);
	return bytes;
}
endef
export NO_RANDOMNESS

target/no_randomness.so: Makefile
	@mkdir -p target
	@echo "$$NO_RANDOMNESS" | cc -shared -fPIC -x c -o $@ -

.PHONY: static
static: toolchain target/no_randomness.so ## Build the operator as one static binary (the first time some minutes)
	@test -d "$$(rustc --print sysroot)/lib/rustlib/$(RUST_TARGET)" || rustup target add $(RUST_TARGET)
	LD_PRELOAD=$(CURDIR)/target/no_randomness.so $(CC_OF_TARGET)=$${$(CC_OF_TARGET):-cc} RUSTFLAGS="$(REMAP)" METRIC_AUTOSCALER_COMMIT=$(COMMIT) \
		$(CARGO) build --locked --release --package metric-autoscaler --target $(RUST_TARGET) --target-dir target

# Its storage driver needs no support from the kernel, its isolation no rights: the image is two files that are copied.
BUILDAH ?= buildah --storage-driver vfs
MAX_IMAGE_BYTES := $(shell echo $$((25 << 20)))

.PHONY: buildah
buildah:
	@command -v $(firstword $(BUILDAH)) >/dev/null || { echo "buildah is missing: apt-get install buildah (Debian, Ubuntu) or dnf install buildah (Fedora)" >&2; exit 1; }

.PHONY: image-context
image-context: static ## What the Dockerfile wants, in dist/image, for a builder of your own
	@rm -rf dist/image && mkdir -p dist/image
	@install -m 0755 $(STATIC_BINARY) dist/image/ && install -m 0644 LICENSE dist/image/
	@test $$(stat -c %s dist/image/metric-autoscaler) -le $(MAX_IMAGE_BYTES) || { echo "the image would be larger than $(MAX_IMAGE_BYTES) bytes" >&2; exit 1; }

.PHONY: image
image: buildah image-context ## Build the image, and dist/image.tar for nodes that reach no registry (IMG=name:tag)
	$(BUILDAH) bud --quiet --isolation chroot --format oci --identity-label=false --timestamp $$(git log -1 --format=%ct) \
		--build-arg VERSION=$(VERSION) --build-arg COMMIT=$(COMMIT) --file Dockerfile --tag $(IMG) dist/image
	@rm -f dist/image.tar
	@$(BUILDAH) push --quiet --digestfile dist/image.digest $(IMG) oci-archive:dist/image.tar:$(IMG)
	@echo "$(IMG) is $$(cat dist/image.digest), $$(stat -c %s dist/image.tar) bytes packed"

# The version that an upgrade starts from. There is no release yet: this is the first commit that installs as users do, from
# an image and config/default. At a release it becomes that release's tag.
PREVIOUS := dbca36540ef56ed1356efe81fc881156e87dbc25
PREVIOUS_IMG := localhost/metric-autoscaler:previous

.PHONY: previous
previous: dist/previous/$(PREVIOUS)

# Of its own sources by its own Makefile; dependencies that both versions have are compiled once.
dist/previous/$(PREVIOUS): | buildah toolchain
	@# A shallow clone has it not.
	@git cat-file -e '$(PREVIOUS)^{commit}' 2>/dev/null || git fetch --quiet --depth 1 origin $(PREVIOUS)
	@rm -rf dist/previous && mkdir -p dist/previous/source target
	git archive $(PREVIOUS) | tar --extract --directory dist/previous/source
	@ln -s ../../../target dist/previous/source/target
	$(MAKE) --no-print-directory -C dist/previous/source image IMG=$(PREVIOUS_IMG) COMMIT=$(PREVIOUS) REMAP='$(REMAP)'
	@mv dist/previous/source/dist/image.tar dist/previous/image.tar && touch $@

.PHONY: image-reproducible
image-reproducible: image ## Build the image once more from a clone elsewhere, and compare the digests
	@git diff --quiet HEAD || { echo "commit first: what is compared is one commit" >&2; exit 1; }
	@elsewhere=$$(mktemp -d) && trap "rm -rf $$elsewhere" EXIT && git clone --quiet . $$elsewhere \
		&& $(MAKE) --no-print-directory -C $$elsewhere image IMG=$(IMG) \
		&& diff dist/image.digest $$elsewhere/dist/image.digest && echo "two builds, one digest"

.PHONY: push
push: buildah ## Push the image that was built to its registry (IMG=registry/name:tag)
	$(BUILDAH) push $(IMG)

KUBECTL ?= kubectl

.PHONY: install-yaml
install-yaml: ## Render config/default into dist/install.yaml (IMG=registry/name:tag)
	@command -v $(KUBECTL) >/dev/null || { echo "kubectl is missing: install it, or say where it is with KUBECTL=..." >&2; exit 1; }
	@mkdir -p dist
	@$(KUBECTL) kustomize config/default | sed 's|image: localhost/metric-autoscaler:$(VERSION)$$|image: $(IMG)|' >dist/install.yaml
	@grep -q 'image: $(IMG)$$' dist/install.yaml
	@echo "dist/install.yaml installs $(IMG)"

CARGO_CYCLONEDX := cargo-cyclonedx@0.5.9

.PHONY: sbom
sbom: ## Write what is in the image to dist/sbom.cdx.json (CycloneDX; needs cargo-cyclonedx)
	@command -v cargo-cyclonedx >/dev/null || { echo "cargo-cyclonedx is missing: cargo install --locked $(CARGO_CYCLONEDX)" >&2; exit 1; }
	@mkdir -p dist
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) cargo-cyclonedx cyclonedx --quiet --manifest-path crates/operator/Cargo.toml \
		--format json --spec-version 1.5 --target $(RUST_TARGET) --no-build-deps --override-filename sbom.cdx
	@# It writes one beside every crate, with the path where it was run.
	@sed 's|file://$(CURDIR)|file://|g' crates/operator/sbom.cdx.json >dist/sbom.cdx.json
	@find crates tests -name sbom.cdx.json -delete

##@ Before a commit

.PHONY: fmt
fmt: toolchain ## Format the code
	$(CARGO) fmt --all

.PHONY: fmt-check
fmt-check: toolchain ## Check the format
	$(CARGO) fmt --all --check

.PHONY: lint
lint: toolchain ## Run clippy, warnings are errors
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

.PHONY: doc
doc: toolchain ## Build the documentation of the crates, warnings are errors
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps

# Known vulnerabilities are not in Cargo.lock: who lists them has to be reached.
ADVISORIES := https://github.com/RustSec/advisory-db

# The version that was tried: the next may judge otherwise.
CARGO_DENY := cargo-deny@0.20.2

.PHONY: deny
deny: toolchain ## Check licences, banned crates and sources of the dependencies, and known vulnerabilities where their list is reached
	@$(CARGO) deny --version >/dev/null 2>&1 || { echo "cargo-deny is missing; installing it (once, some minutes)"; $(CARGO) install --locked --quiet $(CARGO_DENY); }
	$(CARGO) deny --log-level error check --hide-inclusion-graph licenses bans sources
	@if timeout 30 git ls-remote --exit-code --quiet $(ADVISORIES) HEAD >/dev/null 2>&1; then \
		echo $(CARGO) deny check advisories; $(CARGO) deny --log-level error check advisories; \
	else echo "known vulnerabilities are NOT checked: $(ADVISORIES) is not reached"; fi

.PHONY: xtask
xtask: toolchain
	@echo "building xtask (the first time a few minutes: with what the operator needs too)"
	@$(BUILD) --bin xtask

.PHONY: generate
generate: xtask ## Write crds/ and the generated pages of docs/reference from the types
	@$(PROGRAMS)/xtask generate

.PHONY: verify
verify: xtask ## Check that crds/ and docs/reference are current, and that every rule and every fault has a test
	@$(PROGRAMS)/xtask check

.PHONY: presubmit
presubmit: fmt-check lint doc verify deny test ## All of it but what needs root

.PHONY: clean
clean: ## Remove what cargo has built; the cache of the control plane stays
	$(CARGO) clean
