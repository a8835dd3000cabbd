// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Commands, completions and data structures as they lie in memory, and their numbers.
/// Spec: NVMe Base 2.0 (Base), NVM Command Set 1.0 (NVM); the section of each is given with it.

#include <cxxrt/endian.hpp>

namespace nvme {
using namespace cxxrt;

/// Base 5, figure 139.
enum class AdminOp : u8 {
	DeleteSq = 0x00,
	CreateSq = 0x01,
	GetLogPage = 0x02,
	DeleteCq = 0x04,
	CreateCq = 0x05,
	Identify = 0x06,
	Abort = 0x08,
	SetFeatures = 0x09,
	GetFeatures = 0x0a,
	EventRequest = 0x0c,
	DoorbellBufferConfig = 0x7c,
};

/// NVM 3.2, Base 7.
enum class IoOp : u8 {
	Flush = 0x00,
	Write = 0x01,
	Read = 0x02,
	WriteZeroes = 0x08,
	DatasetManagement = 0x09,
	ZoneSend = 0x79,
	ZoneReceive = 0x7a,
	ZoneAppend = 0x7d,
};

/// Base 5.17.1, figure 273: what Identify gives.
enum class Cns : u8 {
	Namespace = 0x00,
	Controller = 0x01,
	ActiveList = 0x02,
	IdentifierList = 0x03,
	NamespaceOfSet = 0x05,
	ControllerOfSet = 0x06,
};

/// Base 5.27.1, figure 317.
enum class Feature : u8 { Threshold = 0x04, QueueCount = 0x07, Events = 0x0b, HostBehaviour = 0x16 };

/// Base 5.16.1, figure 198.
enum class LogPage : u8 { Smart = 0x02, FirmwareSlots = 0x03, ChangedNamespaces = 0x04 };

/// Base 5.27.1.18: what the host knows of, which the device may do then.
struct HostBehaviour {
	u8 retry_delays = 0;  ///< 1: completions may say how long to wait
	u8 etdas = 0;
	u8 extended_formats = 0;  ///< 1: formats whose protection is not the first kind
	u8 reserved3[509] = {};
};
static_assert(sizeof(HostBehaviour) == 512);

/// Base 3.3.3.1 "Submission Queue Entry"; the last six words are the command's own.
struct Sqe {
	u8 opcode = 0;
	u8 flags = 0;
	le16 command_id;
	le32 nsid;
	le32 cdw2, cdw3;
	le64 metadata;
	le64 prp1, prp2;
	le32 cdw10, cdw11, cdw12, cdw13, cdw14, cdw15;
};
static_assert(sizeof(Sqe) == 64 && __builtin_offsetof(Sqe, command_id) == 2 && __builtin_offsetof(Sqe, nsid) == 4 &&
	      __builtin_offsetof(Sqe, cdw2) == 8 && __builtin_offsetof(Sqe, cdw3) == 12 &&
	      __builtin_offsetof(Sqe, metadata) == 16 && __builtin_offsetof(Sqe, prp1) == 24 &&
	      __builtin_offsetof(Sqe, prp2) == 32 && __builtin_offsetof(Sqe, cdw10) == 40 &&
	      __builtin_offsetof(Sqe, cdw15) == 60);

/// Base 4.1.2.1 "SGL Example", 4.1.2 figure 88: 16 bytes that say where a piece of data, or a list of such, is. A command has one
/// in place of its PRP entries.
struct SglDescriptor {
	/// Base 4.1.2, figure 90: the upper half of the last byte.
	enum class Kind : u8 { Data = 0x00, LastSegment = 0x30 };

	le64 addr;
	le64 length_kind;  // bits 31 to 0 the bytes, 63 to 56 the kind

	/// Units: bytes.
	static constexpr le64 of(u32 length, Kind kind) { return u64(length) | u64(kind) << 56; }
};
static_assert(sizeof(SglDescriptor) == 16 && __builtin_offsetof(SglDescriptor, length_kind) == 8);
/// Base 3.3.3.1, figure 87: of a command's flags, its data is where an SGL descriptor says.
inline constexpr u8 kDataBySgl = 1u << 6;

/// Base 5.8 "Doorbell Buffer Config command", and the two buffers that it names.
struct ShadowDoorbells {
	le32 low, high;
};
static_assert(sizeof(ShadowDoorbells) == 8);

/// NVM 3.2.2, 3.2.4, 3.2.8: the upper half of word 12.
inline constexpr u32 kFua = 1u << 30;
inline constexpr u32 kLimitedRetry = 1u << 31;
/// NVM 3.2.2: word 13, the data will be read soon.
inline constexpr u32 kPrefetch = 7u;
/// NVM 3.2.3: word 11, the ranges are not needed any more.
inline constexpr u32 kDeallocate = 1u << 2;
/// NVM 3.2.8: word 12, the zeroes need no room.
inline constexpr u32 kZeroesDeallocate = 1u << 25;
/// Base 5.4, 5.5: word 11.
inline constexpr u32 kPhysicallyContiguous = 1u << 0;
inline constexpr u32 kInterruptsEnabled = 1u << 1;
inline constexpr u32 kMediumPriority = 2u << 1;

/// Base 3.3.3.2 "Common Completion Queue Entry". `id_status`: bits 31 to 17 the status, 16 the phase, 15 to 0 the
/// command's id; one word, so that one look gives all of them.
struct Cqe {
	le64 result;
	le16 sq_head, sq_id;
	le32 id_status;
};
static_assert(sizeof(Cqe) == 16 && __builtin_offsetof(Cqe, sq_head) == 8 && __builtin_offsetof(Cqe, sq_id) == 10 &&
	      __builtin_offsetof(Cqe, id_status) == 12);

/// Base 5.17.2.1, figure 277: a power state.
struct PowerDescriptor {
	le16 mp;
	u8 reserved2, flags;
	le32 enlat, exlat;
	u8 rrt, rrl, rwt, rwl, reserved16[16];

	/// Of `flags`.
	static constexpr u32 kNotOperational = 1u << 1;
};
static_assert(sizeof(PowerDescriptor) == 32 && __builtin_offsetof(PowerDescriptor, enlat) == 4);

/// Base 5.17.2.1, figure 276: those of its 4,096 bytes that are in use here.
struct IdentifyController {
	le16 vid, ssvid;
	char sn[20];
	char mn[40];
	char fr[8];
	u8 rab, ieee[3], cmic, mdts;
	le16 cntlid;
	le32 ver, rtd3r, rtd3e, oaes, ctratt;
	u8 reserved100[11], cntrltype;
	u8 fguid[16];
	le16 crdt1, crdt2, crdt3;
	u8 reserved134[122];
	le16 oacs;
	u8 acl, aerl, frmw, lpa, elpe, npss, avscc, apsta;
	le16 wctemp, cctemp, mtfa;
	u8 hmpre[4], hmmin[4];
	u8 reserved280[232];
	u8 sqes, cqes;
	le16 maxcmd;
	le32 nn;
	le16 oncs, fuses;
	u8 fna, vwc;
	le16 awun, awupf;
	u8 reserved530[6];
	le32 sgls, mnan;
	u8 reserved544[224];
	char subnqn[256];
	u8 reserved1024[782], dctype, reserved1807[241];
	PowerDescriptor psd[32];
	u8 vendor[1024];

	/// Of `oacs`.
	static constexpr u32 kDoorbellBuffer = 1u << 8;
	/// Of `sgls`: lists whose pieces begin anywhere, or at every fourth byte.
	static constexpr u32 kSgl = 3u << 0;
	/// Of `ctratt`.
	static constexpr u32 kExtendedFormats = 1u << 15;
	/// Of `oncs`.
	static constexpr u32 kDatasetManagement = 1u << 2;
	static constexpr u32 kWriteZeroes = 1u << 3;
	/// Of `cmic`.
	static constexpr u32 kManyControllers = 1u << 1;
	/// Of `lpa`.
	static constexpr u32 kEffectsLog = 1u << 1;
	/// Of `vwc`.
	static constexpr u32 kWriteCache = 1u << 0;
};
static_assert(
	sizeof(IdentifyController) == 4096 && __builtin_offsetof(IdentifyController, sn) == 4 &&
	__builtin_offsetof(IdentifyController, mn) == 24 && __builtin_offsetof(IdentifyController, fr) == 64 &&
	__builtin_offsetof(IdentifyController, mdts) == 77 && __builtin_offsetof(IdentifyController, cntlid) == 78 &&
	__builtin_offsetof(IdentifyController, ver) == 80 && __builtin_offsetof(IdentifyController, rtd3e) == 88 &&
	__builtin_offsetof(IdentifyController, cntrltype) == 111 &&
	__builtin_offsetof(IdentifyController, crdt1) == 128 && __builtin_offsetof(IdentifyController, oacs) == 256 &&
	__builtin_offsetof(IdentifyController, acl) == 258 && __builtin_offsetof(IdentifyController, mtfa) == 270 &&
	__builtin_offsetof(IdentifyController, sqes) == 512 && __builtin_offsetof(IdentifyController, nn) == 516 &&
	__builtin_offsetof(IdentifyController, oncs) == 520 && __builtin_offsetof(IdentifyController, vwc) == 525 &&
	__builtin_offsetof(IdentifyController, awupf) == 528 && __builtin_offsetof(IdentifyController, sgls) == 536 &&
	__builtin_offsetof(IdentifyController, subnqn) == 768 &&
	__builtin_offsetof(IdentifyController, dctype) == 1806 && __builtin_offsetof(IdentifyController, psd) == 2048);

/// NVM 4.1.5.4: what Cns::ControllerOfSet gives for the NVM command set.
struct IdentifyControllerNvm {
	u8 vsl, wzsl, wusl, dmrl;
	le32 dmrsl;
	le64 dmsl;
	u8 reserved16[4080];
};
static_assert(sizeof(IdentifyControllerNvm) == 4096 && __builtin_offsetof(IdentifyControllerNvm, dmrl) == 3 &&
	      __builtin_offsetof(IdentifyControllerNvm, dmrsl) == 4);

/// NVM 4.1.5.1, figure 98: one format that a namespace's blocks can have.
struct LbaFormat {
	le16 ms;
	u8 lbads, rp;
};

/// NVM 4.1.5.1, figure 97.
struct IdentifyNamespace {
	le64 nsze, ncap, nuse;
	u8 nsfeat, nlbaf, flbas, mc, dpc, dps, nmic, rescap, fpi, dlfeat;
	le16 nawun, nawupf, nacwu, nabsn, nabo, nabspf, noiob;
	u8 nvmcap[16];
	le16 npwg, npwa, npdg, npda, nows, mssrl;
	u8 mcl[4], msrc, reserved81[11];
	u8 anagrpid[4], reserved96[3], nsattr;
	le16 nvmsetid, endgid;
	u8 nguid[16], eui64[8];
	LbaFormat lbaf[64];
	u8 vendor[3712];

	/// Of `nsfeat`.
	static constexpr u32 kOwnAtomicity = 1u << 1;
	static constexpr u32 kPreferredSizes = 1u << 4;
	/// Of `flbas`.
	static constexpr u32 kExtended = 1u << 4;
	/// Of `nmic`.
	static constexpr u32 kShared = 1u << 0;
	/// Of `dps`.
	static constexpr u32 kProtectionType = 7;
	static constexpr u32 kProtectionFirst = 1u << 3;
	/// Of `dlfeat`: what deallocated blocks read as, and that a write of zeroes may deallocate.
	static constexpr u32 kReadAsMask = 7;
	static constexpr u32 kReadAsZeroes = 1;
	static constexpr u32 kZeroesDeallocate = 1u << 3;
	/// Of `nsattr`.
	static constexpr u32 kReadOnly = 1u << 0;
};
static_assert(
	sizeof(LbaFormat) == 4 && sizeof(IdentifyNamespace) == 4096 &&
	__builtin_offsetof(IdentifyNamespace, nsfeat) == 24 && __builtin_offsetof(IdentifyNamespace, nawun) == 34 &&
	__builtin_offsetof(IdentifyNamespace, noiob) == 46 && __builtin_offsetof(IdentifyNamespace, npwg) == 64 &&
	__builtin_offsetof(IdentifyNamespace, nows) == 72 && __builtin_offsetof(IdentifyNamespace, nsattr) == 99 &&
	__builtin_offsetof(IdentifyNamespace, nguid) == 104 && __builtin_offsetof(IdentifyNamespace, eui64) == 120 &&
	__builtin_offsetof(IdentifyNamespace, lbaf) == 128 && __builtin_offsetof(IdentifyNamespace, vendor) == 384);

/// Base 5.17.2.2: ids in rising order; the first zero ends them.
struct ActiveList {
	static constexpr u32 kIds = 1024;
	le32 ids[kIds];
};
static_assert(sizeof(ActiveList) == 4096);

/// Base 5.16.1.3: those of its 512 bytes that are in use here. Temperatures in kelvins; 0: there is no such sensor.
struct SmartLog {
	u8 warning;
	u8 temperature[2];
	u8 reserved3[197];
	le16 sensors[8];
	u8 reserved216[296];

	/// Of `warning`.
	static constexpr u32 kTemperature = 1u << 1;
};
static_assert(sizeof(SmartLog) == 512 && __builtin_offsetof(SmartLog, sensors) == 200);

/// Base 5.16.1.5: the namespaces that are not what they were. Reading it ends that event.
struct ChangedNamespaces {
	le32 ids[1024];
};
static_assert(sizeof(ChangedNamespaces) == 4096);

/// Base 5.16.1.4.
struct FirmwareSlots {
	u8 active;  ///< bits 2 to 0 the slot in use, from 1; 6 to 4 the one after the next reset, 0 for the same
	u8 reserved1[7];
	char revisions[7][8];
	u8 reserved64[448];
	/// The slot in use, if it stays that; 0 otherwise, or if there is no such slot.
	u32 slot() const
	{
		const u32 now = active & 7;
		const u32 next = active >> 4 & 7;
		return next == 0 || next == now ? now : 0;
	}
};
static_assert(sizeof(FirmwareSlots) == 512 && __builtin_offsetof(FirmwareSlots, revisions) == 8);

/// NVM 3.2.3.
struct DiscardRange {
	le32 attributes, blocks;
	le64 first;
};
inline constexpr u32 kMostDiscardRanges = 256;
static_assert(sizeof(DiscardRange) == 16 && sizeof(DiscardRange) * kMostDiscardRanges == 4096);

/// Base 5.16.1.6, figure 211: what each command, by its opcode, may do.
struct EffectsLog {
	le32 admin[256], io[256];
	u8 reserved2048[2048];
};
static_assert(sizeof(EffectsLog) == 4096 && __builtin_offsetof(EffectsLog, io) == 1024);

}  // namespace nvme
