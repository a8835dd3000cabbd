/* SPDX-License-Identifier: GPL-2.0 */
/*
 * First include of every helper file. A helper is one C function per kernel inline or macro, named
 * cxxrt_ and the C name; exported functions are declared under their own name and need none. Both
 * compilers read the declarations: C checks them against the real prototypes, C++ against the
 * generated types.
 */
#ifndef CXXRT_HELPERS_PRELUDE_H
#define CXXRT_HELPERS_PRELUDE_H

#ifdef __cplusplus

#define CXXRT_HELPERS_BEGIN namespace raw { extern "C" {
#define CXXRT_HELPERS_END } }

/* With KASAN, memcpy and memset check no memory from 6.3 on, and C calls others instead: so does C++. */
#ifdef CXXRT_KASAN_MEM
#define CXXRT_KASAN_CHECKED(name) __asm__("__asan_" #name)
#else
#define CXXRT_KASAN_CHECKED(name)
#endif

#else

/*
 * Named address spaces and -flto do not go together: const_pcpu_hot (6.12) then conflicts with
 * itself over its section. The plain accessors read the same variable.
 */
#undef CONFIG_USE_X86_SEG_SUPPORT
#include <linux/types.h>
#include <linux/version.h>

#define CXXRT_HELPERS_BEGIN
#define CXXRT_HELPERS_END
#define CXXRT_KASAN_CHECKED(name)
/* What paths that are hot call from several places: a size would keep it a call. */
#define CXXRT_ALWAYS __attribute__((always_inline))
#pragma GCC diagnostic ignored "-Wattributes"
#define CXXRT_KERNEL_6_12 (LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0))
#define CXXRT_COMPAT IS_ENABLED(CONFIG_COMPAT)
#define CXXRT_KUNIT IS_ENABLED(CONFIG_KUNIT)
#define CXXRT_FAULT_INJECTION IS_ENABLED(CONFIG_FAULT_INJECTION)

#endif
#endif
