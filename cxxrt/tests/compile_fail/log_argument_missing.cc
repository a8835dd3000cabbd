// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: the format does not match the arguments
#include <cxxrt/log.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

void say(const char* name, u32 depth)
{
#ifdef OK
	log::info<"%s: depth %u">(name, depth);
#else
	(void)depth;
	log::info<"%s: depth %u">(name);
#endif
}
