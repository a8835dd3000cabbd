// SPDX-License-Identifier: GPL-2.0
// A local static whose destructor goes to atexit, without a constructor.
#include "ko_like.h"

KO_LIKE
MODVERSION(0x22222222, exported)

C_LINKAGE int exported(int);

struct Guarded {
	constexpr Guarded() = default;
	~Guarded() { exported(value); }
	int value = 1;
};

int read_guarded()
{
	static Guarded guarded;

	return guarded.value;
}
