// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// An NVMe controller: brought up, brought down, and brought back.
/// Spec: NVMe Base 2.0, 3.5 "Controller Initialization", 3.6 "Shutdown Processing", 3.7 "Resets".
///
/// Locks: `alone_lock_` (commands of user space that run alone), then `scan_lock_` (the list of namespaces), then `stop_lock_`
/// (what bring_down() takes away). The first two are held while such a command runs; but for that, none is while a
/// command waits for the device, but for the last ones of an orderly end, whose timeouts end them without a lock.

#include <cxxrt/bitmap.hpp>
#include <cxxrt/pci.hpp>
#include <cxxrt/work.hpp>

#include "admin.hpp"
#include "events.hpp"
#include "inject.hpp"
#include "namespace.hpp"
#include "node.hpp"
#include "power.hpp"
#include "quirks.hpp"
#include "sensors.hpp"
#include "state.hpp"

namespace nvme {

/// How a controller is brought down.
enum class Down : u8 {
	Reset,	   ///< to be brought up again: requests wait, and are sent again
	Shutdown,  ///< in order, with its data safe; requests that come later fail
	Sleep,	   ///< in order, to be brought up again: requests wait
	GiveUp,	   ///< as it is: all requests fail
};

class Controller : Pinned {
	struct Key {
		explicit Key() = default;
	};
	struct Parts {
		pci::Enabled enabled;
		pci::Regions regions;
		pci::Bar<regs::kRegisterBytes> bar;
	};

public:
	/// Brings up the device and its namespaces.
	/// Context: process; sleeps, for as long as the device takes; that is bounded.
	/// Errors: ENODEV it does not answer, or is none for this driver; EBUSY its registers are claimed; EIO; ENOMEM.
	static Result<Box<Controller>> create(pci::Device dev, u64 quirks, Nodes& nodes, Ida::Id&& number)
		EXCLUDES(atomic_context);
	Controller(Key, Parts&& parts, u64 quirks, Nodes& nodes, Ida::Id&& number);
	/// Ends everything, in order if the device is still there.   Context: process; sleeps.
	~Controller() EXCLUDES(atomic_context);

	/// The machine goes down.   Context: process; sleeps.
	void shutdown() EXCLUDES(atomic_context);
	/// `rq` has been with the device for too long.   Context: process; sleeps.
	blk::TimeoutResult timed_out(Queue& queue, Request rq) EXCLUDES(atomic_context);

	/// Resets it, and waits for what comes of that.
	/// Context: process; sleeps.   Errors: EBUSY it is not Live, or about to be reset; ENETRESET it is gone since.
	Result<void> reset_now() EXCLUDES(atomic_context);
	/// Resets all of the subsystem that it belongs to; what follows is seen as errors.
	/// Context: process; sleeps.   Errors: ENOTTY it cannot; EBUSY as above; ENODEV.
	Result<void> reset_subsystem() EXCLUDES(atomic_context);
	/// Looks for namespaces, soon; nothing if it is not Live.   Context: any.
	void rescan();
	/// Resets it, soon; nothing if it is not Live.   Context: any.
	void request_reset();

	/// For its events: the device has ended the request for them. False if it does not have one.
	/// Context: any; never sleeps.
	bool event(Status status, u32 result) { return events_.completed(status, result); }
	/// Sends the request for the next event, unless the device has it; nothing if it is not Live.
	/// Context: process; sleeps.
	void send_event_request() EXCLUDES(atomic_context);
	/// User space is told of an event.   Context: process; sleeps.
	void tell_event(u32 event) EXCLUDES(atomic_context);
	/// No I/O is to be sent until pause_for_firmware() has been called. False if it is not Live.   Context: any.
	bool begin_pause() { return state_.change(State::Resetting); }
	/// Waits until the device's new firmware has taken over, as long as the device says that this may take. False if it
	/// is not Live then; it may have to be reset.   Context: process; sleeps.
	bool pause_for_firmware() EXCLUDES(atomic_context);

	/// The machine sleeps: nothing is with the device after this, until wake_up() and the reset that it may begin.
	/// Context: process; sleeps.   Errors: EBUSY it is being reset; EIO it does not do as it should.
	Result<void> suspend(pci::Sleep how) EXCLUDES(atomic_context);
	void wake_up() EXCLUDES(atomic_context);
	/// Power states that take longer to leave are not entered.   Context: process; sleeps.
	void set_most_latency(u64 us) EXCLUDES(atomic_context);
	/// It changes its power state by itself.
	bool can_change_power() const { return power_.autonomous; }

	/// Its link has failed: requests wait until link_restored() and the reset that this begins; or, if that does not
	/// come in admin_timeout, fail.   Context: process; sleeps.
	pci::Recovery link_failed(pci::Link link) EXCLUDES(atomic_context);
	void link_restored() EXCLUDES(atomic_context);
	/// Waits for the reset that is under way.   Context: process; sleeps.
	void wait_for_reset() EXCLUDES(atomic_context) { reset_work_.flush(); }
	/// Somebody is about to reset the function, and has done so; this waits until the controller works again.
	/// Context: process; sleeps.
	void prepare_reset() EXCLUDES(atomic_context) { begin_reset(Down::Reset).ignore("it is on its way out"); }
	void reset_done() EXCLUDES(atomic_context);

	/// The same, and waits until it is done.   Context: process; sleeps. Not while a namespace's gate is entered.
	void rescan_now() EXCLUDES(atomic_context);
	/// What `f()` returns, which no other such call runs meanwhile: those who wait for with_io_frozen() have a tag, and a
	/// scan needs one, too.   Context: process; sleeps.
	template <class F> auto one_by_one(F&& f) EXCLUDES(alone_lock_, atomic_context)
	{
		Guard guard{alone_lock_};
		return f();
	}
	/// What `f()` returns, called while none of its namespaces has a request under way, or gets one.   Context: process; sleeps.
	template <class F> auto with_io_frozen(F&& f) EXCLUDES(scan_lock_, atomic_context)
	{
		Guard guard{scan_lock_};
		for (Namespace& ns : namespaces_)
			ns.freeze();
		auto done = f();
		for (Namespace& ns : namespaces_)
			ns.unfreeze();
		return done;
	}
	/// A call to its namespace, if there is one and no other.
	/// Context: process; sleeps.   Errors: ENOTTY there is none; EINVAL there are others; ENXIO it is about to go.
	Result<chardev::Call> enter_only_namespace(NamespaceNode*& space) EXCLUDES(scan_lock_, atomic_context);
	/// A call to it that comes by one of its namespaces.
	chardev::Call enter() const { return node_.enter(); }
	/// A command of user space has changed what it can do.   Context: process.
	void note_changed();
	/// Whether a line about commands with effects of their own may be written: once.
	bool warns_of_effects() { return warned_of_effects_.swap(1) == 0; }
	/// Of lines about what user space asks for.
	log::RateLimit& user_limit() { return user_limit_; }
	/// What its commands do, as it says; null if it does not.
	const EffectsLog* effects() const { return effects_.get(); }
	Admin& admin() const { return *admin_; }
	Nodes& nodes() { return nodes_; }
	u32 number() const { return number_.value(); }
	/// Only while its node is shown.
	device::Device device() const { return node_.device(); }

	const char* name() const { return name_.c_str(); }
	State state() const { return state_.get(); }
	bool has(Quirk quirk) const { return (quirks_ & u64(quirk)) != 0; }
	/// Where it is on the bus.
	const char* address() const { return parts_.enabled.device().name(); }
	/// Queues of the device, that for administration included.   Context: any; a snapshot.
	u32 queue_count() const { return 1 + shown_queues_.load_relaxed(); }
	/// Whether errors of user space's own commands have lines in the log.   Context: any.
	bool logs_passthrough_errors() const { return logs_passthrough_errors_.load_relaxed() != 0; }
	void log_passthrough_errors(bool on) { logs_passthrough_errors_.store_relaxed(on ? 1 : 0); }
	/// What its registers say of memory of its own.   Context: any.
	u32 memory_buffer_place() const { return cmb_place_.load_relaxed(); }
	u32 memory_buffer_size() const { return cmb_size_.load_relaxed(); }
	/// Faults on request. Times is not set there, but by inject_times().
	Inject& inject() { return inject_; }
	/// Context: process; waits for requests.
	void inject_times(u32 times) EXCLUDES(scan_lock_, atomic_context);
	/// Blocks of a namespace that are in use.
	/// Context: process; sleeps.   Errors: EIO the device does not say; ENOMEM.
	Result<u64> used_blocks(u32 nsid) EXCLUDES(atomic_context);
	/// Entries of the I/O rings.
	u32 ring_depth() const { return io_depth_; }
	/// What `f(const About&)` makes of it.   Context: process; sleeps.
	template <class F> auto with_about(F&& f) EXCLUDES(atomic_context)
	{
		Guard guard{about_lock_};
		return f(about_);
	}
	dma::Device dma() const { return parts_.enabled.device().dma(); }
	Queue& admin_queue() { return queues_[0]; }
	/// I/O queues, from 0.
	Queue& io_queue(u32 index) { return queues_[1 + index]; }
	/// How the I/O queues that there are divide into kinds.
	blk::QueueCounts counts() const { return counts_; }
	blk::QueueVectors io_vectors() const
	{
		return vectors_.count() > 1 ? vectors_.for_queues(1) : blk::QueueVectors{};
	}

	/// How long a request that failed is not to be tried again.   Context: any.
	u32 retry_delay_ms(Status status) const { return retry_delay_ms_[status.retry_delay()]; }

private:
	/// Brings it down for a reset that comes later.   Errors: ENODEV it is on its way out; EBUSY another takes too long.
	Result<void> begin_reset(Down how) EXCLUDES(atomic_context);
	/// Does what begin_reset() began.   Context: any.
	void schedule_reset();
	void not_recovered() EXCLUDES(atomic_context);
	/// Memory of its own that it offers.
	void map_memory_buffer() EXCLUDES(atomic_context);

	// Power.
	/// What depends on what the device is.
	Result<void> show_more() EXCLUDES(atomic_context);
	void find_platform_quirks() EXCLUDES(atomic_context);
	Result<void> set_up_power(const IdentifyController& id) EXCLUDES(atomic_context);
	Result<void> set_transitions() EXCLUDES(atomic_context);
	Result<u32> power_state() EXCLUDES(atomic_context);
	/// False if the device refuses.   Errors: as Admin::run().
	Result<bool> set_power_state(u32 state) EXCLUDES(atomic_context);
	Result<void> sleep_with_power() EXCLUDES(atomic_context);
	Result<void> sleep_without_power() EXCLUDES(atomic_context);
	pci::VectorKinds vector_kinds() const
	{
		return has(Quirk::BrokenMsi) ? pci::VectorKinds::AllButMsi : pci::VectorKinds::All;
	}
	ListsAt lists_at() const { return has(Quirk::ListsAt512) ? ListsAt::Every512 : ListsAt::Every256; }
	/// Entries that a ring may have, as the device and the quirks have it.   Errors: ENODEV there is no such.
	Result<u32> ring_entries() const;
	Window window() const { return parts_.bar.window(); }
	/// All doorbells that there may be are to be in the window.
	Result<void> map_doorbells() EXCLUDES(atomic_context);

	// Coming up.
	Result<void> bring_up() EXCLUDES(atomic_context);
	Result<void> start_admin_queue() EXCLUDES(atomic_context);
	Result<void> identify() EXCLUDES(atomic_context);
	/// What it says of itself; the first time, it becomes a member of its subsystem.
	Result<void> learn_about(const IdentifyController& id) EXCLUDES(atomic_context);
	/// Once, if it has one.
	void read_effects(const IdentifyController& id) EXCLUDES(atomic_context);
	Result<void> read_nvm_limits(const IdentifyController& id) EXCLUDES(atomic_context);
	Result<void> start_io_queues() EXCLUDES(atomic_context);
	/// Vectors for `queues` I/O queues. Errors: ECANCELED it was brought down meanwhile.
	Result<u32> divide_vectors(u32 queues) EXCLUDES(atomic_context);
	static pci::AffinitySets divide(Controller& controller, u32 vectors);
	/// Makes I/O queues until one fails; how many there are.
	u32 create_io_queues(u32 count) EXCLUDES(atomic_context);
	Result<void> create_io_queue(u32 id) EXCLUDES(atomic_context);
	void delete_io_queues(u32 count) EXCLUDES(atomic_context);
	/// Has the first `count` I/O queues use doorbells in memory, if the device offers them, and takes ours.
	void use_shadow_doorbells(u32 count) EXCLUDES(atomic_context);
	Result<void> configure_shadow_doorbells() EXCLUDES(atomic_context);
	Result<void> use_io_queues(u32 count) EXCLUDES(atomic_context);
	/// Those that the device and the tag set have, from index `first` to before `end`.
	Result<void> start_io_queues_from(u32 first, u32 end) REQUIRES(stop_lock_) EXCLUDES(atomic_context);
	Result<void> wait_ready(bool ready, u32 timeout_ms, const char* doing) EXCLUDES(atomic_context);
	Result<void> disable() EXCLUDES(atomic_context);
	Result<void> enable() EXCLUDES(atomic_context);
	Result<void> notify_shutdown() EXCLUDES(atomic_context);

	// Going down.
	void bring_down(Down how) EXCLUDES(atomic_context);
	void reset() EXCLUDES(atomic_context);
	/// No request waits for a device that does not come back.
	void fail_everything(Error why) EXCLUDES(atomic_context);
	void resume_io() REQUIRES(stop_lock_) EXCLUDES(atomic_context);
	void stop_queues(Down how) REQUIRES(stop_lock_) EXCLUDES(atomic_context);
	void mark_namespaces_dead() EXCLUDES(atomic_context);
	/// Asks the device to end `rq`, if it has not been asked too often.
	blk::TimeoutResult abort(Queue& queue, Request rq) EXCLUDES(atomic_context);
	static void aborted(Command& cmd);

	// Namespaces.
	void scan() EXCLUDES(atomic_context);
	Result<void> scan_list() REQUIRES(scan_lock_) EXCLUDES(atomic_context);
	/// What the device says of a namespace.   Errors: ENODEV, ENOENT there is none; EINVAL it makes no sense; as Admin::run().
	Result<Box<Geometry>> describe(u32 nsid) EXCLUDES(atomic_context);
	/// What about it is worth a line.
	void tell_oddities(u32 nsid, const Geometry& geometry);
	/// Takes the ids of a namespace that is new for its own; or away from it, if others have them.
	/// Errors: EEXIST, with a line, it must not be used.
	Result<void> claim_ids(Claim& claim, u32 nsid, Geometry& geometry);
	Result<Identity> identify_ids(u32 nsid) EXCLUDES(atomic_context);
	Identity::Ids believes_ids() const { return has(Quirk::BogusIds) ? Identity::Ids::Bogus : Identity::Ids::Good; }
	/// The longest append to a zone; 0 if there are none.   Units: 512 bytes.
	Result<u32> most_append_sectors() EXCLUDES(atomic_context);
	/// The device learns what we know of.
	Result<void> tell_behaviour(const IdentifyController& id) EXCLUDES(atomic_context);
	void validate(u32 nsid) REQUIRES(scan_lock_) EXCLUDES(atomic_context);
	void remove_namespaces(u32 first, u32 last) REQUIRES(scan_lock_) EXCLUDES(atomic_context);

	Parts parts_;
	u64 quirks_;  // the first identify() adds to them
	Nodes& nodes_;
	Ida::Id number_;
	FixedText<24> name_;
	regs::Cap cap_;
	regs::Cc cc_;  // as it was written last
	u32 version_ = 0;
	u32 most_queues_ = 0;	// I/O queues there is room for
	u32 write_queues_ = 0;	// as asked for when it was brought up
	u32 io_depth_ = 0;
	u32 shutdown_ms_ = 5000;
	u32 namespace_count_ = 0;
	u32 events_known_ = 0;	// that the device can report
	u32 warning_kelvins_ = 0, critical_kelvins_ = 0;
	u32 firmware_ms_ = 0;  // that new firmware may take
	ControllerLimits limits_{};

	// Power. Written while it is brought up, and by suspend() and resume(), which do not run at that time.
	static constexpr u32 kNoPowerState = ~0u;
	static constexpr u64 kDefaultLatency = ~0ull - 1;
	PowerStates power_{};
	Atomic<u64> most_exit_us_{kDefaultLatency};  // user space may change it
	u32 saved_power_state_ = kNoPowerState;

	u32 retry_delay_ms_[4] = {};  // by what a completion says
	StateMachine state_;
	Atomic<u32> logs_passthrough_errors_{0};  // as root wants it
	Atomic<u32> cmb_place_{0}, cmb_size_{0};
	Inject inject_;
	Atomic<u32> stopping_{0};  // bring_down() sends its last commands
	Atomic<int> aborts_left_{1};

	bool has_siblings_ = false;  // or may have, in its subsystem
	bool has_sgl_ = false;
	bool has_shadow_doorbells_ = false;
	dma::Coherent<ShadowDoorbells[]> shadow_, shadow_seen_;	 // a page each; the second is the device's
	Array<Queue> queues_;					 // the first is for administration
	Array<FixedText<32>> irq_names_;
	pci::Vectors vectors_;	// changed under stop_lock_
	blk::QueueCounts counts_{.submit = 0};
	blk::QueueCounts mapped_{.submit = 0};	// as the tag set has them
	u32 io_queues_ = 0;			// that the device has
	Atomic<u32> shown_queues_{0};		// as it was brought up last
	Ida namespace_numbers_;
	Box<Admin> admin_;
	Box<blk::TagSetFor<Namespace>> io_tags_;

	Mutex about_lock_{lock_class<"nvme Controller::about_lock_">};	// nothing is done under it
	About about_ GUARDED_BY(about_lock_);
	Mutex alone_lock_{lock_class<"nvme Controller::alone_lock_">};
	Mutex scan_lock_ ACQUIRED_AFTER(alone_lock_){lock_class<"nvme Controller::scan_lock_">};
	Namespace::List namespaces_ GUARDED_BY(scan_lock_);  // owned
	Mutex stop_lock_ ACQUIRED_AFTER(scan_lock_){lock_class<"nvme Controller::stop_lock_">};
	bool up_ GUARDED_BY(stop_lock_) = false;
	bool io_quiesced_ GUARDED_BY(stop_lock_) = false;
	bool admin_quiesced_ GUARDED_BY(stop_lock_) = false;

	Box<EffectsLog> effects_;  // once made, it stays
	Atomic<u32> warned_of_effects_{0};
	Atomic<u32> changed_{0};  // and somebody was told
	log::RateLimit user_limit_;
	ControllerNode node_{*this};
	// Of the node, and before it goes.
	device::LateFiles memory_buffer_files_, inject_files_;
	Membership member_;
	Events events_{*this};
	Sensors sensors_{*this};
	Work scan_work_{callback<&Controller::scan_work_, &Controller::scan>};
	Work reset_work_{callback<&Controller::reset_work_, &Controller::reset>};
	DelayedWork recovery_work_{callback<&Controller::recovery_work_, &Controller::not_recovered>};
};

}  // namespace nvme
