// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: call to non-'constexpr' function .*default_is_out_of_range
#include <cxxrt/module.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

#ifdef OK
constinit module::RangedParam<0, 2> irqmode{1};
#else
constinit module::RangedParam<0, 2> irqmode{3};
#endif
CXXRT_PARAM(irqmode, "Completion");
