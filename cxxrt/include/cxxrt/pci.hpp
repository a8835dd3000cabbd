// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// PCI functions: drivers and their ids, enabling, memory BARs, configuration space, interrupt vectors.
/// C side: include/linux/pci.h, include/linux/mod_devicetable.h, helpers/device.c.   Spec: PCI Express Base 6.0.
///
/// What has to happen first is an argument of what comes after it: a BAR is mapped from claimed Regions, which are
/// those of an Enabled function; vectors and bus mastering need an Enabled one, too.
///
/// A driver is a class D with
///     static constexpr const char* kName          as in /sys/bus/pci/drivers
///     using Bound = ...                           what there is for each device that it drives
///     static Result<Box<Bound>> probe(pci::Device, pci::Match)     process; sleeps
/// and, where it has them:
///     static void remove(Bound&)                  process; sleeps; before the Bound is destroyed
///     static void shutdown(Bound&)                process; sleeps; the machine goes down
/// For a driver whose device can be recovered by a reset that somebody else does, all of these; process, and sleep:
///     static Recovery error_detected(Bound&, Link)    the link has failed: what is to be done?
///     static void slot_reset(Bound&)              the link works again, and the device is as after power-on; its saved
///                                                 configuration has been restored. Or Result<void>: an error gives up
///     static void recovered(Bound&)               it is all over: traffic may flow
///     static void reset_prepare(Bound&)           the function is about to be reset
///     static void reset_done(Bound&)              it has been
/// For a driver that has something to do when the machine sleeps, all of these; process, and sleep:
///     static Result<void> suspend(Bound&, Sleep)  nothing may be under way after it; an error keeps the machine awake
///     static Result<void> resume(Bound&, Sleep)   as suspend() was called

#include <cxxrt/blk.hpp>
#include <cxxrt/device.hpp>
#include <cxxrt/dma.hpp>
#include <cxxrt/irq.hpp>
#include <cxxrt/memory.hpp>
#include <cxxrt/mmio.hpp>

namespace cxxrt::pci {

/// Which devices a driver is for, and a number for it to know them by.
class Id {
public:
	static constexpr u32 kAny = u32(raw::PCI_ANY_ID);
	/// One model.
	static constexpr Id model(u32 vendor, u32 device, u64 data = 0) { return Id{vendor, device, 0, 0, data}; }
	/// All of a class.   Units: class, subclass and interface, as 24 bits.
	static constexpr Id of_class(u32 code, u64 data = 0) { return Id{kAny, kAny, code, 0xffffff, data}; }

private:
	template <size_t N> friend struct IdTable;
	constexpr Id(u32 vendor, u32 device, u32 code, u32 mask, u64 data)
		: raw_{.vendor = vendor,
		       .device = device,
		       .subvendor = kAny,
		       .subdevice = kAny,
		       .class_ = code,
		       .class_mask = mask,
		       .driver_data = data}
	{
	}
	raw::pci_device_id raw_{};
};

/// Ids in the order in which they are tried, as the kernel wants them. Made by CXXRT_PCI_TABLE.
template <size_t N> struct IdTable {
	raw::pci_device_id ids[N + 1] = {};

	template <same_as<Id>... Ids> constexpr explicit IdTable(Ids... all)
	{
		size_t i = 0;
		((ids[i++] = all.raw_), ...);
	}
	constexpr explicit IdTable(const Id (&all)[N])
	{
		for (size_t i = 0; i < N; ++i)
			ids[i] = all[i].raw_;
	}
	/// One for each of what a driver has a table of.
	template <class M, class F> constexpr IdTable(const M (&all)[N], F id_of)
	{
		for (size_t i = 0; i < N; ++i)
			ids[i] = Id{id_of(all[i])}.raw_;
	}
};
template <same_as<Id>... Ids> IdTable(Ids...) -> IdTable<sizeof...(Ids)>;

/// How a driver comes to its devices.
enum class Binding : u8 {
	ByTable,    ///< it takes every device of its table that has no driver
	ByRequest,  ///< only those that were given to it, by driver_override or new_id
};

/// True if there is a driver of that name, from any module.   Context: process; sleeps.
inline bool is_driver_registered(const char* name) EXCLUDES(atomic_context) { return raw::cxxrt_pci_has_driver(name); }

/// Why probe() was called.
struct Match {
	u64 data;  ///< of the id that matched; 0 for one from new_id that names no other
};

/// How a link is that has failed.
enum class Link : u8 {
	Usable = u8(raw::pci_channel_io_normal),
	Frozen = u8(raw::pci_channel_io_frozen),
	Lost = u8(raw::pci_channel_io_perm_failure),
};

/// What a driver wants to be done about it.
enum class Recovery : u8 {
	Nothing = u8(raw::PCI_ERS_RESULT_CAN_RECOVER),	///< the device works on
	Reset = u8(raw::PCI_ERS_RESULT_NEED_RESET),
	GiveUp = u8(raw::PCI_ERS_RESULT_DISCONNECT),
};

/// How the machine sleeps.
enum class Sleep : u8 {
	System,	 ///< it is suspended, and the device may keep its power
	Simple,	 ///< an image of it is made or restored: the device does
};

/// Firmware takes part in the suspend that is under way, and will take the devices' power.   Context: in suspend() alone.
inline bool suspends_by_firmware() { return raw::cxxrt_pm_suspend_via_firmware(); }

/// The machine is about to be switched off, and not started again.   Context: in shutdown() alone.
inline bool is_powering_off() { return raw::cxxrt_is_powering_off(); }

/// A PCI function: borrowed, one pointer.
class Device {
public:
	explicit Device(raw::pci_dev* dev) : dev_(dev) {}
	raw::pci_dev* unsafe_raw() const { return dev_; }
	/// Where it is: domain, bus, device and function.
	const char* name() const { return raw::cxxrt_pci_name(dev_); }
	u16 vendor() const { return dev_->vendor; }
	u16 device() const { return dev_->device; }
	u16 subsystem_vendor() const { return dev_->subsystem_vendor; }
	u8 revision() const { return dev_->revision; }
	/// Memory-write-and-invalidate cycles, which some functions must not use at times.   Context: process.
	/// Errors: EINVAL the platform's cache lines are of no size that the function knows.
	Result<void> allow_invalidates() const { return from_c(raw::pci_set_mwi(dev_)); }
	void forbid_invalidates() const { raw::pci_clear_mwi(dev_); }
	/// Somebody, maybe firmware, has allowed them.
	bool allows_invalidates() const
	{
		u16 value = 0;
		(void)raw::pci_read_config_word(dev_, int(raw::PCI_COMMAND), &value);
		return (value & u16(raw::PCI_COMMAND_INVALIDATE)) != 0;
	}
	/// A function on PCI-X reads at most `bytes` at once.   Context: process.   Units: a power of two.
	/// Errors: EINVAL it is not on PCI-X; EIO.
	Result<void> limit_pcix_reads(u32 bytes) const
	{
		if (u32(TRY(value_from_c(raw::pcix_get_mmrbc(dev_)))) <= bytes)
			return {};
		return from_c(raw::pcix_set_mmrbc(dev_, int(bytes)));
	}
	dma::Device dma() const { return dma::Device{&dev_->dev}; }
	/// As the parent of others.
	device::Device as_device() const { return device::Device{&dev_->dev}; }
	/// False once it was pulled out.   Context: process.
	bool is_present() const { return raw::pci_device_is_present(dev_); }
	/// Somebody is recovering the link to it: accesses do not reach it now.
	bool is_offline() const { return raw::cxxrt_pci_channel_offline(dev_); }
	/// The status register of configuration space; all ones if it is gone.   Spec: 7.5.1.1.4.
	u16 status() const
	{
		u16 value = 0xffff;
		(void)raw::pci_read_config_word(dev_, int(raw::PCI_STATUS), &value);
		return value;
	}
	/// Keeps the configuration as it is, for a slot_reset(). In suspend(): the bus leaves the function's power state
	/// alone.   Context: process.
	void save_state() const { (void)raw::pci_save_state(dev_); }
	/// Undoes that for suspend().
	void forget_saved_state() const { raw::cxxrt_pci_forget_saved_state(dev_); }
	/// The link saves power while nothing is said.   Context: process; sleeps.
	bool saves_link_power() const EXCLUDES(atomic_context) { return raw::cxxrt_pcie_aspm_enabled(dev_); }
	/// The platform wants the function's power off when the machine idles.   Context: process; sleeps.
	bool wants_power_off() const EXCLUDES(atomic_context) { return raw::cxxrt_acpi_storage_d3(&dev_->dev); }
	/// Where a BAR is for the devices of its bus.   Units: bytes; 0 if it is no memory BAR.
	u64 bus_address(u32 bar) const { return has_memory(bar) ? raw::cxxrt_pci_bus_address(dev_, bar) : 0; }
	/// Units: bytes.
	u64 bar_bytes(u32 bar) const { return has_memory(bar) ? raw::cxxrt_pci_resource_len(dev_, bar) : 0; }
	/// The function can wake the machine.
	bool can_wake() const { return raw::cxxrt_device_can_wakeup(&dev_->dev); }
	/// It is to, in states where the machine sleeps. Without effect if it cannot.   Context: process; sleeps.
	void set_wake(bool wanted) const EXCLUDES(atomic_context)
	{
		raw::cxxrt_device_set_wakeup_enable(&dev_->dev, wanted);
	}
	/// What it did to wake the machine is over.   Context: process; sleeps.
	void end_wake() const EXCLUDES(atomic_context)
	{
		(void)raw::pci_enable_wake(dev_, int(raw::CXXRT_PCI_D3HOT), false);
		(void)raw::pci_enable_wake(dev_, int(raw::CXXRT_PCI_D3COLD), false);
	}
	/// Without power from now on, as the machine will be; `wake`: it may power it on again.
	/// Context: shutdown().
	void power_off(bool wake) const EXCLUDES(atomic_context)
	{
		(void)raw::pci_wake_from_d3(dev_, wake);
		(void)raw::pci_set_power_state(dev_, int(raw::CXXRT_PCI_D3HOT));
	}
	/// A word of configuration space.   Errors: EIO the access failed; EINVAL not aligned.
	Result<u16> read_config16(u32 offset) const
	{
		u16 value = 0;
		// A PCI error code, and not an errno, if positive.
		if (raw::pci_read_config_word(dev_, int(offset), &value) != 0)
			return offset % 2 != 0 ? EINVAL : EIO;
		return value;
	}

private:
	static constexpr u32 kLastBar = 5;
	bool has_memory(u32 bar) const { return bar <= kLastBar && raw::cxxrt_pci_resource_is_memory(dev_, bar); }
	raw::pci_dev* dev_;
};

/// What a function is to answer to.
enum class Decode : u8 { Memory, MemoryAndPorts };

/// A function that decodes its BARs, and reports errors of its link. Undone with the object.
class [[nodiscard]] Enabled : MoveOnly {
public:
	Enabled(Enabled&& other) : dev_(exchange(other.dev_, nullptr)), decode_(other.decode_), paused_(other.paused_)
	{
	}
	~Enabled()
	{
		if (dev_ == nullptr)
			return;
		raw::cxxrt_pci_disable_error_reporting(dev_);
		pause();
	}
	/// Context: process; sleeps.   Errors: as pci_enable_device_mem() and pci_enable_device().
	static Result<Enabled> create(Device dev, Decode decode = Decode::Memory) EXCLUDES(atomic_context)
	{
		TRY(enable(dev.unsafe_raw(), decode));
		raw::cxxrt_pci_enable_error_reporting(dev.unsafe_raw());
		return Enabled{dev.unsafe_raw(), decode};
	}
	Device device() const { return Device{dev_}; }
	/// Undoes it for a while: the machine sleeps, or the link has failed.   Context: process; sleeps.
	void pause() EXCLUDES(atomic_context)
	{
		if (!exchange(paused_, true))
			raw::pci_disable_device(dev_);
	}
	/// After pause(), or without: it is as create() left it, and start_dma().   As create().
	Result<void> resume() EXCLUDES(atomic_context)
	{
		if (paused_)
			TRY(enable(dev_, decode_));
		paused_ = false;
		start_dma();
		return {};
	}
	bool is_paused() const { return paused_; }
	/// Lets the function read and write memory, and send message-signalled interrupts.   Context: process.
	void start_dma() const { raw::pci_set_master(dev_); }
	/// Ends that: what it still tries to write does not arrive.   Context: process.
	void stop_dma() const { raw::pci_clear_master(dev_); }

private:
	Enabled(raw::pci_dev* dev, Decode decode) : dev_(dev), decode_(decode) {}
	static Result<void> enable(raw::pci_dev* dev, Decode decode) EXCLUDES(atomic_context)
	{
		return from_c(decode == Decode::Memory ? raw::pci_enable_device_mem(dev) : raw::pci_enable_device(dev));
	}
	raw::pci_dev* dev_;
	Decode decode_;
	bool paused_ = false;
};

/// All memory BARs of a function, for this driver alone.
class [[nodiscard]] Regions : MoveOnly {
public:
	Regions(Regions&& other) : dev_(exchange(other.dev_, nullptr)) {}
	~Regions()
	{
		if (dev_ != nullptr)
			raw::cxxrt_pci_release_mem_regions(dev_);
	}
	/// `name` shows in /proc/iomem and outlives the object.   Context: process; sleeps.   Errors: EBUSY.
	static Result<Regions> claim(const Enabled& enabled, const char* name) EXCLUDES(atomic_context)
	{
		raw::pci_dev* dev = enabled.device().unsafe_raw();
		TRY(from_c(raw::cxxrt_pci_request_mem_regions(dev, name)));
		return Regions{dev};
	}
	Device device() const { return Device{dev_}; }

private:
	explicit Regions(raw::pci_dev* dev) : dev_(dev) {}
	raw::pci_dev* dev_;
};

/// The first I/O port BAR behind BAR 0, for this driver alone. Empty, there is none.
class [[nodiscard]] Ports : MoveOnly {
public:
	Ports() = default;
	Ports(Ports&& other)
		: dev_(exchange(other.dev_, nullptr)),
		  bar_(other.bar_),
		  base_(other.base_),
		  bytes_(exchange(other.bytes_, 0ull))
	{
	}
	Ports& operator=(Ports&& other)
	{
		swap(dev_, other.dev_);
		swap(bar_, other.bar_);
		swap(base_, other.base_);
		swap(bytes_, other.bytes_);
		return *this;
	}
	~Ports()
	{
		if (dev_ != nullptr)
			raw::pci_release_region(dev_, int(bar_));
	}
	/// Empty if the function has none of at least `bytes` bytes. Of a function that decodes its ports.
	/// `name` shows in /proc/ioports and outlives the object.   Context: process; sleeps.   Errors: EBUSY.
	static Result<Ports> claim(const Enabled& enabled, const char* name, u64 bytes) EXCLUDES(atomic_context)
	{
		raw::pci_dev* dev = enabled.device().unsafe_raw();
		for (u32 bar = 1; bar <= kLastBar; ++bar) {
			if (!raw::cxxrt_pci_resource_is_ports(dev, bar) ||
			    raw::cxxrt_pci_resource_len(dev, bar) < bytes)
				continue;
			TRY(from_c(raw::pci_request_region(dev, int(bar), name)));
			Ports made;
			made.dev_ = dev;
			made.bar_ = bar;
			made.base_ = raw::cxxrt_pci_resource_start(dev, bar);
			made.bytes_ = raw::cxxrt_pci_resource_len(dev, bar);
			return made;
		}
		return Ports{};
	}
	explicit operator bool() const { return dev_ != nullptr; }
	/// 32 bits.   Context: any.   Errors: EINVAL beyond the BAR, or there is none.
	Result<void> write(u32 offset, u32 value) const
	{
		if (bytes_ < sizeof(u32) || offset > bytes_ - sizeof(u32))
			return EINVAL;
		raw::cxxrt_outl(value, base_ + offset);
		return {};
	}

private:
	static constexpr u32 kLastBar = 5;
	raw::pci_dev* dev_ = nullptr;
	u32 bar_ = 0;
	u64 base_ = 0;
	u64 bytes_ = 0;
};

/// A mapped memory BAR of at least `Size` bytes.
template <u32 Size> class [[nodiscard]] Bar : MoveOnly {
public:
	/// None is mapped.
	Bar() = default;
	Bar(Bar&& other) : base_(exchange(other.base_, nullptr)), bytes_(other.bytes_) {}
	Bar& operator=(Bar&& other)
	{
		swap(base_, other.base_);
		swap(bytes_, other.bytes_);
		return *this;
	}
	~Bar()
	{
		if (base_ != nullptr)
			raw::cxxrt_iounmap(base_);
	}
	/// Maps the first `bytes` bytes, at least `Size`, of BAR `index`.
	/// Context: process; sleeps.   Errors: EINVAL not a memory BAR, or shorter; ENOMEM.
	static Result<Bar> map(const Regions& regions, u32 index, u64 bytes = Size) EXCLUDES(atomic_context)
	{
		raw::pci_dev* dev = regions.device().unsafe_raw();
		if (index > kLastBar || bytes < Size || !raw::cxxrt_pci_resource_is_memory(dev, index) ||
		    raw::cxxrt_pci_resource_len(dev, index) < bytes)
			return EINVAL;
		void* base = TRY(from_null(raw::cxxrt_pci_ioremap(dev, index, bytes)));
		return Bar{base, bytes};
	}
	/// Borrowed from the map.
	mmio::Window<Size> window() const { return mmio::Window<Size>::unsafe_from(base_, bytes_); }
	/// Units: bytes.
	u64 size() const { return bytes_; }

private:
	static constexpr u32 kLastBar = 5;
	Bar(void* base, u64 bytes) : base_(base), bytes_(bytes) {}
	void* base_ = nullptr;
	u64 bytes_ = 0;
};

/// How the vectors that are spread over CPUs are divided: each set is spread over all of them.
struct AffinitySets {
	u32 first = 1;	 ///< vectors of the first set
	u32 second = 0;	 ///< and of the second, if there is one
};

enum class VectorKind : u8 { Line, Message };
/// Which there may be. A few functions have an MSI that never comes.
enum class VectorKinds : u8 { All, AllButMsi };

/// Interrupt vectors: MSI-X, else MSI, else the line, whatever the function and the platform have.
/// Invariant: handlers on them are released before they go.
class [[nodiscard]] Vectors : MoveOnly {
public:
	Vectors() = default;
	Vectors(Vectors&& other) : dev_(exchange(other.dev_, nullptr)), count_(exchange(other.count_, 0u)) {}
	Vectors& operator=(Vectors&& other)
	{
		swap(dev_, other.dev_);
		swap(count_, other.count_);
		return *this;
	}
	~Vectors() { release(); }

	/// One vector of those kinds.   Context: process; sleeps.   Errors: ENOSPC; ENOMEM.
	static Result<Vectors> single(const Enabled& enabled, VectorKinds kinds = VectorKinds::All)
		EXCLUDES(atomic_context)
	{
		raw::pci_dev* dev = enabled.device().unsafe_raw();
		const int got = TRY(
			value_from_c(raw::pci_alloc_irq_vectors_affinity(dev, 1, 1, flags_of(kinds), nullptr)));
		return Vectors{dev, u32(got)};
	}
	/// At most `most`, of which the first is not spread. `divide(context, n)` says, maybe more than once, how the other
	/// n, which may be none, are divided.   As single().
	template <class Context, AffinitySets (*divide)(Context&, u32)>
	static Result<Vectors> spread(const Enabled& enabled, u32 most, Context& context,
				      VectorKinds kinds = VectorKinds::All) EXCLUDES(atomic_context)
	{
		raw::pci_dev* dev = enabled.device().unsafe_raw();
		raw::irq_affinity affinity{};
		affinity.pre_vectors = 1;
		affinity.calc_sets = [](raw::irq_affinity* asked, u32 vectors) {
			// SAFETY: `priv` is set below, and used during this call alone.
			const AffinitySets sets = divide(*static_cast<Context*>(asked->priv), vectors);
			asked->set_size[0] = sets.first;
			asked->set_size[1] = sets.second;
			asked->nr_sets = sets.second != 0 ? 2 : 1;
		};
		affinity.priv = &context;
		const u32 flags = flags_of(kinds) | u32(raw::PCI_IRQ_AFFINITY);
		const int got = TRY(value_from_c(raw::pci_alloc_irq_vectors_affinity(dev, 1, most, flags, &affinity)));
		return Vectors{dev, u32(got)};
	}
	u32 count() const { return count_; }
	/// Only while there are vectors.
	VectorKind kind() const { return raw::cxxrt_pci_has_msi(dev_) ? VectorKind::Message : VectorKind::Line; }
	/// Errors: EINVAL no such vector.
	Result<irq::Line> line(u32 index) const
	{
		if (index >= count_)
			return EINVAL;
		return irq::Line{u32(TRY(value_from_c(raw::pci_irq_vector(dev_, index))))};
	}
	/// For hardware queues whose interrupts are these, from the `first` on.
	blk::QueueVectors for_queues(u32 first) const { return {dev_, first}; }
	/// Context: process; sleeps.
	void release() EXCLUDES(atomic_context)
	{
		if (raw::pci_dev* dev = exchange(dev_, nullptr))
			raw::pci_free_irq_vectors(dev);
		count_ = 0;
	}

private:
	static constexpr u32 flags_of(VectorKinds kinds)
	{
		const auto all = u32(raw::PCI_IRQ_ALL_TYPES);
		return kinds == VectorKinds::All ? all : all & ~u32(raw::PCI_IRQ_MSI);
	}
	Vectors(raw::pci_dev* dev, u32 count) : dev_(dev), count_(count) {}
	raw::pci_dev* dev_ = nullptr;
	u32 count_ = 0;
};

template <class D> concept PciDriver = requires(Device dev, Match match) {
	{ D::kName } -> convertible_to<const char*>;
	{ D::probe(dev, match) } -> same_as<Result<Box<typename D::Bound>>>;
};

/// A registered driver. Destroyed, it is taken off all its devices first.
template <PciDriver D> class [[nodiscard]] Registration : Pinned {
	using Bound = typename D::Bound;
	struct Key {
		explicit Key() = default;
	};

public:
	/// `table` stays for as long as the module.   Context: process; sleeps.
	/// Errors: EBUSY, EEXIST a driver of that name is there; ENOMEM.
	template <size_t N> static Result<Box<Registration>> create(IdTable<N>& table, Binding binding)
		EXCLUDES(atomic_context)
	{
		for (raw::pci_device_id& id : table.ids) {
			// The last has to stay zero.
			if (&id != &table.ids[N])
				id.override_only = binding == Binding::ByRequest ? 1 : 0;
		}
		auto made = TRY(Box<Registration>::make(Gfp::Kernel, Key{}));
		made->driver_.id_table = table.ids;
		TRY(from_c(raw::__pci_register_driver(&made->driver_, &raw::__this_module, KBUILD_MODNAME)));
		made->registered_ = true;
		return made;
	}
	explicit Registration(Key)
	{
		driver_.name = D::kName;
		driver_.probe = &probe;
		driver_.remove = &remove;
		if constexpr (requires(Bound& bound) { D::shutdown(bound); })
			driver_.shutdown = &shutdown;
		if constexpr (requires { &D::error_detected; })
			driver_.err_handler = &kErrorHandlers;
		if constexpr (requires { &D::suspend; })
			driver_.driver.pm = &kPowerOps;
	}
	~Registration() EXCLUDES(atomic_context)
	{
		if (registered_)
			raw::pci_unregister_driver(&driver_);
	}

private:
	static int probe(raw::pci_dev* dev, const raw::pci_device_id* id)
	{
		Result<Box<Bound>> bound = D::probe(Device{dev}, Match{.data = id->driver_data});
		if (!bound.ok())
			return bound.error().to_c();
		raw::cxxrt_pci_set_drvdata(dev, bound.take().leak());
		return 0;
	}
	static void remove(raw::pci_dev* dev)
	{
		// SAFETY: what probe() stored; the core calls remove() once for each probe() that succeeded.
		Box<Bound> bound = Box<Bound>::adopt(static_cast<Bound*>(raw::cxxrt_pci_get_drvdata(dev)));
		if constexpr (requires { D::remove(*bound); })
			D::remove(*bound);
		raw::cxxrt_pci_set_drvdata(dev, nullptr);
	}
	static void shutdown(raw::pci_dev* dev)
	{
		// SAFETY: as in remove(); the core calls neither while the other runs.
		D::shutdown(*static_cast<Bound*>(raw::cxxrt_pci_get_drvdata(dev)));
	}

	// SAFETY (all of these): as in shutdown(); and the core calls none for a device without a driver, whose lock it
	// holds meanwhile.
	static Bound& bound_of(raw::pci_dev* dev) { return *static_cast<Bound*>(raw::cxxrt_pci_get_drvdata(dev)); }
	static Bound& bound_of(raw::device* dev) { return bound_of(&owner_of<&raw::pci_dev::dev>(*dev)); }
	static raw::pci_ers_result_t error_detected(raw::pci_dev* dev, raw::pci_channel_state_t state)
	{
		return raw::pci_ers_result_t(D::error_detected(bound_of(dev), Link(state)));
	}
	static raw::pci_ers_result_t slot_reset(raw::pci_dev* dev)
	{
		raw::pci_restore_state(dev);
		if constexpr (same_as<decltype(D::slot_reset(bound_of(dev))), Result<void>>) {
			if (!D::slot_reset(bound_of(dev)).ok())
				return raw::PCI_ERS_RESULT_DISCONNECT;
		} else {
			D::slot_reset(bound_of(dev));
		}
		return raw::PCI_ERS_RESULT_RECOVERED;
	}
	static void recovered(raw::pci_dev* dev) { D::recovered(bound_of(dev)); }
	static void reset_prepare(raw::pci_dev* dev) { D::reset_prepare(bound_of(dev)); }
	static void reset_done(raw::pci_dev* dev) { D::reset_done(bound_of(dev)); }
	static constexpr raw::pci_error_handlers make_error_handlers()
	{
		raw::pci_error_handlers handlers{};
		if constexpr (requires { &D::error_detected; }) {
			handlers.error_detected = &error_detected;
			handlers.slot_reset = &slot_reset;
			handlers.resume = &recovered;
			handlers.reset_prepare = &reset_prepare;
			handlers.reset_done = &reset_done;
		}
		return handlers;
	}
	static constexpr raw::pci_error_handlers kErrorHandlers = make_error_handlers();

	template <Sleep how> static int suspend(raw::device* dev) { return D::suspend(bound_of(dev), how).to_c(); }
	template <Sleep how> static int resume(raw::device* dev) { return D::resume(bound_of(dev), how).to_c(); }
	static constexpr raw::dev_pm_ops make_power_ops()
	{
		raw::dev_pm_ops ops{};
		if constexpr (requires { &D::suspend; }) {
			ops.suspend = &suspend<Sleep::System>;
			ops.resume = &resume<Sleep::System>;
			ops.freeze = ops.poweroff = &suspend<Sleep::Simple>;
			ops.thaw = ops.restore = &resume<Sleep::Simple>;
		}
		return ops;
	}
	static constexpr raw::dev_pm_ops kPowerOps = make_power_ops();

	raw::pci_driver driver_{};
	bool registered_ = false;
};

}  // namespace cxxrt::pci

// NOLINTBEGIN(bugprone-macro-parentheses): names and declarations take no parentheses

/// Declares `name` as a module's table of PCI ids, pci::Id values or an array of them, in the order in which they are tried; modpost finds
/// it and makes the module's aliases. Once per module, at global scope.
#define CXXRT_PCI_TABLE(name, ...)                                                                   \
	extern "C" {                                                                                 \
	CXXRT_VISIBLE constinit ::cxxrt::pci::IdTable __mod_pci__##name##_device_table{__VA_ARGS__}; \
	}                                                                                            \
	static constinit auto& name = __mod_pci__##name##_device_table

// NOLINTEND(bugprone-macro-parentheses)
