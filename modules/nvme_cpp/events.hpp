// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Asynchronous events: what a controller says without having been asked a question.
/// Spec: NVMe Base 2.0, 5.2 "Asynchronous Event Request command", 5.16.1 "Get Log Page".
///
/// One Asynchronous Event Request is with the device while the controller is Live. It is no request of the block layer: its
/// id is beyond those of tags, so that its completion is found where unknown ids are, and no other completion looks for it.

#include <cxxrt/atomic.hpp>
#include <cxxrt/time.hpp>
#include <cxxrt/work.hpp>

#include "spec.hpp"
#include "status.hpp"

namespace nvme {

class Controller;

/// What is to be done about an event.
enum class EventAction : u8 {
	Nothing,
	Tell,	   ///< user space is told
	Scan,	   ///< there are other namespaces than before, or they are others
	Firmware,  ///< new firmware takes over now: no I/O until it has
	Reset,	   ///< the device cannot go on without it
	Unknown,
};

/// A completion's result; 5.2.1, figure 144.
class Event {
public:
	constexpr explicit Event(u32 bits) : bits_(bits) {}
	constexpr u32 bits() const { return bits_; }
	EventAction action() const;

private:
	u32 bits_;
};

/// The events of one controller.
class Events : Pinned {
public:
	/// The id of the request's command: one more than the most tags of the administrative queue.
	static constexpr u32 kCommandId = 31;

	explicit Events(Controller& controller) : controller_(controller) {}

	/// Asks the device to report what is of interest here of `supported` (OAES), and sends the request if there is any.
	/// Context: process; sleeps. Only when it has just become Live.
	void start(u32 supported) EXCLUDES(atomic_context);
	/// The device has ended the request. False if it does not have one.   Context: any; never sleeps.
	bool completed(Status status, u32 result);
	/// The request is about to be sent. False if the device has it.   Locks: none goes down or up meanwhile.
	bool begin() { return outstanding_.swap(1) == 0; }
	/// The device has forgotten all commands.   Locks: as begin().
	void forget() { outstanding_.store_release(0); }
	/// Ends what is under way; nothing begins any more, because the controller is not Live.
	/// Context: process; sleeps; for as long as an administrative command may take.
	void stop() EXCLUDES(atomic_context);
	/// Whether there were other namespaces since it was asked last.   Context: any.
	bool take_namespace_change() { return namespaces_changed_.swap(0) != 0; }

private:
	void run() EXCLUDES(atomic_context);
	void follow_firmware() EXCLUDES(atomic_context);

	Controller& controller_;
	Atomic<u32> outstanding_{0};	     // the device has the request
	Atomic<u32> namespaces_changed_{0};  // set by the interrupt, taken by the scan
	Atomic<u32> to_tell_{0};	     // the last one for user space that it has not been told of; 0: none
	log::RateLimit unknown_limit_;
	Work work_{callback<&Events::work_, &Events::run>};
	Work firmware_work_{callback<&Events::firmware_work_, &Events::follow_firmware>};
};

}  // namespace nvme
