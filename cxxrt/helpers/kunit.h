/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CXXRT_HELPERS_KUNIT_H
#define CXXRT_HELPERS_KUNIT_H
/* Tests: kunit/test.h, and what linux/sched.h has for failing allocations. Linked into test modules only. */
#include "prelude.h"
CXXRT_HELPERS_BEGIN

#if CXXRT_KUNIT
void cxxrt_kunit_fail(struct kunit *test, const struct kunit_loc *where, const char *text);
void cxxrt_kunit_mark_skipped(struct kunit *test, const char *why);
#endif

#if CXXRT_FAULT_INJECTION
unsigned int cxxrt_fail_nth(void);
void cxxrt_set_fail_nth(unsigned int nth);
#endif

CXXRT_HELPERS_END
#endif
