// SPDX-License-Identifier: GPL-2.0
/// \file
/// A thin client of binder's raw protocol: an open of the driver, streams of commands and of returns, data with objects.
/// It has no policy: no references are counted and no buffer is freed but as told.
#pragma once

#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol.hpp"

namespace binder {

using Bytes = std::vector<u8>;

/// Data of a transaction, and where in it objects are. `extra` is the size of the buffers that PTR objects point at,
/// each rounded up to 8.
struct Parcel {
	Bytes data;
	std::vector<u64> offsets;
	u64 extra = 0;

	Parcel() = default;
	explicit Parcel(std::string_view text) : data(text.begin(), text.end()) {}
	explicit Parcel(Bytes bytes) : data(std::move(bytes)) {}

	/// Adds an object, aligned to 4 bytes as the driver wants them: its index.
	template <typename T>
	u64 add(const T& object)
	{
		data.resize((data.size() + 3) & ~size_t{3});
		offsets.push_back(data.size());
		append(&object, sizeof(object));
		return offsets.size() - 1;
	}
	u64 binder(u64 ptr, u64 cookie, u32 flags = 0) { return add(FlatObject{kTypeBinder, flags, ptr, cookie}); }
	u64 weak_binder(u64 ptr, u64 cookie, u32 flags = 0)
	{
		return add(FlatObject{kTypeWeakBinder, flags, ptr, cookie});
	}
	u64 handle(u32 handle) { return add(FlatObject{kTypeHandle, 0, handle, 0}); }
	u64 weak_handle(u32 handle) { return add(FlatObject{kTypeWeakHandle, 0, handle, 0}); }
	u64 fd(int fd) { return add(FdObject{kTypeFd, 0, static_cast<u32>(fd), 0xdeadbeef, 0}); }
	/// A buffer on the side, which must live until the parcel is sent.
	u64 ptr(const void* buffer, u64 length)
	{
		extra += (length + 7) & ~u64{7};
		return add(PtrObject{kTypePtr, 0, reinterpret_cast<uintptr_t>(buffer), length, 0, 0});
	}
	/// One that another points at, `offset` bytes into that.
	u64 ptr_in(const void* buffer, u64 length, u64 parent, u64 offset)
	{
		extra += (length + 7) & ~u64{7};
		return add(PtrObject{kTypePtr, kPtrHasParent, reinterpret_cast<uintptr_t>(buffer), length, parent,
				     offset});
	}
	u64 fd_array(u64 count, u64 parent, u64 offset)
	{
		return add(FdArrayObject{kTypeFdArray, 0, count, parent, offset});
	}
	void append(const void* from, size_t size)
	{
		const auto* bytes = static_cast<const u8*>(from);
		data.insert(data.end(), bytes, bytes + size);
	}
	/// What a command says of it.
	TransactionData describe(u32 target, u32 code, u32 flags) const;
};

/// A stream of commands. It keeps the data of its transactions; buffers that PTR objects point at must live until it is sent.
class Commands {
public:
	/// Adds a command and what it carries.
	template <typename T>
	Commands& add(u32 command, const T& payload)
	{
		put(&command, sizeof(command));
		return put(&payload, sizeof(payload));
	}
	Commands& add(u32 command) { return put(&command, sizeof(command)); }
	/// Adds bytes as they are.
	Commands& put(const void* from, size_t size)
	{
		const auto* bytes = static_cast<const u8*>(from);
		bytes_.insert(bytes_.end(), bytes, bytes + size);
		return *this;
	}
	Commands& free_buffer(u64 address) { return add(kBcFreeBuffer, address); }
	Commands& acquire(u32 handle) { return add(kBcAcquire, handle); }
	Commands& release(u32 handle) { return add(kBcRelease, handle); }
	Commands& increfs(u32 handle) { return add(kBcIncrefs, handle); }
	Commands& decrefs(u32 handle) { return add(kBcDecrefs, handle); }
	Commands& enter_looper() { return add(kBcEnterLooper); }
	Commands& request_death(u32 handle, u64 cookie) { return add(kBcRequestDeath, HandleCookie{handle, cookie}); }
	Commands& clear_death(u32 handle, u64 cookie) { return add(kBcClearDeath, HandleCookie{handle, cookie}); }
	Commands& dead_binder_done(u64 cookie) { return add(kBcDeadBinderDone, cookie); }

	/// Adds a transaction to a handle, or a reply; with buffers on the side if the parcel has any.
	Commands& transaction(u32 handle, u32 code, Parcel parcel, u32 flags = 0);
	Commands& reply(Parcel parcel, u32 flags = 0);

	const Bytes& bytes() const { return bytes_; }
	bool empty() const { return bytes_.empty(); }
	void clear() { *this = Commands(); }

private:
	Bytes bytes_;
	std::deque<Parcel> parcels_;
};

/// One return, and what it carries.
struct Event {
	u32 code = 0;
	Bytes payload;

	/// The payload as a T. It is zero as far as the payload is shorter.
	template <typename T>
	T as() const
	{
		T value{};
		std::memcpy(&value, payload.data(), std::min(sizeof(value), payload.size()));
		return value;
	}
	TransactionData transaction() const { return as<TransactionData>(); }
};
/// "BR_REPLY" and the like.
std::string name_of(u32 code);
/// Reads a stream of returns; of one that is cut off in the middle, what is whole.
std::vector<Event> parse(std::span<const u8> stream);

/// What one BINDER_WRITE_READ did. `error` is 0 or minus an errno.
struct Outcome {
	int error = 0;
	u64 write_consumed = 0;
	u64 read_consumed = 0;
	Bytes read;  ///< As much as was consumed.
	std::vector<Event> events() const { return parse(read); }
};

/// An open of the driver, and the mapping that it receives in. Not thread-safe, but for what only calls ioctl().
class Connection {
public:
	Connection() = default;
	/// Takes over an open file, and a mapping that is another process's if `base` is no address here.
	Connection(int fd, u64 base, u64 size, bool own_mapping)
		: fd_(fd), base_(base), size_(size), own_mapping_(own_mapping)
	{
	}
	Connection(Connection&& other) noexcept { swap(other); }
	Connection& operator=(Connection&& other) noexcept
	{
		Connection(std::move(other)).swap(*this);
		return *this;
	}
	Connection(const Connection&) = delete;
	Connection& operator=(const Connection&) = delete;
	~Connection() { close(); }

	/// Opens the driver and maps `map` bytes, none if 0; nothing with errno set if it fails.
	static std::optional<Connection> open(const std::string& device, u64 map = (1 << 20) - 8192,
					      int flags = O_RDWR | O_CLOEXEC);
	void close();

	int fd() const { return fd_; }
	u64 base() const { return base_; }
	u64 size() const { return size_; }

	/// 0, or minus an errno.
	int ioctl(unsigned long command, void* argument) const;
	template <typename T>
	int ioctl(unsigned long command, T& argument) const
	{
		return ioctl(command, static_cast<void*>(&argument));
	}
	/// Writes commands, then reads up to `room` bytes of returns; none of both if empty or 0.
	Outcome write_read(const Commands& commands, size_t room) const;
	Outcome write(const Commands& commands) const { return write_read(commands, 0); }
	Outcome read(size_t room = 4096) const { return write_read(Commands(), room); }

private:
	void swap(Connection& other) noexcept
	{
		std::swap(fd_, other.fd_);
		std::swap(base_, other.base_);
		std::swap(size_, other.size_);
		std::swap(own_mapping_, other.own_mapping_);
	}

	int fd_ = -1;
	u64 base_ = 0;
	u64 size_ = 0;
	bool own_mapping_ = false;
};

}  // namespace binder
