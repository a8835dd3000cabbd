// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// A controller's temperatures.
/// Spec: NVMe Base 2.0, 5.16.1.3 "SMART / Health Information", 5.27.1.3 "Temperature Threshold".
/// C side: drivers/nvme/host/hwmon.c.

#include <cxxrt/hwmon.hpp>
#include <cxxrt/lock.hpp>

#include "spec.hpp"

namespace nvme {

class Controller;

/// The composite temperature, and those of up to eight sensors.
class Sensors : Pinned {
public:
	static constexpr const char* kName = "nvme";
	static constexpr u32 kTemperatures = 9;

	explicit Sensors(Controller& controller) : controller_(controller) {}
	/// Makes them appear, if the device has them; a line if it should and does not.   Context: process; sleeps.
	/// Units: `warning` and `critical` in kelvins; 0: the device does not say.
	void start(u32 warning, u32 critical) EXCLUDES(atomic_context);
	/// Context: process; sleeps, for as long as a command may take.
	void stop() EXCLUDES(atomic_context) { chip_ = {}; }

	hwmon::Access access(hwmon::Temperature what, u32 index) const;
	Result<long> read(hwmon::Temperature what, u32 index) EXCLUDES(atomic_context);
	Result<void> write(hwmon::Temperature what, u32 index, long value) EXCLUDES(atomic_context);
	const char* label(u32 index) const;

	/// Word 11 of the feature that holds a threshold.
	static u32 threshold(hwmon::Temperature what, u32 index, u32 kelvins);
	/// Thousandths of a degree Celsius.
	static long celsius(u32 kelvins) { return (long(kelvins) * 1000) - 273150; }
	/// The nearest that a threshold can hold.
	static u32 kelvins(long millicelsius);

private:
	Controller& controller_;
	u32 warning_ = 0;
	u32 critical_ = 0;
	bool present_[kTemperatures] = {};
	hwmon::Chip chip_;  // last: nobody reads any more when it is gone
};

}  // namespace nvme
