// SPDX-License-Identifier: GPL-2.0
#include "prelude.h"
#if CXXRT_KUNIT
#include <kunit/test.h>
#endif
#include <linux/sched.h>
#include "kunit.h"

#if CXXRT_FAULT_INJECTION
unsigned int cxxrt_fail_nth(void)
{
	return READ_ONCE(current->fail_nth);
}
#endif

#if CXXRT_KUNIT
#if !CXXRT_KERNEL_6_12
#define __kunit_do_failed_assertion kunit_do_failed_assertion
#endif

void cxxrt_kunit_fail(struct kunit *test, const struct kunit_loc *where, const char *text)
{
	static const struct kunit_fail_assert assertion;

	__kunit_do_failed_assertion(test, where, KUNIT_EXPECTATION, &assertion.assert, kunit_fail_assert_format,
				    "    %s\n", text);
}

void cxxrt_kunit_mark_skipped(struct kunit *test, const char *why)
{
	kunit_mark_skipped(test, "%s", why);
}
#endif

#if CXXRT_FAULT_INJECTION
void cxxrt_set_fail_nth(unsigned int nth)
{
	WRITE_ONCE(current->fail_nth, nth);
}
#endif
