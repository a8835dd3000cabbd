// SPDX-License-Identifier: GPL-2.0
#include "completion.hpp"

#include <cxxrt/enforce.hpp>

namespace null_blk {

void TimerQueue::add_parked(TimedPdu& pdu)
{
	Guard guard{lock_};
	// Under the lock, or a later one could be in front.
	pdu.due = now_ns() + delay_;
	const bool is_first = waiting_.is_empty();
	waiting_.push_back(blk::InFlight<TimedPdu>::unpark(pdu));
	if (is_first)
		timer_.start_at(pdu.due);
}

Restart TimerQueue::expired()
{
	blk::RequestFifo due;
	Restart restart = Restart::No;
	{
		Guard guard{lock_};
		const u64 now = now_ns();
		while (!waiting_.is_empty()) {
			const u64 first_due = waiting_.front<TimedPdu>().pdu().due;
			if (first_due > now) {
				timer_.forward_to(first_due);
				restart = Restart::Yes;
				break;
			}
			due.push_back(waiting_.pop_front<TimedPdu>());
		}
	}
	blk::EndingBatch ending;
	blk::CompletionBatch batch = ending.batch();
	while (!due.is_empty())
		batch.end(due.pop_front<TimedPdu>(), blk::Status::Ok);
	return restart;
}

}  // namespace null_blk
