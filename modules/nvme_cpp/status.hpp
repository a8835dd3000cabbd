// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// What a completion says, and what that means for a request.
/// Spec: NVMe Base 2.0, 3.3.3.2.1 "Status Field Definition"; NVM Command Set 1.0, 3.1.2.

#include <cxxrt/blk.hpp>

namespace nvme {
using namespace cxxrt;

/// The 15 bits of a completion's status field: type and code as type << 8 | code, and what is to be done.
class Status {
public:
	constexpr Status() = default;
	constexpr explicit Status(u32 bits) : bits_(u16(bits & 0x7fff)) {}
	constexpr bool ok() const { return bits_ == 0; }
	/// Type << 8 | code.
	constexpr u32 what() const { return bits_ & 0x7ff; }
	constexpr u32 type() const { return what() >> 8; }
	constexpr u32 code() const { return what() & 0xff; }
	/// It would not succeed if it was tried again.
	constexpr bool is_final() const { return (bits_ & 0x4000) != 0; }
	/// Which of the controller's delays is to pass before it is tried again; 0 for none.
	constexpr u32 retry_delay() const { return bits_ >> 11 & 3; }
	/// The error log has more about it.
	constexpr bool has_more() const { return (bits_ & 0x2000) != 0; }
	constexpr u32 bits() const { return bits_; }
	friend constexpr bool operator==(Status, Status) = default;

private:
	u16 bits_ = 0;
};

/// The driver's own: type 3, "path related".
inline constexpr Status kPathError{0x370};
inline constexpr Status kCancelled{0x371};

/// How a request ends that was completed with `status`.   Context: any.
blk::Status block_status(Status status);

}  // namespace nvme
