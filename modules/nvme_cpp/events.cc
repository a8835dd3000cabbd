// SPDX-License-Identifier: GPL-2.0
#include "events.hpp"

#include "controller.hpp"
#include "params.hpp"

#include <cxxrt/enforce.hpp>

namespace nvme {

namespace {

/// 5.2.1, figure 145: bits 2 to 0 of the result.
enum class Type : u8 { Error = 0, Smart = 1, Notice = 2, CommandSet = 6, Vendor = 7 };
/// Figures 146 and 148: bits 15 to 8.
constexpr u32 kPersistentError = 3;
constexpr u32 kNamespacesChanged = 0;
constexpr u32 kFirmwareStarts = 1;
constexpr u32 kDiscoveryChanged = 0xf0;
/// 5.27.1.8, figure 326: what is of interest here; the rest, user space may ask for.
constexpr u32 kNamespaceNotices = 1u << 8;
constexpr u32 kFirmwareNotices = 1u << 9;

}  // namespace

EventAction Event::action() const
{
	const u32 info = bits_ >> 8 & 0xff;
	switch (Type(bits_ & 7)) {
	case Type::Notice:
		switch (info) {
		case kNamespacesChanged:
			return EventAction::Scan;
		case kFirmwareStarts:
			return EventAction::Firmware;
		case kDiscoveryChanged:
			return EventAction::Tell;
		default:
			return EventAction::Unknown;
		}
	case Type::Error:
		return info == kPersistentError ? EventAction::Reset : EventAction::Tell;
	case Type::Smart:
	case Type::CommandSet:
	case Type::Vendor:
		return EventAction::Tell;
	}
	return EventAction::Nothing;
}

void Events::start(u32 supported)
{
	const u32 wanted = supported & (kNamespaceNotices | kFirmwareNotices);
	if (wanted == 0)
		return;
	if (!controller_.admin().set_feature(Feature::Events, wanted).ok())
		log::warn<"%s: Failed to configure AEN (cfg %x)">(controller_.name(), wanted);
	(void)work_.schedule_long();
}

bool Events::completed(Status status, u32 result)
{
	if (outstanding_.swap(0) == 0)
		return false;
	// It says no, for example because it was asked to abort it: not asked again.
	if (!status.ok())
		return true;
	trace::nvme_async_event(controller_.number(), result);
	const Event event{result};
	switch (event.action()) {
	case EventAction::Scan:
		namespaces_changed_.store_release(1);
		controller_.rescan();
		break;
	case EventAction::Firmware:
		if (controller_.begin_pause()) {
			(void)firmware_work_.schedule_long();
			return true;
		}
		break;
	case EventAction::Reset:
		log::warn<"%s: resetting controller due to persistent internal error">(controller_.name());
		controller_.request_reset();
		return true;
	case EventAction::Tell:
		to_tell_.store_release(event.bits());
		break;
	case EventAction::Unknown:
		log::warn_limited<"%s: async event result %08x">(unknown_limit_, controller_.name(), event.bits());
		break;
	case EventAction::Nothing:
		break;
	}
	(void)work_.schedule_long();
	return true;
}

void Events::run()
{
	const u32 told = to_tell_.swap(0);
	if (told != 0)
		controller_.tell_event(told);
	controller_.send_event_request();
}

void Events::follow_firmware()
{
	if (controller_.pause_for_firmware())
		run();
}

void Events::stop()
{
	firmware_work_.cancel();
	work_.cancel();
}

}  // namespace nvme
