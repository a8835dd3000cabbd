// SPDX-License-Identifier: GPL-2.0
#include "binderfs.hpp"
#include "params.hpp"

#include <cxxrt/enforce.hpp>

namespace binder {

// --- contexts ---

Result<Ref<Context>> Context::create(Driver& driver, const char* name)
{
	auto made = TRY(Box<Name>::make(Gfp::Kernel));
	made->text.assign(name);
	return Ref<Context>::make(Gfp::Kernel, driver, move(made));
}

Context::~Context() { driver.bury(move(name_)); }

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
		// A name may be anything that a user namespace's root wants to see in the log.
		note<debug::kUserError, "%d: there is a context manager already">(process.group);
		return EBUSY;
	}
	TRY(process.credentials.may_manage_binder());
	const auto user = task::UserId::current_effective();
	if (user_.is_valid() && !(user_ == user)) {
		note<debug::kUserError, "%d: the context manager is to be user %u, not %u">(
			process.group, user_.in_initial_namespace(), user.in_initial_namespace());
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
	process.is_first = is_first;
	process.shown_ = {.driver = this, .which = kGroup + u32(process.group)};
	if (is_first)
		process.file_ = process_folder.file<&Driver::show_file>(FixedText<16>{"", u32(process.group)}.c_str(),
									process.shown_);
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

void Driver::bury(Box<Context::Name> name)
{
	const Guard guard{lock_};
	name->next = move(old_names_);
	old_names_ = move(name);
	// Nobody writes them into a log any more.
	for (Box<Context::Name>* at = &old_names_; *at;) {
		const char* text = (*at)->text.c_str();
		if (log.has(text) || failed_log.has(text)) {
			at = &(*at)->next;
		} else {
			Box<Context::Name> next = move((*at)->next);
			*at = move(next);
		}
	}
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
	explicit Device(Ref<Context> context) : context(move(context)) {}
	Ref<Context> context;
	Box<Device> next;
	Box<misc::Node<Context, Process>> node;
};

Driver::Driver() = default;

Driver::~Driver()
{
	binderfs_.reset();
	while (devices_) {
		Box<Device> next = move(devices_->next);
		devices_ = move(next);
	}
	{
		const Guard guard{lock_};
		while (old_names_) {
			Box<Context::Name> next = move(old_names_->next);
			old_names_ = move(next);
		}
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
	for (u32 which = 0; which < kGroup; ++which) {
		shown_[which] = {.driver = this, .which = which};
		files_[which] = folder_.file<&Driver::show_file>(kFiles[which], shown_[which]);
	}
	process_folder = folder_.subfolder("proc");
	TRY(add_devices());
	// Last: what is mounted stays.
	binderfs_ = TRY(Binderfs::create(*this));
	return {};
}

Result<bool> Driver::next_name(const char*& rest, char (&name)[256])
{
	if (*rest == '\0')
		return false;
	size_t length = 0;
	for (; *rest != '\0' && *rest != ','; ++rest) {
		if (length == sizeof(name) - 1)
			return E2BIG;
		name[length++] = *rest;
	}
	name[length] = '\0';
	if (*rest == ',')
		++rest;
	return true;
}

Result<void> Driver::add_devices()
{
	// Names with commas between them, an empty one too.
	const char* rest = params::devices();
	for (;;) {
		char name[256];
		const bool is_there = TRY(next_name(rest, name));
		if (!is_there)
			return {};
		auto context = TRY(Context::create(*this, name));
		Box<Device> device = TRY(Box<Device>::make(Gfp::Kernel, move(context)));
		device->node = TRY(misc::Node<Context, Process>::create(device->context->name, *device->context));
		device->next = move(devices_);
		devices_ = move(device);
	}
}

}  // namespace binder
