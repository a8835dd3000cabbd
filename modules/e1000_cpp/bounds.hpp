// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Memory that some cards cannot use: what lies on both sides of a 64 KiB boundary.
/// Spec: 82545/82546 specification updates, erratum 23.   C side: e1000_check_64k_bound().

#include <cxxrt/dma.hpp>

namespace e1000 {
using namespace cxxrt;

/// Units: bytes.
constexpr bool crosses_64k(u64 at, u64 bytes) { return bytes != 0 && ((at ^ (at + bytes - 1)) >> 16) != 0; }

/// A ring of `count` entries that crosses no such boundary, if `must_not`.
/// Context: process; sleeps.   Errors: ENOMEM, also if there is none twice.
template <class T> Result<dma::Coherent<T[]>> allocate_ring(dma::Device dev, u32 count, bool must_not)
	EXCLUDES(atomic_context)
{
	auto first = TRY(dma::Coherent<T[]>::alloc(dev, count, Gfp::Kernel));
	if (!must_not || !crosses_64k(first.addr().bits(), u64(count) * sizeof(T)))
		return first;
	// The first is kept meanwhile: there is no getting it again.
	auto second = TRY(dma::Coherent<T[]>::alloc(dev, count, Gfp::Kernel));
	if (crosses_64k(second.addr().bits(), u64(count) * sizeof(T)))
		return ENOMEM;
	return second;
}

}  // namespace e1000
