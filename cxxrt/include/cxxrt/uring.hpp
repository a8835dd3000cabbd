// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Commands that user space sends to a file by io_uring, and requests of the block layer that carry commands of user space.
/// C side: include/linux/io_uring.h (6.12: io_uring/cmd.h), include/linux/blk-mq.h, block/blk-map.c, helpers/chardev.c.

#include <cxxrt/blk.hpp>
#include <cxxrt/user.hpp>

namespace cxxrt::uring {

/// What came of a command: both go into the completion.
struct Outcome {
	long status;  ///< negative: an errno
	u64 result;
};

/// A command: borrowed until it has begun.   Context: process.
class Command {
public:
	Command(raw::io_uring_cmd* cmd, u32 flags) : cmd_(cmd), flags_(flags) {}
	u32 op() const { return cmd_->cmd_op; }
	/// The ring has entries of 128 bytes, and completions of 32: there is room for arguments of 80 bytes, and for
	/// Outcome::result.
	bool has_big_entries() const
	{
		constexpr u32 both = u32(raw::IO_URING_F_SQE128) | u32(raw::IO_URING_F_CQE32);
		return (flags_ & both) == both;
	}
	/// The first bytes of the arguments, each read once.   Only if it has big entries.
	template <FromBytes T> T arguments() const
	{
		static_assert(sizeof(T) % sizeof(u64) == 0 && sizeof(T) <= 80);
		T value;
		read(&value, sizeof(T));
		return value;
	}
	/// Else what it needs has to be there, or it fails with EAGAIN, and comes again from where it may.
	blk::Wait may_wait() const
	{
		return (flags_ & u32(raw::IO_URING_F_NONBLOCK)) != 0 ? blk::Wait::No : blk::Wait::Yes;
	}
	/// The ring looks for completions itself.
	bool is_polled() const { return (flags_ & u32(raw::IO_URING_F_IOPOLL)) != 0; }
	/// Its data is in memory that was registered with the ring.
	bool has_fixed_buffer() const { return (cmd_->flags & u32(raw::IORING_URING_CMD_FIXED)) != 0; }
	bool is_file_writable() const { return (u32(cmd_->file->f_mode) & u32(raw::FMODE_WRITE)) != 0; }
	raw::io_uring_cmd* unsafe_raw() const { return cmd_; }

private:
	void read(void* to, u32 bytes) const;
	raw::io_uring_cmd* cmd_;
	u32 flags_;
};

namespace detail {
/// What a command carries while its request is under way.
struct Parked {
	void* own;
	raw::bio* bio;
	raw::request* polled;  // null: not polled, or ended
};
static_assert(sizeof(Parked) <= sizeof(raw::io_uring_cmd::pdu));
inline Parked& parked(raw::io_uring_cmd* cmd) { return *reinterpret_cast<Parked*>(&cmd->pdu); }
int poll(raw::io_uring_cmd* cmd, raw::io_comp_batch* batch, u32 flags);
}  // namespace detail

}  // namespace cxxrt::uring

namespace cxxrt::blk {

enum class Vectored : u8 { No, Yes };
enum class HasData : u8 { No, Yes };

namespace detail {
/// UserRequest, whatever its Pdu is.
class UserRequestBase : MoveOnly {
protected:
	UserRequestBase() = default;
	UserRequestBase(UserRequestBase&& other)
		: rq_(exchange(other.rq_, nullptr)),
		  disk_(other.disk_),
		  bio_(exchange(other.bio_, nullptr)),
		  polled_(other.polled_)
	{
	}
	~UserRequestBase() { release(); }
	Result<void> alloc(QueueView queue, Transfer transfer, Wait wait, bool polled, bool async);
	Result<void> map(UserAddress address, u32 length, Vectored vectored);
	Result<void> map_fixed(uring::Command command, u64 address, u32 bytes);
	void start(uring::Command command, void* own, raw::rq_end_io_ret (*ended)(raw::request*, raw::blk_status_t));
	void release();
	static void finish_in_task(raw::io_uring_cmd* cmd, void (*finish)(raw::io_uring_cmd*, unsigned));
	static void unmap(raw::io_uring_cmd* cmd);

	raw::request* rq_ = nullptr;
	raw::gendisk* disk_ = nullptr;
	raw::bio* bio_ = nullptr;
	bool polled_ = false;

private:
	void note_bio();
};
}  // namespace detail

/// A request that carries a command of user space. Its Pdu says what it is, its data is user memory, which stays where it
/// is until the request has ended.
template <class Pdu> class [[nodiscard]] UserRequest : public detail::UserRequestBase {
public:
	/// For a command that the caller waits for.
	/// Context: process; sleeps.   Errors: ENODEV the queue goes.
	static Result<UserRequest> alloc(QueueView queue, Transfer transfer) EXCLUDES(atomic_context)
	{
		UserRequest made;
		TRY(made.UserRequestBase::alloc(queue, transfer, Wait::Yes, false, false));
		return made;
	}
	/// For one of a ring. One without data is not polled for where the kernel finds polled requests by their bios.
	/// Context: process; sleeps if the command may.   Errors: EAGAIN no tag; ENODEV the queue goes.
	static Result<UserRequest> alloc(QueueView queue, Transfer transfer, uring::Command command, HasData has_data)
		EXCLUDES(atomic_context)
	{
		UserRequest made;
		const bool polled = command.is_polled() && (CXXRT_KERNEL_6_12 != 0 || has_data == HasData::Yes);
		TRY(made.UserRequestBase::alloc(queue, transfer, command.may_wait(), polled, true));
		return made;
	}
	/// The memory it transfers; `length` in bytes, or the number of iovecs at `address`. Once.
	/// Context: process; sleeps.   Errors: EFAULT; EINVAL more than the queue takes; ENOMEM.
	Result<void> map(UserAddress address, u32 length, Vectored vectored) EXCLUDES(atomic_context)
	{
		return UserRequestBase::map(address, length, vectored);
	}
	/// The same in the buffer that the command names.   Errors: EFAULT not in it.
	Result<void> map_fixed(uring::Command command, u64 address, u32 bytes) EXCLUDES(atomic_context)
	{
		return UserRequestBase::map_fixed(command, address, bytes);
	}
	/// How long the device has; 0: as long as the tag set says.
	void set_timeout_ms(u32 ms) { raw::cxxrt_rq_set_timeout(rq_, ms != 0 ? raw::cxxrt_msecs_to_jiffies(ms) : 0); }
	Pdu& pdu() const { return Request<Pdu>{rq_}.pdu(); }
	/// Returns when it has ended, which is when its timeout at the latest has seen to that; with what end() was given.
	/// Context: process; sleeps.
	Status execute() EXCLUDES(atomic_context) { return Status(raw::blk_execute_rq(rq_, false)); }
	/// Begins it. When it has ended, `own->ended(Pdu&, Status)` is called in any context, while the queue is still there;
	/// later `own->finish()`, which returns an Outcome, by the process that sent the command, when neither queue nor
	/// driver's objects may be there any more. `own` ends with that.
	template <class Own> void start(uring::Command command, Box<Own>&& own) &&
	{
		UserRequestBase::start(command, own.leak(), &ended<Own>);
	}

private:
	template <class Own> static raw::rq_end_io_ret ended(raw::request* rq, raw::blk_status_t status)
	{
		auto* cmd = static_cast<raw::io_uring_cmd*>(rq->end_io_data);
		static_cast<Own*>(uring::detail::parked(cmd).own)->ended(Request<Pdu>{rq}.pdu(), Status(status));
		finish_in_task(cmd, &finish<Own>);
		return raw::RQ_END_IO_FREE;
	}
	template <class Own> static void finish(raw::io_uring_cmd* cmd, unsigned flags)
	{
		unmap(cmd);
		Box<Own> own = Box<Own>::adopt(static_cast<Own*>(uring::detail::parked(cmd).own));
		const uring::Outcome outcome = own->finish();
		own.reset();
		raw::cxxrt_io_uring_cmd_done(cmd, outcome.status, outcome.result, flags);
	}
};

/// The errno for how a request ended, or success.
inline Result<void> to_error(Status status) { return from_c(raw::blk_status_to_errno(u8(status))); }

}  // namespace cxxrt::blk
