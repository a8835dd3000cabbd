// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: ignoring returned value of type 'cxxrt::Ref<Shared>'
#include <cxxrt/memory.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

class Shared : public RefCounted {};

void hold(const Ref<Shared>& ref)
{
#ifdef OK
	Ref<Shared> held = ref.clone();
#else
	ref.clone();
#endif
}
