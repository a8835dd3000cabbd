// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: void value not ignored
#include <cxxrt/memory.hpp>
#include <cxxrt/time.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Command : Pinned {
#ifdef OK
	Restart expired() { return Restart::No; }
#else
	void expired() {}
#endif
	HrTimer timer{callback<&Command::timer, &Command::expired>};
};

Result<Box<Command>> make() { return Box<Command>::make(Gfp::Kernel); }
