// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Load parameters, and what is logged.

#include <cxxrt/log.hpp>
#include <cxxrt/task.hpp>
#include <cxxrt/types.hpp>

namespace binder {

using namespace cxxrt;

namespace params {
/// The names of the devices, with commas between them.
const char* devices();
bool compat_names();
u32 debug_mask();
u32 alloc_debug_mask();
/// How who waits for a call, or for its reply, is woken.
task::Wakeup::Hint sync_hint();
bool coalesces_completions();
bool inherits_rt();
/// 2 or more: calls wait.
int stop_on_user_error();
/// True if a line may be sent now.
bool log_allows();
/// The same, for a line of classes of debug_mask. debug::kMayStop stops user space, where it is to be.
bool wants_line(u32 debug_class);
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
/// No bit of it: calls are to wait after this line, if stop_on_user_error is set.
inline constexpr u32 kMayStop = 1u << 31;
}  // namespace debug

/// A line of a class of messages that may be off, if there were not too many already.
template <u32 Class, Literal Format, class... Args> CXXRT_INLINE void note(Args... args)
{
	log::Filtered<params::wants_line>::info<Format>(Class, args...);
}
/// User space did what it may not.
template <Literal Format, class... Args> CXXRT_INLINE void user_error(Args... args)
{
	note<debug::kUserError | debug::kMayStop, Format>(args...);
}

}  // namespace binder
