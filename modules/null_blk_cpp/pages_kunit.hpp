// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Data for the suites.
#include <cxxrt/page.hpp>

namespace null_blk {
using namespace cxxrt;

/// A page of a request.
class Pages : Pinned {
public:
	static Result<Box<Pages>> create()
	{
		auto data = TRY(PageBox::zeroed(Gfp::Kernel));
		return Box<Pages>::make(Gfp::Kernel, move(data));
	}
	explicit Pages(PageBox&& data) : data_(move(data)) {}

	/// Fills all of the page.
	void fill(u8 value)
	{
		LocalMap map{*data_};
		for (u32 i = 0; i < kPageSize; ++i)
			map.bytes()[i] = value;
	}
	/// True if `length` bytes from `offset` on are `value`.
	bool holds(u32 offset, u32 length, u8 value)
	{
		LocalMap map{*data_};
		for (u32 i = offset; i < offset + length; ++i) {
			if (map.bytes()[i] != value)
				return false;
		}
		return true;
	}
	Segment part(u32 offset, u32 length) { return {.page = *data_, .offset = offset, .length = length}; }
	Segment all() { return part(0, kPageSize); }

private:
	PageBox data_;
};

}  // namespace null_blk
