// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/xdp.hpp>

namespace cxxrt::xdp {

Queue& Queue::operator=(Queue&& other)
{
	if (this == &other)
		return *this;
	remove();
	info_ = other.info_;
	other.info_.reg_state = 0;
	return *this;
}

void Queue::remove()
{
	// 0 is what it is before it was registered, and what we make it when another has it.
	if (info_.reg_state != 0)
		raw::xdp_rxq_info_unreg(&info_);
	info_.reg_state = 0;
}

Result<void> Queue::add(net::Device dev, const net::Napi& napi, const net::PagePool& pool)
{
	TRY(from_c(raw::__xdp_rxq_info_reg(&info_, dev.unsafe_raw(), 0, napi.napi_.napi_id, 0)));
	const auto done = from_c(raw::xdp_rxq_info_reg_mem_model(&info_, raw::MEM_TYPE_PAGE_POOL, pool.pool_));
	if (!done.ok())
		remove();
	return done;
}

void Program::complain(net::Device dev, u32 verdict) const
{
	if (verdict > u32(raw::XDP_REDIRECT))
		raw::bpf_warn_invalid_xdp_action(dev.unsafe_raw(), prog_, verdict);
	raw::cxxrt_trace_xdp_exception(dev.unsafe_raw(), prog_, verdict);
}

void Outgoing::drop(uintptr_t bits)
{
	if ((bits & kIsFrame) != 0)
		raw::xdp_return_frame(reinterpret_cast<raw::xdp_frame*>(bits & ~kIsFrame));
	else
		raw::cxxrt_dev_kfree_skb_any(reinterpret_cast<raw::sk_buff*>(bits));
}

}  // namespace cxxrt::xdp
