// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Facts about the machine, and reading numbers from text.
/// C side: include/linux/cpumask.h, include/linux/nodemask.h, include/linux/kstrtox.h, helpers/lib.c.
/// Context: any; never sleeps.

#include <cxxrt/error.hpp>
#include <cxxrt/log.hpp>

namespace cxxrt {

/// For drivers that do as their C original does on this kernel, where that changed.
inline constexpr bool kSince6_12 = CXXRT_KERNEL_6_12;

/// How many CPUs there may ever be.
inline u32 possible_cpus() { return raw::cxxrt_num_possible_cpus(); }
/// One more than the highest possible CPU number.
inline u32 cpu_id_limit() { return raw::cxxrt_nr_cpu_ids(); }
/// The CPU this runs on; it may change at once unless preemption is off.
inline u32 current_cpu() { return raw::cxxrt_raw_smp_processor_id(); }
inline u32 online_node_count() { return raw::cxxrt_nr_online_nodes(); }
inline bool is_cpu_online(u32 cpu) { return cpu < cpu_id_limit() && raw::cxxrt_cpu_online(cpu); }
/// False for a number that is no node, too.
inline bool is_node_online(int node)
{
	return node >= 0 && node < int(raw::MAX_NUMNODES) && raw::cxxrt_node_online(node);
}

/// What the firmware calls the machine and its board.
enum class MachineField : u8 {
	SystemVendor = raw::DMI_SYS_VENDOR,
	ProductName = raw::DMI_PRODUCT_NAME,
	BoardVendor = raw::DMI_BOARD_VENDOR,
	BoardName = raw::DMI_BOARD_NAME,
};
/// True if that is `text`; false if the firmware does not say.   C side: include/linux/dmi.h.
inline bool is_machine(MachineField field, const char* text)
{
	return raw::cxxrt_dmi_match(raw::dmi_field(field), text);
}

/// Some number from 0 to `limit` - 1; for `limit` > 0.
inline u32 random_below(u32 limit) { return raw::cxxrt_random_below(limit); }

namespace detail {
enum class Number : u8 { Bool, Int, UInt, U64 };
template <class T> inline constexpr Number kNumber = Number::U64;
template <> inline constexpr Number kNumber<bool> = Number::Bool;
template <> inline constexpr Number kNumber<int> = Number::Int;
template <> inline constexpr Number kNumber<u32> = Number::UInt;
/// As the template, for one that reads a value of the type that `kind` says.
Result<u64> parse(const char* text, u32 base, Number kind);
}  // namespace detail

/// Reads one value from zero-terminated text, a newline at its end allowed, as kstrtox does. `base` 0 takes 0x and 0 prefixes.
/// Errors: EINVAL no number, ERANGE too large for T.
template <class T> CXXRT_INLINE Result<T> parse(const char* text, u32 base = 0)
{
	constexpr detail::Number kind = detail::kNumber<T>;
	static_assert(kind != detail::Number::U64 || (sizeof(T) == sizeof(u64) && T(-1) > T(0)), "no type to read");
	return T(TRY(detail::parse(text, base, kind)));
}

/// Reads exactly N numbers with commas between them; false if `text` is anything else.
template <size_t N> bool parse_numbers(const char* text, int (&numbers)[N])
{
	int found[N + 1];  // the first is how many
	const char* end = raw::get_options(text, N + 1, found);
	if (*end != '\0' || found[0] != int(N))
		return false;
	for (size_t i = 0; i < N; ++i)
		numbers[i] = found[i + 1];
	return true;
}

inline bool equal(const char* a, const char* b) { return raw::strcmp(a, b) == 0; }

/// The first `wanted` in `text`, or null.
inline char* find_char(char* text, char wanted) { return raw::strchr(text, wanted); }

/// A zero-terminated text of at most N - 1 bytes; longer ones are cut.
template <size_t N> class FixedText {
public:
	FixedText() = default;
	explicit FixedText(const char* text) { raw::cxxrt_strscpy(text_, text, N); }
	/// Text, and then `number`.
	FixedText(const char* first, const char* second, u32 number)
	{
		raw::scnprintf(text_, N, "%s%s%u", first, second, number);
	}
	FixedText(const char* prefix, u32 number) { raw::scnprintf(text_, N, "%s%u", prefix, number); }
	/// What the format makes of `args`.
	template <Literal Format, class... Args> static FixedText format(Args... args)
	{
		static_assert(log::detail::format_matches<Args...>(Format.text),
			      "the format does not match the arguments");
		FixedText made;
		raw::scnprintf(made.text_, N, kText<Format>.text, args...);
		return made;
	}
	/// False, and cut, if `text` is too long.
	bool assign(const char* text) { return raw::cxxrt_strscpy(text_, text, N) < N; }
	/// A field of at most `size` bytes that a zero byte may end early; cut if it is too long.
	void assign(const char* field, size_t size)
	{
		size_t at = 0;
		for (; at < size && at < N - 1 && field[at] != '\0'; ++at)
			text_[at] = field[at];
		text_[at] = '\0';
	}
	const char* c_str() const { return text_; }
	/// Cuts off white space at both ends; the text from its new beginning, until the object changes.
	char* trim() { return raw::strim(text_); }

private:
	char text_[N] = {};
};

}  // namespace cxxrt
