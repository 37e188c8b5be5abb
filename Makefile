# The verbs. `make` builds build/release/ingot; `make demo` and `make test` install what they need first.
.PHONY: all release dev deps demo test bench fuzz tidy screenshots clean

all: release

release: | build/release/build.ninja
	@cmake --build build/release --target ingot
dev: | build/dev/build.ninja
	@cmake --build build/dev --target ingot unit_tests fuzz_targets
build/%/build.ninja:
	@cmake --preset $*

deps:
	@tools/deps.sh
demo: deps
	@$(MAKE) --no-print-directory release
	@examples/flights/demo.sh
test: deps
	@tests/run.py
bench: deps
	@$(MAKE) --no-print-directory release
	@bench/run.sh
fuzz: deps
	@tests/fuzz/run.sh
tidy: deps | build/release/build.ninja
	@cmake --build build/release --target sqlgen_run ui_gen web_gen >/dev/null
	@python3 tools/tidy.py
screenshots: deps
	@$(MAKE) --no-print-directory release
	@tools/screenshots.sh
clean:
	rm -rf build
