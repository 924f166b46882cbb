# The few verbs people type. Everything else is meson's.
.PHONY: run test build bench fuzz swarm install uninstall clean

build: build/build.ninja
	@ninja -C build product

# A setup that was interrupted leaves a folder that is of no use.
build/build.ninja:
	@tools/setup build
	@rm -rf build
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
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' tools/install

uninstall: build
	@ninja -C build uninstall

clean:
	rm -rf build build-*
