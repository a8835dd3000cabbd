// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Subsystems: controllers that say that they belong together.
/// Spec: NVMe Base 2.0, 1.5.40, 4.5 "NVMe Qualified Names".   C side: nvme_init_subsystem().
///
/// Locks: `Subsystems::lock_` guards all of it; attributes of subsystems do not take it.

#include <cxxrt/bitmap.hpp>
#include <cxxrt/list.hpp>
#include <cxxrt/lock.hpp>

#include "about.hpp"
#include "identity.hpp"

namespace nvme {

class Controller;
class Subsystem;

namespace attributes {

struct SubsystemModel {
	static Shown show(Subsystem& subsystem, Buffer out);
};
struct SubsystemSerial {
	static Shown show(Subsystem& subsystem, Buffer out);
};
struct SubsystemFirmware {
	static Shown show(Subsystem& subsystem, Buffer out);
};
struct SubsystemName {
	static Shown show(Subsystem& subsystem, Buffer out);
};
struct SubsystemKind {
	static Shown show(Subsystem& subsystem, Buffer out);
};

using OfSubsystem = device::Attributes<
	device::Attribute<"model", SubsystemModel>, device::Attribute<"serial", SubsystemSerial>,
	device::Attribute<"firmware_rev", SubsystemFirmware>, device::Attribute<"subsysnqn", SubsystemName>,
	device::Attribute<"subsystype", SubsystemKind>>;

}  // namespace attributes

/// One subsystem. Its name is that of the first controller that was found of it.
class Subsystem : Pinned {
	ListHook hook_;

public:
	using List = IntrusiveList<&Subsystem::hook_>;
	using Attributes = attributes::OfSubsystem;

	explicit Subsystem(const About& about) : about_(about) {}
	/// As the first controller had it.
	const About& about() const { return about_; }

private:
	friend class Subsystems;
	const About about_;
	FixedText<32> name_;
	Ida::Id number_;  // of the first controller, from when that has gone
	u32 members_ = 0;
	device::ClassDevice device_;
};

/// A controller's place in its subsystem.
class Membership : Pinned {
	ListHook hook_;

public:
	using List = IntrusiveList<&Membership::hook_>;
	explicit operator bool() const { return subsystem_ != nullptr; }

private:
	friend class Subsystems;
	Subsystem* subsystem_ = nullptr;
	u16 id_ = 0;
	const char* name_ = nullptr;
	device::Link link_;
};

class Subsystems;

/// That a namespace's ids are its own. It ends with this object.   Invariant: the subsystems outlive it.
class Claim : Pinned {
	ListHook hook_;

public:
	using List = IntrusiveList<&Claim::hook_>;
	explicit Claim(Subsystems& subsystems) : subsystems_(subsystems) {}
	~Claim() EXCLUDES(atomic_context);

private:
	friend class Subsystems;
	Subsystems& subsystems_;
	const Subsystem* subsystem_ = nullptr;
	u32 nsid_ = 0;
	bool shared_ = false;
	Identity identity_;
};

/// All subsystems that have a controller here.
/// Invariant: outlives the controllers.
class Subsystems : Pinned {
public:
	/// `cls` outlives it.
	explicit Subsystems(device::Class& cls) : class_(cls) {}

	/// Makes `controller`, whose number is `number`, a member of the subsystem that `about` names, which appears with its
	/// first one. `shares`: the controller says that there may be others.
	/// Context: process; sleeps.
	/// Errors: EINVAL, with a line, it cannot be of that subsystem; EEXIST, ENOMEM.
	Result<void> join(Membership& member, const Controller& controller, const About& about, bool shares)
		EXCLUDES(lock_, atomic_context);
	/// Undoes that; nothing for one that is none. The subsystem goes with its last one; until then it keeps `number`, if it
	/// is called after that.
	/// Context: process; sleeps.
	void leave(Membership& member, Ida::Id& number) EXCLUDES(lock_, atomic_context);

	/// What claim() finds.
	enum class Verdict : u8 {
		New,	     ///< nobody else has the ids, or there are none
		SharedHere,  ///< another controller of the subsystem has the same namespace
		Unshared,    ///< the same, but one of the two is not to be shared
		Different,   ///< the same number, and other ids
		Duplicate,   ///< another namespace of the subsystem has the ids
		Elsewhere,   ///< one of another subsystem has
	};
	/// Notes the ids of a namespace of `member`'s subsystem, for New, SharedHere, and after Elsewhere without ids.
	/// Context: process; sleeps.
	Verdict claim(Claim& claim, const Membership& member, u32 nsid, bool shared, const Identity& identity)
		EXCLUDES(lock_, atomic_context);

private:
	friend class Claim;
	/// Undoes that; nothing if it was not done.
	void disclaim(Claim& claim) EXCLUDES(lock_, atomic_context);
	Verdict judge(const Subsystem* subsystem, u32 nsid, bool shared, const Identity& identity) REQUIRES(lock_);
	/// Null if there is none.
	Subsystem* find(const About& about) REQUIRES(lock_);
	Result<Subsystem*> add(const Controller& controller, const About& about) REQUIRES(lock_)
		EXCLUDES(atomic_context);
	bool may_join(const Subsystem& subsystem, const Controller& controller, const About& about, bool shares)
		REQUIRES(lock_);
	void drop(Subsystem& subsystem) REQUIRES(lock_) EXCLUDES(atomic_context);

	device::Class& class_;
	Mutex lock_{lock_class<"nvme Subsystems::lock_">};
	Subsystem::List all_ GUARDED_BY(lock_);	 // owned
	Membership::List members_ GUARDED_BY(lock_);
	Claim::List claims_ GUARDED_BY(lock_);
};

}  // namespace nvme
