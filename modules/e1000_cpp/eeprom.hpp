// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// The card's EEPROM: words, by a register that reads one, or by its pins.
/// Spec: 8254x SDM 5.   C side: e1000_read_eeprom(), e1000_write_eeprom().
///
/// Locks: one of its own, for the pins.

#include <cxxrt/lock.hpp>
#include <cxxrt/time.hpp>

#include "family.hpp"
#include "regs.hpp"

namespace e1000 {

/// Words that mean something to the driver.   Spec: 8254x SDM 5.6.
namespace word {
inline constexpr u32 kAddress = 0x00;
inline constexpr u32 kLeds = 0x04;
inline constexpr u32 kAmplitude = 0x06;
inline constexpr u32 kPhyClass = 0x07;
inline constexpr u32 kControl2 = 0x0f;
inline constexpr u32 kSize = 0x12;
inline constexpr u32 kChecksum = 0x3f;
/// Of words that nobody has written.
inline constexpr u16 kBlank = 0xffff;
}  // namespace word

/// Context: process; sleeps.   Errors of all: ETIMEDOUT it is busy; EINVAL there is no such word.
class Eeprom : Pinned {
public:
	Eeprom(Window window, const Family& family) : window_(window), family_(family) {}
	/// Finds out which one there is, and reads what its checksum is over, the quick way if there is one. That is believed
	/// only if the checksum is right.
	Result<void> prepare() EXCLUDES(atomic_context);
	u32 words() const { return words_; }
	/// From what was read before, if it was.
	Result<u16> read(u32 at) EXCLUDES(atomic_context);
	/// Also EIO: it cannot be written.
	Result<void> write(u32 at, u16 value) EXCLUDES(atomic_context);
	/// Its sum is as it should be.   Also EINVAL: it is not.
	Result<void> check() EXCLUDES(atomic_context);
	/// Makes it so.
	Result<void> mend_checksum() EXCLUDES(atomic_context);

	/// What the first words add up to.
	static constexpr u16 kSum = 0xbaba;
	static constexpr u32 kSummed = word::kChecksum + 1;

private:
	enum class Kind : u8 { Microwire, Spi, Flash };
	/// Owns the pins for a scope.
	class Pins;
	/// From the EEPROM itself.
	Result<u16> fetch(u32 at) REQUIRES(lock_) EXCLUDES(atomic_context);
	Result<u16> fetch_quickly(u32 at) REQUIRES(lock_) EXCLUDES(atomic_context);
	Result<u16> fetch_by_pins(u32 at) REQUIRES(lock_) EXCLUDES(atomic_context);
	Result<void> store(u32 at, u16 value) REQUIRES(lock_) EXCLUDES(atomic_context);
	Result<void> store_spi(u32 at, u16 value) REQUIRES(lock_) EXCLUDES(atomic_context);
	Result<void> store_microwire(u32 at, u16 value) REQUIRES(lock_) EXCLUDES(atomic_context);
	template <class R> Result<u16> ask(u32 at) EXCLUDES(atomic_context);
	Result<void> load(bool quickly) REQUIRES(lock_) EXCLUDES(atomic_context);
	bool is_cached_sum_right() const REQUIRES(lock_);

	const Window window_;
	const Family& family_;
	Kind kind_ = Kind::Microwire;
	u8 command_bits_ = 3;
	u8 address_bits_ = 6;
	u8 page_words_ = 4;
	u32 words_ = kSummed;
	Mutex lock_{lock_class<"e1000 Eeprom::lock_">};
	bool is_loaded_ GUARDED_BY(lock_) = false;
	bool is_quick_ GUARDED_BY(lock_) = false;
	u16 cache_[kSummed] GUARDED_BY(lock_) = {};
};

}  // namespace e1000
