// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The network stack, as far as the rings look: frames, pages that are received into, NAPI.
#include "model.hpp"

namespace sim {

/// A frame that the driver has given to the stack.
struct Received {
	std::vector<u8> bytes;
	bool checksum_is_good = false;
	int vlan = -1;
	u32 fragments = 0;
};
/// A frame to be sent.
struct Frame {
	std::vector<u8> head;
	std::vector<std::vector<u8>> fragments;
	u32 gso_size = 0, header_bytes = 54;
	bool wants_checksum = false, has_fcs = false, is_v6 = false;
	int vlan = -1;
	/// How much of a page is before the head's bytes.
	u32 offset = 0;
};
struct Net {
	std::vector<Received> received;
	u32 dropped = 0, sent_dropped = 0, freed = 0;
	bool stopped = false;
	/// Pages and frames that are allocated from now on, before there is no memory.
	u64 pages_left = ~0ull, frames_left = ~0ull;
	u64 pages_alive = 0, frames_alive = 0;
	Frame next;  // to be sent
};
extern Net stack;
/// For the device: writes to what is mapped for it, or fails the test.
void dma_write(u64 at, const void* from, u64 bytes);
void dma_read(u64 at, void* to, u64 bytes);

}  // namespace sim
