// SPDX-License-Identifier: GPL-2.0
#include "client.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace binder {

namespace {

u64 address_of(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }

constexpr std::pair<u32, const char*> kNames[] = {
	{kBrError, "BR_ERROR"},
	{kBrOk, "BR_OK"},
	{kBrTransaction, "BR_TRANSACTION"},
	{kBrTransactionSecctx, "BR_TRANSACTION_SEC_CTX"},
	{kBrReply, "BR_REPLY"},
	{kBrDeadReply, "BR_DEAD_REPLY"},
	{kBrTransactionComplete, "BR_TRANSACTION_COMPLETE"},
	{kBrIncrefs, "BR_INCREFS"},
	{kBrAcquire, "BR_ACQUIRE"},
	{kBrRelease, "BR_RELEASE"},
	{kBrDecrefs, "BR_DECREFS"},
	{kBrNoop, "BR_NOOP"},
	{kBrSpawnLooper, "BR_SPAWN_LOOPER"},
	{kBrDeadBinder, "BR_DEAD_BINDER"},
	{kBrClearDeathDone, "BR_CLEAR_DEATH_NOTIFICATION_DONE"},
	{kBrFailedReply, "BR_FAILED_REPLY"},
	{kBrFrozenReply, "BR_FROZEN_REPLY"},
	{kBrOnewaySpamSuspect, "BR_ONEWAY_SPAM_SUSPECT"},
	{kBrTransactionPendingFrozen, "BR_TRANSACTION_PENDING_FROZEN"},
	{kBrFrozenBinder, "BR_FROZEN_BINDER"},
	{kBrClearFreezeDone, "BR_CLEAR_FREEZE_NOTIFICATION_DONE"},
};

}  // namespace

TransactionData Parcel::describe(u32 target, u32 code, u32 flags) const
{
	return {.target = target,
		.cookie = 0,
		.code = code,
		.flags = flags,
		.sender_pid = 0,
		.sender_euid = 0,
		.data_size = data.size(),
		.offsets_size = offsets.size() * sizeof(u64),
		.buffer = address_of(data.data()),
		.offsets = address_of(offsets.data())};
}

Commands& Commands::transaction(u32 handle, u32 code, Parcel parcel, u32 flags)
{
	const Parcel& kept = parcels_.emplace_back(std::move(parcel));
	TransactionData data = kept.describe(handle, code, flags);
	return kept.extra != 0 ? add(kBcTransactionSg, TransactionDataSg{data, kept.extra}) : add(kBcTransaction, data);
}

Commands& Commands::reply(Parcel parcel, u32 flags)
{
	const Parcel& kept = parcels_.emplace_back(std::move(parcel));
	TransactionData data = kept.describe(0, 0, flags);
	return kept.extra != 0 ? add(kBcReplySg, TransactionDataSg{data, kept.extra}) : add(kBcReply, data);
}

std::string name_of(u32 code)
{
	for (const auto& [number, name] : kNames) {
		if (number == code)
			return name;
	}
	char text[16];
	std::snprintf(text, sizeof(text), "%#x", code);
	return text;
}

std::vector<Event> parse(std::span<const u8> stream)
{
	std::vector<Event> events;
	while (stream.size() >= sizeof(u32)) {
		Event event;
		std::memcpy(&event.code, stream.data(), sizeof(u32));
		stream = stream.subspan(sizeof(u32));
		// The driver's code of this one promises a payload that it never writes.
		size_t size = event.code == kBrError ? 0 : _IOC_SIZE(event.code);
		if (size > stream.size())
			break;
		event.payload.assign(stream.begin(), stream.begin() + static_cast<ptrdiff_t>(size));
		stream = stream.subspan(size);
		events.push_back(std::move(event));
	}
	return events;
}

std::optional<Connection> Connection::open(const std::string& device, u64 map, int flags)
{
	int fd = ::open(device.c_str(), flags);
	if (fd < 0)
		return std::nullopt;
	Connection connection(fd, 0, 0, true);
	if (map != 0) {
		void* base = mmap(nullptr, map, PROT_READ, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
		if (base == MAP_FAILED)
			return std::nullopt;
		connection.base_ = address_of(base);
		connection.size_ = map;
	}
	return connection;
}

void Connection::close()
{
	if (own_mapping_ && size_ != 0)
		munmap(reinterpret_cast<void*>(static_cast<uintptr_t>(base_)), static_cast<size_t>(size_));
	if (fd_ >= 0)
		::close(fd_);
	fd_ = -1;
	size_ = 0;
}

int Connection::ioctl(unsigned long command, void* argument) const
{
	return ::ioctl(fd_, command, argument) < 0 ? -errno : 0;
}

Outcome Connection::write_read(const Commands& commands, size_t room) const
{
	Outcome outcome;
	outcome.read.resize(room);
	WriteRead argument = {.write_size = commands.bytes().size(),
			      .write_consumed = 0,
			      .write_buffer = address_of(commands.bytes().data()),
			      .read_size = room,
			      .read_consumed = 0,
			      .read_buffer = address_of(outcome.read.data())};
	outcome.error = ioctl(kWriteRead, argument);
	outcome.write_consumed = argument.write_consumed;
	outcome.read_consumed = argument.read_consumed;
	outcome.read.resize(std::min<u64>(argument.read_consumed, room));
	return outcome;
}

}  // namespace binder
