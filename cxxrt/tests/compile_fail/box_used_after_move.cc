// SPDX-License-Identifier: GPL-2.0
// compiler: clang-tidy-19
// expect: 'box' used after it was moved \[bugprone-use-after-move
#include <cxxrt/memory.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Keeper {
	u64 keep(Box<u64> box)
	{
#ifdef OK
		const u64 value = *box;
		kept = move(box);
		return value;
#else
		kept = move(box);
		return *box;
#endif
	}

	Box<u64> kept;
};
