// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Sensors that user space reads: /sys/class/hwmon/hwmonN.
/// C side: include/linux/hwmon.h, helpers/hwmon.c.
///
/// A chip is an object of a class T with
///     static constexpr const char* kName
///     static constexpr u32 kTemperatures = ...                         from 1; the first has the most attributes
///     hwmon::Access access(hwmon::Temperature what, u32 index) const   asked once, when it appears
///     Result<long> read(hwmon::Temperature what, u32 index)            process; sleeps.   Units: thousandths of a degree Celsius
///     Result<void> write(hwmon::Temperature what, u32 index, long value)
///     const char* label(u32 index) const
/// Errors: what read() and write() say is what user space gets.

#include <cxxrt/device.hpp>

namespace cxxrt::hwmon {

/// What there can be of a temperature.
enum class Temperature : u8 {
	Input = raw::hwmon_temp_input,
	Max = raw::hwmon_temp_max,
	Min = raw::hwmon_temp_min,
	Critical = raw::hwmon_temp_crit,
	Label = raw::hwmon_temp_label,
	Alarm = raw::hwmon_temp_alarm,
};

enum class Access : u16 { None = 0, Read = 0444, ReadWrite = 0644 };

/// A chip that has appeared. It disappears with this object; the T outlives it.
class [[nodiscard]] Chip : MoveOnly {
public:
	Chip() = default;
	Chip(Chip&& other) : dev_(exchange(other.dev_, nullptr)) {}
	Chip& operator=(Chip&& other)
	{
		swap(dev_, other.dev_);
		return *this;
	}
	/// Context: process; sleeps: waits for read() and write().
	~Chip() EXCLUDES(atomic_context)
	{
		if (dev_ != nullptr)
			raw::cxxrt_hwmon_device_unregister(dev_);
	}
	/// Context: process; sleeps.   Errors: EOPNOTSUPP the kernel has no such devices; ENOMEM.
	template <class T> static Result<Chip> create(device::Device parent, T& chip) EXCLUDES(atomic_context)
	{
		return Chip{TRY(from_err_ptr(
			raw::cxxrt_hwmon_device_register(parent.unsafe_raw(), T::kName, &chip, &Table<T>::kChip)))};
	}

private:
	explicit Chip(raw::device* dev) : dev_(dev) {}

	template <class T> struct Table {
		// SAFETY (all): create() gave the T as the device's data; it outlives the device.
		static T& chip(raw::device* dev) { return *static_cast<T*>(raw::cxxrt_dev_get_drvdata(dev)); }
		static raw::umode_t is_visible(const void* data, raw::hwmon_sensor_types, u32 what, int index)
		{
			return raw::umode_t(static_cast<const T*>(data)->access(Temperature(what), u32(index)));
		}
		static int read(raw::device* dev, raw::hwmon_sensor_types, u32 what, int index, long* value)
		{
			Result<long> found = chip(dev).read(Temperature(what), u32(index));
			if (!found.ok())
				return found.error().to_c();
			*value = found.take();
			return 0;
		}
		static int write(raw::device* dev, raw::hwmon_sensor_types, u32 what, int index, long value)
		{
			return chip(dev).write(Temperature(what), u32(index), value).to_c();
		}
		static int label(raw::device* dev, raw::hwmon_sensor_types, u32, int index, const char** text)
		{
			*text = chip(dev).label(u32(index));
			return 0;
		}
		static constexpr u32 bit(Temperature what) { return 1u << u32(what); }
		static constexpr u32 kEach = bit(Temperature::Input) | bit(Temperature::Max) | bit(Temperature::Min) |
					     bit(Temperature::Label);
		struct Config {
			u32 of[T::kTemperatures + 1];
		};
		static constexpr Config make()
		{
			Config made{};
			for (u32 i = 0; i < T::kTemperatures; ++i)
				made.of[i] = kEach;
			made.of[0] |= bit(Temperature::Critical) | bit(Temperature::Alarm);
			return made;
		}
		static constexpr Config kConfig = make();
		static constexpr u32 kZones[] = {1u << raw::hwmon_chip_register_tz, 0};
		static constexpr raw::hwmon_channel_info kZoneInfo{.type = raw::hwmon_chip, .config = kZones};
		static constexpr raw::hwmon_channel_info kInfo{.type = raw::hwmon_temp, .config = kConfig.of};
		// The kernel writes to none of it; 6.1 does not say so.
		static inline constinit const raw::hwmon_channel_info* infos[] = {&kZoneInfo, &kInfo, nullptr};
		static constexpr raw::hwmon_ops kOps{
			.is_visible = &is_visible,
			.read = &read,
			.read_string = &label,
			.write = &write,
		};
		static constexpr raw::hwmon_chip_info kChip{.ops = &kOps, .info = infos};
	};

	raw::device* dev_ = nullptr;
};

}  // namespace cxxrt::hwmon
