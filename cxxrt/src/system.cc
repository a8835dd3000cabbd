// SPDX-License-Identifier: GPL-2.0
#include <cxxrt/system.hpp>

namespace cxxrt {

Result<u64> detail::parse(const char* text, u32 base, Number kind)
{
	bool truth = false;
	int number = 0;
	u32 natural = 0;
	u64 value = 0;
	int code;
	switch (kind) {
	case Number::Bool:
		code = raw::kstrtobool(text, &truth);
		value = u64(truth);
		break;
	case Number::Int:
		code = raw::kstrtoint(text, base, &number);
		value = u64(number);
		break;
	case Number::UInt:
		code = raw::kstrtouint(text, base, &natural);
		value = natural;
		break;
	default:
		code = raw::kstrtoull(text, base, &value);
	}
	if (code < 0)
		return Error{-code};
	return value;
}

}  // namespace cxxrt
