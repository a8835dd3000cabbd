// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/chardev.hpp>

namespace cxxrt::chardev {

Result<Box<Region>> Region::create(const char* name)
{
	auto made = TRY(Box<Region>::make(Gfp::Kernel, Key{}));
	raw::dev_t first = 0;
	TRY(from_c(raw::alloc_chrdev_region(&first, 0, kMinors, name)));
	made->first_ = first;
	return made;
}

Region::~Region()
{
	if (first_ != 0)
		raw::unregister_chrdev_region(first_, kMinors);
}

Result<void> Region::Number::claim(Region& region, u32 reserved)
{
	minor_ = u32(TRY(value_from_c(
		raw::ida_alloc_range(region.minors_.unsafe_raw(), 0, kMinors - 1 - reserved, Gfp::Kernel.bits()))));
	region_ = &region;
	return {};
}

Result<void> NodeBase::make(device::Class& cls, Region& region, device::Device parent, const raw::device_type& type,
			    const raw::file_operations& operations, void* owner, const char* name)
{
	using Base = device::Internals::Object;
	auto made = TRY(Box<Object>::make(Gfp::Kernel));
	TRY(made->gate.open());
	minor_ = TRY(region.minors_.allocate(Gfp::Kernel, Region::kMinors - 1));
	// From here on, its last reference frees it.
	object_ = made.leak();
	object_->owner = owner;
	// SAFETY: the Base of this Object, and of nothing else.
	// NOLINTNEXTLINE(cppcoreguidelines-pro-type-static-cast-downcast): there are no virtual functions to find out by
	object_->free = [](Base& gone) { Box<Object>::adopt(&static_cast<Object&>(gone)).reset(); };
	// What fails from here on is undone by ~NodeBase(): somebody may have opened it for a moment.
	TRY(device::Internals::initialize(*object_, cls, parent, type, name));
	object_->dev.devt = region.first_ + minor_.value();
	raw::cdev_init(&object_->cdev, &operations);
	object_->cdev.owner = &raw::__this_module;
	TRY(from_c(raw::cdev_device_add(&object_->cdev, &object_->dev)));
	object_->visible = true;
	return {};
}

void NodeBase::hide()
{
	if (object_ == nullptr || !exchange(object_->visible, false))
		return;
	raw::cdev_device_del(&object_->cdev, &object_->dev);
}

void NodeBase::close()
{
	if (object_ != nullptr)
		object_->gate.close();
}

NodeBase::~NodeBase()
{
	if (object_ == nullptr)
		return;
	hide();
	close();
	raw::put_device(&object_->dev);
}

}  // namespace cxxrt::chardev
