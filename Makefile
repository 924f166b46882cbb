# The few verbs people type. Everything else is meson's.
.PHONY: run test build bench fuzz swarm install clean

build: build/build.ninja
	@ninja -C build product

build/build.ninja:
	@tools/setup build
	@said=$$(meson setup build) || { printf '%s\n' "$$said" >&2; exit 1; }

run: build
	@tools/demo

test:
	@tools/setup test
	@tools/run-tests

bench:
	@tools/setup bench
	@tools/run-bench

fuzz:
	@tools/setup test
	@tools/run-fuzz

# make swarm FOR=10m
swarm: build
	@ninja -C build corral-swarm
	@build/corral-swarm --for $(or $(FOR),1m)

# make install PREFIX=/usr DESTDIR=/tmp/package
install: build
	@$(if $(PREFIX),meson configure build --prefix='$(PREFIX)' &&) meson install -C build

clean:
	rm -rf build build-*
