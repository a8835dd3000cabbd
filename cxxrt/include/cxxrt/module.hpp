// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// A module as a class, its information strings, and its load-time parameters.
/// C side: include/linux/module.h, include/linux/moduleparam.h.

#include <cxxrt/log.hpp>
#include <cxxrt/memory.hpp>
#include <cxxrt/system.hpp>

namespace cxxrt::module {

/// A module is a class with `static Result<Box<T>> create()`: what create() builds lives until
/// the module is removed, and its destructor undoes everything. A failed create() leaves nothing.
/// Where somebody has taken hold of what a failed create() had made, the load waits until they let go; if they don't
/// within 10 s, it succeeds, and the module does nothing until it is removed.
/// Context: process; may sleep.
template <class T> concept Module = requires {
	{ T::create() } -> same_as<Result<Box<T>>>;
};

namespace detail {
template <Module T> inline constinit T* instance = nullptr;

template <Module T> inline int init()
{
	auto created = T::create();
	if (created.ok()) {
		instance<T> = created.take().leak();
		return 0;
	}
	// The kernel takes the module's memory away when this fails, whoever holds a reference.
	if (raw::cxxrt_module_is_unused())
		return created.error().to_c();
	log::error<"load failed with %d, but something it made is still in use: it stays, and does nothing">(
		created.error().to_c());
	return 0;
}

template <Module T> inline void exit() { Box<T>::adopt(exchange(instance<T>, nullptr)).reset(); }

/// A parameter type of the kernel: its name for modinfo and its operations.
template <class T> struct Kind;
template <> struct Kind<bool> {
	static constexpr Literal kName{"bool"};
	static constexpr const raw::kernel_param_ops* kOps = &raw::param_ops_bool;
};
template <> struct Kind<int> {
	static constexpr Literal kName{"int"};
	static constexpr const raw::kernel_param_ops* kOps = &raw::param_ops_int;
};
template <> struct Kind<u8> {
	static constexpr Literal kName{"byte"};
	static constexpr const raw::kernel_param_ops* kOps = &raw::param_ops_byte;
};
template <> struct Kind<u32> {
	static constexpr Literal kName{"uint"};
	static constexpr const raw::kernel_param_ops* kOps = &raw::param_ops_uint;
};
template <> struct Kind<unsigned long> {
	static constexpr Literal kName{"ulong"};
	static constexpr const raw::kernel_param_ops* kOps = &raw::param_ops_ulong;
};
}  // namespace detail

/// A parameter of any value of T (bool, int, u8, u32, unsigned long). Text that is no T fails the
/// load with EINVAL (ERANGE when too large) and the kernel's line that names the parameter.
template <class T> class Param : Pinned {
public:
	static constexpr auto kName = detail::Kind<T>::kName;
	static constexpr const raw::kernel_param_ops* kOps = detail::Kind<T>::kOps;

	constexpr explicit Param(T value) : value_(value) {}
	constexpr T get() const { return value_; }
	/// For values that load corrects: what is set is what /sys/module shows.
	void set(T value) { value_ = value; }
	constexpr void* unsafe_cell() { return &value_; }

private:
	T value_;
};

/// Text of at most N - 1 bytes; longer ones fail the load with ENOSPC and the kernel's line.
template <size_t N> class TextParam : Pinned {
public:
	static constexpr Literal kName{"string"};
	static constexpr const raw::kernel_param_ops* kOps = &raw::param_ops_string;

	constexpr TextParam() = default;
	/// With something else than nothing, unless the load says so.
	template <size_t M> constexpr explicit TextParam(const char (&value)[M])
	{
		static_assert(M <= N);
		for (size_t i = 0; i < M; ++i)
			text_[i] = value[i];
	}
	constexpr const char* get() const { return text_; }
	constexpr void* unsafe_cell() { return &cell_; }

private:
	char text_[N] = {};
	raw::kparam_string cell_{.maxlen = N, .string = text_};
};

/// What is known when the module is built; a load that gives it fails with EINVAL, a line that says so, and the kernel's.
template <Literal Text> class FixedParam : Pinned {
public:
	static constexpr Literal kName{"read-only string"};

	constexpr void* unsafe_cell() { return nullptr; }

private:
	static int store(const char*, const raw::kernel_param* param)
	{
		log::error<"%s cannot be set">(param->name);
		return EINVAL.to_c();
	}
	static int show(char* out, const raw::kernel_param*)
	{
		return raw::scnprintf(out, raw::PAGE_SIZE, "%s\n", Text.text);
	}
	static constexpr raw::kernel_param_ops kTable{.set = &store, .get = &show};

public:
	static constexpr const raw::kernel_param_ops* kOps = &kTable;
};

/// An int from Min to Max, decimal or, with Base 0, as C writes it; anything else fails the load with EINVAL, a line with the value
/// and the range, and the kernel's line that names the parameter.
template <int Min, int Max, u32 Base = 10> class RangedParam : Pinned {
public:
	static constexpr Literal kName{"int"};

	/// Does not compile if `value` is out of range.
	consteval explicit RangedParam(int value) : value_(value)
	{
		if (value < Min || value > Max)
			default_is_out_of_range();
	}
	constexpr int get() const { return value_; }
	constexpr void* unsafe_cell() { return &value_; }

private:
	static void default_is_out_of_range();	// not constexpr, which is the point
	static int store(const char* text, const raw::kernel_param* param)
	{
		const auto value = text == nullptr ? Result<int>{EINVAL} : parse<int>(text, Base);
		if (!value.ok() || Result<int>{value}.take() < Min || Result<int>{value}.take() > Max) {
			log::error<"%s=%s: must be a number from %d to %d">(param->name, text == nullptr ? "" : text,
									    Min, Max);
			return EINVAL.to_c();
		}
		*static_cast<int*>(param->arg) = Result<int>{value}.take();
		return 0;
	}
	static int show(char* out, const raw::kernel_param* param)
	{
		return raw::scnprintf(out, raw::PAGE_SIZE, "%d\n", *static_cast<int*>(param->arg));
	}
	static constexpr raw::kernel_param_ops kTable{.set = &store, .get = &show};

public:
	static constexpr const raw::kernel_param_ops* kOps = &kTable;

private:
	int value_;
};

/// Up to N ints, separated by commas; more of them fail the load with EINVAL and the kernel's line.
template <size_t N> class ListParam : Pinned {
public:
	static constexpr Literal kName{"array of int"};
	static constexpr const raw::kernel_param_ops* kOps = &raw::param_array_ops;

	constexpr ListParam() = default;
	/// The one at `index`, if so many were given.
	constexpr Optional<int> get(u32 index) const
	{
		return index < given_ && index < N ? Optional<int>{values_[index]} : Optional<int>{};
	}
	constexpr void* unsafe_cell() { return &cell_; }

private:
	int values_[N] = {};
	u32 given_ = 0;
	raw::kparam_array cell_{
		.max = N, .elemsize = sizeof(int), .num = &given_, .ops = &raw::param_ops_int, .elem = values_};
};

/// A decimal number of at most what `Most()` says when it is set; anything else fails the load with EINVAL, and with the
/// kernel's line that names value and parameter.
template <u32 (*Most)()> class BoundedParam : Pinned {
public:
	static constexpr Literal kName{"uint"};

	constexpr explicit BoundedParam(u32 value) : value_(value) {}
	constexpr u32 get() const { return value_; }
	constexpr void* unsafe_cell() { return &value_; }

private:
	static int store(const char* text, const raw::kernel_param* param)
	{
		if (text == nullptr)
			return EINVAL.to_c();
		const Result<u32> value = parse<u32>(text, 10);
		if (!value.ok() || Result<u32>{value}.take() > Most())
			return EINVAL.to_c();
		*static_cast<u32*>(param->arg) = Result<u32>{value}.take();
		return 0;
	}
	static int show(char* out, const raw::kernel_param* param)
	{
		return raw::scnprintf(out, raw::PAGE_SIZE, "%u\n", *static_cast<u32*>(param->arg));
	}
	static constexpr raw::kernel_param_ops kTable{.set = &store, .get = &show};

public:
	static constexpr const raw::kernel_param_ops* kOps = &kTable;

private:
	u32 value_;
};

}  // namespace cxxrt::module

// clang-format breaks these lines inside their attributes.
// clang-format off
// NOLINTBEGIN(bugprone-macro-parentheses): names and declarations take no parentheses

/// One string for modinfo.
#define CXXRT_MODINFO(id, tag, text)                                                                      \
	__attribute__((section(".modinfo"), used, aligned(1))) static constexpr auto cxxrt_modinfo_##id = \
		::cxxrt::Literal(tag "=") + ::cxxrt::Literal(text)

/// Declares the parameter `variable`, a Param or RangedParam at namespace scope, under its own
/// name; read-only in /sys/module/<module>/parameters.
#define CXXRT_PARAM(variable, description)                                                                                        \
	__attribute__((section("__param"), used, aligned(8))) static constinit const ::raw::kernel_param                          \
		cxxrt_param_##variable{#variable, &::raw::__this_module, ::cxxrt::remove_cvref_t<decltype(variable)>::kOps, 0444, \
				       -1, 0, {.arg = variable.unsafe_cell()}};                                                   \
	__attribute__((section(".modinfo"), used, aligned(1))) static constexpr auto cxxrt_parmtype_##variable =                  \
		::cxxrt::Literal("parmtype=" #variable ":") + ::cxxrt::remove_cvref_t<decltype(variable)>::kName;                 \
	CXXRT_MODINFO(parm_##variable, "parm", #variable ":" description)

/// As CXXRT_PARAM, for a variable whose name is not the parameter's.
#define CXXRT_PARAM_AS(param, variable, description)                                                                              \
	__attribute__((section("__param"), used, aligned(8))) static constinit const ::raw::kernel_param                          \
		cxxrt_param_##param{#param, &::raw::__this_module, ::cxxrt::remove_cvref_t<decltype(variable)>::kOps, 0444, -1,   \
				    0, {.arg = variable.unsafe_cell()}};                                                          \
	__attribute__((section(".modinfo"), used, aligned(1))) static constexpr auto cxxrt_parmtype_##param =                     \
		::cxxrt::Literal("parmtype=" #param ":") + ::cxxrt::remove_cvref_t<decltype(variable)>::kName;                    \
	CXXRT_MODINFO(parm_##param, "parm", #param ":" description)

/// As CXXRT_PARAM_AS, for one that root may write while the module is loaded: what get() gives may change at any time.
#define CXXRT_PARAM_LIVE_AS(param, variable, description)                                                                         \
	__attribute__((section("__param"), used, aligned(8))) static constinit const ::raw::kernel_param                          \
		cxxrt_param_##param{#param, &::raw::__this_module, ::cxxrt::remove_cvref_t<decltype(variable)>::kOps, 0644, -1,   \
				    0, {.arg = variable.unsafe_cell()}};                                                          \
	__attribute__((section(".modinfo"), used, aligned(1))) static constexpr auto cxxrt_parmtype_##param =                     \
		::cxxrt::Literal("parmtype=" #param ":") + ::cxxrt::remove_cvref_t<decltype(variable)>::kName;                    \
	CXXRT_MODINFO(parm_##param, "parm", #param ":" description)

/// As CXXRT_PARAM_AS, for one that /sys/module does not show.
#define CXXRT_PARAM_HIDDEN_AS(param, variable, description)                                                                       \
	__attribute__((section("__param"), used, aligned(8))) static constinit const ::raw::kernel_param                          \
		cxxrt_param_##param{#param, &::raw::__this_module, ::cxxrt::remove_cvref_t<decltype(variable)>::kOps, 0, -1, 0,   \
				    {.arg = variable.unsafe_cell()}};                                                             \
	__attribute__((section(".modinfo"), used, aligned(1))) static constexpr auto cxxrt_parmtype_##param =                     \
		::cxxrt::Literal("parmtype=" #param ":") + ::cxxrt::remove_cvref_t<decltype(variable)>::kName;                    \
	CXXRT_MODINFO(parm_##param, "parm", #param ":" description)

/// As CXXRT_PARAM, on the kernels whose own drivers have the parameter; elsewhere it has its default.
#if CXXRT_KERNEL_6_12
#define CXXRT_PARAM_SINCE_6_12(variable, description) CXXRT_PARAM(variable, description)
#define CXXRT_PARAM_AS_SINCE_6_12(param, variable, description) CXXRT_PARAM_AS(param, variable, description)
#else
#define CXXRT_PARAM_SINCE_6_12(variable, description) static_assert(true)
#define CXXRT_PARAM_AS_SINCE_6_12(param, variable, description) static_assert(true)
#endif

/// Tells objtool that the kernel calls `function` through a pointer that is set elsewhere, so that
/// its ENDBR stays. C side: IBT_NOSEAL(), asm/ibt.h.
#define CXXRT_ADDRESSABLE(function)                                                    \
	__attribute__((section(".discard.ibt_endbr_noseal"), used)) static void* const \
		cxxrt_addressable_##function = reinterpret_cast<void*>(&function)

// NOLINTEND(bugprone-macro-parentheses)
// clang-format on

/// Makes `Type` the module. Once per module, at global scope.
#define CXXRT_MODULE(Type, author_text, description_text)                                                       \
	CXXRT_MODINFO(license, "license", "GPL");                                                               \
	CXXRT_MODINFO(author, "author", author_text);                                                           \
	CXXRT_MODINFO(description, "description", description_text);                                            \
	extern "C" CXXRT_VISIBLE CXXRT_INIT int init_module() { return ::cxxrt::module::detail::init<Type>(); } \
	extern "C" CXXRT_VISIBLE CXXRT_EXIT void cleanup_module() { ::cxxrt::module::detail::exit<Type>(); }    \
	CXXRT_ADDRESSABLE(init_module);                                                                         \
	CXXRT_ADDRESSABLE(cleanup_module)
