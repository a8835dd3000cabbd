// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: use of deleted function 'cxxrt::xdp::Frame::Frame\(const
#include <cxxrt/xdp.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

// Who has a frame frees it: once.
xdp::Frame keep(xdp::Frame frame)
{
#ifdef OK
	xdp::Frame kept = move(frame);
#else
	xdp::Frame kept = frame;
#endif
	return kept;
}
