# SPDX-License-Identifier: GPL-2.0
# Turns C++ sources into a kernel module, inside kbuild. A Kbuild file needs:
#
#   obj-m     := hello.o
#   hello-cxx := hello.cc other.cc
#   include /path/to/cxxrt/cxxrt.mk
#
# and is built as ever: make -C /lib/modules/$(uname -r)/build M=$PWD modules
#
# hello-cxxdir  where the sources are; the Kbuild's own folder if not given
# hello-cxxflags, hello-cxxflags-other.cc    more flags, for all or for one
# hello-trace   the tracepoints it has: names of files in helpers/trace/
# CXXRT_EXPORTS=mainline    as for a kernel without the symbols that Debian exports for binder, which else are looked for
# *_kunit.cc    a module with such a source is a test module; see <cxxrt/kunit.hpp>
# CXXRT_LAUNCHER= a program that runs the compiler, such as ccache
# CXXRT_LTO=0   no link-time inlining: C helpers stay calls; debug information is kept if make is
#               told not to make BTF of it: CONFIG_DEBUG_INFO_BTF_MODULES=
#
# What happens: the kernel's types and constants are generated for this kernel (raw/), C helpers
# and C++ are compiled with this kernel's own code-generation flags, and one link-time
# optimisation over all of them gives hello.cxx.o, which kbuild takes as the module's only part.

CXXRT_DIR := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
CXXRT_LTO ?= 1

cxxrt-modules := $(foreach m,$(patsubst %.o,%,$(obj-m)),$(if $($(m)-cxx),$(m)))
$(foreach m,$(cxxrt-modules),$(eval $(m)-y := $(m).cxx.o))

# BTF: pahole cannot describe C++ after link-time optimisation, and wrong type information is
# worse than none. Without DWARF in the module, it has nothing to encode.
cxxrt-debug := $(if $(filter 1,$(CXXRT_LTO))$(CONFIG_DEBUG_INFO_BTF_MODULES),-g0,)
cxxrt-lto := $(if $(filter 1,$(CXXRT_LTO)),-flto -fno-fat-lto-objects,)

# What Debian's kernels export and mainline's do not. Without a security module there is nothing to export.
cxxrt-symvers := $(objtree)/Module.symvers
cxxrt-exports = $(if $(filter mainline,$(CXXRT_EXPORTS)),0,$(shell test ! -e $(cxxrt-symvers) || grep -qwE '$(1)' $(cxxrt-symvers) && echo 1 || echo 0))
cxxrt-export-flags := -DCXXRT_EXPORTS_ZAP=$(call cxxrt-exports,zap_page_range|zap_page_range_single) \
	-DCXXRT_EXPORTS_BINDER_HOOKS=$(if $(CONFIG_SECURITY),$(call cxxrt-exports,security_binder_transaction),1)

# The kernel's own flags, with what the per-object rules of kbuild would add.
cxxrt-kflags = $(KBUILD_CPPFLAGS) $(KBUILD_CFLAGS) $(KBUILD_CFLAGS_MODULE) $(CFLAGS_MODULE) \
	$(if $(CONFIG_KASAN),$(CFLAGS_KASAN)) $(if $(CONFIG_UBSAN),$(CFLAGS_UBSAN)) \
	$(if $(CONFIG_KCSAN),$(CFLAGS_KCSAN))
cxxrt-c-flags = $(NOSTDINC_FLAGS) $(LINUXINCLUDE) $(cxxrt-kflags) $(cxxrt-export-flags) -I$(CXXRT_DIR)/helpers \
	-DKBUILD_BASENAME='"cxxrt"' -DKBUILD_MODNAME='"cxxrt"' -D__KBUILD_MODNAME=kmod_cxxrt \
	-DKBUILD_MODFILE='"cxxrt"'

# A launcher may work elsewhere.
cxxrt-absolute = $(patsubst -I./%,-I$(CURDIR)/%,$(patsubst ./%,$(CURDIR)/%,$(1)))

# Warnings and the C dialect are C's own affair; everything else decides how code is generated
# and so must be the same for C++.
# 6.1's objtool takes no part of a function split off for being cold if its name, mangled, is longer than 128; with KASAN many are.
cxxrt-codegen-flags = $(filter-out -W% -std=% -D% -fmacro-prefix-map=%,$(cxxrt-kflags)) \
	$(if $(CONFIG_KASAN),$(if $(filter 6.1.%,$(KERNELRELEASE)),-fno-reorder-blocks-and-partition))
# With KASAN, from 6.3 on, memcpy and memset check nothing, and what C is made to call is exported instead.
cxxrt-kasan-mem = $(if $(CONFIG_KASAN),$(if $(CFLAGS_KASAN_NOSANITIZE),$(if $(filter 6.1,$(VERSION).$(PATCHLEVEL)),,-DCXXRT_KASAN_MEM)))
cxxrt-cxx-flags = -nostdinc $(cxxrt-codegen-flags) -std=gnu++20 -fno-exceptions -fno-rtti \
	-fno-threadsafe-statics -fno-use-cxa-atexit -fno-sized-deallocation \
	-fmacro-prefix-map=$(CXXRT_DIR)/= -Wall -Wextra -Werror -Wno-invalid-offsetof \
	-Wno-missing-field-initializers -Wvla $(cxxrt-kasan-mem) \
	-I$(CXXRT_DIR)/include -I$(CXXRT_DIR)/helpers -I$(obj)/cxxrt -D__KERNEL__ -DMODULE
CXX = $(patsubst %gcc,%g++,$(patsubst gcc-%,g++-%,$(subst -gcc-,-g++-,$(CC))))

# --- the compiler and tools, checked once --------------------------------------------------
cxxrt-cc-version := $(shell $(CC) -dumpfullversion 2>/dev/null)
cxxrt-cxx-version := $(shell $(CXX) -dumpfullversion 2>/dev/null)
cxxrt-major = $(firstword $(subst ., ,$(1)))
cxxrt-want-major := $(shell expr $(or $(CONFIG_GCC_VERSION),0) / 10000)
ifeq ($(cxxrt-want-major),0)
$(error cxxrt: this kernel was not built with GCC; only GCC kernels are supported)
endif
ifneq ($(call cxxrt-major,$(cxxrt-cc-version)),$(cxxrt-want-major))
$(error cxxrt: this kernel was built with gcc-$(cxxrt-want-major), but $(CC) is $(or $(cxxrt-cc-version),missing): apt-get install gcc-$(cxxrt-want-major) g++-$(cxxrt-want-major))
endif
ifneq ($(cxxrt-cxx-version),$(cxxrt-cc-version))
$(error cxxrt: $(CXX) is $(or $(cxxrt-cxx-version),missing), but the C compiler is $(cxxrt-cc-version): apt-get install g++-$(cxxrt-want-major))
endif
cxxrt-need = $(if $(shell PATH="$$PATH:/usr/sbin:/sbin" command -v $(1)),,$(error cxxrt: $(1) is missing: apt-get install $(2)))
$(call cxxrt-need,pahole,pahole)
$(call cxxrt-need,bpftool,bpftool)

# --- raw types and constants ---------------------------------------------------------------
$(shell mkdir -p $(obj)/cxxrt $(foreach m,$(cxxrt-modules),$(obj)/$(m).cxx))

quiet_cmd_cxxrt_types_o = CC [T]  $@
      cmd_cxxrt_types_o = $(CC) -Wp,-MMD,$(depfile) $(cxxrt-c-flags) -g \
			  -fno-eliminate-unused-debug-types -c -o $@ $<
$(obj)/cxxrt/kernel_types.o: $(CXXRT_DIR)/raw/kernel_types.c FORCE
	$(call if_changed_dep,cxxrt_types_o)

quiet_cmd_cxxrt_types = RAW [T] $@
      cmd_cxxrt_types = pahole --btf_encode_detached=$(basename $<).btf $< && \
			$(CXXRT_DIR)/raw/gen-raw types $(basename $<).btf --out $@ \
			--check $(@D)/raw_check.cc
$(obj)/cxxrt/raw_types.hpp: $(obj)/cxxrt/kernel_types.o $(CXXRT_DIR)/raw/gen-raw FORCE
	$(call if_changed,cxxrt_types)
$(obj)/cxxrt/raw_check.cc: $(obj)/cxxrt/raw_types.hpp ;

quiet_cmd_cxxrt_constants_s = CC [C]  $@
      cmd_cxxrt_constants_s = $(CC) -Wp,-MMD,$(depfile) $(cxxrt-c-flags) -g0 -S -o $@ $<
$(obj)/cxxrt/constants.s: $(CXXRT_DIR)/raw/constants.c FORCE
	$(call if_changed_dep,cxxrt_constants_s)

quiet_cmd_cxxrt_constants = RAW [C] $@
      cmd_cxxrt_constants = $(CXXRT_DIR)/raw/gen-raw constants $< --out $@
$(obj)/cxxrt/raw_constants.hpp: $(obj)/cxxrt/constants.s $(CXXRT_DIR)/raw/gen-raw FORCE
	$(call if_changed,cxxrt_constants)

cxxrt-raw := $(obj)/cxxrt/raw_types.hpp $(obj)/cxxrt/raw_constants.hpp

# Every struct size and member offset, as the C compiler laid it out; nothing builds otherwise.
quiet_cmd_cxxrt_check = CHECK   $@
      cmd_cxxrt_check = $(CXX) $(cxxrt-cxx-flags) -g0 -fsyntax-only $< && touch $@
$(obj)/cxxrt/raw_check.ok: $(obj)/cxxrt/raw_check.cc $(cxxrt-raw) FORCE
	$(call if_changed,cxxrt_check)

# --- C helpers, shared by the modules of this build ----------------------------------------
cxxrt-helpers := $(patsubst $(CXXRT_DIR)/helpers/%.c,%,$(wildcard $(CXXRT_DIR)/helpers/*.c))
quiet_cmd_cxxrt_helper = CC [H]  $@
      cmd_cxxrt_helper = $(CXXRT_LAUNCHER) $(CC) -Wp,-MMD,$(depfile) $(call cxxrt-absolute,$(cxxrt-c-flags)) $(cxxrt-lto) $(cxxrt-debug) \
			 -c -o $@ $<
$(obj)/cxxrt/helpers-%.o: $(CXXRT_DIR)/helpers/%.c FORCE
	$(call if_changed_dep,cxxrt_helper)
# Those for test modules and for tracepoints are linked into the modules that have such.
cxxrt-helpers-of = $(filter-out kunit trace_%,$(cxxrt-helpers)) $(if $(cxxrt-is-test),kunit) \
	$(filter $(addprefix trace_,$($(1)-trace)),$(cxxrt-helpers))
cxxrt-helper-objs = $(patsubst %,$(obj)/cxxrt/helpers-%.o,$(cxxrt-helpers-of))

# Tracepoints are C, and of the modules that name them. Not inlined: what only sections refer to
# would be lost.
quiet_cmd_cxxrt_trace = CC [H]  $@
      cmd_cxxrt_trace = $(CC) -Wp,-MMD,$(depfile) $(cxxrt-c-flags) -Os -g0 -c -o $@ $<
$(obj)/cxxrt/trace-%.o: $(CXXRT_DIR)/helpers/trace/%.c FORCE
	$(call if_changed_dep,cxxrt_trace)
cxxrt-trace-objs = $(patsubst %,$(obj)/cxxrt/trace-%.o,$($(1)-trace))

# --- C++ objects and the join, per module --------------------------------------------------
quiet_cmd_cxxrt_cxx = CXX [M] $@
      cmd_cxxrt_cxx = $(CXXRT_LAUNCHER) $(CXX) -Wp,-MMD,$(depfile) $(cxxrt-cxx-flags) $(cxxrt-lto) $(cxxrt-debug) \
		      $(if $(filter $(CXXRT_DIR)/src/%,$<),-Os) \
		      $(if $(call cxxrt-is-test,$(cxxrt-modname)),-DCXXRT_TEST_MODULE) \
		      -DKBUILD_MODNAME='"$(cxxrt-modname)"' $($(cxxrt-modname)-cxxflags) \
		      $($(cxxrt-modname)-cxxflags-$(notdir $<)) -c -o $@ $<

# One optimisation over helpers and C++: -fwhole-program makes everything local but the
# functions marked externally_visible, so unused helpers vanish and used ones are inlined. A second
# file symbol would tell objtool that this is a linked object, which it takes as a whole kernel's.
cxxrt-frame := $(if $(CONFIG_KASAN),,-Wframe-larger-than=1024 -Werror)
quiet_cmd_cxxrt_join = LTO [M] $@
      cmd_cxxrt_join = $(if $(cxxrt-lto),\
	$(CXXRT_LAUNCHER) $(CXX) -xlto $(cxxrt-codegen-flags) $(cxxrt-frame) -g0 -fwhole-program -c -o $@.tmp,\
	$(LD) -r -o $@.tmp) $(filter-out $(obj)/cxxrt/trace-%,$(filter %.o,$^)) && \
	$(LD) -r --force-group-allocation $(addprefix -T ,$(filter %.lds,$^)) -o $@ $@.tmp \
	$(filter $(obj)/cxxrt/trace-%,$^) && rm -f $@.tmp \
	$(patsubst $(obj)/cxxrt/trace-%.o,&& $(OBJCOPY) -N %.c $@,$(filter $(obj)/cxxrt/trace-%,$^)) \
	$(if $(delay-objtool),,&& $(objtool) $(objtool-args) $@)

cxxrt-is-test = $(filter %_kunit.cc,$($(1)-cxx))
cxxrt-sources = $(wildcard $(CXXRT_DIR)/src/*.cc) $(if $(cxxrt-is-test),$(wildcard $(CXXRT_DIR)/kunit/*.cc)) \
	$(foreach f,$($(1)-cxx),$(or $($(1)-cxxdir),$(src))/$(f))
cxxrt-obj-of = $(obj)/$(1).cxx/$(if $(filter $(CXXRT_DIR)/src/% $(CXXRT_DIR)/kunit/%,$(2)),cxxrt-)$(basename $(notdir $(2))).o

define cxxrt-object-rule
$(call cxxrt-obj-of,$(1),$(2)): private cxxrt-modname := $(1)
$(call cxxrt-obj-of,$(1),$(2)): $(2) $(cxxrt-raw) FORCE
	$$(call if_changed_dep,cxxrt_cxx)
targets += $(patsubst $(obj)/%,%,$(call cxxrt-obj-of,$(1),$(2)))
endef
cxxrt-objs-of = $(foreach s,$(call cxxrt-sources,$(1)),$(call cxxrt-obj-of,$(1),$(s)))

define cxxrt-module-rules
$(if $(filter-out $(words $(call cxxrt-objs-of,$(1))),$(words $(sort $(call cxxrt-objs-of,$(1))))),\
	$(error cxxrt: two sources of $(1) have the same name))
$(foreach s,$(call cxxrt-sources,$(1)),$(eval $(call cxxrt-object-rule,$(1),$(s))))
$(obj)/$(1).cxx.o: private part-of-module := y
$(obj)/$(1).cxx.o: $(call cxxrt-objs-of,$(1)) $(cxxrt-helper-objs) $(cxxrt-trace-objs) $(CXXRT_DIR)/join.lds \
	$(if $(cxxrt-is-test),$(CXXRT_DIR)/kunit/suites.lds) $(obj)/cxxrt/raw_check.ok FORCE
	$$(call if_changed,cxxrt_join)
endef
$(foreach m,$(cxxrt-modules),$(eval $(call cxxrt-module-rules,$(m))))

targets += $(addprefix cxxrt/,kernel_types.o raw_types.hpp constants.s raw_constants.hpp raw_check.ok \
	$(cxxrt-helpers:%=helpers-%.o) \
	$(patsubst $(CXXRT_DIR)/helpers/trace/%.c,trace-%.o,$(wildcard $(CXXRT_DIR)/helpers/trace/*.c))) $(cxxrt-modules:%=%.cxx.o)
clean-files += cxxrt $(cxxrt-modules:%=%.cxx)
