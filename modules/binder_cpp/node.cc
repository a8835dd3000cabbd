// SPDX-License-Identifier: GPL-2.0
#include "node.hpp"

#include "driver.hpp"
#include "params.hpp"
#include "process.hpp"
#include "stats.hpp"
#include "thread.hpp"

#include <cxxrt/enforce.hpp>

namespace binder {

Handle::Handle(Process& holder, Ref<Node>&& node, u32 id) : node(move(node)), holder(holder), id(id)
{
	stats::created(Object::Handle);
}

Handle::~Handle() { stats::deleted(Object::Handle); }

Node::Node(Process& owner, const FlatObject& object, u32 id)
	: WorkItem(What::Node),
	  address(object.binder),
	  cookie(object.cookie),
	  id(id),
	  min_nice(int(object.flags & FlatObject::kMinNice)),
	  inherits_rt((object.flags & FlatObject::kInheritsRt) != 0),
	  accepts_fds((object.flags & FlatObject::kAcceptsFds) != 0),
	  wants_security_context((object.flags & FlatObject::kWantsSecurityContext) != 0),
	  watchers(watchers_lock),
	  async_todo(owner.inner),
	  owner_(Ref<Process>::to(owner))
{
	stats::created(Object::Node);
}

Node::~Node() { stats::deleted(Object::Node); }

void Node::tell_later(Thread* notify, const Held<Inner>& held)
{
	hook.unlink(held);
	notify->queue_deferred(*this, held);
}

Result<void> Node::count(Strength strength, const Held<Inner>& held, Thread* notify)
{
	if (strength == Strength::Strong) {
		++local_strong_;
		if (!has_strong_ && notify != nullptr)
			tell_later(notify, held);
	} else {
		++local_weak_;
		if (!has_weak_ && notify != nullptr && !hook.is_linked(held))
			notify->queue_deferred(*this, held);
	}
	return {};
}

Result<void> Node::count_handle(const Held<Inner>& held, Thread* notify, Strength strength)
{
	if (strength == Strength::Weak) {
		if (!has_weak_ && notify != nullptr && !hook.is_linked(held))
			notify->queue_deferred(*this, held);
		return {};
	}
	// The first strong count is news for the owner's user space, which somebody has to bring; the manager's knows.
	if (notify == nullptr && strong_by_handles_ == 0 && !is_dead &&
	    !(has_strong_ && owner_->context().is_manager(*this))) {
		note<debug::kUserError, "nobody would tell the owner of node %u of a strong count">(id);
		return EINVAL;
	}
	if (notify == nullptr && strong_by_handles_ == 0 && is_dead)
		return EINVAL;
	++strong_by_handles_;
	if (!has_strong_ && notify != nullptr)
		tell_later(notify, held);
	return {};
}

void Node::settle(const Held<Inner>& held, After& after)
{
	if (!is_dead && (has_strong_ || has_weak_)) {
		if (!hook.is_linked(held))
			after.wakeup = owner_->queue(*this, held);
		return;
	}
	if (handles_ != 0 || strong_by_handles_ != 0 || local_strong_ != 0 || local_weak_ != 0 || pins_ != 0)
		return;
	if (!is_listed_)
		return;
	hook.unlink(held);
	is_listed_ = false;
	after.node = owner_->forget(*this, held);
}

void Node::uncount(Strength strength, const Held<Inner>& held, After& after)
{
	if (strength == Strength::Strong) {
		// The dead have no local counts: their buffers may still be given back.
		if (local_strong_ != 0)
			--local_strong_;
		if (local_strong_ != 0 || strong_by_handles_ != 0)
			return;
	} else {
		if (local_weak_ != 0)
			--local_weak_;
		if (local_weak_ != 0 || pins_ != 0 || handles_ != 0)
			return;
	}
	settle(held, after);
}

void Node::uncount_handle(const Held<Inner>& held, After& after)
{
	--strong_by_handles_;
	if (local_strong_ == 0 && strong_by_handles_ == 0)
		settle(held, after);
}

void Node::remove_handle(const Held<Inner>& held, After& after)
{
	--handles_;
	if (local_weak_ == 0 && pins_ == 0 && handles_ == 0)
		settle(held, after);
}

void Node::unpin(const Held<Inner>& held, After& after)
{
	--pins_;
	if (local_weak_ == 0 && pins_ == 0 && handles_ == 0)
		settle(held, after);
}

void Node::make_manager(const Held<Inner>&)
{
	++local_weak_;
	++local_strong_;
	has_strong_ = has_weak_ = true;
}

Result<void> Node::acknowledge(Strength strength, const Held<Inner>& held, After& after)
{
	bool& pending = strength == Strength::Strong ? pending_strong_ : pending_weak_;
	if (!pending)
		return EINVAL;
	pending = false;
	uncount(strength, held, after);
	return {};
}

u32 Node::report(u32 (&commands)[4], const Held<Inner>& held, After& after)
{
	const bool strong = strong_by_handles_ != 0 || local_strong_ != 0;
	const bool weak = handles_ != 0 || local_weak_ != 0 || pins_ != 0 || strong;
	const bool had_strong = has_strong_;
	const bool had_weak = has_weak_;
	u32 count = 0;
	if (weak && !had_weak) {
		has_weak_ = pending_weak_ = true;
		++local_weak_;
		commands[count++] = br::kIncRefs;
	}
	if (strong && !had_strong) {
		has_strong_ = pending_strong_ = true;
		++local_strong_;
		commands[count++] = br::kAcquire;
	}
	if (!strong && had_strong) {
		has_strong_ = false;
		commands[count++] = br::kRelease;
	}
	if (!weak && had_weak) {
		has_weak_ = false;
		commands[count++] = br::kDecRefs;
	}
	if (!weak && !strong && is_listed_) {
		is_listed_ = false;
		after.node = owner_->forget(*this, held);
	}
	return count;
}

void Node::bury(const Held<Inner>& held)
{
	hook.unlink(held);
	is_dead = true;
	local_strong_ = local_weak_ = 0;
	has_strong_ = has_weak_ = false;
}

}  // namespace binder
