// SPDX-License-Identifier: GPL-2.0
// Nothing wrong here: each construct looks like a violation and is none.
#include "ko_like.h"

KO_LIKE
MODVERSION(0x22222222, exported)
MODVERSION(0x33333333, exported_gpl)

C_LINKAGE int exported(int);
C_LINKAGE int exported_gpl(int);

// A helper that stays a call is fine outside hot functions, and where only its address is taken.
C_LINKAGE NOINLINE int cxxrt_slow(int x) { return exported(x) + 1; }

C_LINKAGE int not_hot(int x) { return cxxrt_slow(x) * 2; }

// GCC moves the call into .text.unlikely, which is not hot.
C_LINKAGE NOINLINE __attribute__((cold)) int cxxrt_report(int x) { return exported_gpl(x) + 1; }

C_LINKAGE HOT int hot_with_cold_part(int x)
{
	if (__builtin_expect(x < 0, 0))
		return cxxrt_report(x) + 1;
	return x * 3;
}

C_LINKAGE HOT auto hot_takes_an_address(int) -> int (*)(int) { return cxxrt_slow; }

// Names of registers and of FPU instructions in symbols, and instructions beside the FPU.
C_LINKAGE NOINLINE int fld_xmm0_st(int x) { return exported(x) + 2; }

C_LINKAGE HOT unsigned long hot_integer_extensions(unsigned long x, const char* p)
{
	unsigned long crc = x;

	asm volatile("prefetcht0 %0; prefetchw %0" : : "m"(*p));
	asm volatile("crc32q %1, %0" : "+r"(crc) : "r"(x));
	asm volatile("popcntq %1, %0" : "=r"(x) : "r"(x));
	asm volatile("movnti %1, %0" : : "m"(*const_cast<char*>(p)), "r"(x));
	asm volatile(".byte 0x64, 0x90; lfence; mfence; clflush %0" : : "m"(*p));  // a nop with an fs prefix
	return x + crc + static_cast<unsigned long>(fld_xmm0_st(1));
}

// Constant initialisation, and a local static without a guard.
constinit int counters[4] = {1, 2, 3, 4};

C_LINKAGE int* counter(int i)
{
	static int fallback = 7;

	return i < 4 ? &counters[i] : &fallback;
}

// May stay undefined: the loader gives a weak symbol the address 0.
C_LINKAGE __attribute__((weak)) int perhaps(int);

C_LINKAGE bool has_perhaps() { return &perhaps != nullptr; }
