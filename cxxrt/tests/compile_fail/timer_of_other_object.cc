// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: pointer to member type 'cxxrt::Restart \(Other::\)\(\)' incompatible with object type 'Command'
#include <cxxrt/time.hpp>
#include <cxxrt/memory.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Other : Pinned {
	Restart expired() { return Restart::No; }
};
struct Command : Pinned {
	Restart expired() { return Restart::No; }
#ifdef OK
	HrTimer timer{callback<&Command::timer, &Command::expired>};
#else
	HrTimer timer{callback<&Command::timer, &Other::expired>};
#endif
};

Result<Box<Command>> make() { return Box<Command>::make(Gfp::Kernel); }
