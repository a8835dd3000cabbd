// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: use of deleted function 'cxxrt::Ref<Shared>::Ref\(const
#include <cxxrt/memory.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

class Shared : public RefCounted {};

Ref<Shared> share(const Ref<Shared>& ref)
{
#ifdef OK
	return ref.clone();
#else
	return ref;
#endif
}
