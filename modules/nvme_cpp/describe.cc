// SPDX-License-Identifier: GPL-2.0
/// \file
/// What a controller says of itself and its namespaces beyond the first Identify.
#include "controller.hpp"
#include "params.hpp"

#include <cxxrt/enforce.hpp>

namespace nvme {

namespace {

/// Base 5.16, figure 195: Get Log Page, and the log of commands and their effects.
constexpr u32 kGetLogPage = 0x02;
constexpr u32 kEffects = 0x05;
/// CRDT1 to CRDT3 are in this.   Units: ms.
constexpr u32 kDelayUnit = 100;

}  // namespace

Result<void> Controller::tell_behaviour(const IdentifyController& id)
{
	const le16 delays[] = {id.crdt1, id.crdt2, id.crdt3};
	for (u32 i = 0; i < 3; ++i)
		retry_delay_ms_[i + 1] = delays[i].get() * kDelayUnit;
	limits_.has_extended_formats = (id.ctratt.get() & IdentifyController::kExtendedFormats) != 0;
	limits_.offsets = params::disable_pi_offsets() || !kSince6_12 ? Metadata::Offset::Ignored
								      : Metadata::Offset::Used;
	if (retry_delay_ms_[1] == 0 && !limits_.has_extended_formats)
		return {};
	auto host = TRY(Box<HostBehaviour>::make(Gfp::Kernel));
	host->retry_delays = retry_delay_ms_[1] != 0 ? 1 : 0;
	host->extended_formats = limits_.has_extended_formats ? 1 : 0;
	// It does without, if it says no.
	const Result<Completion> done = admin_->run_with({.opcode = u8(AdminOp::SetFeatures),
							  .cdw10 = u32(Feature::HostBehaviour)},
							 *host);
	return done.ok() ? Result<void>{} : done.error();
}

Result<Identity> Controller::identify_ids(u32 nsid)
{
	Identity made;
	const bool has_sets = cc_.get<regs::Cc::CommandSets>() == regs::Cc::Set::All;
	if ((version_ < regs::version(1, 3) && !has_sets) || has(Quirk::NoIdList))
		return made;
	const Box<IdentifierList> list = TRY(admin_->identify<IdentifierList>(Cns::IdentifierList, nsid));
	const Result<bool> set = made.take(*list, believes_ids());
	if (!set.ok())
		log::warn<"%s: namespace %u: an id of a length that it cannot have">(name(), nsid);
	if (has_sets && !(set.ok() && Result<bool>{set}.take())) {
		log::warn<"%s: Command set not reported for nsid:%u">(name(), nsid);
		return EINVAL;
	}
	return made;
}

Result<u32> Controller::most_append_sectors()
{
	constexpr u32 set = u32(CommandSet::Zoned);
	auto effects = admin_->read<EffectsLog>({
		.opcode = u8(kGetLogPage),
		.nsid = ~0u,
		.cdw10 = kEffects | ((u32(sizeof(EffectsLog)) / 4) - 1) << 16,
		.cdw14 = set << 24,
	});
	if (!effects.ok() && !admin_queue().is_live())
		return effects.error();
	if (!effects.ok() || (effects.take()->io[u32(IoOp::ZoneAppend)].get() & Effects::kSupported) == 0)
		return 0u;
	const Box<IdentifyControllerZoned> id = TRY(
		admin_->identify<IdentifyControllerZoned>(Cns::ControllerOfSet, 0, set));
	const u32 most = limits_.most_bytes >> blk::kSectorShift;
	const u32 shift = id->zasl + cap_.get<regs::Cap::LeastPage>() + regs::kPageShift - blk::kSectorShift;
	return id->zasl != 0 && shift < 32 && 1u << shift < most ? 1u << shift : most;
}

Result<Box<Geometry>> Controller::describe(u32 nsid)
{
	NamespaceExtras extras{.identity = TRY(identify_ids(nsid))};
	const CommandSet set = extras.identity.set;
	if (set != CommandSet::Nvm && set != CommandSet::Zoned)
		return Geometry::of_hidden(extras.identity, limits_);
	const Box<IdentifyNamespace> id = TRY(admin_->identify<IdentifyNamespace>(Cns::Namespace, nsid));
	extras.identity.take_missing(*id, believes_ids());
	Box<IdentifyNamespaceNvm> nvm;
	if (limits_.has_extended_formats) {
		nvm = TRY(admin_->identify<IdentifyNamespaceNvm>(Cns::NamespaceOfSet, nsid, u32(CommandSet::Nvm)));
		extras.nvm = nvm.get();
	}
	Box<IdentifyNamespaceZoned> zoned;
	if (set == CommandSet::Zoned) {
		extras.most_append_sectors = TRY(most_append_sectors());
		zoned = TRY(admin_->identify<IdentifyNamespaceZoned>(Cns::NamespaceOfSet, nsid, u32(set)));
		extras.zoned = zoned.get();
	}
	auto made = TRY(Geometry::read(*id, limits_, extras));
	made->format = BlockFormat::of(*id);
	made->use_profiles_there_are();
	return made;
}

Result<void> Controller::claim_ids(Claim& claim, u32 nsid, Geometry& geometry)
{
	using Verdict = Subsystems::Verdict;
	const auto ask = [&] {
		return nodes_.subsystems().claim(claim, member_, nsid, geometry.shared, geometry.identity);
	};
	Verdict verdict = ask();
	if (verdict == Verdict::Elsewhere && !(has_siblings_ && geometry.shared)) {
		log::error<"%s: clearing duplicate IDs for nsid %u">(name(), nsid);
		log::error<"%s: use of /dev/disk/by-id/ may cause data corruption">(name());
		geometry.identity.forget_ids();
		geometry.ids_taken_away = true;
		verdict = ask();
	}
	switch (verdict) {
	case Verdict::New:
		return {};
	case Verdict::SharedHere:
		log::warn<"%s: Found shared namespace %u, but multipathing not supported.">(name(), nsid);
		return {};
	case Verdict::Unshared:
		log::error<"%s: Duplicate unshared namespace %u">(name(), nsid);
		break;
	case Verdict::Different:
		log::error<"%s: IDs don't match for shared namespace %u">(name(), nsid);
		break;
	case Verdict::Duplicate:
		log::error<"%s: duplicate IDs in subsystem for nsid %u">(name(), nsid);
		break;
	case Verdict::Elsewhere:
		log::error<"%s: ignoring nsid %u because of duplicate IDs">(name(), nsid);
		break;
	}
	return EEXIST;
}

Result<u64> Controller::used_blocks(u32 nsid)
{
	const Box<IdentifyNamespace> id = TRY(admin_->identify<IdentifyNamespace>(Cns::Namespace, nsid));
	return u64(id->nuse.get());
}

void Controller::tell_oddities(u32 nsid, const Geometry& geometry)
{
	const Identity& identity = geometry.identity;
	if (geometry.hidden && identity.set == CommandSet::Zoned)
		log::warn<"%s: namespace %u has zones that cannot be used">(name(), nsid);
	else if (geometry.hidden)
		log::info<"%s: block device for nsid %u not supported (csi %u)">(name(), nsid, u32(identity.set));
	else if (identity.set == CommandSet::Zoned && geometry.limits.zones.max_append_sectors == 0)
		log::warn<"%s: Zone Append not supported for zoned namespace:%u. Forcing to read-only mode">(name(),
													     nsid);
	else if (geometry.metadata.has_own_memory() && geometry.metadata.type != 0 &&
		 geometry.limits.integrity.tuple_bytes == 0)
		log::warn<"%s: namespace %u: t10-pi is not loaded: its blocks are not protected on their way">(name(),
													       nsid);
}

}  // namespace nvme
