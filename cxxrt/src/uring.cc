// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/uring.hpp>

namespace cxxrt {

void uring::Command::read(void* to, u32 bytes) const
{
	const auto* from = static_cast<const u64*>(raw::cxxrt_io_uring_cmd_arguments(cmd_));
	// User space may write there all the time.
	for (u32 i = 0; i < bytes / sizeof(u64); ++i)
		static_cast<u64*>(to)[i] = raw::cxxrt_read_once_u64(from + i);
}

int uring::detail::poll(raw::io_uring_cmd* cmd, raw::io_comp_batch* batch, u32 flags)
{
	int found = 0;
	// Neither request nor bio is freed meanwhile, whoever ends them.
	raw::cxxrt_rcu_read_lock();
	Parked& kept = parked(cmd);
	auto* rq = reinterpret_cast<raw::request*>(raw::cxxrt_read_once_long(reinterpret_cast<long*>(&kept.polled)));
	if (rq != nullptr)
		found = raw::cxxrt_poll_user_request(rq, kept.bio, batch, flags);
	raw::cxxrt_rcu_read_unlock();
	return found;
}

namespace blk::detail {

Result<void> UserRequestBase::alloc(QueueView queue, Transfer transfer, Wait wait, bool polled, bool async)
{
	u32 op = transfer == Transfer::ToDevice ? u32(raw::REQ_OP_DRV_OUT) : u32(raw::REQ_OP_DRV_IN);
	if (wait == Wait::No)
		op |= u32(raw::REQ_NOWAIT);
	if (polled)
		op |= u32(raw::REQ_POLLED);
	if (async)
		op |= u32(raw::CXXRT_REQ_CACHED);
	rq_ = TRY(from_err_ptr(raw::cxxrt_blk_mq_alloc_request(queue.unsafe_queue(), op, wait == Wait::Yes)));
	disk_ = queue.unsafe_disk();
	polled_ = polled && raw::cxxrt_blk_hctx_is_poll(rq_->mq_hctx);
	return {};
}

void UserRequestBase::note_bio()
{
	// The request forgets it when it ends.
	bio_ = rq_->bio;
	if (bio_ == nullptr)
		return;
	if (disk_ != nullptr)
		raw::cxxrt_bio_set_disk(bio_, disk_);
	if (polled_)
		bio_->bi_opf |= u32(raw::REQ_POLLED);
}

Result<void> UserRequestBase::map(UserAddress address, u32 length, Vectored vectored)
{
	const int write = raw::cxxrt_req_op(rq_) == u32(raw::REQ_OP_DRV_OUT) ? 1 : 0;
	TRY(from_c(raw::cxxrt_blk_rq_map_user_io(rq_, address.bits(), length, vectored == Vectored::Yes, write)));
	note_bio();
	return {};
}

Result<void> UserRequestBase::map_fixed(uring::Command command, u64 address, u32 bytes)
{
	raw::iov_iter iter;
	const int write = raw::cxxrt_req_op(rq_) == u32(raw::REQ_OP_DRV_OUT) ? 1 : 0;
	TRY(from_c(raw::cxxrt_io_uring_cmd_import_fixed(address, bytes, write, &iter, command.unsafe_raw())));
	TRY(from_c(raw::blk_rq_map_user_iov(rq_->q, rq_, nullptr, &iter, u32(raw::GFP_KERNEL))));
	note_bio();
	return {};
}

void UserRequestBase::start(uring::Command command, void* own,
			    raw::rq_end_io_ret (*ended)(raw::request*, raw::blk_status_t))
{
	raw::io_uring_cmd* cmd = command.unsafe_raw();
	raw::request* rq = exchange(rq_, nullptr);
	uring::detail::parked(cmd) = {.own = own, .bio = exchange(bio_, nullptr), .polled = polled_ ? rq : nullptr};
	rq->end_io_data = cmd;
	rq->end_io = ended;
	raw::blk_execute_rq_nowait(rq, false);
}

void UserRequestBase::release()
{
	if (raw::bio* bio = exchange(bio_, nullptr))
		(void)raw::blk_rq_unmap_user(bio);
	if (raw::request* rq = exchange(rq_, nullptr))
		raw::blk_mq_free_request(rq);
}

void UserRequestBase::finish_in_task(raw::io_uring_cmd* cmd, void (*finish)(raw::io_uring_cmd*, unsigned))
{
	// The request belongs to somebody else soon: nobody polls for it any more.
	raw::cxxrt_write_once_long(reinterpret_cast<long*>(&uring::detail::parked(cmd).polled), 0);
	raw::cxxrt_io_uring_cmd_do_in_task(cmd, finish);
}

void UserRequestBase::unmap(raw::io_uring_cmd* cmd)
{
	if (raw::bio* bio = uring::detail::parked(cmd).bio)
		(void)raw::blk_rq_unmap_user(bio);
}

}  // namespace blk::detail

}  // namespace cxxrt
