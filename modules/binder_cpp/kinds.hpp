// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The kinds of locks, outermost first. Never two of one kind together.
///     Handles    of a process: its table of handles, and what is in them
///     Watchers   of a node: the handles on it, and their notifications
///     Inner      of a process: its threads, lists of work, stacks, and the nodes it owns, also when it is gone
///     Memory     of a process: its buffers. Nothing is taken inside of it.
/// A process's lock is not held when that of another process, of the same kind or an outer one, is taken.

#include <cxxrt/held.hpp>

namespace binder {

using namespace cxxrt;

struct Handles {
	static constexpr Literal kName{"binder_cpp handles"};
	static constexpr Role held{};
};
struct Watchers {
	static constexpr Literal kName{"binder_cpp watchers"};
	static constexpr Role held ACQUIRED_AFTER(Handles::held){};
};
struct Inner {
	static constexpr Literal kName{"binder_cpp inner"};
	static constexpr Role held ACQUIRED_AFTER(Watchers::held){};
};
struct Memory {
	static constexpr Literal kName{"binder_cpp memory"};
	static constexpr Role held ACQUIRED_AFTER(Inner::held){};
};

}  // namespace binder
