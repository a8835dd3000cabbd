// SPDX-License-Identifier: GPL-2.0
#include "fifo.hpp"

#include <cxxrt/enforce.hpp>

namespace e1000 {

bool TxFifo::rewind(const Window& window)
{
	const bool is_empty = window.read<regs::Tdt>().bits == window.read<regs::Tdh>().bits &&
			      window.read<regs::Tdft>().bits == window.read<regs::Tdfh>().bits &&
			      window.read<regs::Tdfts>().bits == window.read<regs::Tdfhs>().bits;
	if (!is_empty)
		return false;
	const auto control = window.read<regs::Tctl>();
	window.write(control.with<regs::Tctl::Enable>(false));
	window.write(regs::Tdft::of(start_));
	window.write(regs::Tdfh::of(start_));
	window.write(regs::Tdfts::of(start_));
	window.write(regs::Tdfhs::of(start_));
	window.write(control);
	window.flush();
	head_ = 0;
	stalled_.store_relaxed(0);
	return true;
}

}  // namespace e1000
