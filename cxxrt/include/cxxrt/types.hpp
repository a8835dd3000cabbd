// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Integer names, and the few language utilities that a freestanding C++ needs.
/// C side: include/linux/types.h.
/// Context: everything here is computed at compile time or moves values; any context.

namespace cxxrt {

using u8 = unsigned char;
using u16 = unsigned short;
using u32 = unsigned int;
using u64 = unsigned long long;
using s8 = signed char;
using s16 = signed short;
using s32 = int;
using s64 = long long;
using size_t = decltype(sizeof(0));
using ssize_t = long;
using uintptr_t = unsigned long;
using nullptr_t = decltype(nullptr);

template <class T> struct RemoveReference {
	using Type = T;
};
template <class T> struct RemoveReference<T&> {
	using Type = T;
};
template <class T> struct RemoveReference<T&&> {
	using Type = T;
};
template <class T> using remove_reference_t = typename RemoveReference<T>::Type;

template <class T> struct RemoveCv {
	using Type = T;
};
template <class T> struct RemoveCv<const T> {
	using Type = T;
};
template <class T> struct RemoveCv<volatile T> {
	using Type = T;
};
template <class T> struct RemoveCv<const volatile T> {
	using Type = T;
};
template <class T> using remove_cvref_t = typename RemoveCv<remove_reference_t<T>>::Type;

}  // namespace cxxrt

/// Compilers know move() by this name: clang follows values with a duty through it, and g++ warns
/// where it does harm. The only thing in this namespace.
namespace std {
template <class T> constexpr cxxrt::remove_reference_t<T>&& move(T&& value) noexcept
{
	return static_cast<cxxrt::remove_reference_t<T>&&>(value);
}
}  // namespace std

namespace cxxrt {

template <class A, class B> inline constexpr bool kSame = false;
template <class A> inline constexpr bool kSame<A, A> = true;
template <class A, class B> concept same_as = kSame<A, B> && kSame<B, A>;
template <class A, class B> concept convertible_to = requires(A (*make)(), void (*take)(B)) { take(make()); };
template <class D, class B> concept derived_from = __is_base_of(B, D);
template <class T, class... Args> concept constructible_from = __is_constructible(T, Args...);
template <class T> concept integral = same_as<T, bool> || same_as<T, char> || same_as<T, u8> || same_as<T, s8> ||
				      same_as<T, u16> || same_as<T, s16> || same_as<T, u32> || same_as<T, s32> ||
				      same_as<T, u64> || same_as<T, s64> || same_as<T, long> ||
				      same_as<T, unsigned long>;
template <class T> inline constexpr bool kTriviallyCopyable = __is_trivially_copyable(T);

using std::move;
template <class T> constexpr T&& forward(remove_reference_t<T>& value) { return static_cast<T&&>(value); }
template <class T> constexpr T&& forward(remove_reference_t<T>&& value) { return static_cast<T&&>(value); }
template <class T> constexpr void swap(T& a, T& b)
{
	T old = move(a);
	a = move(b);
	b = move(old);
}
/// Sets `value` to `next` and returns what it was.
template <class T, class U = T> constexpr T exchange(T& value, U&& next)
{
	T old = move(value);
	value = forward<U>(next);
	return old;
}
template <class T> constexpr T min(T a, T b) { return b < a ? b : a; }
template <class T> constexpr T max(T a, T b) { return a < b ? b : a; }

/// Base of every object that the kernel points back at: it stays where it was built.
class Pinned {
public:
	Pinned() = default;
	Pinned(const Pinned&) = delete;
	Pinned& operator=(const Pinned&) = delete;
};

/// Base of every owner: it can be handed on and not duplicated.
class MoveOnly {
public:
	MoveOnly() = default;
	MoveOnly(const MoveOnly&) = delete;
	MoveOnly& operator=(const MoveOnly&) = delete;
	MoveOnly(MoveOnly&&) = default;
	MoveOnly& operator=(MoveOnly&&) = default;
};

/// A string literal as a template argument, so that text is put together at compile time.
template <size_t N> struct Literal {
	char text[N] = {};

	consteval Literal(const char (&source)[N])
	{
		for (size_t i = 0; i < N; ++i)
			text[i] = source[i];
	}
	consteval Literal() = default;
	/// Length in bytes, without the terminating zero.
	static constexpr size_t kLength = N - 1;
};

template <size_t A, size_t B> consteval auto operator+(const Literal<A>& a, const Literal<B>& b)
{
	Literal<A + B - 1> joined;
	for (size_t i = 0; i < A - 1; ++i)
		joined.text[i] = a.text[i];
	for (size_t i = 0; i < B; ++i)
		joined.text[A - 1 + i] = b.text[i];
	return joined;
}

/// The storage behind a Literal: one read-only array however often it is named.
template <Literal Text> inline constexpr auto kText = Text;

/// 0, 1, ... as template arguments.
template <size_t...> struct Indexes {};
namespace detail {
template <class T, T... I> struct IndexesOf {
	using Type = Indexes<I...>;
};
}  // namespace detail
template <size_t N> consteval auto make_indexes()
{
#if __has_builtin(__make_integer_seq)
	return typename __make_integer_seq<detail::IndexesOf, size_t, N>::Type{};
#else
	return Indexes<__integer_pack(N)...>{};
#endif
}

/// A value that may be absent. Units: as T's.
template <class T> class Optional {
public:
	constexpr Optional() = default;
	constexpr Optional(T value) : value_(move(value)), present_(true) {}

	constexpr explicit operator bool() const { return present_; }
	constexpr T& operator*() { return value_; }
	constexpr const T& operator*() const { return value_; }
	constexpr T* operator->() { return &value_; }
	constexpr const T* operator->() const { return &value_; }

private:
	T value_{};
	bool present_ = false;
};

namespace detail {
template <auto Member> struct MemberOf;
template <class T, class M, M T::* Member> struct MemberOf<Member> {
	using Owner = T;
	using Type = M;
};
}  // namespace detail

/// Offset of a data member in bytes, from a pointer to it.
template <auto Member> inline size_t member_offset()
{
	using Owner = typename detail::MemberOf<Member>::Owner;
	alignas(Owner) static char storage[1];
	auto* owner = reinterpret_cast<Owner*>(storage);
	return reinterpret_cast<uintptr_t>(&(owner->*Member)) - reinterpret_cast<uintptr_t>(owner);
}

/// The object whose member `Member` is `member`. C side: container_of().
template <auto Member> inline auto& owner_of(typename detail::MemberOf<Member>::Type& member)
{
	using Owner = typename detail::MemberOf<Member>::Owner;
	return *reinterpret_cast<Owner*>(reinterpret_cast<uintptr_t>(&member) - member_offset<Member>());
}

}  // namespace cxxrt

/// Marks a function on a request or packet path. The build refuses a call to a C helper that was
/// not inlined in it.
#define CXXRT_HOT __attribute__((hot))
/// Keeps a slow path out of a hot function.
#define CXXRT_COLD __attribute__((cold, noinline))
/// Keeps the less usual of two paths from costing the usual one registers.
#define CXXRT_NOINLINE __attribute__((noinline))
/// Only goes on to another function, which is the one to trace. Nobody calls it by name, so it has no room before it for
/// what the kernel patches in where calls are counted.
#define CXXRT_THUNK __attribute__((no_instrument_function, patchable_function_entry(0, 0)))
/// Runs at load; its memory is given back afterwards, but in a test module, where tests may call it.
#ifdef CXXRT_TEST_MODULE
#define CXXRT_INIT __attribute__((cold))
#else
#define CXXRT_INIT __attribute__((section(".init.text"), cold))
#endif
/// Runs once at removal.
#define CXXRT_EXIT __attribute__((section(".exit.text"), cold))
/// Called from outside of what the link sees.
#if __has_attribute(externally_visible)
#define CXXRT_VISIBLE __attribute__((externally_visible))
#else
#define CXXRT_VISIBLE
#endif
#define CXXRT_INLINE inline __attribute__((always_inline))
/// The same for a lambda, after its parameters.
#define CXXRT_INLINE_LAMBDA __attribute__((always_inline))

/// The language declares these itself; nothing defines them.
__attribute__((unavailable("use Box<T>::make"))) void* operator new(cxxrt::size_t);
__attribute__((unavailable("use Array<T>::make"))) void* operator new[](cxxrt::size_t);
__attribute__((unavailable("a Box frees what it owns"))) void operator delete(void*) noexcept;
__attribute__((unavailable("an Array frees what it owns"))) void operator delete[](void*) noexcept;

/// Placement construction; the only form of `new` there is.
inline void* operator new(cxxrt::size_t, void* where) noexcept { return where; }
