// SPDX-License-Identifier: GPL-2.0
#include "controller.hpp"

#include <cxxrt/enforce.hpp>

namespace nvme {

namespace {

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

/// The largest that is not larger; not for 0.
constexpr u32 power_of_two_in(u32 value)
{
	while (!is_power_of_two(value))
		value &= value - 1;
	return value;
}

/// What the device writes whole or not at all, if that is what the block layer can work with.
blk::AtomicWrites atomic_writes(const IdentifyNamespace& id, u32 shift, u32 atomic, u32 chunk_sectors)
{
	if (id.nabo.get() != 0)
		return {};
	u32 boundary = 0;
	if ((id.nsfeat & IdentifyNamespace::kOwnAtomicity) != 0 && id.nawupf.get() != 0 && id.nabspf.get() != 0)
		boundary = bytes_of(u64(id.nabspf.get()) + 1, shift);
	// No write that is as long as they may be is to cross it.
	if (boundary != 0 &&
	    (!is_power_of_two(boundary) || boundary < atomic || chunk_sectors % (boundary >> blk::kSectorShift) != 0))
		return {};
	return {.max = atomic, .boundary = boundary, .unit_min = 1u << shift, .unit_max = power_of_two_in(atomic)};
}

}  // namespace

Result<u32> Geometry::format_number(const IdentifyNamespace& id)
{
	// From 16 formats on, bits 6 and 5 are the upper part of the number.
	u32 index = id.flbas & 0xf;
	if (id.nlbaf >= 16)
		index |= u32(id.flbas & 0x60) >> 1;
	if (index > id.nlbaf || index >= sizeof(id.lbaf) / sizeof(id.lbaf[0]))
		return EINVAL;
	return index;
}

Result<Box<Geometry>> Geometry::of_hidden(const Identity& identity, const ControllerLimits& controller)
{
	auto made = TRY(Box<Geometry>::make(Gfp::Kernel));
	made->hidden = true;
	made->shared = true;
	made->identity = identity;
	made->limits = {
		.max_hw_sectors = controller.most_bytes >> blk::kSectorShift,
		.virt_boundary_mask = regs::kPage - 1,
		.write_cache = controller.has_write_cache,
		.fua = controller.has_write_cache,
		.max_segments = most_segments(controller.most_bytes),
		.max_segment_size = ~0u,
		.dma_alignment = 3,
		.integrity = {.max_segments = 1},
	};
	return made;
}

void Geometry::use_profiles_there_are()
{
	if (limits.has_profile())
		return;
	limits.integrity = {.max_segments = 1};
	if (!metadata.is_all_protection())
		sectors = 0;
}

// NOLINTNEXTLINE(readability-function-cognitive-complexity): field by field, in the specification's order
Result<Box<Geometry>> Geometry::read(const IdentifyNamespace& id, const ControllerLimits& controller,
				     const NamespaceExtras& extras)
{
	if (id.ncap.get() == 0)
		return ENODEV;
	const u32 number = TRY(format_number(id));
	const LbaFormat format = id.lbaf[number];
	auto box = TRY(Box<Geometry>::make(Gfp::Kernel));
	Geometry& made = *box;
	made.identity = extras.identity;
	made.read_only = (id.nsattr & IdentifyNamespace::kReadOnly) != 0;
	made.shared = (id.nmic & IdentifyNamespace::kShared) != 0;
	made.metadata = Metadata::read(id, number, extras.nvm, controller.offsets);
	// Blocks smaller than a sector, larger than a page, or with metadata that cannot be carried are not for the block
	// layer.
	const bool has_size = format.lbads >= blk::kSectorShift && format.lbads <= regs::kPageShift;
	const bool usable = has_size && made.metadata.is_usable();
	made.block_shift = has_size ? format.lbads : blk::kSectorShift;
	const u32 shift = made.block_shift;
	const u64 blocks = id.nsze.get();
	if (usable) {
		// The block layer counts bytes in a signed 64-bit number.
		if (blocks > (~0ull >> 1) >> shift)
			return EINVAL;
		made.sectors = blocks << (shift - blk::kSectorShift);
	}
	// Only the C driver of 6.12 deallocates.
	made.zeroes_deallocate = kSince6_12 &&
				 (id.dlfeat & IdentifyNamespace::kReadAsMask) == IdentifyNamespace::kReadAsZeroes &&
				 (id.dlfeat & IdentifyNamespace::kZeroesDeallocate) != 0;

	blk::ZoneLimits zones;
	if (extras.identity.set == CommandSet::Zoned && extras.zoned == nullptr)
		return EINVAL;
	if (extras.zoned != nullptr && usable) {
		const Result<blk::ZoneLimits> read = zone_limits(*extras.zoned, number, shift,
								 extras.most_append_sectors);
		if (!read.ok())
			return of_hidden(extras.identity, controller);
		zones = Result<blk::ZoneLimits>{read}.take();
		// Whoever writes to zones may append.
		made.read_only = made.read_only || extras.most_append_sectors == 0;
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

	made.discard_zeroes = controller.discard_zeroes && controller.can_discard;
	const u32 most_sectors = controller.most_bytes >> blk::kSectorShift;
	const bool stripes = controller.prefers_stripes && is_power_of_two(most_sectors);
	const u64 chunk = stripes ? most_sectors : u64(id.noiob.get()) << (shift - blk::kSectorShift);
	const u32 chunk_sectors = is_power_of_two(chunk) && chunk <= blk::kMostSectors && zones.zone_sectors == 0
					  ? u32(chunk)
					  : 0;
	u32 most_discard = controller.can_discard ? blk::kMostSectors : 0;
	const u64 limited = u64(controller.most_discard_blocks) << (shift - blk::kSectorShift);
	if (limited != 0 && limited < most_discard)
		most_discard = u32(limited);
	made.limits = {
		.logical_block_size = 1u << shift,
		.physical_block_size = power_of_two_in(preferred < atomic ? preferred : atomic),
		.max_hw_sectors = controller.most_bytes >> blk::kSectorShift,
		.virt_boundary_mask = regs::kPage - 1,
		.max_discard_sectors = most_discard,
		.max_write_zeroes_sectors = made.discard_zeroes ? blk::kMostSectors : controller.most_zero_sectors,
		.write_cache = controller.has_write_cache,
		.fua = controller.has_write_cache,
		.zones = zones,
		.max_segments = most_segments(controller.most_bytes),
		.max_segment_size = ~0u,
		.max_discard_segments = controller.most_discard_ranges,
		.dma_alignment = 3,
		.io_min = preferred,
		.io_opt = optimal,
		.chunk_sectors = chunk_sectors,
		.atomic = atomic_writes(id, shift, atomic,
					zones.zone_sectors != 0 ? zones.zone_sectors : chunk_sectors),
		.integrity = usable ? made.metadata.integrity() : blk::Integrity{.max_segments = 1},
	};
	return box;
}

void Namespace::remember(const Geometry& geometry)
{
	block_shift_ = geometry.block_shift;
	sectors_ = geometry.sectors;
	metadata_ = geometry.metadata;
	zones_ = geometry.limits.zones;
	zeroes_deallocate_ = geometry.zeroes_deallocate;
	plain_ops_ = metadata_.bytes == 0 && !injects_ ? u32(blk::Op::Write) + 1 : 0;
	static_assert(u32(blk::Op::Read) == 0 && u32(blk::Op::Write) == 1);
}

Result<Box<Namespace>> Namespace::create(Controller& controller, blk::TagSetFor<Namespace>& tags,
					 const Geometry& geometry, u32 nsid, Ida::Id&& number, Box<Claim>&& claim)
{
	auto ns = TRY(Box<Namespace>::make(Gfp::Kernel, Key{}, controller, nsid, geometry, move(number), move(claim)));
	ns->injects_ = controller.inject().is_on();
	ns->remember(geometry);
	// From 1, within the controller; not the namespace's id.
	ns->name_ = FixedText<32>{controller.name(), "n", ns->number_.value() + 1};
	ns->node_.set_format(geometry.format);
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
			.hidden = geometry.hidden,
		},
		geometry.limits, blk::DiskFiles::of<Namespace>(controller.device())));
	// Of use where the disk is not, and of no use without it.
	const Result<void> shown = ns->node_.show(ns->number_.value() + 1);
	if (!shown.ok())
		log::warn<"%s: no character device (%d)">(ns->name(), shown.to_c());
	return ns;
}

void Namespace::inject(bool on)
{
	disk_.freeze();
	injects_ = on;
	plain_ops_ = metadata_.bytes == 0 && !on ? u32(blk::Op::Write) + 1 : 0;
	disk_.unfreeze();
}

Result<u64> Namespace::used_blocks()
{
	constexpr u64 kFreshNs = 5000000000;
	Guard guard{usage_lock_};
	if (now_ns() >= usage_ends_ns_) {
		used_blocks_ = TRY(controller_.used_blocks(nsid_));
		usage_ends_ns_ = now_ns() + kFreshNs;
	}
	return used_blocks_;
}

bool Namespace::revalidate(const Geometry& geometry)
{
	Identity now = geometry.identity;
	if (ids_taken_away_)
		now.forget_ids();
	if (!(now == identity_) || geometry.hidden != hidden_)
		return false;
	if (hidden_)
		return true;
	const Result<void> done = disk_.update(geometry.limits,
					       {.sectors = geometry.sectors, .read_only = geometry.read_only},
					       [&] { remember(geometry); });
	if (!done.ok())
		log::warn<"%s: revalidation failed (%d)">(name(), done.error().to_c());
	return true;
}

void Namespace::mark_dead()
{
	disk_.mark_dead();
	disk_.set_capacity(0);
}

}  // namespace nvme
