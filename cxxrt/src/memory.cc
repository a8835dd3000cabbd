// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/memory.hpp>

namespace cxxrt {

Result<void*> detail::allocate_array(size_t count, Layout item, u32 flags, Node node)
{
	size_t bytes = 0;
	// An array of more than 2 GiB is a mistake or an attack, and kvmalloc would warn about it.
	if (__builtin_mul_overflow(count, item.size, &bytes) || bytes > 0x7fffffffu)
		return ENOMEM;
	const u32 quiet = flags | u32(raw::__GFP_NOWARN);
	return from_null(raw::cxxrt_kvmalloc_node(aligned_size(bytes, item.align), quiet, node.id()));
}

}  // namespace cxxrt
