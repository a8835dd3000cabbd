// SPDX-License-Identifier: GPL-2.0
#include "identity.hpp"

#include <cxxrt/enforce.hpp>

namespace nvme {

namespace {

/// 5.17.2.4, figure 284.
enum : u8 { kEui64 = 1, kNguid = 2, kUuid = 3, kSet = 4 };
/// Type, length, and two bytes of no meaning.
constexpr u32 kHeader = 4;

template <size_t size> void copy(u8 (&to)[size], const u8* from)
{
	for (size_t i = 0; i < size; ++i)
		to[i] = from[i];
}

template <size_t size> bool is_zero(const u8 (&bytes)[size])
{
	u8 any = 0;
	for (u8 byte : bytes)
		any |= byte;
	return any == 0;
}

template <size_t size> bool same(const u8 (&a)[size], const u8 (&b)[size])
{
	u8 any = 0;
	for (size_t i = 0; i < size; ++i)
		any |= a[i] ^ b[i];
	return any == 0;
}

/// How long an id of that type is; 0 for one that is not known.
u32 length_of(u8 type)
{
	switch (type) {
	case kEui64:
		return sizeof(Identity::eui64);
	case kNguid:
		return sizeof(Identity::nguid);
	case kUuid:
		return sizeof(Identity::uuid);
	case kSet:
		return 1;
	default:
		return 0;
	}
}

}  // namespace

Result<bool> Identity::take(const IdentifierList& list, Ids ids)
{
	bool has_set = false;
	u32 at = 0;
	while (at + kHeader <= sizeof(list.bytes)) {
		const u8 type = list.bytes[at];
		const u32 length = list.bytes[at + 1];
		const u8* data = &list.bytes[at] + kHeader;
		at += kHeader + length;
		if (length == 0 || at > sizeof(list.bytes))
			break;
		const u32 expected = length_of(type);
		if (expected == 0)
			continue;
		if (length != expected)
			return EINVAL;
		if (type == kSet) {
			set = CommandSet(*data);
			has_set = true;
		} else if (ids == Ids::Good) {
			if (type == kEui64)
				copy(eui64, data);
			else
				copy(type == kNguid ? nguid : uuid, data);
		}
	}
	return has_set;
}

void Identity::take_missing(const IdentifyNamespace& id, Ids ids)
{
	if (ids == Ids::Bogus)
		return;
	if (is_zero(eui64))
		copy(eui64, id.eui64);
	if (is_zero(nguid))
		copy(nguid, id.nguid);
}

bool Identity::has_id_of(const Identity& other) const
{
	return (!is_zero(uuid) && same(uuid, other.uuid)) || (!is_zero(nguid) && same(nguid, other.nguid)) ||
	       (!is_zero(eui64) && same(eui64, other.eui64));
}

void Identity::forget_ids()
{
	const CommandSet kept = set;
	*this = {};
	set = kept;
}

bool operator==(const Identity& a, const Identity& b)
{
	return same(a.eui64, b.eui64) && same(a.nguid, b.nguid) && same(a.uuid, b.uuid) && a.set == b.set;
}

}  // namespace nvme
