# SPDX-License-Identifier: GPL-2.0
# Entry points; `make help` lists them. Output goes to build/<release>/ and nowhere else.

MAKEFLAGS += --no-print-directory
PYTHON ?= /usr/bin/python3
CXXRT_LTO ?= 1
TOP := $(CURDIR)
# As many jobs as CPUs, unless make was told.
JOBS = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

# KDIR= names a kernel build tree, KREL= an installed release; without either, every supported
# release that has headers is built.
ifdef KDIR
KREL := $(shell $(MAKE) -s -C $(KDIR) kernelrelease 2>/dev/null)
ifeq ($(KREL),)
$(error KDIR=$(KDIR) is no configured kernel tree: run 'make modules_prepare' there)
endif
kdir-of = $(KDIR)
else
kdir-of = /lib/modules/$(1)/build
endif
releases = $(or $(KREL),$(shell tools/kernels list))
need-releases = $(or $(releases),$(error no supported kernel headers are installed: run 'make setup', or apt-get install linux-headers-amd64))

.PHONY: all modules setup modules_install clean help test test-quick test-all test-long test-bench soak testkernel bench bench-gate check check-border compile_commands.json FORCE
all: modules

## modules           all modules for every supported installed kernel (the default)
modules:
	@for r in $(need-releases); do \
		$(MAKE) one-kernel RELEASE=$$r KERNEL_DIR=$(if $(KDIR),$(KDIR),/lib/modules/$$r/build) || exit 1; \
	done

# One kernel. kbuild works in build/<release>/, whose Kbuild includes ours. What it prints is kept,
# because the checker wants objtool's warnings.
.PHONY: one-kernel
one-kernel: out := $(TOP)/build/$(RELEASE)
one-kernel:
	@test -e $(KERNEL_DIR)/Makefile || { echo "no headers for $(RELEASE): apt-get install linux-headers-$(RELEASE)" >&2; exit 1; }
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: apt-get install python3" >&2; exit 1; }
	@mkdir -p $(out)
	@echo 'include $(TOP)/Kbuild' | cmp -s - $(out)/Kbuild || echo 'include $(TOP)/Kbuild' > $(out)/Kbuild
# objtool warns when it links, once: what was linked and did not pass the check is linked again.
	@if test -e $(out)/unchecked; then rm -f $(out)/*.cxx.o; else touch $(out)/unchecked; fi
	+@rm -f $(out)/build.failed; \
	{ $(MAKE) $(JOBS) -C $(KERNEL_DIR) M=$(out) CXXRT_LTO=$(CXXRT_LTO) CXXRT_LAUNCHER=$(TOP)/tools/ccached CONFIG_DEBUG_INFO_BTF_MODULES= modules 2>&1 || \
	  touch $(out)/build.failed; } | tee $(out)/build.log; test ! -e $(out)/build.failed
	@$(PYTHON) tools/check-modules --lto $(CXXRT_LTO) --kernel-dir $(KERNEL_DIR) $(out)
	@rm -f $(out)/unchecked

## setup             installs the Debian packages that are missing; asks for root only for that
setup:
	@tools/setup

## modules_install   installs the modules of KREL= (or the running kernel) under INSTALL_MOD_PATH
modules_install: RELEASE := $(or $(KREL),$(shell uname -r))
modules_install:
	@test -e build/$(RELEASE)/Module.symvers || { echo "nothing built for $(RELEASE): run 'make KREL=$(RELEASE)' first" >&2; exit 1; }
	$(MAKE) -C $(call kdir-of,$(RELEASE)) M=$(TOP)/build/$(RELEASE) CONFIG_DEBUG_INFO_BTF_MODULES= modules_install

## test              host tests, static checks and VM tests, but the slow ones; TESTS= for some of them
test:
	@tools/setup
	+@$(MAKE) modules
	+@$(MAKE) compile_commands.json
	@$(PYTHON) tools/run-tests $(TESTS)

## test-all          the same with what is slow, most of an hour on two CPUs
test-all:
	@tools/setup
	+@$(MAKE) modules
	+@$(MAKE) compile_commands.json
	@$(PYTHON) tools/run-tests --all

## test-quick        the inner loop: newest stock kernel, the driver's main suites, host tests that take no time
test-quick:
	@tools/setup
	+@$(MAKE) -s modules
	@$(PYTHON) tools/run-tests --quick

## test-long         what takes long and rarely finds more, on all kernels
test-long:
	@tools/setup
	+@$(MAKE) -s modules
	@$(PYTHON) tools/run-tests --long

## test-bench        how bench treats test boxes and the disks on them, in guests
test-bench:
	@tools/setup
	+@$(MAKE) -s modules
	@$(PYTHON) tools/run-tests --bench

## soak              everything at once, for long, on the test kernel; MINUTES= (default 20), KREL= for another kernel
soak:
	@tools/setup
	$(if $(KREL),+@$(MAKE) -s modules,@tools/testkernel && $(MAKE) -s modules KDIR="$$(tools/testkernel kdir)")
	@$(PYTHON) tests/vm/soak.py $(if $(KREL),--release $(KREL)) --minutes $(or $(MINUTES),20)

## testkernel        builds the kernel in which bugs are loud, and all modules for it; TESTKERNEL= for its options
testkernel:
	@tools/setup
	@tools/testkernel $(TESTKERNEL)
	+@$(MAKE) modules KDIR="$$(tools/testkernel kdir $(TESTKERNEL))"

## bench             the quick matrix, C against C++, in a VM; BENCH= for bench/run's options
bench:
	@tools/setup
	+@$(MAKE) modules
	@$(PYTHON) bench/run $(BENCH)

## bench-gate        fails if a driver needs more instructions per I/O than its committed reference
bench-gate:
	@tools/setup
	+@$(MAKE) modules
	@$(PYTHON) bench/gate $(GATE)

## check             the static checks; CHECK= for some of them, by name
check:
	@tools/setup
	+@$(MAKE) -s modules
	@$(PYTHON) tools/check $(CHECK)

## check-border      drivers stay above the border; fast
check-border:
	@$(PYTHON) tools/check border licence

## compile_commands.json  for clangd, from the last kernel built
compile_commands.json:
	@$(PYTHON) tools/compile-commands $(lastword $(need-releases)) > $@.tmp || { rm -f $@.tmp; exit 1; }
	@mv $@.tmp $@

## clean             removes everything that was built
clean:
	rm -rf build compile_commands.json

## help              this list
help:
	@sed -n 's/^## //p' Makefile
	@echo
	@echo 'Variables: KREL=<release>  KDIR=<kernel tree>  CXXRT_LTO=0 (no link-time inlining)'
