/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What modpost adds to a module, by hand, so that one plain object can stand for a whole .ko.
 * The names and CRCs are those of the Module.symvers that test_check_ko.py writes.
 */
#ifdef __ASSEMBLER__

.macro modversion crc, name
	.pushsection __versions, "a"
9:	.quad	\crc
	.asciz	"\name"
	.org	9b + 64
	.popsection
.endm

.macro modinfo text
	.pushsection .modinfo, "a"
	.asciz	"\text"
	.popsection
.endm

.macro ko_like
	modinfo "license=GPL"
	modinfo "vermagic=9.9.0-test SMP mod_unload modversions "
	modversion 0x11111111, module_layout
	.pushsection .gnu.linkonce.this_module, "aw"
	.globl	__this_module
__this_module:
	.quad	0
	.popsection
.endm

#else

#define IN_SECTION(name) __attribute__((section(name), used))

struct modversion {
	unsigned long crc;
	char name[56];
};

#define MODINFO(id, text) static const char modinfo_##id[] IN_SECTION(".modinfo") = #id "=" text;
#define MODVERSION(crc, symbol) \
	static const struct modversion version_##symbol IN_SECTION("__versions") = { crc, #symbol };

#define LICENSE MODINFO(license, "GPL")
#define VERMAGIC MODINFO(vermagic, "9.9.0-test SMP mod_unload modversions ")
#define LAYOUT MODVERSION(0x11111111, module_layout)
#define KO_LIKE LICENSE VERMAGIC LAYOUT

#define HOT __attribute__((hot))
#define NOINLINE __attribute__((noinline))

#ifdef __cplusplus
#define C_LINKAGE extern "C"
#else
#define C_LINKAGE
#endif

#endif
