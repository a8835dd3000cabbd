// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: cannot convert 'const cxxrt::Error' to 'cxxrt::blk::Status'
#include <cxxrt/blk.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

blk::Status transfer(bool broken)
{
#ifdef OK
	return broken ? blk::Status::IoError : blk::Status::Ok;
#else
	if (broken)
		return EIO;
	return blk::Status::Ok;
#endif
}
