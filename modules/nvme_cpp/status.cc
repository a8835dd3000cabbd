// SPDX-License-Identifier: GPL-2.0
#include "status.hpp"

#include <cxxrt/system.hpp>

#include <cxxrt/enforce.hpp>

namespace nvme {

blk::Status block_status(Status status)
{
	switch (status.what()) {
	case 0x000:
		return blk::Status::Ok;
	case 0x081:  // capacity exceeded
		return blk::Status::NoSpace;
	case 0x080:  // beyond the last block
	case 0x021:  // interrupted
	case 0x082:  // namespace not ready
		return blk::Status::Target;
	case 0x001:  // invalid opcode
	case 0x002:  // invalid field
	case 0x00b:  // invalid namespace or format
	case 0x180:  // conflicting attributes
		return blk::Status::NotSupported;
	case 0x280:  // write fault
	case 0x281:  // unrecovered read error
	case 0x285:  // compare failure
	case 0x286:  // access denied
	case 0x287:  // deallocated or unwritten block
	case 0x182:  // read-only range
		return blk::Status::Medium;
	case 0x282:  // guard
	case 0x283:  // application tag
	case 0x284:  // reference tag
	case 0x181:  // invalid protection information
		return blk::Status::Protection;
	case 0x083:
		return blk::Status::Reservation;
	case kPathError.what():
		return blk::Status::Transport;
	case 0x1bd:
		return blk::Status::ZoneActiveResource;
	case 0x1be:
		return blk::Status::ZoneOpenResource;
	case 0x183:  // it means two things, one of them optional commands that are not there
		return kSince6_12 ? blk::Status::IoError : blk::Status::NotSupported;
	default:
		return blk::Status::IoError;
	}
}

}  // namespace nvme
