// SPDX-License-Identifier: GPL-2.0
#include "binderfs.hpp"

#include "params.hpp"

#include <cxxrt/enforce.hpp>

namespace binder {

// --- devices ---

Mount::Device::~Device()
{
	const Guard guard{mount_.lock_};
	if (is_counted_)
		--mount_.count_;
}

Result<void> Mount::Device::claim()
{
	const Guard guard{mount_.lock_};
	if (mount_.count_ >= mount_.max_)
		return ENOSPC;
	TRY(number.claim(*mount_.owner_.numbers, mount_.reserved_));
	++mount_.count_;
	is_counted_ = true;
	return {};
}

Result<Ref<Process>> Mount::Device::open(chardev::File file)
{
	auto process = TRY(Process::open(*context, file));
	mount_.show_process(*process);
	return process;
}

// --- mounts ---

Result<void> Mount::set(Options& options, filesystem::Given given)
{
	if (given.index == 0) {
		if (given.value > kMostDevices) {
			note<debug::kUserError, "max=%u: at most %u">(given.value, kMostDevices);
			return EINVAL;
		}
		options.max = given.value;
		return {};
	}
	if (!caller_is_admin())
		return EPERM;
	options.shows_logs = true;
	return {};
}

Result<void> Mount::add_all()
{
	const char* rest = params::devices();
	for (;;) {
		DeviceRequest request;
		const bool is_there = TRY(Driver::next_name(rest, request.name));
		if (!is_there || request.name[0] == '\0')
			return {};
		TRY(add(request, UserAddress{}));
	}
}

Result<void> Mount::fill(filesystem::Folder<Mount> root)
{
	root_ = root;
	TRY(number_.claim(*owner_.numbers, reserved_));
	TRY(root.control("binder-control", number_));
	TRY(add_all());
	const auto features = TRY(root.folder("features"));
	TRY(features.file("oneway_spam_detection", kFeature));
	TRY(features.file("extended_error", kFeature));
	if constexpr (kSince6_12)
		TRY(features.file("freeze_notification", kFeature));
	if (!shows_logs_)
		return {};
	const auto logs = TRY(root.folder("binder_logs"));
	u32 key = kFirstLog;
	for (const char* name : Driver::kFiles)
		TRY(logs.file(name, key++));
	processes_ = TRY(logs.folder("proc"));
	return {};
}

Result<void> Mount::remount(const Options& options)
{
	if (options.shows_logs != shows_logs_) {
		note<debug::kUserError, "stats= cannot be changed by a remount">();
		return EINVAL;
	}
	const Guard guard{lock_};
	max_ = options.max;
	return {};
}

void Mount::show_options(debugfs::Text& out)
{
	const Guard guard{lock_};
	out.print<",max=%u%s">(max_, shows_logs_ ? ",stats=global" : "");
}

void Mount::show(debugfs::Text& out, u64 key)
{
	if (key == kFeature)
		out.print<"1\n">();
	else
		owner_.driver.show(out, u32(key) - kFirstLog);
}

void Mount::show_process(Process& process)
{
	if (!shows_logs_ || !process.is_first)
		return;
	auto made = processes_.entry(FixedText<16>{"", u32(process.group)}.c_str(),
				     kFirstLog + Driver::kGroup + u32(process.group));
	if (made.ok())
		process.show_as(made.take());
}

Result<void> Mount::add(DeviceRequest& request, UserAddress answer)
{
	auto device = TRY(Box<Device>::make(Gfp::Kernel, *this));
	TRY(device->claim());
	request.major = device->number.major();
	request.minor = device->number.minor();
	device->context = TRY(Context::create(owner_.driver, request.name));
	if (answer)
		TRY(answer.write(request));
	const chardev::Region::Number& its = device->number;
	return root_.device(request.name, its, move(device));
}

Result<void> Mount::control(u32 command, UserAddress argument)
{
	if (command != kAddDevice)
		return EINVAL;
	DeviceRequest request;
	TRY(argument.read_bytes(&request, sizeof(request)));
	request.name[sizeof(request.name) - 1] = '\0';
	const Result<void> added = add(request, argument);
	if (!added.ok())
		note<debug::kUserError, "%d: no device was added: %d">(task::current_group_id(), added.to_c());
	return added;
}

// --- the file system ---

Result<Box<Binderfs>> Binderfs::create(Driver& driver)
{
	const char* name = params::compat_names() ? "binder" : "binder_cpp";
	auto numbers = TRY(chardev::Region::create(name));
	auto made = TRY(Box<Binderfs>::make(Gfp::Kernel, Key{}, driver, move(numbers)));
	TRY(made->type_.add(name));
	return made;
}

}  // namespace binder
