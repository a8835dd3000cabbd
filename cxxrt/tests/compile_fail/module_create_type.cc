// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: create.* does not satisfy return-type-requirement
#include <cxxrt/module.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Driver {
#ifdef OK
	static Result<Box<Driver>> create() { return Box<Driver>::make(Gfp::Kernel); }
#else
	static int create() { return 0; }
#endif
};

CXXRT_MODULE(Driver, "The cxxrt authors", "A module");
