// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Errors as values: Error is a valid errno, Result<T> a T or an Error, TRY passes errors up.
/// C side: include/linux/err.h, include/uapi/asm-generic/errno*.h.
/// Context: any; nothing here allocates, locks or sleeps.

#include <cxxrt/raw.hpp>

namespace cxxrt {

/// A kernel error number.  Invariant: 1 <= number() <= MAX_ERRNO.
class [[nodiscard]] Error {
public:
	/// `number` is positive and must be a valid errno; anything else becomes EINVAL.
	CXXRT_INLINE constexpr explicit Error(int number)
		: number_(number >= 1 && number <= int(raw::MAX_ERRNO) ? number : int(raw::EINVAL))
	{
	}
	constexpr int number() const { return number_; }
	/// As C functions return it: negative.
	constexpr int to_c() const { return -number_; }
	friend constexpr bool operator==(Error, Error) = default;

private:
	template <class T> friend class Result;
	/// What came from an Error needs no second look.
	struct Valid {};
	constexpr Error(int number, Valid) : number_(number) {}

	int number_;
};

inline constexpr Error EPERM{int(raw::EPERM)};
inline constexpr Error ENOENT{int(raw::ENOENT)};
inline constexpr Error EIO{int(raw::EIO)};
inline constexpr Error EAGAIN{int(raw::EAGAIN)};
inline constexpr Error ENOMEM{int(raw::ENOMEM)};
inline constexpr Error EFAULT{int(raw::EFAULT)};
inline constexpr Error EBUSY{int(raw::EBUSY)};
inline constexpr Error EEXIST{int(raw::EEXIST)};
inline constexpr Error ENODEV{int(raw::ENODEV)};
inline constexpr Error EADDRNOTAVAIL{int(raw::EADDRNOTAVAIL)};
inline constexpr Error EINVAL{int(raw::EINVAL)};
inline constexpr Error ENOSPC{int(raw::ENOSPC)};
inline constexpr Error ERANGE{int(raw::ERANGE)};
inline constexpr Error EOPNOTSUPP{int(raw::EOPNOTSUPP)};
inline constexpr Error ETIMEDOUT{int(raw::ETIMEDOUT)};
inline constexpr Error EOVERFLOW{int(raw::EOVERFLOW)};
inline constexpr Error EINTR{int(raw::EINTR)};
inline constexpr Error ECANCELED{int(raw::ECANCELED)};
inline constexpr Error EACCES{int(raw::EACCES)};
inline constexpr Error ENOTTY{int(raw::ENOTTY)};
inline constexpr Error ENXIO{int(raw::ENXIO)};
inline constexpr Error E2BIG{int(raw::E2BIG)};
inline constexpr Error ESRCH{int(raw::ESRCH)};
inline constexpr Error EPROTO{int(raw::EPROTO)};
inline constexpr Error EBADF{int(raw::EBADF)};
/// Not for user space: the call is to be restarted, or ends with EINTR, once the signal has been handled.
inline constexpr Error ERESTARTSYS{int(raw::ERESTARTSYS)};
inline constexpr Error ENETDOWN{int(raw::ENETDOWN)};
inline constexpr Error ENETRESET{int(raw::ENETRESET)};

namespace detail {
/// A value or an errno, 0 when there is a value. The trivial form keeps Result trivial, so that
/// it is returned in registers.
template <class T, bool Trivial = kTriviallyCopyable<T>> struct ResultStorage {
	union {
		T value;
		char none;
	};
	int error;

	CXXRT_INLINE constexpr explicit ResultStorage(T&& v) : value(move(v)), error(0) {}
	CXXRT_INLINE constexpr explicit ResultStorage(Error e) : none(), error(e.number()) {}
};
template <class T> struct ResultStorage<T, false> {
	union {
		T value;
		char none;
	};
	int error;

	CXXRT_INLINE constexpr explicit ResultStorage(T&& v) : value(move(v)), error(0) {}
	CXXRT_INLINE constexpr explicit ResultStorage(Error e) : none(), error(e.number()) {}
	CXXRT_INLINE constexpr ResultStorage(ResultStorage&& other) : none(), error(other.error)
	{
		if (error == 0)
			new (&value) T(move(other.value));
	}
	CXXRT_INLINE constexpr ~ResultStorage()
	{
		if (error == 0)
			value.~T();
	}
};
}  // namespace detail

/// A T, or why there is none.
template <class T = void> class [[nodiscard("test it, TRY it, or .ignore(\"why\")")]] Result {
public:
	using Value = T;

	CXXRT_INLINE constexpr Result(T value) : storage_(move(value)) {}
	CXXRT_INLINE constexpr Result(const Result&) = default;
	CXXRT_INLINE constexpr Result(Result&&) = default;
	CXXRT_INLINE constexpr ~Result() = default;
	CXXRT_INLINE constexpr Result(Error error) : storage_(error) {}

	constexpr bool ok() const { return storage_.error == 0; }
	constexpr explicit operator bool() const { return ok(); }
	/// Only when not ok().
	CXXRT_INLINE constexpr Error error() const { return {storage_.error, Error::Valid{}}; }
	/// Hands the value out; only when ok().
	CXXRT_INLINE constexpr T take() { return move(storage_.value); }
	/// Says in the source why a failure does not matter here.
	constexpr void ignore(const char*) const {}

private:
	detail::ResultStorage<T> storage_;
};

template <> class [[nodiscard("test it, TRY it, or .ignore(\"why\")")]] Result<void> {
public:
	using Value = void;

	constexpr Result() = default;
	CXXRT_INLINE constexpr Result(Error error) : error_(error.number()) {}

	constexpr bool ok() const { return error_ == 0; }
	constexpr explicit operator bool() const { return ok(); }
	CXXRT_INLINE constexpr Error error() const { return {error_, Error::Valid{}}; }
	constexpr void take() const {}
	constexpr void ignore(const char*) const {}
	/// As C callbacks return it: 0 or a negative errno.
	constexpr int to_c() const { return -error_; }

private:
	int error_ = 0;
};

static_assert(kTriviallyCopyable<Result<void*>> && sizeof(Result<void*>) == 16);

/// A C return code: 0 or positive is success, negative an errno.
constexpr Result<void> from_c(int code)
{
	if (code < 0)
		return Error{-code};
	return {};
}

/// A C return code whose non-negative values mean something.
constexpr Result<int> value_from_c(int code)
{
	if (code < 0)
		return Error{-code};
	return code;
}

/// A C pointer that may hold an errno. C side: IS_ERR(), PTR_ERR().
template <class T> CXXRT_INLINE Result<T*> from_err_ptr(T* pointer)
{
	auto value = reinterpret_cast<uintptr_t>(pointer);
	if (value >= uintptr_t(-long(raw::MAX_ERRNO)))
		return Error{int(-long(value))};
	return pointer;
}

/// A C pointer whose null means that memory ran out.
template <class T> CXXRT_INLINE Result<T*> from_null(T* pointer)
{
	if (pointer == nullptr)
		return ENOMEM;
	return pointer;
}

}  // namespace cxxrt

/// The value of a Result, or return its Error from this function. A whole statement, or the whole
/// initialiser of one variable; never inside a braced aggregate, where g++-12 and clang-14 leak
/// the members already built.
#define TRY(...)                                     \
	({                                           \
		auto cxxrt_result = (__VA_ARGS__);   \
		if (!cxxrt_result.ok()) [[unlikely]] \
			return cxxrt_result.error(); \
		cxxrt_result.take();                 \
	})
