// SPDX-License-Identifier: GPL-2.0
#include "subsystem.hpp"

#include "controller.hpp"

#include <cxxrt/enforce.hpp>

namespace nvme {

namespace {
/// Base 4.5, 3.1.2.3: what every discovery subsystem is called.
constexpr const char* kDiscoveryName = "nqn.2014-08.org.nvmexpress.discovery";
}  // namespace

Subsystem* Subsystems::find(const About& about)
{
	// Those of that name have nothing to do with each other.
	if (equal(about.subnqn.c_str(), kDiscoveryName))
		return nullptr;
	for (Subsystem& subsystem : all_) {
		if (equal(subsystem.about_.subnqn.c_str(), about.subnqn.c_str()))
			return &subsystem;
	}
	return nullptr;
}

Result<Subsystem*> Subsystems::add(const Controller& controller, const About& about)
{
	auto made = TRY(Box<Subsystem>::make(Gfp::Kernel, about));
	made->name_ = FixedText<32>{Nodes::prefix(), "-subsys", controller.number()};
	made->device_ = TRY(device::ClassDevice::create(class_, device::Device{}, *made, made->name_.c_str()));
	all_.push_back(*made);
	return made.leak();
}

void Subsystems::drop(Subsystem& subsystem)
{
	if (subsystem.members_ != 0)
		return;
	subsystem.hook_.unlink();
	Box<Subsystem>::adopt(&subsystem).reset();
}

bool Subsystems::may_join(const Subsystem& subsystem, const Controller& controller, const About& about, bool shares)
{
	for (const Membership& other : members_) {
		if (other.subsystem_ != &subsystem)
			continue;
		if (other.id_ == about.controller_id) {
			log::error<"%s: Duplicate cntlid %u with %s, subsys %s, rejecting">(controller.name(),
											    u32(about.controller_id),
											    other.name_,
											    about.subnqn.c_str());
			return false;
		}
		if (!shares) {
			log::error<"%s: Subsystem does not support multiple controllers">(controller.name());
			return false;
		}
	}
	return true;
}

Result<void> Subsystems::join(Membership& member, const Controller& controller, const About& about, bool shares)
{
	Guard guard{lock_};
	Subsystem* subsystem = find(about);
	if (subsystem == nullptr)
		subsystem = TRY(add(controller, about));
	else if (!may_join(*subsystem, controller, about, shares))
		return EINVAL;
	auto link = device::Link::create(subsystem->device_.device(), controller.device(), controller.name());
	if (!link.ok()) {
		drop(*subsystem);
		return link.error();
	}
	member.link_ = link.take();
	member.subsystem_ = subsystem;
	member.id_ = about.controller_id;
	member.name_ = controller.name();
	++subsystem->members_;
	members_.push_back(member);
	return {};
}

void Subsystems::leave(Membership& member, Ida::Id& number)
{
	Guard guard{lock_};
	if (member.subsystem_ == nullptr)
		return;
	Subsystem& subsystem = *exchange(member.subsystem_, nullptr);
	member.link_ = {};
	member.hook_.unlink();
	if (equal(subsystem.name_.c_str(), FixedText<32>{Nodes::prefix(), "-subsys", number.value()}.c_str()))
		subsystem.number_ = move(number);
	--subsystem.members_;
	drop(subsystem);
}

Subsystems::Verdict Subsystems::judge(const Subsystem* subsystem, u32 nsid, bool shared, const Identity& identity)
{
	Verdict verdict = Verdict::New;
	for (const Claim& other : claims_) {
		if (other.subsystem_ != subsystem) {
			if (verdict == Verdict::New && other.identity_.has_id_of(identity))
				verdict = Verdict::Elsewhere;
		} else if (other.nsid_ != nsid) {
			if (other.identity_.has_id_of(identity))
				return Verdict::Duplicate;
		} else if (!shared || !other.shared_) {
			return Verdict::Unshared;
		} else if (!(other.identity_ == identity)) {
			return Verdict::Different;
		} else {
			verdict = Verdict::SharedHere;
		}
	}
	return verdict;
}

Subsystems::Verdict Subsystems::claim(Claim& claim, const Membership& member, u32 nsid, bool shared,
				      const Identity& identity)
{
	Guard guard{lock_};
	const Verdict verdict = judge(member.subsystem_, nsid, shared, identity);
	if (verdict != Verdict::New && verdict != Verdict::SharedHere)
		return verdict;
	claim.subsystem_ = member.subsystem_;
	claim.nsid_ = nsid;
	claim.shared_ = shared;
	claim.identity_ = identity;
	claims_.push_back(claim);
	return verdict;
}

Claim::~Claim() { subsystems_.disclaim(*this); }

void Subsystems::disclaim(Claim& claim)
{
	Guard guard{lock_};
	if (exchange(claim.subsystem_, nullptr) != nullptr)
		claim.hook_.unlink();
}

namespace attributes {

Shown SubsystemModel::show(Subsystem& subsystem, Buffer out)
{
	return out.print<"%s\n">(subsystem.about().model.c_str());
}
Shown SubsystemSerial::show(Subsystem& subsystem, Buffer out)
{
	return out.print<"%s\n">(subsystem.about().serial.c_str());
}
Shown SubsystemFirmware::show(Subsystem& subsystem, Buffer out)
{
	return out.print<"%s\n">(subsystem.about().firmware.c_str());
}
Shown SubsystemName::show(Subsystem& subsystem, Buffer out)
{
	return out.print<"%s\n">(subsystem.about().subnqn.c_str());
}
Shown SubsystemKind::show(Subsystem& subsystem, Buffer out)
{
	constexpr u8 kDiscovery = 2;
	const About& about = subsystem.about();
	const bool is_discovery = about.type == kDiscovery || equal(about.subnqn.c_str(), kDiscoveryName);
	return out.print<"%s\n">(is_discovery ? "discovery" : "nvm");
}

}  // namespace attributes

}  // namespace nvme
