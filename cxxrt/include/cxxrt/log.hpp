// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The kernel log: module-prefixed lines whose format is checked against the arguments at compile
/// time, and rate limits.
/// C side: include/linux/printk.h, include/linux/ratelimit.h, helpers/lib.c.
/// Context: any; never sleeps.   Locks: none.

#include <cxxrt/raw.hpp>

#ifndef KBUILD_MODNAME
#define KBUILD_MODNAME "cxxrt"
#endif

namespace cxxrt::log {

namespace detail {

/// What a conversion specification may print. Only the forms listed here are accepted.
enum class Kind : u8 { None, Int, UInt, Long, ULong, LongLong, ULongLong, Text, Pointer, Size, SSize };

template <class T> inline constexpr bool kPointer = false;
template <class T> inline constexpr bool kPointer<T*> = true;

template <class T> consteval Kind kind_of()
{
	if constexpr (same_as<T, int> || same_as<T, bool> || same_as<T, short> || same_as<T, char>)
		return Kind::Int;
	else if constexpr (same_as<T, u32> || same_as<T, u8> || same_as<T, u16>)
		return Kind::UInt;
	else if constexpr (same_as<T, long>)
		return Kind::Long;
	else if constexpr (same_as<T, unsigned long>)
		return Kind::ULong;
	else if constexpr (same_as<T, s64>)
		return Kind::LongLong;
	else if constexpr (same_as<T, u64>)
		return Kind::ULongLong;
	else if constexpr (same_as<T, const char*> || same_as<T, char*>)
		return Kind::Text;
	else if constexpr (kPointer<T>)
		return Kind::Pointer;
	else
		return Kind::None;
}

/// True if `format` takes exactly the arguments `Args`, in the forms %d %u %x %X %ld %lu %lx %lld
/// %llu %llx %s %p and %%, with an optional width, on the left of it after -.
// NOLINTNEXTLINE(readability-function-cognitive-complexity): a scanner, which is easier to follow in one piece
template <class... Args> consteval bool format_matches(const char* format)
{
	constexpr Kind kinds[] = {kind_of<remove_cvref_t<Args>>()..., Kind::None};
	size_t next = 0;
	for (const char* p = format; *p != '\0'; ++p) {
		if (*p != '%')
			continue;
		++p;
		if (*p == '%')
			continue;
		if (*p == '-')
			++p;
		while (*p >= '0' && *p <= '9')
			++p;
		int longs = 0;
		while (*p == 'l') {
			++longs;
			++p;
		}
		if (next >= sizeof...(Args))
			return false;
		const Kind kind = kinds[next++];
		const bool is_unsigned = *p == 'u' || *p == 'x' || *p == 'X';
		if (*p == 's' || *p == 'p') {
			if (longs != 0 || kind != (*p == 's' ? Kind::Text : Kind::Pointer))
				return false;
		} else if (*p == 'd' || is_unsigned) {
			constexpr Kind table[3][2] = {{Kind::Int, Kind::UInt},
						      {Kind::Long, Kind::ULong},
						      {Kind::LongLong, Kind::ULongLong}};
			if (longs > 2 || kind != table[longs][is_unsigned ? 1 : 0])
				return false;
		} else {
			return false;
		}
	}
	return next == sizeof...(Args);
}

template <Literal Level, Literal Format, class... Args> inline void print(Args... args)
{
	static_assert(format_matches<Args...>(Format.text), "the format does not match the arguments");
	raw::_printk(kText<Literal("\001") + Level + Literal(KBUILD_MODNAME ": ") + Format + Literal("\n")>.text,
		     args...);
}

/// The same after what the kernel says of a device: `Print` is _dev_printk() or netdev_printk().
template <auto Print, Literal Level, Literal Format, class Device, class... Args>
inline void print_of(const Device* dev, Args... args)
{
	static_assert(format_matches<Args...>(Format.text), "the format does not match the arguments");
	Print(kText<Literal("\001") + Level>.text, dev, kText<Format + Literal("\n")>.text, args...);
}

}  // namespace detail

/// One line at the given level, after "<module>: "; a newline is added.
/// Units: text is zero-terminated and at most about 1,000 bytes.
template <Literal Format, class... Args> inline void error(Args... args) { detail::print<"3", Format>(args...); }
template <Literal Format, class... Args> inline void warn(Args... args) { detail::print<"4", Format>(args...); }
template <Literal Format, class... Args> inline void info(Args... args) { detail::print<"6", Format>(args...); }

/// Lines of kinds that may be unwanted: `Wanted` says so before each. Deciding and printing is one function, however many lines there are.
template <bool (*Wanted)(u32 kind)> class Filtered {
public:
	template <Literal Format, class... Args> CXXRT_INLINE static void info(u32 kind, Args... args)
	{
		static_assert(detail::format_matches<Args...>(Format.text), "the format does not match the arguments");
		print(kind, kText<Literal("\0016" KBUILD_MODNAME ": ") + Format + Literal("\n")>.text, args...);
	}

private:
	// NOLINTNEXTLINE(cert-dcl50-cpp,modernize-avoid-variadic-functions): info() has checked the arguments
	CXXRT_COLD static void print(u32 kind, const char* format, ...)
	{
		if (!Wanted(kind))
			return;
		__builtin_va_list arguments;
		__builtin_va_start(arguments, format);
		raw::vprintk(format, arguments);
		__builtin_va_end(arguments);
	}
};

/// Offsets and bytes, 16 a line, as errors.
inline void dump(const u8* data, size_t bytes) { raw::cxxrt_print_hex_dump(data, bytes); }

/// At most ten lines in five seconds; one per kind of message, in the object that may send it.
class RateLimit : Pinned {
public:
	RateLimit() { raw::cxxrt_ratelimit_init(&state_); }
	/// True if a line may be sent now.
	bool allows() { return raw::cxxrt_ratelimit(&state_) != 0; }

private:
	raw::ratelimit_state state_;
};

/// As warn(), but silent once `limit` is used up.
template <Literal Format, class... Args> inline void warn_limited(RateLimit& limit, Args... args)
{
	if (limit.allows())
		detail::print<"4", Format>(args...);
}

}  // namespace cxxrt::log
