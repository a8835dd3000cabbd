// SPDX-License-Identifier: GPL-2.0
#include "driver.hpp"

#include "params.hpp"

#include <cxxrt/enforce.hpp>

namespace binder {

// --- contexts ---

CXXRT_HOT Ref<Node> Context::manager()
{
	const Guard guard{lock_};
	return manager_ ? manager_.clone() : Ref<Node>{};
}

bool Context::is_managed_by(const Process& process)
{
	const Guard guard{lock_};
	return manager_ && &manager_->owner() == &process;
}

CXXRT_COLD Result<void> Context::set_manager(Process& process, const FlatObject& object)
{
	const Guard setting{setting_};
	if (manager_address_.load_relaxed() != nullptr) {
		note<debug::kUserError, "%s has a context manager already">(name);
		return EBUSY;
	}
	TRY(process.credentials.may_manage_binder());
	const auto user = task::UserId::current_effective();
	if (user_.is_valid() && !(user_ == user)) {
		note<debug::kUserError, "%s is for a context manager of user %u, not %u">(name,
											  user_.in_initial_namespace(),
											  user.in_initial_namespace());
		return EPERM;
	}
	user_ = user;
	Node* node = TRY(process.pin_node_for(object));
	{
		const KindGuard<Inner> guard{process.inner};
		node->make_manager(guard);
	}
	{
		const Guard guard{lock_};
		manager_ = Ref<Node>::to(*node);
		manager_address_.store_relaxed(node);
	}
	process.unpin(*node);
	return {};
}

void Context::forget(Process& process)
{
	Ref<Node> old;
	const Guard guard{lock_};
	if (manager_ && &manager_->owner() == &process) {
		old = move(manager_);
		manager_address_.store_relaxed(nullptr);
	}
}

// --- all processes ---

void Driver::add(Process& process)
{
	bool is_first = true;
	{
		const Guard guard{lock_};
		for (Process& other : processes_)
			is_first = is_first && (other.is_released || other.group != process.group);
		processes_.push_front(process);
	}
	if (is_first)
		process.file_ = process_folder.file<&Driver::show_process>(
			FixedText<16>{"", u32(process.group)}.c_str(), process);
}

void Driver::mark_released(Process& process)
{
	const Guard guard{lock_};
	process.is_released = true;
}

void Driver::count_past(const Traffic& traffic)
{
	const Guard guard{lock_};
	past_.add(traffic);
}

void Driver::remove(Process& process)
{
	const Guard guard{lock_};
	process.list_hook.unlink();
}

u64 Driver::count()
{
	const TryMutexGuard guard{lock_};
	if (!guard)
		return 0;
	u64 pages = 0;
	for (Process& process : processes_)
		pages += process.buffers.idle_pages();
	return pages;
}

u64 Driver::scan(u64 most)
{
	const TryMutexGuard guard{lock_};
	if (!guard)
		return 0;
	u64 freed = 0;
	for (Process& process : processes_) {
		if (freed >= most)
			break;
		freed += process.buffers.shrink(most - freed);
	}
	return freed;
}

// --- the module ---

/// A device, and those after it.
struct Driver::Device : Pinned {
	Device(Driver& driver, const char* name) : name(name), context(driver, this->name.c_str()) {}
	FixedText<256> name;
	Context context;
	Box<Device> next;
	Box<misc::Node<Context, Process>> node;
};

Driver::Driver() = default;

Driver::~Driver()
{
	while (devices_) {
		Box<Device> next = move(devices_->next);
		devices_ = move(next);
	}
	shrinker_.reset();
	// What is in a folder before the folder.
	for (debugfs::Entry& file : files_)
		file = {};
	process_folder = {};
	folder_ = {};
}

Result<Box<Driver>> Driver::create()
{
	TRY(stats::begin());
	Box<Driver> driver;
	auto made = Box<Driver>::make(Gfp::Kernel);
	Result<void> begun = ENOMEM;
	if (made.ok()) {
		driver = made.take();
		begun = driver->begin();
	}
	if (!begun.ok()) {
		driver.reset();
		stats::end();
		return begun.error();
	}
	return driver;
}

Result<void> Driver::begin()
{
	TRY(log.begin());
	TRY(failed_log.begin());
	if constexpr (mm::kCanZap) {
		auto shrinker = TRY(mm::Shrinker<Driver>::create("android-binder_cpp", *this));
		shrinker_ = TRY(Box<mm::Shrinker<Driver>>::make(Gfp::Kernel, move(shrinker)));
	}
	folder_ = debugfs::Entry::folder(params::compat_names() ? "binder" : "binder_cpp");
	files_[0] = folder_.file<&Driver::show_state>("state", *this);
	files_[1] = folder_.file<&Driver::show_stats>("stats", *this);
	files_[2] = folder_.file<&Driver::show_transactions>("transactions", *this);
	files_[3] = folder_.file<&Driver::show_log>("transaction_log", log);
	files_[4] = folder_.file<&Driver::show_log>("failed_transaction_log", failed_log);
	process_folder = folder_.subfolder("proc");
	return add_devices();
}

Result<void> Driver::add_devices()
{
	// Names with commas between them, an empty one too.
	const char* text = params::devices();
	while (*text != '\0') {
		size_t length = 0;
		while (text[length] != '\0' && text[length] != ',')
			++length;
		FixedText<256> name;
		if (length > 255)
			return E2BIG;
		name.assign(text, length);
		Box<Device> device = TRY(Box<Device>::make(Gfp::Kernel, *this, name.c_str()));
		device->node = TRY(misc::Node<Context, Process>::create(device->name.c_str(), device->context));
		device->next = move(devices_);
		devices_ = move(device);
		text += length;
		if (*text == ',')
			++text;
	}
	return {};
}

}  // namespace binder
