/* SPDX-License-Identifier: GPL-2.0 */
/* BTF of `int` and of one struct with two int members: `btf_struct name, size, offset of a, offset of b` (in bits). */

.macro btf_struct name, size, first, second
	.pushsection .BTF, ""
1:	.short	0xeb9f
	.byte	1, 0
	.long	24, 0, 3f - 2f, 3f - 2f, 4f - 3f
2:	.long	5f - 3f, 0x01000000, 4, 0x01000020
	.long	6f - 3f, 0x04000002, \size
	.long	7f - 3f, 1, \first
	.long	8f - 3f, 1, \second
3:	.byte	0
5:	.asciz	"int"
6:	.asciz	"\name"
7:	.asciz	"a"
8:	.asciz	"b"
4:
	.popsection
.endm
