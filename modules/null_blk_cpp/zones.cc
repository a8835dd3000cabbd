// SPDX-License-Identifier: GPL-2.0
#include "zones.hpp"

#include <cxxrt/trace/null_blk.hpp>

#include <cxxrt/enforce.hpp>

namespace null_blk {

using blk::Op;
using blk::Status;
using blk::ZoneCondition;

namespace {

constexpr u64 sectors_of(unsigned long mib) { return u64(mib) << (20 - blk::kSectorShift); }
constexpr bool is_power_of_two(unsigned long value) { return value != 0 && (value & (value - 1)) == 0; }

/// Refuses what no zoned disk can be.   Errors: EINVAL.
Result<void> check_geometry(Config& config)
{
	if (!is_power_of_two(config.zone_size)) {
		log::error<"zone_size must be power-of-two">();
		return EINVAL;
	}
	if (config.zone_size > config.size) {
		log::error<"Zone size larger than device capacity">();
		return EINVAL;
	}
	// More would not fit the block layer's 32 bits.
	if (sectors_of(config.zone_size) > 1ull << 31) {
		log::error<"zone_size=%lu: too large">(config.zone_size);
		return EINVAL;
	}
	if (config.zone_capacity == 0)
		config.zone_capacity = config.zone_size;
	if (config.zone_capacity > config.zone_size) {
		log::error<"zone capacity (%lu MB) larger than zone size (%lu MB)">(config.zone_capacity,
										    config.zone_size);
		return EINVAL;
	}
	if (config.zone_capacity != config.zone_size && config.size % config.zone_size != 0) {
		log::error<"A smaller last zone is not allowed with zone capacity smaller than zone size.">();
		return EINVAL;
	}
	return {};
}

/// Corrects limits that could never be reached.   Units: `zones` in all.
void correct_limits(Config& config, u32 zones)
{
	if (config.zone_nr_conv >= zones) {
		config.zone_nr_conv = zones - 1;
		log::info<"changed the number of conventional zones to %u">(config.zone_nr_conv);
	}
	const u32 sequential = zones - config.zone_nr_conv;
	const u32 block_sectors = config.blocksize / blk::kSectorSize;
	config.zone_append_max_sectors -= config.zone_append_max_sectors % block_sectors;
	config.zone_append_max_sectors = u32(
		min(u64(config.zone_append_max_sectors), sectors_of(config.zone_capacity)));
	if (config.zone_max_active >= sequential) {
		config.zone_max_active = 0;
		log::info<"zone_max_active limit disabled, limit >= zone count">();
	}
	if (config.zone_max_active != 0 && config.zone_max_open > config.zone_max_active) {
		config.zone_max_open = config.zone_max_active;
		log::info<"changed the maximum number of open zones to %u">(config.zone_max_open);
	} else if (config.zone_max_open >= sequential) {
		config.zone_max_open = 0;
		log::info<"zone_max_open limit disabled, limit >= zone count">();
	}
}

}  // namespace

Result<Box<Zones>> Zones::create(Config& config, Medium& medium, const char* disk)
{
	TRY(check_geometry(config));
	const u64 zone_sectors = sectors_of(config.zone_size);
	const u64 zones = (config.capacity() + zone_sectors - 1) / zone_sectors;
	// The array of that many would not fit 2 GiB.
	if (zones > ~0u / sizeof(Zone))
		return ENOMEM;
	correct_limits(config, u32(zones));
	Box<Zones> made = TRY(Box<Zones>::make(Gfp::Kernel, Key{}, config, medium, disk));
	made->zones_ = TRY(Array<Zone>::make(Gfp::Kernel, Node{}, size_t(zones)));
	for (u32 i = 0; i < zones; ++i) {
		Zone& zone = made->zones_[i];
		zone.start = u64(i) << made->zone_shift_;
		zone.length = min(zone_sectors, config.capacity() - zone.start);
		zone.conventional = i < config.zone_nr_conv;
		zone.capacity = zone.conventional ? zone.length : min(zone.length, sectors_of(config.zone_capacity));
		if (zone.conventional) {
			zone.condition.store_relaxed(u32(ZoneCondition::NotWritePointer));
			zone.write_pointer.store_relaxed(zone.start + zone.length);
		} else if (config.zone_full) {
			zone.condition.store_relaxed(u32(ZoneCondition::Full));
			zone.write_pointer.store_relaxed(zone.start + zone.capacity);
		} else {
			zone.condition.store_relaxed(u32(ZoneCondition::Empty));
			zone.write_pointer.store_relaxed(zone.start);
		}
	}
	return made;
}

Zones::Zones(Key, const Config& config, Medium& medium, const char* disk)
	: medium_(medium),
	  disk_(disk),
	  zone_shift_(u32(__builtin_ctzll(sectors_of(config.zone_size)))),
	  conventional_(config.zone_nr_conv),
	  limits_{
		  .zone_sectors = u32(sectors_of(config.zone_size)),
		  .max_append_sectors = kSince6_12 ? config.zone_append_max_sectors : 0,
		  .max_open = config.zone_max_open,
		  .max_active = config.zone_max_active,
	  },
	  next_to_close_(config.zone_nr_conv)
{
}

void Zones::trace(Op op, const Zone& zone) const
{
	trace::nullb_zone_op(disk_, op, u32(&zone - zones_.begin()), zone.state());
}

// --- conditions and how many there are ---------------------------------------------------------

void Zones::set(Zone& zone, ZoneCondition condition)
{
	const auto count = [this](ZoneCondition state, u32 change) REQUIRES(resources_lock_) {
		switch (state) {
		case ZoneCondition::ImplicitlyOpen:
			implicitly_open_ += change;
			break;
		case ZoneCondition::ExplicitlyOpen:
			explicitly_open_ += change;
			break;
		case ZoneCondition::Closed:
			closed_ += change;
			break;
		default:
			break;
		}
	};
	count(zone.state(), ~0u);
	count(condition, 1);
	zone.condition.store_relaxed(u32(condition));
}

bool Zones::may_activate() const
{
	return limits_.max_active == 0 || implicitly_open_ + explicitly_open_ + closed_ < limits_.max_active;
}

void Zones::close_an_implicitly_open_one()
{
	const u32 count = u32(zones_.size());
	for (u32 i = conventional_; i < count; ++i) {
		Zone& zone = zones_[next_to_close_];
		next_to_close_ = next_to_close_ + 1 < count ? next_to_close_ + 1 : conventional_;
		if (zone.state() == ZoneCondition::ImplicitlyOpen) {
			// Closed even if nothing was written: its first write may be under way.
			set(zone, ZoneCondition::Closed);
			return;
		}
	}
}

Status Zones::make_room(const Zone& zone)
{
	if (zone.state() == ZoneCondition::Empty && !may_activate())
		return Status::ZoneActiveResource;
	if (limits_.max_open == 0 || implicitly_open_ + explicitly_open_ < limits_.max_open)
		return Status::Ok;
	// A zone that is closed stays active: that must be within the limit, too.
	if (implicitly_open_ == 0 || !may_activate())
		return Status::ZoneOpenResource;
	close_an_implicitly_open_one();
	return Status::Ok;
}

Status Zones::open_for_write(Zone& zone)
{
	const ZoneCondition seen = zone.state();
	if (seen == ZoneCondition::ImplicitlyOpen || seen == ZoneCondition::ExplicitlyOpen) [[likely]]
		return Status::Ok;
	Guard guard{resources_lock_};
	const Status room = make_room(zone);
	if (room == Status::Ok)
		set(zone, ZoneCondition::ImplicitlyOpen);
	return room;
}

Status Zones::open(Zone& zone)
{
	Guard guard{resources_lock_};
	switch (zone.state()) {
	case ZoneCondition::ExplicitlyOpen:
		return Status::Ok;
	case ZoneCondition::Empty:
	case ZoneCondition::Closed:
		if (const Status room = make_room(zone); room != Status::Ok)
			return room;
		break;
	case ZoneCondition::ImplicitlyOpen:
		break;
	default:
		return Status::IoError;
	}
	set(zone, ZoneCondition::ExplicitlyOpen);
	return Status::Ok;
}

Status Zones::close(Zone& zone)
{
	Guard guard{resources_lock_};
	switch (zone.state()) {
	case ZoneCondition::Closed:
		return Status::Ok;
	case ZoneCondition::ImplicitlyOpen:
	case ZoneCondition::ExplicitlyOpen:
		set(zone,
		    zone.write_pointer.load_relaxed() == zone.start ? ZoneCondition::Empty : ZoneCondition::Closed);
		return Status::Ok;
	default:
		return Status::IoError;
	}
}

Status Zones::finish(Zone& zone)
{
	Guard guard{resources_lock_};
	switch (zone.state()) {
	case ZoneCondition::Full:
		return Status::Ok;
	case ZoneCondition::Empty:
	case ZoneCondition::Closed:
		// To be finished, it is open for a moment.
		if (const Status room = make_room(zone); room != Status::Ok)
			return room;
		break;
	case ZoneCondition::ImplicitlyOpen:
	case ZoneCondition::ExplicitlyOpen:
		break;
	default:
		return Status::IoError;
	}
	set(zone, ZoneCondition::Full);
	zone.write_pointer.store_relaxed(zone.start + zone.length);
	return Status::Ok;
}

void Zones::empty(Zone& zone)
{
	{
		Guard guard{resources_lock_};
		set(zone, ZoneCondition::Empty);
		zone.write_pointer.store_relaxed(zone.start);
	}
	medium_.discard(zone.start, zone.length);
}

// --- requests ------------------------------------------------------------------------------------

u64 Zones::target(const Io& io) const
{
	return io.op == Op::ZoneAppend ? zone_of(io.sector).write_pointer.load_relaxed() : io.sector;
}

Status Zones::handle(Io& io)
{
	switch (io.op) {
	case Op::Write:
	case Op::ZoneAppend:
		return write(io);
	case Op::ZoneReset:
	case Op::ZoneResetAll:
		// To free all the pages of a large zone takes long.
		if (medium_.keeps_data() && limits_.zone_sectors > kLongDiscard && !io.prepared)
			return Status::Resource;
		return io.op == Op::ZoneReset ? manage(io) : reset_all(io);
	case Op::ZoneOpen:
	case Op::ZoneClose:
	case Op::ZoneFinish:
		return manage(io);
	case Op::Flush:
		return medium_.access(io).status;
	default:
		return read(io);
	}
}

Status Zones::read(const Io& io)
{
	const Zone& zone = zone_of(io.sector);
	if (zone.state() == ZoneCondition::Offline)
		return Status::IoError;
	const u64 write_pointer = zone.write_pointer.load_relaxed();
	u32 readable = ~0u;
	if (!zone.conventional && io.sector + io.sectors > write_pointer)
		readable = io.sector < write_pointer ? u32(write_pointer - io.sector) : 0;
	return medium_.access(io, readable).status;
}

Status Zones::write(Io& io)
{
	Zone& zone = zone_of(io.sector);
	trace(io.op, zone);
	if (zone.conventional)
		return io.op == Op::ZoneAppend ? Status::IoError : medium_.access(io).status;

	Guard guard{zone.lock};
	const u64 write_pointer = zone.write_pointer.load_relaxed();
	if (zone.is_dead() || zone.state() == ZoneCondition::Full)
		return Status::IoError;
	if (io.op == Op::ZoneAppend)
		io.sector = write_pointer;
	if (io.sector != write_pointer || write_pointer + io.sectors > zone.start + zone.capacity)
		return Status::IoError;
	if (const Status room = open_for_write(zone); room != Status::Ok)
		return room;
	const Access done = medium_.access(io);
	zone.write_pointer.store_relaxed(write_pointer + done.sectors);
	if (write_pointer + done.sectors == zone.start + zone.capacity) {
		NestedGuard resources{resources_lock_};
		set(zone, ZoneCondition::Full);
	}
	return done.status;
}

Status Zones::manage(const Io& io)
{
	Zone& zone = zone_of(io.sector);
	Guard guard{zone.lock};
	if (zone.conventional || zone.is_dead())
		return Status::IoError;
	const Status status = manage(zone, io.op);
	if (status == Status::Ok)
		trace(io.op, zone);
	return status;
}

Status Zones::manage(Zone& zone, Op op)
{
	switch (op) {
	case Op::ZoneOpen:
		return open(zone);
	case Op::ZoneClose:
		return close(zone);
	case Op::ZoneFinish:
		return finish(zone);
	default:
		empty(zone);
		return Status::Ok;
	}
}

Status Zones::reset_all(const Io& io)
{
	for (u32 i = conventional_; i < zones_.size(); ++i) {
		Zone& zone = zones_[i];
		Guard guard{zone.lock};
		if (zone.state() == ZoneCondition::Empty || zone.is_dead())
			continue;
		empty(zone);
		trace(io.op, zone);
	}
	return Status::Ok;
}

Result<void> Zones::set_condition(u64 sector, ZoneCondition condition)
{
	if (sector >> zone_shift_ >= zones_.size()) {
		log::error<"Sector out of range">();
		return EINVAL;
	}
	Zone& zone = zone_of(sector);
	if (zone.conventional) {
		log::error<"Can not change condition of conventional zones">();
		return EINVAL;
	}
	Guard guard{zone.lock};
	if (zone.state() == condition) {
		empty(zone);
		return {};
	}
	NestedGuard resources{resources_lock_};
	set(zone, condition);
	zone.write_pointer.store_relaxed(kNoWritePointer);
	return {};
}

u32 Zones::report(u64 sector, blk::ZoneRequest request, blk::ZoneBatch& batch)
{
	const u64 first = (sector >> zone_shift_) + request.told;
	if (first >= zones_.size())
		return 0;
	const u32 count = u32(min(u64(request.most - request.told), zones_.size() - first));
	if (request.told == 0)
		trace::nullb_report_zones(disk_, count);
	const u32 now = min(count, blk::kZonesAtOnce);
	for (u32 i = 0; i < now; ++i) {
		Zone& zone = zones_[first + i];
		Guard guard{zone.lock};
		batch[i] = {
			.start = zone.start,
			.length = zone.length,
			.capacity = zone.capacity,
			.write_pointer = zone.write_pointer.load_relaxed(),
			.conventional = zone.conventional,
			.condition = zone.state(),
		};
	}
	return now;
}

}  // namespace null_blk
