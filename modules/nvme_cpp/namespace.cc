// SPDX-License-Identifier: GPL-2.0
#include "controller.hpp"

#include "controller.hpp"

#include <cxxrt/enforce.hpp>

namespace nvme {

namespace {

/// The format of the namespace's blocks. Errors: EINVAL there is no such.
Result<LbaFormat> format_of(const IdentifyNamespace& id)
{
	// From 16 formats on, bits 6 and 5 are the upper part of the number.
	u32 index = id.flbas & 0xf;
	if (id.nlbaf >= 16)
		index |= u32(id.flbas & 0x60) >> 1;
	if (index > id.nlbaf || index >= sizeof(id.lbaf) / sizeof(id.lbaf[0]))
		return EINVAL;
	return id.lbaf[index];
}

/// `blocks` in bytes, or the most that 32 bits hold as a multiple of a block.
u32 bytes_of(u64 blocks, u32 shift)
{
	const u64 most = (1ull << 31) >> shift;
	return u32((blocks < most ? blocks : most) << shift);
}

/// Pieces of a request: as many pages as there can be, and one more if the first starts in the middle of one; not more
/// than the C driver takes.
u32 most_segments(u32 bytes)
{
	constexpr u32 kMost = kSince6_12 ? 128 : 127;
	const u32 pages = (bytes / regs::kPage) + 1;
	return pages < kMost ? pages : kMost;
}

constexpr bool is_power_of_two(u64 value) { return value != 0 && (value & (value - 1)) == 0; }

}  // namespace

Result<Geometry> Geometry::read(const IdentifyNamespace& id, const ControllerLimits& controller)
{
	if (id.ncap.get() == 0)
		return ENODEV;
	const LbaFormat format = TRY(format_of(id));
	Geometry made;
	if (!controller.bogus_ids) {
		for (size_t i = 0; i < sizeof(id.nguid); ++i)
			made.ids.nguid[i] = id.nguid[i];
		for (size_t i = 0; i < sizeof(id.eui64); ++i)
			made.ids.eui64[i] = id.eui64[i];
	}
	made.read_only = (id.nsattr & IdentifyNamespace::kReadOnly) != 0;
	// Blocks smaller than a sector, larger than a page, or with metadata are not for the block layer.
	const bool usable = format.lbads >= blk::kSectorShift && format.lbads <= regs::kPageShift &&
			    format.ms.get() == 0;
	made.block_shift = usable ? format.lbads : blk::kSectorShift;
	const u32 shift = made.block_shift;
	const u64 blocks = id.nsze.get();
	if (usable) {
		// The block layer counts bytes in a signed 64-bit number.
		if (blocks > (~0ull >> 1) >> shift)
			return EINVAL;
		made.sectors = blocks << (shift - blk::kSectorShift);
	}

	u32 preferred = 1u << shift;
	// As the C drivers have it; 0 says that there is none.
	u32 optimal = kSince6_12 ? 0 : preferred;
	if ((id.nsfeat & IdentifyNamespace::kPreferredSizes) != 0) {
		preferred = bytes_of(u64(id.npwg.get()) + 1, shift);
		if (id.nows.get() != 0)
			optimal = bytes_of(u64(id.nows.get()) + 1, shift);
	}
	// File systems take a write of a physical block for atomic.
	u32 atomic = bytes_of(controller.atomic_blocks, shift);
	if (id.nabo.get() != 0)
		atomic = 1u << shift;
	else if ((id.nsfeat & IdentifyNamespace::kOwnAtomicity) != 0 && id.nawupf.get() != 0)
		atomic = bytes_of(u64(id.nawupf.get()) + 1, shift);
	u32 physical = preferred < atomic ? preferred : atomic;
	while (!is_power_of_two(physical))
		physical &= physical - 1;

	made.discard_zeroes = controller.discard_zeroes && controller.can_discard;
	const u32 most_sectors = controller.most_bytes >> blk::kSectorShift;
	const bool stripes = controller.prefers_stripes && is_power_of_two(most_sectors);
	const u64 chunk = stripes ? most_sectors : u64(id.noiob.get()) << (shift - blk::kSectorShift);
	u32 most_discard = controller.can_discard ? blk::kMostSectors : 0;
	const u64 limited = u64(controller.most_discard_blocks) << (shift - blk::kSectorShift);
	if (limited != 0 && limited < blk::kMostSectors)
		most_discard = u32(limited);
	made.limits = {
		.logical_block_size = 1u << shift,
		.physical_block_size = physical,
		.max_hw_sectors = controller.most_bytes >> blk::kSectorShift,
		.virt_boundary_mask = regs::kPage - 1,
		.max_discard_sectors = most_discard,
		.max_write_zeroes_sectors = made.discard_zeroes ? blk::kMostSectors : controller.most_zero_sectors,
		.write_cache = controller.has_write_cache,
		.fua = controller.has_write_cache,
		.max_segments = most_segments(controller.most_bytes),
		.max_segment_size = ~0u,
		.max_discard_segments = controller.most_discard_ranges,
		.dma_alignment = 3,
		.io_min = preferred,
		.io_opt = optimal,
		.chunk_sectors = is_power_of_two(chunk) && chunk <= blk::kMostSectors ? u32(chunk) : 0,
	};
	return made;
}

Result<Box<Namespace>> Namespace::create(Controller& controller, blk::TagSetFor<Namespace>& tags,
					 const Geometry& geometry, u32 nsid, Ida::Id&& number, BlockFormat format)
{
	auto ns = TRY(Box<Namespace>::make(Gfp::Kernel, Key{}, controller, nsid, geometry, move(number)));
	// From 1, within the controller; not the namespace's id.
	ns->name_ = FixedText<32>{controller.name(), "n", ns->number_.value() + 1};
	ns->node_.set_format(format);
	TRY(ns->node_.open_disk());
	ns->disk_ = TRY(blk::Disk::create(tags, geometry.limits, *ns));
	if (geometry.read_only)
		ns->disk_.set_read_only();
	TRY(ns->disk_.add(
		{
			.name = ns->name(),
			.major = 0,
			.first_minor = 0,
			.sectors = geometry.sectors,
			.blank = geometry.sectors == 0,
		},
		geometry.limits, blk::DiskFiles::of<Namespace>(controller.device())));
	// Of use where the disk is not, and of no use without it.
	const Result<void> shown = ns->node_.show(ns->number_.value() + 1);
	if (!shown.ok())
		log::warn<"%s: no character device (%d)">(ns->name(), shown.to_c());
	return ns;
}

bool Namespace::revalidate(const Geometry& geometry)
{
	if (geometry.block_shift != block_shift_)
		return false;
	if (geometry.sectors != sectors_) {
		sectors_ = geometry.sectors;
		disk_.set_capacity(sectors_);
	}
	return true;
}

void Namespace::mark_dead()
{
	disk_.mark_dead();
	disk_.set_capacity(0);
}

}  // namespace nvme
