// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: wire structs are plain, in words of 8 bytes
#include <cxxrt/dma.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Entry {
	le64 address;
#ifndef OK
	le32 length;
	le16 flags;
	u8 end[3];
	Box<int> owner;
#endif
};

Result<void> make(dma::Device dev)
{
	auto ring = TRY(dma::Coherent<Entry[]>::alloc(dev, 16, Gfp::Kernel));
	(void)ring.size();
	return {};
}
