// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Who a namespace is, whatever number it has: ids for ever, and the set of commands that it understands.
/// Spec: NVMe Base 2.0, 4.5 "Namespace Unique Identifiers", 5.17.2.4 "Namespace Identification Descriptor list".

#include <cxxrt/error.hpp>

#include "spec.hpp"

namespace nvme {

/// 5.17.2.4: descriptors one after the other; one of length 0 ends them.
struct IdentifierList {
	u8 bytes[4096];
};

/// I/O command sets.   Spec: 5.17.1, figure 274.
enum class CommandSet : u8 { Nvm = 0, Zoned = 2 };

/// All zeroes where there is no such id.
struct Identity {
	u8 eui64[8] = {};
	u8 nguid[16] = {};
	u8 uuid[16] = {};
	CommandSet set = CommandSet::Nvm;

	/// Whether the ids are to be believed.
	enum class Ids : u8 { Bogus, Good };
	/// Takes what the list says; true if it names a set of commands.   Errors: EINVAL an id has a length that it cannot
	/// have; what came before it is taken.
	Result<bool> take(const IdentifierList& list, Ids ids);
	/// Takes the ids that nobody has given yet.
	void take_missing(const IdentifyNamespace& id, Ids ids);

	/// Whether one of the other's ids is the same as its own.
	bool has_id_of(const Identity& other) const;
	void forget_ids();

	friend bool operator==(const Identity&, const Identity&);
};

}  // namespace nvme
