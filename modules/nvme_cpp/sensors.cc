// SPDX-License-Identifier: GPL-2.0
#include "sensors.hpp"

#include "controller.hpp"

#include <cxxrt/enforce.hpp>

namespace nvme {

using hwmon::Access;
using hwmon::Temperature;

// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): the lower one first
void Sensors::start(u32 warning, u32 critical)
{
	warning_ = warning;
	critical_ = critical;
	auto read = controller_.admin().log_page<SmartLog>(LogPage::Smart);
	if (!read.ok()) {
		log::warn<"%s: Failed to read smart log (error %d)">(controller_.name(), read.error().to_c());
		return;
	}
	const Box<SmartLog> smart = read.take();
	present_[0] = true;
	for (u32 i = 1; i < kTemperatures; ++i)
		present_[i] = smart->sensors[i - 1].get() != 0;
	auto made = hwmon::Chip::create(controller_.device(), *this);
	if (made.ok())
		chip_ = made.take();
	else if (made.error() != EOPNOTSUPP)
		log::warn<"%s: Failed to instantiate hwmon device">(controller_.name());
}

Access Sensors::access(Temperature what, u32 index) const
{
	if (index >= kTemperatures || !present_[index])
		return Access::None;
	switch (what) {
	case Temperature::Max:
	case Temperature::Min:
		if (index == 0 ? warning_ == 0 : controller_.has(Quirk::NoOtherThresholds))
			return Access::None;
		return controller_.has(Quirk::NoThresholdChange) ? Access::Read : Access::ReadWrite;
	case Temperature::Critical:
		return index == 0 && critical_ != 0 ? Access::Read : Access::None;
	case Temperature::Alarm:
		return index == 0 ? Access::Read : Access::None;
	case Temperature::Input:
	case Temperature::Label:
		return Access::Read;
	}
	return Access::None;
}

u32 Sensors::threshold(Temperature what, u32 index, u32 kelvins)
{
	constexpr u32 kUnder = 1u << 20;
	return kelvins | index << 16 | (what == Temperature::Min ? kUnder : 0);
}

u32 Sensors::kelvins(long millicelsius)
{
	constexpr long kMost = 0xffff;
	const long least = celsius(0);
	if (millicelsius <= least)
		return 0;
	if (millicelsius >= celsius(kMost))
		return kMost;
	return u32((millicelsius - least + 500) / 1000);
}

Result<long> Sensors::read(Temperature what, u32 index)
{
	switch (what) {
	case Temperature::Max:
	case Temperature::Min: {
		const u32 found = TRY(controller_.admin().get_feature(Feature::Threshold, threshold(what, index, 0)));
		return celsius(found & 0xffff);
	}
	case Temperature::Critical:
		return celsius(critical_);
	case Temperature::Input:
	case Temperature::Alarm: {
		const Box<SmartLog> smart = TRY(controller_.admin().log_page<SmartLog>(LogPage::Smart));
		if (what == Temperature::Alarm)
			return long((smart->warning & SmartLog::kTemperature) != 0);
		if (index == 0)
			return celsius(smart->temperature[0] | u32(smart->temperature[1]) << 8);
		return index < kTemperatures ? celsius(smart->sensors[index - 1].get()) : 0l;
	}
	case Temperature::Label:
		break;
	}
	return EOPNOTSUPP;
}

Result<void> Sensors::write(Temperature what, u32 index, long value)
{
	if (what != Temperature::Max && what != Temperature::Min)
		return EOPNOTSUPP;
	TRY(controller_.admin().set_feature(Feature::Threshold, threshold(what, index, kelvins(value))));
	return {};
}

// NOLINTNEXTLINE(readability-convert-member-functions-to-static): a chip's
const char* Sensors::label(u32 index) const
{
	constexpr const char* kLabels[kTemperatures] = {"Composite", "Sensor 1", "Sensor 2", "Sensor 3", "Sensor 4",
							"Sensor 5",  "Sensor 6", "Sensor 7", "Sensor 8"};
	return index < kTemperatures ? kLabels[index] : "";
}

}  // namespace nvme
