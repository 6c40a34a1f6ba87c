# Everything a user or CI does. `make demo` and `make test` need a Debian machine with Swift and nothing else.
SWIFT ?= swift
BUILD := $(SWIFT) build -c release
TAPER := .build/release/taper
RUNNER := build/taper-run
export TAPER_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/taper

.PHONY: all deps build taper runner runner-arm64 test test-arm64 test-examples test-formats
.PHONY: test-sanitize docs lint format demo clean

all: build runner

# Installs Debian packages only when their headers are missing.
deps:
	@Scripts/install-dependencies.sh

build: deps
	$(BUILD) --product taper
	$(BUILD) --product taper-run

taper: deps
	$(BUILD) --product taper

# Fully static Embedded Swift build of the edge runner.
runner: deps
	@Scripts/build-runner.sh $(RUNNER)

# The same for arm64 Linux, cross-compiled.
runner-arm64: deps
	@Scripts/build-runner.sh $(RUNNER)-arm64 arm64

# Kernels and runner for arm64, in an emulator.
test-arm64: build runner-arm64
	@Scripts/test-arm64.sh

# Degenerate matrices through all C of quantization, kernels and gradients, under the compiler's sanitizers.
test-sanitize: deps
	@Scripts/test-sanitize.sh

# The specification's own reader on the golden files: needs Python with numpy, and nothing that is built here.
test-formats: deps
	@python3 formats/reader/check.py

# Examples/ as somebody else's package: by address and version, and run on the sample checkpoint.
test-examples: deps
	@Scripts/test-examples.sh

# DocC archives of the libraries in build/docs; a link that leads nowhere is an error. No network.
docs: deps
	$(BUILD) --target TaperConvert
	@Scripts/make-docs.sh

test: deps
	$(BUILD) --build-tests
	$(SWIFT) test -c release --skip-build

lint:
	$(SWIFT) format lint --strict -r Sources Tests Examples/Sources Examples/Package.swift Package.swift

format:
	$(SWIFT) format -i -r Sources Tests Examples/Sources Examples/Package.swift Package.swift

# The main job on SmolLM2-135M-Instruct; OFFLINE=1 uses the small checkpoint in samples/ instead.
# Both programs are built at once: each alone leaves processors idle.
demo: deps
	@$(MAKE) --no-print-directory -j2 taper runner
	@OFFLINE=$(OFFLINE) Scripts/demo.sh

clean:
	rm -rf .build .build-runner .build-runner-arm64 .build-examples build
