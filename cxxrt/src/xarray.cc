// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/xarray.hpp>

namespace cxxrt {

Result<void*> detail::insert_or_get(raw::xarray& array, unsigned long index, void* entry, u32 flags)
{
	void* before = raw::cxxrt_xa_cmpxchg(&array, index, nullptr, entry, flags);
	if (const int error = raw::cxxrt_xa_err(before); error != 0)
		return Error{-error};
	return before != nullptr ? before : entry;
}

}  // namespace cxxrt
