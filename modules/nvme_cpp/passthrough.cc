// SPDX-License-Identifier: GPL-2.0
#include "passthrough.hpp"

#include "controller.hpp"

#include <cxxrt/enforce.hpp>

namespace nvme {

namespace {

/// Base 5, figure 139; NVM 3.2; Fabrics 3.3.
enum class Known : u8 {
	Write = 0x01,
	WriteUncorrectable = 0x04,
	Compare = 0x05,
	Fabrics = 0x7f,
	FirstOfVendors = 0x80,
	FormatNvm = 0x80,
	SecurityReceive = 0x82,
	Sanitize = 0x84,
};

/// Features that the driver sets itself, and must know of.   Base 5.27.1, figure 317.
bool is_the_drivers(u32 feature)
{
	constexpr u32 kQueueCount = 0x07;
	constexpr u32 kPowerStates = 0x0c;
	constexpr u32 kHostMemory = 0x0d;
	constexpr u32 kKeepAlive = 0x0f;
	constexpr u32 kHostBehavior = 0x16;
	switch (feature) {
	case kQueueCount:
	case kPowerStates:
	case kHostMemory:
	case kKeepAlive:
	case kHostBehavior:
		return true;
	default:
		return false;
	}
}

/// What anybody may ask to be identified: what it takes to send I/O commands.   Base 5.17.1, figure 273.
bool is_for_everybody(u32 cns)
{
	switch (cns) {
	case 0x00:  // namespace
	case 0x01:  // controller
	case 0x05:  // namespace, of a command set
	case 0x06:  // controller, of a command set
	case 0x08:  // namespace, of any
		return true;
	default:
		return false;
	}
}

bool is_admin_allowed(const Sqe& sqe)
{
	if (sqe.opcode == u8(AdminOp::SetFeatures) && is_the_drivers(sqe.cdw10.get() & 0xff))
		return false;
	if (kSince6_12 && sqe.opcode == u8(AdminOp::Identify) && is_for_everybody(sqe.cdw10.get() & 0xff))
		return true;
	return caller_is_admin();
}

/// Longest metadata buffer: what memory comes in one piece.   Units: bytes.
constexpr u32 kMostMetadata = 4u << 20;

/// As an ioctl or a ring has it.
Result<long> result_of(Status status, blk::Status ended)
{
	if (status == kCancelled)
		return EINTR;
	if (!status.ok())
		return long(status.bits());
	TRY(blk::to_error(ended));
	return 0l;
}

}  // namespace

u32 Effects::of_admin(const EffectsLog* log, u32 opcode)
{
	u32 effects = log != nullptr ? log->admin[opcode].get() : 0;
	switch (opcode) {
	case u32(Known::FormatNvm):
		effects |= kChangesContent | kChangesNamespace | kExecutionAlone;
		break;
	case u32(Known::Sanitize):
		effects |= kChangesContent | kExecutionAlone;
		break;
	case u32(Known::SecurityReceive):
		// It depends on the command before it, and not on I/O.
		if (kSince6_12)
			effects &= ~kExecutionAlone;
		break;
	default:
		break;
	}
	if (kSince6_12 && (effects & kExecutionRelaxed) != 0)
		effects &= ~kExecutionAlone;
	return effects;
}

u32 Effects::of_io(const EffectsLog* log, u32 opcode)
{
	u32 effects = log != nullptr ? log->io[opcode].get() : 0;
	if (opcode == u32(Known::Write) || opcode == u32(IoOp::WriteZeroes) || opcode == u32(Known::WriteUncorrectable))
		effects |= kChangesContent;
	return effects;
}

BlockFormat BlockFormat::of(const IdentifyNamespace& id)
{
	u32 index = id.flbas & 0xf;
	if (id.nlbaf >= 16)
		index |= u32(id.flbas & 0x60) >> 1;
	BlockFormat format;
	if (index >= sizeof(id.lbaf) / sizeof(id.lbaf[0]))
		return format;
	constexpr u32 kExtended = 1u << 4;
	constexpr u32 kPiType = 7u;
	constexpr u8 kPiBytes = 8;
	constexpr u32 kMostShift = 31;
	if (id.lbaf[index].lbads > kMostShift)
		return format;
	format.shift = id.lbaf[index].lbads;
	format.metadata_bytes = id.lbaf[index].ms.get();
	format.is_extended = format.metadata_bytes != 0 && (id.flbas & kExtended) != 0;
	format.pi_bytes = (id.dps & kPiType) != 0 ? kPiBytes : 0;
	return format;
}

blk::QueueView Passthrough::queue() const { return space_ != nullptr ? space_->queue() : controller_.admin().queue(); }

u32 Passthrough::effects_of(u32 opcode) const
{
	const EffectsLog* log = controller_.effects();
	if (space_ == nullptr)
		return Effects::of_admin(log, opcode);
	const u32 effects = Effects::of_io(log, opcode);
	if ((effects & ~(Effects::kSupported | Effects::kChangesContent)) != 0 && controller_.warns_of_effects())
		log::warn<"%s: IO command:%x has unusual effects:%x">(controller_.name(), opcode, effects);
	// With all other I/O waiting for its end, it would not begin.
	return effects & ~Effects::kExecutionAlone;
}

bool Passthrough::is_io_allowed(const Sqe& sqe) const
{
	const u32 effects = Effects::of_io(controller_.effects(), sqe.opcode);
	if ((effects & Effects::kSupported) == 0)
		return caller_is_admin();
	constexpr u32 harmless = Effects::kSupported | Effects::kChangesContent | Effects::kUuidSelected |
				 Effects::kScope;
	if ((effects & ~harmless) != 0)
		return caller_is_admin();
	const bool writes = (sqe.opcode & 1u) != 0 || (effects & Effects::kChangesContent) != 0;
	return (!writes || caller_.is_writable) || caller_is_admin();
}

bool Passthrough::is_allowed(const Sqe& sqe) const
{
	if (space_ == nullptr && !is_admin_allowed(sqe))
		return false;
	// What vendors' and fabrics' commands do is not known; and who may use a part of a disk may not use all of it.
	if (caller_.is_partition || sqe.opcode >= u8(Known::FirstOfVendors) || sqe.opcode == u8(Known::Fabrics))
		return caller_is_admin();
	return space_ == nullptr || is_io_allowed(sqe);
}

Result<UserCommand> Passthrough::from(const ioctls::Passthrough& args) const
{
	if (args.flags != 0)
		return EINVAL;
	if (space_ != nullptr && args.nsid != space_->nsid()) {
		if (controller_.user_limit().allows())
			log::error<"%s: %s: nsid (%u) in cmd does not match nsid (%u) of namespace">(controller_.name(),
												     caller_name(),
												     args.nsid,
												     space_->nsid());
		return EINVAL;
	}
	return UserCommand{
		.sqe = {.opcode = args.opcode,
			.nsid = args.nsid,
			.cdw2 = args.cdw2,
			.cdw3 = args.cdw3,
			.cdw10 = args.cdw10,
			.cdw11 = args.cdw11,
			.cdw12 = args.cdw12,
			.cdw13 = args.cdw13,
			.cdw14 = args.cdw14,
			.cdw15 = args.cdw15},
		.data = UserAddress::from_field(args.addr),
		.metadata = UserAddress::from_field(args.metadata),
		.bytes = args.bytes,
		.metadata_bytes = args.metadata_bytes,
		.timeout_ms = args.timeout_ms,
	};
}

Result<void> Passthrough::check(const UserCommand& command) const
{
	if (!command.has_data() || !command.has_metadata())
		return {};
	if (space_ == nullptr || !space_->format().has_own_metadata())
		return EINVAL;
	if (command.metadata_bytes > kMostMetadata)
		return kSince6_12 ? E2BIG : ENOMEM;
	return {};
}

Result<dma::Bounce> Passthrough::map_metadata(const UserCommand& command) const
{
	if (!command.has_data() || !command.has_metadata())
		return dma::Bounce{};
	const auto direction = command.is_to_device() ? dma::Direction::ToDevice : dma::Direction::FromDevice;
	return dma::Bounce::make(controller_.dma(), command.metadata_bytes, direction, [&](void* memory) {
		return command.metadata.read_bytes(memory, command.metadata_bytes);
	});
}

Result<long> Passthrough::execute_request(const UserCommand& command, Alone alone, u64& result)
{
	// Declared before the request, which holds it.
	dma::Bounce metadata = TRY(map_metadata(command));
	Sqe sqe = command.sqe;
	if (metadata)
		sqe.metadata = metadata.addr().wire();
	auto rq = TRY(blk::UserRequest<Command>::alloc(queue(), command.is_to_device() ? blk::Transfer::ToDevice
										       : blk::Transfer::FromDevice));
	Admin::prepare(rq.pdu(), sqe);
	rq.set_timeout_ms(command.timeout_ms);
	if (command.has_data())
		TRY(rq.map(command.data, command.bytes, command.vectored));
	// Not before its memory is there: that may be read from the very disk.
	const blk::Status ended = alone == Alone::Yes ? controller_.with_io_frozen([&] { return rq.execute(); })
						      : rq.execute();
	result = rq.pdu().result;
	const Result<long> done = result_of(rq.pdu().status, ended);
	metadata.unmap();
	if (metadata && !command.is_to_device() && done.ok() && Result<long>{done}.take() == 0)
		TRY(command.metadata.write_bytes(metadata.memory(), metadata.bytes()));
	return done;
}

Result<long> Passthrough::execute(chardev::Call& call, const UserCommand& command, u64& result)
{
	TRY(check(command));
	if (space_ == nullptr && controller_.state() != State::Live)
		return long(kPathError.bits());
	const u32 effects = effects_of(command.sqe.opcode);
	const Result<long> done = (effects & Effects::kExecutionAlone) != 0
					  ? controller_.one_by_one(
						    [&] { return execute_request(command, Alone::Yes, result); })
					  : execute_request(command, Alone::No, result);
	if ((effects & Effects::kChangesController) != 0)
		controller_.note_changed();
	if ((effects & (Effects::kChangesNamespace | Effects::kChangesInventory)) != 0) {
		// It may be this namespace that goes.
		chardev::Call other = controller_.enter();
		call.leave();
		if (other)
			controller_.rescan_now();
	}
	return done;
}

Result<long> Passthrough::run(chardev::Call& call, UserAddress argument, u32 bytes, blk::Vectored vectored)
{
	if (!kSince6_12 && !caller_is_admin())
		return EACCES;
	// After that is the result, and all of it has to be there.
	if (bytes > sizeof(ioctls::Passthrough))
		(void)TRY((argument + (bytes - sizeof(u64))).read<u64>());
	const ioctls::Passthrough args = TRY(argument.read<ioctls::Passthrough>());
	UserCommand command = TRY(from(args));
	command.vectored = vectored;
	if (!is_allowed(command.sqe))
		return EACCES;
	u64 result = 0;
	const long status = TRY(execute(call, command, result));
	if (bytes > sizeof(args))
		TRY((argument + ioctls::kResult64).write(result));
	else
		TRY((argument + __builtin_offsetof(ioctls::Passthrough, result)).write(u32(result)));
	return status;
}

Result<long> Passthrough::submit_io(chardev::Call& call, UserAddress argument)
{
	ioctls::SubmitIo io{};
	TRY(argument.read_bytes(&io, ioctls::SubmitIo::kBytes));
	if (io.flags != 0)
		return EINVAL;
	if (io.opcode != u8(IoOp::Read) && io.opcode != u8(IoOp::Write) && io.opcode != u8(Known::Compare))
		return EINVAL;
	const BlockFormat format = space_->format();
	const u32 blocks = u32(io.blocks) + 1;
	u64 bytes = u64(blocks) << format.shift;
	UserAddress metadata = UserAddress::from_field(io.metadata);
	u32 metadata_bytes = blocks * format.metadata_bytes;
	if ((io.control & ioctls::SubmitIo::kActs) != 0 && format.metadata_bytes != 0 &&
	    format.metadata_bytes == format.pi_bytes) {
		// The device takes it off and puts it on.
		if (metadata)
			return EINVAL;
		metadata_bytes = 0;
	}
	if (format.is_extended) {
		bytes += metadata_bytes;
		metadata_bytes = 0;
	} else if (metadata_bytes != 0 && ((io.metadata & 3) != 0 || io.metadata == 0)) {
		return EINVAL;
	}
	if (bytes > ~0u)
		return EINVAL;
	const UserCommand command{
		.sqe = {.opcode = io.opcode,
			.nsid = space_->nsid(),
			.cdw10 = u32(io.first),
			.cdw11 = u32(io.first >> 32),
			.cdw12 = u32(io.blocks) | u32(io.control) << 16,
			.cdw13 = io.dsmgmt,
			.cdw14 = io.reftag,
			.cdw15 = u32(io.apptag) | u32(io.appmask) << 16},
		.data = UserAddress::from_field(io.addr),
		.metadata = metadata,
		.bytes = u32(bytes),
		.metadata_bytes = metadata_bytes,
		.timeout_ms = 0,
	};
	if (!is_allowed(command.sqe))
		return EACCES;
	u64 result = 0;
	return execute(call, command, result);
}

namespace {

/// A command of a ring while it is under way.
class RingCommand : Pinned {
public:
	RingCommand(const Sqe& sqe, dma::Bounce&& metadata, UserAddress wanted)
		: sqe_(sqe), metadata_(move(metadata)), wanted_(wanted)
	{
		if (metadata_)
			sqe_.metadata = metadata_.addr().wire();
	}
	const Sqe& sqe() const { return sqe_; }
	/// Context: any.
	void ended(Command& cmd, blk::Status status)
	{
		metadata_.unmap();
		const Result<long> done = result_of(cmd.status, status);
		outcome_ = {.status = done.ok() ? Result<long>{done}.take() : done.error().to_c(),
			    .result = cmd.result};
	}
	/// Context: process; sleeps.
	uring::Outcome finish()
	{
		if (metadata_ && bool(wanted_) && outcome_.status == 0 &&
		    !wanted_.write_bytes(metadata_.memory(), metadata_.bytes()).ok())
			outcome_.status = EFAULT.to_c();
		return outcome_;
	}

private:
	Sqe sqe_;
	dma::Bounce metadata_;
	UserAddress wanted_;  // null: the device reads the metadata
	uring::Outcome outcome_{};
};

}  // namespace

// NOLINTNEXTLINE(readability-function-cognitive-complexity): one check after the other
Result<void> Passthrough::begin(uring::Command command, blk::Vectored vectored)
{
	if (!kSince6_12 && !caller_is_admin())
		return EACCES;
	UserCommand user = TRY(from(command.arguments<ioctls::Passthrough>()));
	user.vectored = vectored;
	if (!is_allowed(user.sqe))
		return EACCES;
	TRY(check(user));
	if (command.has_fixed_buffer() && vectored == blk::Vectored::Yes)
		return EINVAL;
	if (space_ == nullptr && controller_.state() != State::Live)
		return EAGAIN;
	dma::Bounce metadata = TRY(map_metadata(user));
	auto own = TRY(Box<RingCommand>::make(Gfp::Kernel, user.sqe, move(metadata),
					      user.is_to_device() ? UserAddress{} : user.metadata));
	auto rq = TRY(blk::UserRequest<Command>::alloc(
		queue(), user.is_to_device() ? blk::Transfer::ToDevice : blk::Transfer::FromDevice, command,
		user.has_data() ? blk::HasData::Yes : blk::HasData::No));
	Admin::prepare(rq.pdu(), own->sqe());
	rq.set_timeout_ms(user.timeout_ms);
	if (user.has_data() && command.has_fixed_buffer())
		TRY(rq.map_fixed(command, user.data.bits(), user.bytes));
	else if (user.has_data())
		TRY(rq.map(user.data, user.bytes, vectored));
	move(rq).start(command, move(own));
	return {};
}

}  // namespace nvme
