// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: the format does not match the arguments
#include <cxxrt/log.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

void say(u64 sectors)
{
#ifdef OK
	log::info<"%llu sectors">(sectors);
#else
	log::info<"%u sectors">(sectors);
#endif
}
