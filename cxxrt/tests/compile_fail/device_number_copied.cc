// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: use of deleted function 'cxxrt::chardev::Region::Number::Number\(const cxxrt::chardev::Region::Number&\)'
#include <cxxrt/chardev.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

#ifdef OK
u32 minor_of(const chardev::Region::Number& number) { return number.minor(); }
#else
u32 minor_of(const chardev::Region::Number& number)
{
	const chardev::Region::Number copy = number;
	return copy.minor();
}
#endif
