// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: ignoring returned value of type .cxxrt::xdp::Verdict.
#include <cxxrt/xdp.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

// What a program says of a frame decides whose its buffer is.
bool examine(net::Device dev, xdp::Program program, xdp::Received& received)
{
#ifdef OK
	return program.run(dev, received) == xdp::Verdict::Pass;
#else
	program.run(dev, received);
	return true;
#endif
}
