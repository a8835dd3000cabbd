// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/device.hpp>

namespace cxxrt::device {

Result<Box<Class>> Class::create(const char* name)
{
	auto made = TRY(Box<Class>::make(Gfp::Kernel, Key{}));
	raw::cxxrt_init_completion(&made->unused_);
	made->class_ = TRY(from_err_ptr(raw::cxxrt_class_create(name)));
	return made;
}

Class::~Class()
{
	if (class_ == nullptr)
		return;
	// Who lets go of the last one sees all of them.
	if (holders_.fetch_add(-1) != 1)
		raw::wait_for_completion(&unused_);
	raw::cxxrt_class_destroy(class_);
}

Result<void> Internals::initialize(Object& object, Class& cls, Device parent, const raw::device_type& type,
				   const char* name)
{
	raw::device_initialize(&object.dev);
	(void)cls.holders_.fetch_add(1);
	object.cls = &cls;
	object.dev.class_ = cls.class_;
	object.dev.type = &type;
	object.dev.parent = parent.unsafe_raw();
	return from_c(raw::cxxrt_dev_set_name(&object.dev, name));
}

void Internals::release(raw::device* dev)
{
	Object& object = owner_of<&Object::dev>(*dev);
	Class& cls = *object.cls;
	object.free(object);
	if (cls.holders_.fetch_add(-1) == 1)
		raw::complete(&cls.unused_);
}

int Internals::uevent(raw::device* dev, raw::kobj_uevent_env* env, void (*fill)(void* owner, Uevent&))
{
	Uevent event{env};
	fill(owner_of<&Object::dev>(*dev).owner, event);
	return event.unsafe_error();
}

Result<ClassDevice> ClassDevice::create(Class& cls, Device parent, const raw::device_type& type, void* owner,
					const char* name)
{
	using Object = Internals::Object;
	Object* object = TRY(Box<Object>::make(Gfp::Kernel)).leak();
	object->owner = owner;
	object->free = [](Object& gone) { Box<Object>::adopt(&gone).reset(); };
	Result<void> done = Internals::initialize(*object, cls, parent, type, name);
	if (done.ok())
		done = from_c(raw::device_add(&object->dev));
	if (!done.ok()) {
		raw::put_device(&object->dev);
		return done.error();
	}
	return ClassDevice{object};
}

void ClassDevice::remove()
{
	Internals::Object* object = exchange(object_, nullptr);
	if (object == nullptr)
		return;
	raw::device_del(&object->dev);
	raw::put_device(&object->dev);
}

void notify_change(Device device, const char* variable)
{
	// The kernel copies it, but takes it as one that may be written to.
	char* variables[] = {const_cast<char*>(variable), nullptr};
	(void)raw::kobject_uevent_env(&device.unsafe_raw()->kobj, raw::KOBJ_CHANGE, variables);
}

}  // namespace cxxrt::device
