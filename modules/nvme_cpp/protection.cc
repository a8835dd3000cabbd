// SPDX-License-Identifier: GPL-2.0
#include "protection.hpp"

#include <cxxrt/system.hpp>

#include <cxxrt/enforce.hpp>

namespace nvme {

namespace {

/// NVM 4.1.5.3, figure 104: kinds of protection, as a format names them.
constexpr u32 kGuard16 = 0;
constexpr u32 kGuard64 = 2;
constexpr u32 kQualifiedGuard = 3;

/// None, if there is a storage tag, which nobody here knows what to do with, or if it is of another kind.
Metadata::Guard guard_of(const IdentifyNamespaceNvm& extra, u32 format)
{
	const u32 bits = extra.elbaf[format].get();
	if ((bits & 0x7f) != 0)
		return Metadata::Guard::None;
	u32 guard = bits >> 7 & 3;
	if (kSince6_12 && guard == kQualifiedGuard && (extra.pic & IdentifyNamespaceNvm::kQualified) != 0)
		guard = bits >> 9 & 0xf;
	if (guard == kGuard16)
		return Metadata::Guard::Crc16;
	return guard == kGuard64 ? Metadata::Guard::Crc64 : Metadata::Guard::None;
}

}  // namespace

Metadata Metadata::read(const IdentifyNamespace& id, u32 format, const IdentifyNamespaceNvm* extra, Offset offsets)
{
	Metadata made;
	made.bytes = id.lbaf[format].ms.get();
	if (made.bytes == 0)
		return made;
	made.extended = (id.flbas & IdentifyNamespace::kExtended) != 0;
	made.guard = extra != nullptr ? guard_of(*extra, format) : Guard::Crc16;
	const u32 type = id.dps & IdentifyNamespace::kProtectionType;
	if (made.guard == Guard::None || type > kMostType)
		return made;
	made.type = u8(type);
	if (made.bytes < made.protection_bytes())
		made.type = 0;
	if ((id.dps & IdentifyNamespace::kProtectionFirst) == 0 && made.bytes != made.protection_bytes()) {
		if (offsets == Offset::Used)
			made.offset = made.bytes - made.protection_bytes();
		else
			made.type = 0;
	}
	if (made.type == 0)
		made.offset = 0;
	return made;
}

blk::Integrity Metadata::integrity() const
{
	blk::Integrity made{.max_segments = 1};
	if (!has_own_memory())
		return made;
	made.tuple_bytes = bytes;
	if (type == 0)
		return made;
	made.guard = guard;
	// What is left of the part that protects, beside the guard, and the reference that the kernel makes.
	const u32 reference = guard == Guard::Crc64 ? 6 : 4;
	made.tag_bytes = has_reference() ? 2 : 2 + reference;
	made.has_reference = has_reference();
	made.offset = offset;
	return made;
}

}  // namespace nvme
