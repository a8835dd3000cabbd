// SPDX-License-Identifier: GPL-2.0
/// \file
/// Requests of namespaces that are not plain: with something beside their blocks, or with zones.
#include "controller.hpp"
#include "path.hpp"

#include <cxxrt/enforce.hpp>

namespace nvme {

using blk::Op;

namespace {

/// When there was no memory to map metadata with.   Units: ms.
constexpr u32 kRetryMapping = 10;

/// Words 12 and 13 beyond what metadata() says.
u32 word12_of(Request rq) { return (rq.is_fua() ? kFua : 0) | (rq.wants_quick_error() ? kLimitedRetry : 0); }

IoOp command_of(Op op)
{
	if (op == Op::ZoneAppend)
		return IoOp::ZoneAppend;
	return op == Op::Write ? IoOp::Write : IoOp::Read;
}

}  // namespace

bool IoPath::map_integrity(Queue& queue, Request rq)
{
	Command& cmd = rq.pdu();
	const Result<dma::Addr> addr = dma::map(queue.data().device(), rq.integrity(), DataLists::direction_of(rq));
	if (!addr.ok())
		return false;
	cmd.metadata = Result<dma::Addr>{addr}.take();
	cmd.has_metadata = true;
	return true;
}

void Path::unmap_integrity(Queue& queue, Request rq)
{
	Command& cmd = rq.pdu();
	if (!cmd.has_metadata)
		return;
	dma::unmap(queue.data().device(), cmd.metadata, rq.integrity().length, DataLists::direction_of(rq));
	cmd.has_metadata = false;
}

blk::Status IoPath::queue_special(Queue& queue, Namespace& ns, Request rq, blk::Last last)
{
	const Op op = rq.op();
	const bool is_append = op == Op::ZoneAppend;
	const bool is_carried = rq.has_integrity();
	const Metadata& metadata = ns.metadata();
	// Somebody has turned off what makes it, and the device cannot.
	if (metadata.bytes != 0 && !is_carried && !metadata.is_all_protection())
		return blk::Status::NotSupported;
	const blk::Status status = queue.data().map(rq, DataLists::direction_of(rq));
	if (status != blk::Status::Ok)
		return status;
	// This is also where the reference tags become the device's: only then may it see them.
	InFlight started = rq.start();
	if (is_carried && !map_integrity(queue, rq)) {
		queue.data().unmap(rq);
		move(started).requeue_after(kRetryMapping);
		return blk::Status::Ok;
	}
	Command& cmd = rq.pdu();
	cmd.appends = is_append;
	const u64 block = rq.sector() >> (ns.block_shift() - blk::kSectorShift);
	const ProtectionWords words = metadata.words(block, is_carried, is_append);
	Sqe sqe = ns.command(rq, command_of(op), queue.next_id(rq), word12_of(rq) | words.word12,
			     rq.is_readahead() ? kPrefetch : 0);
	sqe.cdw3 = words.word3;
	sqe.cdw14 = words.word14;
	if (is_carried)
		sqe.metadata = cmd.metadata.wire();
	put(queue, sqe, last);
	(void)move(started).park();
	return blk::Status::Ok;
}

blk::Status Path::finish_append(Request rq)
{
	Command& cmd = rq.pdu();
	cmd.appends = false;
	if (!cmd.status.ok())
		return blk::Status::Ok;
	// Where the device has put it, which is in the zone if it can be believed.
	const Namespace& ns = rq.context<Namespace>();
	const u32 shift = ns.block_shift() - blk::kSectorShift;
	const u64 zone = rq.sector() >> shift;
	const u64 blocks = ns.zones().zone_sectors >> shift;
	if (cmd.result < zone || cmd.result - zone >= blocks)
		return blk::Status::IoError;
	rq.set_sector(cmd.result << shift);
	return blk::Status::Ok;
}

Sqe IoPath::zone_command(const Namespace& ns, Request rq)
{
	u32 word13 = 0;
	switch (rq.op()) {
	case Op::ZoneOpen:
		word13 = u32(ZoneAction::Open);
		break;
	case Op::ZoneClose:
		word13 = u32(ZoneAction::Close);
		break;
	case Op::ZoneFinish:
		word13 = u32(ZoneAction::Finish);
		break;
	case Op::ZoneResetAll:
		word13 = u32(ZoneAction::Reset) | kAllZones;
		break;
	default:
		word13 = u32(ZoneAction::Reset);
		break;
	}
	const u64 block = rq.sector() >> (ns.block_shift() - blk::kSectorShift);
	return {
		.opcode = u8(IoOp::ZoneSend),
		.nsid = ns.nsid(),
		.cdw10 = u32(block),
		.cdw11 = u32(block >> 32),
		.cdw13 = word13,
	};
}

Result<u32> Namespace::read_zones(u64 sector, Array<blk::ZoneInfo>& zones)
{
	const ZoneLayout layout{.sectors = sectors_, .zone_sectors = zones_.zone_sectors, .block_shift = block_shift_};
	if (layout.zone_sectors == 0)
		return EOPNOTSUPP;
	sector &= ~u64(layout.zone_sectors - 1);
	if (sector >= layout.sectors)
		return 0u;
	const Box<ZoneReport> report = TRY(Box<ZoneReport>::make(Gfp::Kernel));
	const u64 block = sector >> (layout.block_shift - blk::kSectorShift);
	const Sqe sqe{
		.opcode = u8(IoOp::ZoneReceive),
		.nsid = nsid_,
		.cdw10 = u32(block),
		.cdw11 = u32(block >> 32),
		.cdw12 = (u32(sizeof(ZoneReport)) / 4) - 1,
		.cdw13 = kPartialReport,
	};
	auto rq = TRY(blk::OwnRequest<Command>::alloc(disk_, blk::Transfer::FromDevice, blk::Wait::Yes));
	Command& cmd = rq.pdu();
	cmd.passthrough = &sqe;
	cmd.result = 0;
	cmd.status = {};
	cmd.retries = 0;
	cmd.aborted = false;
	TRY(rq.map(report.get(), sizeof(ZoneReport)));
	const blk::Status ended = rq.execute();
	if (ended != blk::Status::Ok || !cmd.status.ok())
		return EIO;
	const Result<u32> found = read_report(*report, sector, layout, zones);
	if (!found.ok())
		log::warn_limited<"%s: zones from sector %llu on make no sense">(error_limit_, name(), sector);
	return found;
}

}  // namespace nvme
