// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Names a member that the kernel calls back through, and the function of its object to call: the
/// thunk finds the object by the member's offset, so nothing is stored for it.
/// C side: container_of().

#include <cxxrt/types.hpp>

namespace cxxrt {

template <auto Member, auto Function> struct Callback {};

/// `callback<&Owner::member, &Owner::function>`, for the constructor of the member.
template <auto Member, auto Function> inline constexpr Callback<Member, Function> callback{};

}  // namespace cxxrt
