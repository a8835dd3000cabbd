// SPDX-License-Identifier: GPL-2.0
/// \file
/// What the cases share: opens of the driver that belong to processes of their own, and a fixture that has all of them go.
///
/// A Peer's process opens and maps the driver and does nothing more; the file comes here by a socket. To the driver the Peer
/// is a process with its own pid, uid and memory, though the case, in one thread, does all its ioctls in the order it likes.
///
/// In the environment: BINDER_DEVICE, a node like /dev/binder; BINDER_DEBUGFS, the driver's folder there; BINDER_MODULE, the
/// module's name; BINDER_FREEZE_NOTIFICATIONS, 1 or 0, else the kernel's release says whether there are any.
#pragma once

#include <gtest/gtest.h>

#include <csignal>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "client.hpp"

namespace binder {

constexpr u64 kMap = (1 << 20) - 8192;
constexpr int kPatienceMs = 20000;

std::string device();
std::string debugfs();
std::string module_name();
bool has_freeze_notifications();
/// A file's text; "" if it cannot be read.
std::string read_file(const std::string& path);
bool write_file(const std::string& path, const std::string& text);
void sleep_ms(int ms);
/// Waits until `done` says so; false if it did not in time.
bool wait_until(const std::function<bool()>& done, int patience_ms = kPatienceMs);

/// Runs a function in a process of its own: kill -9, namespaces, uids. Its exit code is what the function returns.
class Child {
public:
	/// The function gets a socket to talk to the case.
	explicit Child(const std::function<int(int)>& body);
	Child(const Child&) = delete;
	Child& operator=(const Child&) = delete;
	~Child();
	/// Reads a T that the child wrote; fails the case, and gives zeroes, if none comes.
	template <typename T>
	T get()
	{
		T value{};
		if (!receive(&value, sizeof(value)))
			ADD_FAILURE() << "a child said nothing";
		return value;
	}
	template <typename T>
	void put(const T& value) const
	{
		EXPECT_EQ(write(socket_, &value, sizeof(value)), static_cast<ssize_t>(sizeof(value)));
	}
	bool receive(void* to, size_t size) const;
	void kill9();
	/// Waits for its end: the exit code, or minus a signal.
	int wait();
	pid_t pid() const { return pid_; }
	int socket() const { return socket_; }
	/// One byte of what /proc/pid/stat says of its state: S, D, R, ...
	char state() const;

private:
	pid_t pid_ = -1;
	int socket_ = -1;
};

// In a Child:
/// Becomes context manager, once another one's death has been noticed.
void manage(const Connection& connection, u32 flags);
/// Opens the driver for that.
std::optional<Connection> open_as_manager(u32 flags = 0, int open_flags = O_RDWR | O_CLOEXEC);
/// Tells a get<u8>() that the child has come so far.
bool say_ready(int socket);
/// Reads until a call has come.
void wait_for_call(const Connection& connection);

/// An open of the driver that is a process of its own.
class Peer {
public:
	struct Options {
		u64 map = kMap;
		int flags = O_RDWR | O_CLOEXEC | O_NONBLOCK;
		std::string device = binder::device();
		std::function<void()> after = {};  ///< Called in its process when it has opened and mapped.
	};
	Peer() : Peer(Options()) {}
	explicit Peer(const Options& options);
	Peer(const Peer&) = delete;
	Peer& operator=(const Peer&) = delete;
	~Peer() { die(); }

	/// Kills its process, and lets go of its file.
	void die();
	/// Has its process unmap what it mapped, or map again: 0, or minus an errno.
	int unmap() { return order('u'); }
	int map_again() { return order('m'); }
	pid_t pid() const { return host_->pid(); }

	int ioctl(unsigned long command, void* argument) const { return io.ioctl(command, argument); }
	/// Sends commands, all of which must be taken.
	void write(const Commands& commands) const;
	/// The next return that is no NOOP. BR_INCREFS and BR_ACQUIRE are counted and acknowledged unless `acks` is false.
	Event next(int patience_ms = kPatienceMs);
	/// Fails the case unless that is `code`.
	Event want(u32 code);
	/// Returns that come now, without NOOPs, as names; nothing is acknowledged.
	std::vector<std::string> pending();
	/// Says whether nothing has come, a little later either.
	bool idle();
	/// An incoming call.
	TransactionData want_call();
	ExtendedError error() const;

	Bytes memory(u64 address, u64 size) const;
	std::string text(const TransactionData& data) const;
	/// An object of an incoming transaction.
	template <typename T>
	T object(const TransactionData& data, u64 index) const
	{
		T value{};
		auto at = memory(data.offsets + (index * sizeof(u64)), sizeof(u64));
		u64 offset = 0;
		std::memcpy(&offset, at.data(), sizeof(offset));
		auto bytes = memory(data.buffer + offset, sizeof(T));
		std::memcpy(&value, bytes.data(), sizeof(T));
		return value;
	}

	Connection io;
	bool acks = true;
	int increfs = 0;
	int acquires = 0;

private:
	int order(char what);

	std::unique_ptr<Child> host_;
	std::deque<Event> queue_;
};

void send(Peer& from, u32 handle, u32 code, const Parcel& parcel = {}, u32 flags = 0);
/// Frees a call's buffer and replies to it; the completion is read.
void reply(Peer& server, const TransactionData& call, const Parcel& parcel = {}, u32 flags = 0);
/// Reads completion and reply.
TransactionData want_reply(Peer& client);
/// A call and its reply, whose buffers are freed.
void round_trip(Peer& client, Peer& server, u32 handle = 0);
/// Has the client's last transaction failed so.
void expect_failure(Peer& client, u32 code, int error);

/// A driver, with a context manager that accepts files. When a case has ended and all Peers are gone, nothing may be left of any
/// object, as the driver counts them itself.
class Binder : public testing::Test {
protected:
	void SetUp() override;
	void TearDown() override;

	/// A new Peer that is context manager; waits for another one's death.
	static std::unique_ptr<Peer> make_manager(u32 flags = kAcceptsFds, u64 ptr = 0, u64 cookie = 0,
						  const Peer::Options& options = {});
	/// The owner sends a node to the manager, which keeps a strong reference: the manager's handle.
	u32 hand_over(Peer& owner, u64 ptr, u64 cookie, u32 flags = kAcceptsFds);
	/// The manager sends a handle of its to another Peer, which keeps a strong reference: that one's handle.
	u32 share(u32 handle, Peer& to);

	std::unique_ptr<Peer> manager;
};

/// The number that follows "name: active " in the driver's statistics; -1 if it is not there.
int active(const std::string& stats, const std::string& name);
/// Objects of the driver that are left, "" if none are, or if it does not tell.
std::string leftovers();

}  // namespace binder
