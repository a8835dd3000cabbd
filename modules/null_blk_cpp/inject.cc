// SPDX-License-Identifier: GPL-2.0
#include "inject.hpp"

#include <cxxrt/system.hpp>

#include <cxxrt/enforce.hpp>

namespace null_blk {

Result<FaultConfig> FaultConfig::parse(const char* text)
{
	FaultConfig config;
	if (text[0] == '\0')
		return config;
	int numbers[4];
	if (!parse_numbers(text, numbers))
		return EINVAL;
	config.times = numbers[3];
	if (numbers[0] < 0 || numbers[1] < 0 || numbers[1] > 100 || numbers[2] < 0 || config.times < -1)
		return EINVAL;
	config.interval = u32(numbers[0]);
	config.probability = u32(numbers[1]);
	config.space = u32(numbers[2]);
	return config;
}

bool Fault::decide()
{
	Guard guard{lock_};
	if (!config_.is_on())
		return false;
	if (config_.space > 1) {
		--config_.space;
		return false;
	}
	++asked_;
	if (config_.interval > 1 && asked_ % config_.interval != 0)
		return false;
	if (config_.probability < 100 && config_.probability <= random_below(100))
		return false;
	if (config_.times > 0) {
		--config_.times;
		on_.store_relaxed(config_.is_on() ? 1 : 0);
	}
	return true;
}

}  // namespace null_blk
