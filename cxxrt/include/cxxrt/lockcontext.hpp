// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The two facts that lock and allocation wrappers share: whether sleeping is allowed here, and a
/// lock's class for lockdep.
/// C side: include/linux/lockdep_types.h.

#include <cxxrt/annotations.hpp>
#include <cxxrt/raw.hpp>

namespace cxxrt {

/// A rule about who may run, with no code behind it: "the only consumer", "atomic context".
class CAPABILITY("role") Role {
public:
	/// Tells the analysis that the role holds here, because of what the caller knows.
	void assert_held() const ASSERT_CAPABILITY(this) {}
};

/// Held while a spinlock or an RCU read section is. What may sleep is EXCLUDES(atomic_context).
inline constexpr Role atomic_context;

namespace detail {
template <Literal Name> inline constinit raw::lock_class_key lock_key{};
}  // namespace detail

/// A lock's class: locks of one class follow one order. Named, so that lockdep reports are readable.
class LockClass {
public:
	constexpr LockClass(const char* name, raw::lock_class_key* key) : name_(name), key_(key) {}
	constexpr const char* name() const { return name_; }
	constexpr raw::lock_class_key* unsafe_key() const { return key_; }

private:
	const char* name_;
	raw::lock_class_key* key_;
};

/// The class called `Name`, one per module.
template <Literal Name> inline constexpr LockClass lock_class{kText<Name>.text, &detail::lock_key<Name>};

}  // namespace cxxrt
