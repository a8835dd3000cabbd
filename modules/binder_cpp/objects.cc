// SPDX-License-Identifier: GPL-2.0
/// \file
/// What the objects in a buffer hold is given back with it.
#include "driver.hpp"
#include "params.hpp"
#include "process.hpp"

#include <cxxrt/enforce.hpp>

namespace binder {

namespace {

union StoredObject {
	u32 type;
	FlatObject flat;
	FdArrayObject fds;
	PointerObject pointer;
};

/// The object at `offset`, as its sender's was checked; its type is 0 if it cannot be read.
StoredObject object_at(Buffers& buffers, const Buffer& buffer, u64 offset)
{
	StoredObject object{};
	if (offset < buffer.data_size()) {
		const u64 room = min(u64(sizeof(object)), buffer.data_size() - offset);
		if (!buffers.read(buffer, offset, &object, room).ok())
			object.type = 0;
	}
	return object;
}

}  // namespace

// NOLINTNEXTLINE(readability-function-cognitive-complexity): a case for each kind
void Process::release_objects(Buffer& buffer, u64 end, Thread* thread, bool failed)
{
	for (u64 at = buffer.offsets_start(); at < end; at += sizeof(u64)) {
		u64 offset = 0;
		if (!buffers.read(buffer, at, &offset, sizeof(offset)).ok())
			continue;
		const StoredObject object = object_at(buffers, buffer, offset);
		switch (ObjectType(object.type)) {
		case ObjectType::Binder:
		case ObjectType::WeakBinder: {
			Node* node = pin_node(object.flat.binder);
			if (node == nullptr) {
				note<debug::kUserError, "buffer %u has no node %llx">(buffer.id, object.flat.binder);
				break;
			}
			{
				After after;
				const KindGuard<Inner> guard{inner};
				node->uncount(object.type == u32(ObjectType::Binder) ? Strength::Strong
										     : Strength::Weak,
					      guard, after);
			}
			unpin(*node);
			break;
		}
		case ObjectType::Handle:
		case ObjectType::WeakHandle: {
			const auto done = uncount_handle(u32(object.flat.binder), object.type == u32(ObjectType::Handle)
											  ? Strength::Strong
											  : Strength::Weak);
			if (!done.ok())
				note<debug::kUserError, "buffer %u has no handle %u">(buffer.id,
										      u32(object.flat.binder));
			break;
		}
		case ObjectType::FdArray: {
			// Before it was delivered there are no descriptors.
			if (failed)
				break;
			const FdArrayObject& array = object.fds;
			u64 parent_offset = 0;
			if (!buffers.read(buffer, buffer.offsets_start() + (array.parent * sizeof(u64)), &parent_offset,
					  sizeof(parent_offset))
				     .ok())
				break;
			const StoredObject parent = object_at(buffers, buffer, parent_offset);
			if (parent.type != u32(ObjectType::Pointer))
				break;
			const u64 start = parent.pointer.buffer - buffers.address_of(buffer) + array.parent_offset;
			for (u64 i = 0; i < array.count; ++i) {
				u32 descriptor = 0;
				if (!buffers.read(buffer, start + (i * sizeof(u32)), &descriptor, sizeof(descriptor))
					     .ok())
					break;
				file::close(descriptor);
				if (thread != nullptr)
					thread->must_return.store_relaxed(1);
			}
			break;
		}
		// Descriptors alone are user space's own; buffers go with this one.
		case ObjectType::Fd:
		case ObjectType::Pointer:
		default:
			break;
		}
	}
}

}  // namespace binder
