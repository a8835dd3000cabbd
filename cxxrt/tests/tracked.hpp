// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// A value that counts its constructions and destructions.
/// C side: none.

#include <cxxrt/types.hpp>

namespace cxxrt::kunit {

/// What Tracked objects did. All of them are gone when live() is 0.
struct Counts {
	int built = 0, destroyed = 0;
	/// Destructions of objects that had not been moved from.
	int ended = 0;
	int live() const { return built - destroyed; }
};

/// Move-only, and not trivial.
class Tracked : MoveOnly {
public:
	Tracked(Counts& counts, int value) : counts_(&counts), value_(value) { ++counts_->built; }
	Tracked(Tracked&& other) : counts_(other.counts_), value_(exchange(other.value_, kMovedFrom))
	{
		++counts_->built;
	}
	~Tracked()
	{
		++counts_->destroyed;
		if (value_ != kMovedFrom)
			++counts_->ended;
	}
	int value() const { return value_; }

private:
	static constexpr int kMovedFrom = -1;
	Counts* counts_;
	int value_;
};

}  // namespace cxxrt::kunit
