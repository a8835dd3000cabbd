// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// User memory, and who asks: every access is checked, and what was read once is what is used.
/// C side: include/linux/uaccess.h, include/linux/capability.h, include/linux/compat.h, helpers/chardev.c.

#include <cxxrt/error.hpp>
#include <cxxrt/lockcontext.hpp>

namespace cxxrt {

/// Types that any bytes make a valid value of; opted into:
///     template <> inline constexpr bool cxxrt::kFromBytes<Args> = true;
template <class T> inline constexpr bool kFromBytes = integral<T> && !same_as<T, bool>;
template <class T> concept FromBytes = kFromBytes<T> && kTriviallyCopyable<T>;
/// Types without padding, which would show user space what lay in memory before.
template <class T> inline constexpr bool kAsBytes = __has_unique_object_representations(T) && !same_as<T, bool>;
template <class T> concept AsBytes = kAsBytes<T> && kTriviallyCopyable<T>;

/// An address as user space gave it: any number, which only these functions and the block layer's follow.
class UserAddress {
public:
	constexpr UserAddress() = default;
	/// As an ioctl gets it.
	constexpr explicit UserAddress(u64 address) : address_(address) {}
	/// From a field of 64 bits of what user space wrote; a 32-bit program's upper half does not count, as on 32-bit
	/// kernels.   Context: process, that of the call.
	static UserAddress from_field(u64 field)
	{
		return UserAddress{raw::cxxrt_in_compat_syscall() ? u64(u32(field)) : field};
	}
	constexpr explicit operator bool() const { return address_ != 0; }
	/// Units: bytes.
	constexpr UserAddress operator+(u64 offset) const { return UserAddress{address_ + offset}; }
	constexpr u64 bits() const { return address_; }

	/// Context: process; sleeps.   Errors: EFAULT not readable.
	template <FromBytes T> Result<T> read() const EXCLUDES(atomic_context)
	{
		T value;
		if (!raw::cxxrt_copy_from_user(&value, address_, sizeof(T)))
			return EFAULT;
		return value;
	}
	/// Context: process; sleeps.   Errors: EFAULT not writable.
	template <AsBytes T> Result<void> write(const T& value) const EXCLUDES(atomic_context)
	{
		return write_bytes(&value, sizeof(T));
	}
	/// The same for `bytes` bytes from or to memory that has as many.
	Result<void> read_bytes(void* to, size_t bytes) const EXCLUDES(atomic_context)
	{
		if (!raw::cxxrt_copy_from_user(to, address_, bytes))
			return EFAULT;
		return {};
	}
	Result<void> write_bytes(const void* from, size_t bytes) const EXCLUDES(atomic_context)
	{
		if (!raw::cxxrt_copy_to_user(address_, from, bytes))
			return EFAULT;
		return {};
	}

private:
	u64 address_ = 0;
};

/// The caller may administer the system: CAP_SYS_ADMIN.   Context: process; may log.
inline bool caller_is_admin() { return raw::capable(int(raw::CAP_SYS_ADMIN)); }
/// The caller's name, for messages.   Context: process.
inline const char* caller_name() { return raw::cxxrt_current_comm(); }
/// The call's result is a value, even where it looks like an errno.   Context: process.
inline void result_is_no_error() { raw::cxxrt_force_successful_syscall_return(); }

}  // namespace cxxrt
