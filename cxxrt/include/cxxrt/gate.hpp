// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Calls from outside into an object that may go: they pass its gate, which is closed before it goes.
/// C side: include/linux/percpu-refcount.h, include/linux/completion.h, helpers/chardev.c.

#include <cxxrt/error.hpp>
#include <cxxrt/lockcontext.hpp>

namespace cxxrt {

/// Lets calls in until it is closed; closing waits for those inside. Calls on different CPUs share nothing.
/// A call that makes the object's end, or waits for it, leaves the gate first.
class Gate : Pinned {
public:
	/// Nobody gets in before open().
	Gate() = default;
	~Gate() EXCLUDES(atomic_context)
	{
		close();
		if (made_)
			raw::percpu_ref_exit(&ref_);
	}
	/// Once.   Context: process; sleeps.   Errors: ENOMEM.
	Result<void> open() EXCLUDES(atomic_context)
	{
		raw::cxxrt_init_completion(&empty_);
		TRY(from_c(raw::cxxrt_percpu_ref_init(&ref_, &left)));
		made_ = true;
		open_ = true;
		return {};
	}
	/// Lets nobody in any more, and waits for those inside; then they have left, and what they wrote is seen. Again: nothing.
	/// Context: process; sleeps for as long as they stay, whose waits have deadlines; one caller at a time.
	void close() EXCLUDES(atomic_context)
	{
		if (!exchange(open_, false))
			return;
		raw::cxxrt_percpu_ref_kill(&ref_);
		raw::wait_for_completion(&empty_);
	}

	/// A call that is inside, or that was not let in.
	class [[nodiscard]] Entry : MoveOnly {
	public:
		/// One that was not let in.
		Entry() = default;
		Entry(Entry&& other) : gate_(exchange(other.gate_, nullptr)) {}
		~Entry() { leave(); }
		explicit operator bool() const { return gate_ != nullptr; }
		/// Earlier than its end. What is behind the gate may be gone from here on.   Context: any.
		void leave()
		{
			if (Gate* gate = exchange(gate_, nullptr))
				raw::cxxrt_percpu_ref_put(&gate->ref_);
		}

	private:
		friend Gate;
		explicit Entry(Gate* gate) : gate_(gate) {}
		Gate* gate_ = nullptr;
	};
	/// Context: any, for an Entry that is tested.
	Entry enter() { return Entry{made_ && raw::cxxrt_percpu_ref_tryget_live(&ref_) ? this : nullptr}; }

private:
	static void left(raw::percpu_ref* ref) { raw::complete(&owner_of<&Gate::ref_>(*ref).empty_); }

	raw::percpu_ref ref_{};
	raw::completion empty_{};
	bool made_ = false;  // before anybody may enter
	bool open_ = false;  // who closes
};

}  // namespace cxxrt
