// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: Ref counts what derives from RefCounted
#include <cxxrt/memory.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

#ifdef OK
class Shared : public RefCounted {};
#else
class Shared {};
#endif

Result<Ref<Shared>> make() { return Ref<Shared>::make(Gfp::Kernel); }
