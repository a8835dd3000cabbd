// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Devices without hardware of their own in a class: /sys/class/<class>/<name>, with attributes and uevents.
/// C side: include/linux/device.h, include/linux/device/class.h, include/linux/sysfs.h, helpers/chardev.c.
///
/// What a device stands for is an object of a class T, which has, where it wants them,
///     using Attributes = device::Attributes<...>;      its files in sysfs
///     static void uevent(T&, device::Uevent&)          variables for each of its uevents
/// Attributes are types: device::Attribute<"model", Access>, where Access has
///     static Result<size_t> show(T&, device::Buffer)         for a readable file
///     static Result<void> store(T&, const char* text)        for a writable one
///     static bool is_visible(T&)                             asked once, when the device appears
/// or device::Secret<"key", Access> for files that root alone reads.
/// Context: process; all of them may sleep.   Locks: they lock what they touch; none runs before the device appears or
/// after it is gone, which waits for them.

#include <cxxrt/atomic.hpp>
#include <cxxrt/error.hpp>
#include <cxxrt/gate.hpp>
#include <cxxrt/log.hpp>
#include <cxxrt/memory.hpp>

namespace cxxrt::device {

/// Any device: borrowed, one pointer.
class Device {
public:
	constexpr Device() = default;
	explicit Device(raw::device* dev) : dev_(dev) {}
	raw::device* unsafe_raw() const { return dev_; }

private:
	raw::device* dev_ = nullptr;
};

/// As log::info() and the like, after the driver's name and the device's.
template <Literal Format, class... Args> inline void info(Device dev, Args... args)
{
	log::detail::print_of<&raw::_dev_printk, "6", Format>(dev.unsafe_raw(), args...);
}
template <Literal Format, class... Args> inline void warn(Device dev, Args... args)
{
	log::detail::print_of<&raw::_dev_printk, "4", Format>(dev.unsafe_raw(), args...);
}
template <Literal Format, class... Args> inline void error(Device dev, Args... args)
{
	log::detail::print_of<&raw::_dev_printk, "3", Format>(dev.unsafe_raw(), args...);
}

/// Where show() prints; one page.
class Buffer {
public:
	explicit Buffer(char* page) : page_(page) {}
	/// Prints what makes up the file; returns the length in bytes. A newline is not added.
	template <Literal Format, class... Args> size_t print(Args... args) const
	{
		return print_at<Format>(0, args...);
	}
	/// The same after `at` bytes; returns the length of all.
	template <Literal Format, class... Args> size_t print_at(size_t at, Args... args) const
	{
		static_assert(log::detail::format_matches<Args...>(Format.text),
			      "the format does not match the arguments");
		if (at >= raw::PAGE_SIZE)
			return raw::PAGE_SIZE;
		return at + size_t(raw::scnprintf(page_ + at, raw::PAGE_SIZE - at, kText<Format>.text, args...));
	}

private:
	char* page_;
};

/// A uevent that is being put together.
class Uevent {
public:
	explicit Uevent(raw::kobj_uevent_env* env) : env_(env) {}
	/// Adds a variable, as NAME=value. What does not fit any more is left out, and the event fails.
	template <Literal Format, class... Args> void add(Args... args)
	{
		static_assert(log::detail::format_matches<Args...>(Format.text),
			      "the format does not match the arguments");
		if (error_ == 0)
			error_ = raw::add_uevent_var(env_, kText<Format>.text, args...);
	}
	int unsafe_error() const { return error_; }

private:
	raw::kobj_uevent_env* env_;
	int error_ = 0;
};

/// One file. Its mode follows from what Access can do: 0644, 0444 or 0200.
template <Literal Name, class Access> struct Attribute {
	static constexpr auto kName = Name;
	static constexpr u16 kReadMode = 0444;
	using Via = Access;
};
/// The same for root's eyes only.
template <Literal Name, class Access> struct Secret : Attribute<Name, Access> {
	static constexpr u16 kReadMode = 0400;
};
/// The files of a device, in order.
template <class... As> struct Attributes {};

namespace detail {

/// The C tables for attributes, made at compile time. `From::owner(raw::device*)` is the object that they are of.
template <class From, class List> struct Table;
template <class From, class... As> struct Table<From, Attributes<As...>> {
	using T = remove_cvref_t<decltype(From::owner(nullptr))>;

	template <class Access>
	static raw::ssize_t show(raw::device* dev, raw::device_attribute*, char* page)
	{
		auto shown = Access::show(From::owner(dev), Buffer{page});
		return shown.ok() ? raw::ssize_t(shown.take()) : shown.error().to_c();
	}
	template <class Access>
	static raw::ssize_t store(raw::device* dev, raw::device_attribute*, const char* text, raw::size_t count)
	{
		// sysfs ends what user space wrote with a zero byte.
		const Result<void> stored = Access::store(From::owner(dev), text);
		return stored.ok() ? raw::ssize_t(count) : stored.to_c();
	}
	template <class A> static constexpr raw::device_attribute make()
	{
		using Access = typename A::Via;
		constexpr bool readable = requires(T& owner, Buffer out) { Access::show(owner, out); };
		constexpr bool writable = requires(T& owner, const char* text) { Access::store(owner, text); };
		static_assert(readable || writable, "an attribute needs a show or a store");
		raw::device_attribute attribute{};
		attribute.attr.name = kText<A::kName>.text;
		attribute.attr.mode = u16((readable ? A::kReadMode : 0) | (writable ? 0200 : 0));
		if constexpr (readable)
			attribute.show = &show<Access>;
		if constexpr (writable)
			attribute.store = &store<Access>;
		return attribute;
	}
	template <class Access> static bool visible(T& owner)
	{
		if constexpr (requires { Access::is_visible(owner); })
			return Access::is_visible(owner);
		return true;
	}
	static raw::umode_t mode(raw::kobject* kobj, raw::attribute* attribute, int index)
	{
		T& owner = From::owner(&owner_of<&raw::device::kobj>(*kobj));
		int at = 0;
		bool shown = false;
		((shown = shown || (at++ == index && visible<typename As::Via>(owner))), ...);
		return shown ? attribute->mode : raw::umode_t(0);
	}
	// sysfs writes to none of them. Their types are written out: one that is deduced is needed before the functions above
	// can be called.
	static inline constinit raw::device_attribute all[sizeof...(As)] = {make<As>()...};
	struct Pointers {
		raw::attribute* to[sizeof...(As) + 1];
	};
	template <size_t... I> static constexpr Pointers point(Indexes<I...>) { return {{&all[I].attr..., nullptr}}; }
	static inline constinit Pointers pointers = point(make_indexes<sizeof...(As)>());
	static constexpr raw::attribute_group make_group()
	{
		raw::attribute_group made{};
		made.is_visible = &mode;
		made.attrs = pointers.to;
		return made;
	}
	static inline constinit raw::attribute_group group = make_group();
	static inline constinit const raw::attribute_group* groups[2] = {&group, nullptr};
	/// The same in a folder.
	template <Literal Folder> static constexpr raw::attribute_group make_folder()
	{
		raw::attribute_group made = make_group();
		made.name = kText<Folder>.text;
		return made;
	}
	template <Literal Folder> static inline constinit raw::attribute_group folder = make_folder<Folder>();
};

}  // namespace detail

/// A class of devices: /sys/class/<name>.
class Class : Pinned {
	struct Key {
		explicit Key() = default;
	};

public:
	/// `name` outlives it.   Context: process; sleeps.   Errors: EEXIST there is one, with the kernel's own lines; ENOMEM.
	static Result<Box<Class>> create(const char* name) EXCLUDES(atomic_context);
	explicit Class(Key) {}
	/// Waits for the memory of its devices, all of which are gone, to be let go of: files that are open hold it.
	~Class() EXCLUDES(atomic_context);

private:
	friend struct Internals;
	raw::cxxrt_class* class_ = nullptr;
	/// Its devices whose memory is there, and itself.
	Atomic<u32> holders_{1};
	raw::completion unused_{};
};

/// For the parts of cxxrt that make devices.
struct Internals {
	/// A device whose memory goes with its last reference.
	struct Object : Pinned {
		raw::device dev{};
		void* owner = nullptr;
		Class* cls = nullptr;
		void (*free)(Object&) = nullptr;
	};
	/// In `object`, a device of `cls` that has a name and can be added. Its last reference, the caller's from here on
	/// and also if this fails, calls its `free`.
	/// Errors: ENOMEM.
	static Result<void> initialize(Object& object, Class& cls, Device parent, const raw::device_type& type,
				       const char* name);
	static void release(raw::device* dev);
	static int uevent(raw::device* dev, raw::kobj_uevent_env* env, void (*fill)(void* owner, Uevent&));
	template <class T> struct Type {
		static T& owner(raw::device* dev) { return *static_cast<T*>(owner_of<&Object::dev>(*dev).owner); }
		static void fill(void* owner, Uevent& event) { T::uevent(*static_cast<T*>(owner), event); }
#if CXXRT_KERNEL_6_12
		static int make_uevent(const raw::device* dev, raw::kobj_uevent_env* env)
		{
			return uevent(const_cast<raw::device*>(dev), env, &fill);
		}
#else
		static int make_uevent(raw::device* dev, raw::kobj_uevent_env* env) { return uevent(dev, env, &fill); }
#endif
		static constexpr raw::device_type make()
		{
			raw::device_type type{};
			type.release = &release;
			if constexpr (requires { typename T::Attributes; })
				type.groups = detail::Table<Type, typename T::Attributes>::groups;
			if constexpr (requires(T& owner, Uevent& event) { T::uevent(owner, event); })
				type.uevent = &make_uevent;
			return type;
		}
		static constexpr raw::device_type kType = make();
	};
};

/// A device of a class for an object of type T. It disappears with this object; T outlives it.
class [[nodiscard]] ClassDevice : MoveOnly {
public:
	ClassDevice() = default;
	ClassDevice(ClassDevice&& other) : object_(exchange(other.object_, nullptr)) {}
	ClassDevice& operator=(ClassDevice&& other)
	{
		swap(object_, other.object_);
		return *this;
	}
	/// Context: process; sleeps: waits for its attributes' functions.
	~ClassDevice() EXCLUDES(atomic_context) { remove(); }

	/// Makes it appear; its attributes may be asked for before this returns.
	/// Context: process; sleeps.   Errors: EEXIST the name is taken, with the kernel's own lines; ENOMEM.
	template <class T>
	static Result<ClassDevice> create(Class& cls, Device parent, T& owner, const char* name)
		EXCLUDES(atomic_context)
	{
		return create(cls, parent, Internals::Type<T>::kType, &owner, name);
	}
	/// Earlier than its end.
	void remove() EXCLUDES(atomic_context);
	explicit operator bool() const { return object_ != nullptr; }
	/// Only while there is one.
	Device device() const { return Device{&object_->dev}; }

private:
	static Result<ClassDevice> create(Class& cls, Device parent, const raw::device_type& type, void* owner,
					  const char* name);
	explicit ClassDevice(Internals::Object* object) : object_(object) {}
	Internals::Object* object_ = nullptr;
};

/// Files of a device, of a class T, that it has not had from the beginning. They disappear with this object, which goes before
/// the device does.
class [[nodiscard]] LateFiles : MoveOnly {
public:
	LateFiles() = default;
	LateFiles(LateFiles&& other) : dev_(exchange(other.dev_, nullptr)), group_(other.group_) {}
	LateFiles& operator=(LateFiles&& other)
	{
		swap(dev_, other.dev_);
		swap(group_, other.group_);
		return *this;
	}
	/// Context: process; sleeps: waits for the attributes' functions.
	~LateFiles() EXCLUDES(atomic_context)
	{
		if (dev_ != nullptr)
			raw::sysfs_remove_group(&dev_->kobj, group_);
	}
	explicit operator bool() const { return dev_ != nullptr; }
	/// Those in `List`, device::Attributes, beside the others.
	/// Context: process; sleeps.   Errors: EEXIST a name is taken, with the kernel's own lines; ENOMEM.
	template <class T, class List> static Result<LateFiles> create(Device device) EXCLUDES(atomic_context)
	{
		return create(device, detail::Table<Internals::Type<T>, List>::group);
	}
	/// The same, in a folder of their own.
	template <class T, class List, Literal Folder>
	static Result<LateFiles> create_in(Device device) EXCLUDES(atomic_context)
	{
		return create(device, detail::Table<Internals::Type<T>, List>::template folder<Folder>);
	}

private:
	static Result<LateFiles> create(Device device, const raw::attribute_group& group)
	{
		TRY(from_c(raw::sysfs_create_group(&device.unsafe_raw()->kobj, &group)));
		return LateFiles{device.unsafe_raw(), group};
	}
	LateFiles(raw::device* dev, const raw::attribute_group& group) : dev_(dev), group_(&group) {}
	raw::device* dev_ = nullptr;
	const raw::attribute_group* group_ = nullptr;
};

/// Has user space say how slowly a device of a class T may answer, in power/pm_qos_latency_tolerance_us, which is `us` until
/// then: `set(T&, u64 us)` is told, with ~0 for no limit, and in this call, too. The file goes with the device, and `set` may
/// be called until that has gone. Nothing on a kernel without power management.
/// Context: process; sleeps. So does `set`.   Errors: ENOMEM.   Units: microseconds.
template <class T, void (*set)(T&, u64)> Result<void> show_latency_tolerance(Device device, u64 us)
	EXCLUDES(atomic_context)
{
	constexpr raw::s32 kAny = 0x7fffffff;
	raw::cxxrt_set_latency_tolerance(device.unsafe_raw(), [](raw::device* dev, raw::s32 now) {
		set(Internals::Type<T>::owner(dev), now < 0 || now == kAny ? ~u64(0) : u64(now));
	});
	TRY(from_c(raw::cxxrt_update_latency_tolerance(device.unsafe_raw(), us < u64(kAny) ? raw::s32(us) : kAny)));
	return from_c(raw::cxxrt_expose_latency_tolerance(device.unsafe_raw()));
}

/// A link in a device's folder to another device's. It disappears with this object; both outlive it.
class [[nodiscard]] Link : MoveOnly {
public:
	Link() = default;
	Link(Link&& other) : dev_(exchange(other.dev_, nullptr)), name_(other.name_) {}
	Link& operator=(Link&& other)
	{
		swap(dev_, other.dev_);
		swap(name_, other.name_);
		return *this;
	}
	~Link() EXCLUDES(atomic_context)
	{
		if (dev_ != nullptr)
			raw::sysfs_remove_link(&dev_->kobj, name_);
	}
	/// `name` outlives it.   Context: process; sleeps.   Errors: EEXIST, with the kernel's own lines; ENOMEM.
	static Result<Link> create(Device from, Device to, const char* name) EXCLUDES(atomic_context)
	{
		TRY(from_c(raw::sysfs_create_link(&from.unsafe_raw()->kobj, &to.unsafe_raw()->kobj, name)));
		return Link{from.unsafe_raw(), name};
	}

private:
	Link(raw::device* dev, const char* name) : dev_(dev), name_(name) {}
	raw::device* dev_ = nullptr;
	const char* name_ = nullptr;
};

/// Tells user space that `device` has changed: `variable` is NAME=value.
/// Context: process; sleeps.
void notify_change(Device device, const char* variable) EXCLUDES(atomic_context);
/// The same with what the format makes of `args`, cut after 63 bytes.
template <Literal Format, class... Args> void notify_change(Device device, Args... args) EXCLUDES(atomic_context)
{
	static_assert(log::detail::format_matches<Args...>(Format.text), "the format does not match the arguments");
	char variable[64];
	raw::scnprintf(variable, sizeof(variable), kText<Format>.text, args...);
	notify_change(device, variable);
}

}  // namespace cxxrt::device
