// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: no match for 'operator\+'
#include <cxxrt/endian.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Entry {
	le16 length;
};

u32 end(Entry entry)
{
#ifdef OK
	return entry.length.get() + 1u;
#else
	return entry.length + 1u;
#endif
}
