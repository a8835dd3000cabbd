// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: incomplete type .*module::detail::Kind
#include <cxxrt/module.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

#ifdef OK
constinit module::Param<u32> depth{64};
#else
constinit module::Param<u16> depth{64};
#endif
CXXRT_PARAM(depth, "Tags");
