// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Load parameters, and what is logged.

#include <cxxrt/log.hpp>
#include <cxxrt/types.hpp>

namespace binder {

using namespace cxxrt;

namespace params {
/// The names of the devices, with commas between them.
const char* devices();
bool compat_names();
u32 debug_mask();
u32 alloc_debug_mask();
/// 2 or more: calls wait.
int stop_on_user_error();
/// The first mistake of user space, where that is to stop it.
void note_user_error();
/// True if a line may be sent now.
bool log_allows();
}  // namespace params

/// Bits of debug_mask.
namespace debug {
inline constexpr u32 kUserError = 1u << 0;
inline constexpr u32 kFailedTransaction = 1u << 1;
inline constexpr u32 kDeadTransaction = 1u << 2;
inline constexpr u32 kOpenClose = 1u << 3;
inline constexpr u32 kDeadBinder = 1u << 4;
inline constexpr u32 kDeathNotification = 1u << 5;
inline constexpr u32 kThreads = 1u << 8;
inline constexpr u32 kPriorityCap = 1u << 13;
}  // namespace debug

/// A line of a class of messages that may be off, if there were not too many already.
template <u32 Class, Literal Format, class... Args> CXXRT_COLD void note(Args... args)
{
	if ((params::debug_mask() & Class) != 0 && params::log_allows())
		log::info<Format>(args...);
}
/// User space did what it may not.
template <Literal Format, class... Args> CXXRT_COLD void user_error(Args... args)
{
	note<debug::kUserError, Format>(args...);
	params::note_user_error();
}

}  // namespace binder
