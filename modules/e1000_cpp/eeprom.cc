// SPDX-License-Identifier: GPL-2.0
#include "eeprom.hpp"

#include <cxxrt/enforce.hpp>

namespace e1000 {

using regs::Eecd;

namespace {

/// The CE4100's firmware leaves a copy of its words here.
using FlashCopy = mmio::LowMemory<0x60000, 0x200>;

// Commands: 8254x SDM 5.3.
constexpr u32 kMicrowireRead = 6;
constexpr u32 kMicrowireWrite = 5;
constexpr u32 kMicrowireAllowWrites = 0x13;
constexpr u32 kMicrowireForbidWrites = 0x10;
constexpr u32 kSpiRead = 3;
constexpr u32 kSpiWrite = 2;
constexpr u32 kSpiAllowWrites = 6;
constexpr u32 kSpiStatus = 5;
/// The ninth bit of an address is in the command.
constexpr u32 kSpiUpperHalf = 8;
constexpr u32 kSpiIsBusy = 1;

constexpr u32 kQuickTries = 200;
constexpr u32 kGrantTries = 1000;
constexpr u32 kWriteTries = 200;
constexpr u32 kSpiTries = 1000;

constexpr u16 swapped(u16 value) { return u16(value << 8 | value >> 8); }

}  // namespace

/// Invariant: while it exists and was granted, the pins are the driver's, and the EEPROM is selected between commands.
class Eeprom::Pins : Pinned {
public:
	Pins(Window window, Kind kind, bool has_grant) : window_(window), kind_(kind), has_grant_(has_grant) {}
	~Pins() EXCLUDES(atomic_context)
	{
		if (is_granted_)
			release();
	}
	/// Errors: ETIMEDOUT the device does not give them up.
	Result<void> acquire() EXCLUDES(atomic_context)
	{
		eecd_ = window_.read<Eecd>();
		if (has_grant_) {
			window_.write(eecd_.with<Eecd::Request>(true));
			for (u32 tries = 0;; ++tries) {
				eecd_ = window_.read<Eecd>();
				// All ones: there is no device.
				if (eecd_.get<Eecd::Grant>() && eecd_.bits != ~0u)
					break;
				if (tries == kGrantTries) {
					window_.write(eecd_.with<Eecd::Request>(false));
					return ETIMEDOUT;
				}
				sleep_us(5, 10);
			}
		}
		is_granted_ = true;
		if (kind_ == Kind::Microwire) {
			put(eecd_.with<Eecd::In>(false).with<Eecd::Clock>(false));
			put(eecd_.with<Eecd::Select>(true));
		} else {
			put(eecd_.with<Eecd::Select>(false).with<Eecd::Clock>(false));
			settle();
		}
		return {};
	}
	/// Ends a command: what follows is another.
	void standby() EXCLUDES(atomic_context)
	{
		eecd_ = window_.read<Eecd>();
		if (kind_ == Kind::Microwire) {
			step(eecd_.with<Eecd::Select>(false).with<Eecd::Clock>(false));
			step(eecd_.with<Eecd::Clock>(true));
			step(eecd_.with<Eecd::Select>(true));
			step(eecd_.with<Eecd::Clock>(false));
		} else {
			step(eecd_.with<Eecd::Select>(true));
			step(eecd_.with<Eecd::Select>(false));
		}
	}
	// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): the value comes first
	void send(u32 value, u32 bits) EXCLUDES(atomic_context)
	{
		eecd_ = window_.read<Eecd>().with<Eecd::Out>(kind_ == Kind::Spi);
		for (u32 bit = bits; bit-- != 0;) {
			step(eecd_.with<Eecd::In>((value >> bit & 1) != 0));
			step(eecd_.with<Eecd::Clock>(true));
			step(eecd_.with<Eecd::Clock>(false));
		}
		put(eecd_.with<Eecd::In>(false));
	}
	u16 receive(u32 bits) EXCLUDES(atomic_context)
	{
		eecd_ = window_.read<Eecd>().with<Eecd::Out>(false).with<Eecd::In>(false);
		u16 value = 0;
		for (u32 bit = 0; bit < bits; ++bit) {
			step(eecd_.with<Eecd::Clock>(true));
			eecd_ = window_.read<Eecd>().with<Eecd::In>(false);
			value = u16(value << 1 | (eecd_.get<Eecd::Out>() ? 1 : 0));
			step(eecd_.with<Eecd::Clock>(false));
		}
		return value;
	}
	bool is_out_high() const { return window_.read<Eecd>().get<Eecd::Out>(); }
	/// Waits until what was written is stored.   Errors: ETIMEDOUT.
	Result<void> await_spi() EXCLUDES(atomic_context)
	{
		for (u32 tries = 0; tries < kSpiTries; ++tries) {
			send(kSpiStatus, 8);
			if ((receive(8) & kSpiIsBusy) == 0)
				return {};
			sleep_us(5, 10);
			standby();
		}
		return ETIMEDOUT;
	}

private:
	void release() EXCLUDES(atomic_context)
	{
		eecd_ = window_.read<Eecd>();
		if (kind_ == Kind::Spi) {
			step(eecd_.with<Eecd::Select>(true).with<Eecd::Clock>(false));
		} else {
			put(eecd_.with<Eecd::Select>(false).with<Eecd::In>(false));
			step(eecd_.with<Eecd::Clock>(true));
			step(eecd_.with<Eecd::Clock>(false));
		}
		if (has_grant_)
			put(eecd_.with<Eecd::Request>(false));
	}
	void put(Eecd value)
	{
		eecd_ = value;
		window_.write(value);
	}
	void step(Eecd value) EXCLUDES(atomic_context)
	{
		put(value);
		window_.flush();
		settle();
	}
	void settle() const EXCLUDES(atomic_context)
	{
		if (kind_ == Kind::Spi)
			delay_us(1);
		else
			sleep_us(50, 60);
	}
	const Window window_;
	const Kind kind_;
	const bool has_grant_;
	bool is_granted_ = false;
	Eecd eecd_;
};

Result<void> Eeprom::prepare()
{
	Guard guard{lock_};
	const auto eecd = window_.read<Eecd>();
	is_loaded_ = false;
	is_quick_ = false;
	kind_ = Kind::Microwire;
	command_bits_ = 3;
	address_bits_ = 6;
	words_ = 64;
	bool is_large = false;
	switch (family_.eeprom) {
	case EepromKind::Microwire64:
		break;
	case EepromKind::Microwire:
		is_large = eecd.get<Eecd::Size>();
		break;
	case EepromKind::SpiOrMicrowire:
		if (eecd.get<Eecd::IsSpi>()) {
			const bool is_wide = eecd.get<Eecd::AddressBits>();
			kind_ = Kind::Spi;
			command_bits_ = 8;
			address_bits_ = is_wide ? 16 : 8;
			page_words_ = is_wide ? 16 : 4;
		} else {
			is_large = eecd.get<Eecd::AddressBits>();
		}
		break;
	case EepromKind::Flash:
		kind_ = Kind::Flash;
		break;
	}
	if (is_large) {
		words_ = 256;
		address_bits_ = 8;
	}
	if (family_.eerd == Eerd::None || !load(true).ok() || !is_cached_sum_right()) {
		is_quick_ = false;
		TRY(load(false));
	}
	if (kind_ == Kind::Spi) {
		// 8254x SDM 5.6.12: 0 means 64 words, 1 means 256.
		const u32 size = cache_[word::kSize] >> 10 & 7;
		words_ = 64u << (size != 0 ? size + 1 : 0);
	}
	return {};
}

Result<void> Eeprom::load(bool quickly)
{
	for (u32 i = 0; i < kSummed; ++i)
		cache_[i] = TRY(quickly ? fetch_quickly(i) : fetch_by_pins(i));
	is_quick_ = quickly;
	is_loaded_ = true;
	return {};
}

bool Eeprom::is_cached_sum_right() const
{
	u16 sum = 0;
	for (const u16 value : cache_)
		sum = u16(sum + value);
	return sum == kSum;
}

template <class R> Result<u16> Eeprom::ask(u32 at)
{
	window_.write(R{}.template with<typename R::Address>(at).template with<typename R::Start>(true));
	for (u32 tries = 0; tries < kQuickTries; ++tries) {
		const R answer = window_.read<R>();
		if (answer.bits == ~0u)
			return ETIMEDOUT;
		if (answer.template get<typename R::Done>())
			return u16(answer.template get<typename R::Data>());
		sleep_us(5, 10);
	}
	return ETIMEDOUT;
}

Result<u16> Eeprom::fetch_quickly(u32 at)
{
	return family_.eerd == Eerd::Wide ? ask<regs::EerdWide>(at) : ask<regs::EerdNarrow>(at);
}

Result<u16> Eeprom::fetch_by_pins(u32 at)
{
	if (kind_ == Kind::Flash)
		return FlashCopy::read(at);
	Pins pins{window_, kind_, family_.has_moderation};
	TRY(pins.acquire());
	if (kind_ == Kind::Spi) {
		TRY(pins.await_spi());
		pins.standby();
		const bool is_upper = address_bits_ == 8 && at >= 128;
		pins.send(is_upper ? kSpiRead | kSpiUpperHalf : kSpiRead, command_bits_);
		pins.send(at * 2, address_bits_);
		return swapped(pins.receive(16));
	}
	pins.send(kMicrowireRead, command_bits_);
	pins.send(at, address_bits_);
	const u16 value = pins.receive(16);
	pins.standby();
	return value;
}

Result<u16> Eeprom::fetch(u32 at) { return is_quick_ ? fetch_quickly(at) : fetch_by_pins(at); }

Result<u16> Eeprom::read(u32 at)
{
	Guard guard{lock_};
	if (at >= words_)
		return EINVAL;
	if (is_loaded_ && at < kSummed)
		return cache_[at];
	return fetch(at);
}

Result<void> Eeprom::store_spi(u32 at, u16 value)
{
	Pins pins{window_, kind_, family_.has_moderation};
	TRY(pins.acquire());
	TRY(pins.await_spi());
	pins.standby();
	pins.send(kSpiAllowWrites, command_bits_);
	pins.standby();
	const bool is_upper = address_bits_ == 8 && at >= 128;
	pins.send(is_upper ? kSpiWrite | kSpiUpperHalf : kSpiWrite, command_bits_);
	pins.send(at * 2, address_bits_);
	pins.send(swapped(value), 16);
	pins.standby();
	sleep_ms(10);
	return {};
}

Result<void> Eeprom::store_microwire(u32 at, u16 value)
{
	Pins pins{window_, kind_, family_.has_moderation};
	TRY(pins.acquire());
	pins.send(kMicrowireAllowWrites, command_bits_ + 2u);
	pins.send(0, address_bits_ - 2u);
	pins.standby();
	pins.send(kMicrowireWrite, command_bits_);
	pins.send(at, address_bits_);
	pins.send(value, 16);
	pins.standby();
	for (u32 tries = 0; !pins.is_out_high(); ++tries) {
		if (tries == kWriteTries)
			return EIO;
		sleep_us(50, 60);
	}
	pins.standby();
	pins.send(kMicrowireForbidWrites, command_bits_ + 2u);
	pins.send(0, address_bits_ - 2u);
	return {};
}

Result<void> Eeprom::store(u32 at, u16 value)
{
	switch (kind_) {
	case Kind::Flash:
		return FlashCopy::write(at, value);
	case Kind::Spi:
		return store_spi(at, value);
	case Kind::Microwire:
		break;
	}
	return store_microwire(at, value);
}

Result<void> Eeprom::write(u32 at, u16 value)
{
	Guard guard{lock_};
	if (at >= words_)
		return EINVAL;
	TRY(store(at, value));
	// What is there now is what the device says, and not what was asked for.
	if (at < kSummed)
		cache_[at] = TRY(fetch(at));
	return {};
}

Result<void> Eeprom::check()
{
	Guard guard{lock_};
	if (!is_loaded_)
		TRY(load(false));
	if (!is_cached_sum_right())
		return EINVAL;
	return {};
}

Result<void> Eeprom::mend_checksum()
{
	u16 sum = 0;
	for (u32 i = 0; i < word::kChecksum; ++i)
		sum = u16(sum + TRY(read(i)));
	return write(word::kChecksum, u16(kSum - sum));
}

}  // namespace e1000
