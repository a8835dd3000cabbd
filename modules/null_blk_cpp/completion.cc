// SPDX-License-Identifier: GPL-2.0
#include "completion.hpp"

#include <cxxrt/enforce.hpp>

namespace null_blk {

void TimerQueue::add_parked(blk::Request<TimedPdu> rq)
{
	TimedPdu& pdu = rq.pdu();
	Guard guard{lock_};
	// Under the lock, or a later one could be in front.
	pdu.due = now_ns() + delay_;
	if (waiting_.push_back(blk::InFlight<TimedPdu>::unpark(pdu)))
		timer_.start_at(pdu.due);
}

Restart TimerQueue::expired()
{
	blk::RequestFifo due;
	Restart restart = Restart::No;
	{
		Guard guard{lock_};
		const u64 now = now_ns();
		waiting_.take_while<TimedPdu>(due, [=](blk::Request<TimedPdu> rq) { return rq.pdu().due <= now; });
		if (!waiting_.is_empty()) {
			timer_.forward_to(waiting_.front<TimedPdu>().pdu().due);
			restart = Restart::Yes;
		}
	}
	if (!due.is_empty()) [[likely]]
		due.end_all();
	return restart;
}

}  // namespace null_blk
