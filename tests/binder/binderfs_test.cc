// SPDX-License-Identifier: GPL-2.0
/// \file
/// BD-74: binderfs.
#include <dirent.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <sstream>
#include <thread>

#include "mounted.hpp"

namespace binder {
namespace {

std::set<std::string> names_in(const std::string& path)
{
	std::set<std::string> names;
	if (DIR* folder = opendir(path.c_str())) {
		while (dirent* entry = readdir(folder)) {
			if (entry->d_name[0] != '.')
				names.insert(entry->d_name);
		}
		closedir(folder);
	}
	return names;
}

/// The module's devices, by their names.
std::set<std::string> devices()
{
	std::set<std::string> found;
	std::stringstream names(read_file("/sys/module/" + module_name() + "/parameters/devices"));
	for (std::string name; std::getline(names, name, ',');)
		found.insert(name.substr(0, name.find('\n')));
	return found;
}

std::string options_of(const Mounted& mounted)
{
	std::stringstream mounts(read_file("/proc/mounts"));
	for (std::string line; std::getline(mounts, line);) {
		std::string start = "none " + mounted.path() + " " + file_system() + " ";
		if (line.starts_with(start))
			return line.substr(start.size());
	}
	return "";
}

int rename_error(const std::string& from, const std::string& to, unsigned flags = 0)
{
	return syscall(SYS_renameat2, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags) ? errno : 0;
}

int module_users() { return std::atoi(read_file("/sys/module/" + module_name() + "/refcnt").c_str()); }

TEST_F(Binder, Bd74MountHasControlDevicesAndFeatures)
{
	NEED_BINDERFS;
	Mounted mounted;
	ASSERT_EQ(mounted.error(), 0);
	struct statfs about = {};
	ASSERT_EQ(statfs(mounted.path().c_str(), &about), 0);
	EXPECT_EQ(about.f_type, 0x6c6f6f70);
	auto names = devices();
	EXPECT_EQ(names.size(), first_devices());
	names.insert({"binder-control", "features"});
	EXPECT_EQ(names_in(mounted.path()), names);
	std::set<unsigned> minors;
	names.erase("features");
	for (const auto& name : names) {
		struct stat node = {};
		ASSERT_EQ(stat((mounted / name).c_str(), &node), 0) << name;
		EXPECT_EQ(node.st_mode, unsigned{S_IFCHR | 0600}) << name;
		EXPECT_EQ(node.st_uid + node.st_gid, 0u) << name;
		minors.insert(minor(node.st_rdev));
	}
	EXPECT_EQ(minors.size(), names.size());
	std::set<std::string> features = {"oneway_spam_detection", "extended_error"};
	if (has_freeze_notifications())
		features.insert("freeze_notification");
	EXPECT_EQ(names_in(mounted / "features"), features);
	for (const auto& feature : features)
		EXPECT_EQ(read_file(mounted / "features/" + feature), "1\n") << feature;
}

TEST_F(Binder, Bd74Options)
{
	NEED_BINDERFS;
	unsigned devices = first_devices();
	std::string least = "max=" + std::to_string(devices);
	const std::pair<std::string, int> cases[] = {
		{"max=1048576", 0},
		{least, 0},
		{"stats=global", 0},
		{least + ",stats=global", 0},
		{"max=" + std::to_string(devices - 1), ENOSPC},
		{"max=1048577", EINVAL},
		{"max=4294967296", EINVAL},
		{"max=-1", EINVAL},
		{"max=some", EINVAL},
		{"max", EINVAL},
		{"stats=local", EINVAL},
		{"stats=", EINVAL},
		{"stats", EINVAL},
		{"nothing=1", EINVAL},
	};
	for (const auto& [options, error] : cases) {
		Mounted mounted(options);
		EXPECT_EQ(mounted.error(), error) << options;
	}
	Mounted plain("max=77");
	EXPECT_EQ(options_of(plain), "rw,relatime,max=77 0 0");
	EXPECT_EQ(plain.mount("stats=global", MS_REMOUNT), EINVAL);
	EXPECT_EQ(plain.mount("max=1048577", MS_REMOUNT), EINVAL);
	EXPECT_EQ(options_of(plain), "rw,relatime,max=77 0 0");
	EXPECT_EQ(plain.mount("max=" + std::to_string(devices + 1), MS_REMOUNT), 0);
	EXPECT_EQ(plain.add("one"), 0);
	EXPECT_EQ(plain.add("two"), ENOSPC);
	EXPECT_EQ(plain.mount("", MS_REMOUNT), 0);
	EXPECT_EQ(options_of(plain), "rw,relatime,max=1048576 0 0");
	EXPECT_EQ(plain.add("two"), 0);
	Mounted logging("stats=global");
	EXPECT_EQ(options_of(logging), "rw,relatime,max=1048576,stats=global 0 0");
	EXPECT_EQ(logging.mount("max=5", MS_REMOUNT), EINVAL);
	EXPECT_EQ(logging.mount("max=5,stats=global", MS_REMOUNT), 0);
	EXPECT_EQ(options_of(logging), "rw,relatime,max=5,stats=global 0 0");
}

TEST_F(Binder, Bd74AddedDeviceTakesCalls)
{
	NEED_BINDERFS;
	Mounted mounted;
	ASSERT_EQ(mounted.error(), 0);
	DeviceRequest answer = {};
	ASSERT_EQ(mounted.add("mine", &answer), 0);
	struct stat node = {};
	ASSERT_EQ(stat((mounted / "mine").c_str(), &node), 0);
	EXPECT_EQ(node.st_mode, unsigned{S_IFCHR | 0600});
	EXPECT_EQ(major(node.st_rdev), answer.major);
	EXPECT_EQ(minor(node.st_rdev), answer.minor);
	EXPECT_STREQ(answer.name, "mine");
	auto theirs = make_manager(kAcceptsFds, 0, 0, {.device = mounted / "mine"});
	Peer client({.device = mounted / "mine"});
	round_trip(client, *theirs);
	EXPECT_NE(read_file(debugfs() + "/state").find("\ncontext mine\n"), std::string::npos);
	// A node of the same number elsewhere is none of ours.
	char path[] = "/tmp/node_XXXXXX";
	ASSERT_NE(mkdtemp(path), nullptr);
	std::string copy = std::string(path) + "/node";
	ASSERT_EQ(mknod(copy.c_str(), S_IFCHR | 0600, node.st_rdev), 0);
	EXPECT_LT(open(copy.c_str(), O_RDWR | O_CLOEXEC), 0);
	EXPECT_EQ(errno, ENXIO);
	unlink(copy.c_str());
	rmdir(path);
}

TEST_F(Binder, Bd74NamesThatCannotBeAdded)
{
	NEED_BINDERFS;
	Mounted mounted;
	ASSERT_EQ(mounted.error(), 0);
	auto before = names_in(mounted.path());
	ASSERT_EQ(mounted.add("mine"), 0);
	for (const char* name : {"mine", "binder-control", "features"})
		EXPECT_EQ(mounted.add(name), EEXIST) << name;
	EXPECT_EQ(mounted.add(*devices().begin()), EEXIST);
	for (const char* name : {"", ".", "..", "a/b", "/", "/mine", "features/mine"})
		EXPECT_EQ(mounted.add(name), EACCES) << name;
	DeviceRequest request = {};
	EXPECT_EQ(mounted.control(kCtlAdd, nullptr), EFAULT);
	EXPECT_EQ(mounted.control(kCtlAdd + 1, &request), EINVAL);
	EXPECT_EQ(mounted.control(kVersion, &request), EINVAL);
	// What it cannot tell, it does not keep.
	void* page = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT_EQ(mounted.control(kCtlAdd, page), EFAULT);
	munmap(page, 4096);
	page = mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	auto* cut = static_cast<char*>(page) + 4096 - sizeof(request);
	std::strcpy(cut, "cut");
	mprotect(page, 4096, PROT_READ);
	EXPECT_EQ(mounted.control(kCtlAdd, cut), EFAULT);
	munmap(static_cast<char*>(page) + 4096, 4096);
	EXPECT_EQ(mounted.control(kCtlAdd, cut + 1), EFAULT);
	munmap(page, 4096);
	before.insert("mine");
	EXPECT_EQ(names_in(mounted.path()), before);
	// No end: as much as fits is the name.
	EXPECT_EQ(mounted.add(std::string(256, 'n')), 0);
	before.insert(std::string(255, 'n'));
	EXPECT_EQ(mounted.add(std::string(255, 'n')), EEXIST);
	// Any other byte may be in a name.
	EXPECT_EQ(mounted.add("\x01 \xff\n"), 0);
	before.insert("\x01 \xff\n");
	EXPECT_EQ(names_in(mounted.path()), before);
}

TEST_F(Binder, Bd74AtMostMaxDevices)
{
	NEED_BINDERFS;
	Mounted mounted("max=" + std::to_string(first_devices() + 2));
	ASSERT_EQ(mounted.error(), 0);
	Mounted other;
	DeviceRequest first = {};
	EXPECT_EQ(mounted.add("one", &first), 0);
	EXPECT_EQ(mounted.add("two"), 0);
	EXPECT_EQ(mounted.add("three"), ENOSPC);
	EXPECT_EQ(other.add("three"), 0);
	// A number is free again when the name is gone and the last file closed.
	{
		Peer open({.device = mounted / "one"});
		EXPECT_EQ(unlink((mounted / "one").c_str()), 0);
		EXPECT_EQ(mounted.add("three"), ENOSPC);
	}
	DeviceRequest again = {};
	EXPECT_TRUE(wait_until([&] { return mounted.add("three", &again) == 0; }));
	EXPECT_EQ(again.minor, first.minor);
	// What could not be added took nothing.
	EXPECT_EQ(unlink((mounted / "two").c_str()), 0);
	for (int times = 0; times < 5; ++times)
		EXPECT_EQ(mounted.add("three"), EEXIST);
	EXPECT_EQ(mounted.add("two"), 0);
	EXPECT_EQ(mounted.add("four"), ENOSPC);
}

TEST_F(Binder, Bd74UnlinkedDeviceStillTakesCalls)
{
	NEED_BINDERFS;
	Mounted mounted;
	ASSERT_EQ(mounted.error(), 0);
	ASSERT_EQ(mounted.add("mine"), 0);
	auto theirs = make_manager(kAcceptsFds, 0, 0, {.device = mounted / "mine"});
	Peer client({.device = mounted / "mine"});
	ASSERT_EQ(unlink((mounted / "mine").c_str()), 0);
	EXPECT_EQ(open((mounted / "mine").c_str(), O_RDWR), -1);
	EXPECT_EQ(errno, ENOENT);
	round_trip(client, *theirs);
	// One of the same name is another one.
	ASSERT_EQ(mounted.add("mine"), 0);
	auto fresh = make_manager(kAcceptsFds, 0, 0, {.device = mounted / "mine"});
	round_trip(client, *theirs);
	EXPECT_TRUE(fresh->idle());
}

TEST_F(Binder, Bd74ControlStays)
{
	NEED_BINDERFS;
	Mounted mounted;
	ASSERT_EQ(mounted.error(), 0);
	ASSERT_EQ(mounted.add("one"), 0);
	ASSERT_EQ(mounted.add("two"), 0);
	auto before = names_in(mounted.path());
	EXPECT_EQ(unlink((mounted / "binder-control").c_str()), -1);
	EXPECT_EQ(errno, EPERM);
	EXPECT_EQ(rename_error(mounted / "binder-control", mounted / "other"), EPERM);
	EXPECT_EQ(rename_error(mounted / "one", mounted / "binder-control"), EPERM);
	EXPECT_EQ(rename_error(mounted / "one", mounted / "binder-control", RENAME_EXCHANGE), EPERM);
	EXPECT_EQ(rename_error(mounted / "features/extended_error", mounted / "other"), EPERM);
	EXPECT_EQ(mkdir((mounted / "folder").c_str(), 0700), -1);
	EXPECT_EQ(errno, EPERM);
	EXPECT_EQ(mknod((mounted / "node").c_str(), S_IFCHR | 0600, makedev(1, 3)), -1);
	EXPECT_EQ(errno, EPERM);
	EXPECT_EQ(unlink((mounted / "features/extended_error").c_str()), -1);
	EXPECT_EQ(rmdir((mounted / "features").c_str()), -1);
	if (module_name() == "binder_cpp") {
		// C moves folders, and devices into them, and then follows pointers to what was there.
		EXPECT_EQ(rename_error(mounted / "features", mounted / "other"), EPERM);
		EXPECT_EQ(rename_error(mounted / "features", mounted / "one", RENAME_EXCHANGE), EPERM);
		EXPECT_EQ(rename_error(mounted / "one", mounted / "features/one"), EPERM);
		EXPECT_EQ(rename_error(mounted / "one", mounted / "features/extended_error"), EPERM);
	}
	EXPECT_EQ(names_in(mounted.path()), before);
}

TEST_F(Binder, Bd74DevicesAreRenamed)
{
	NEED_BINDERFS;
	Mounted mounted;
	ASSERT_EQ(mounted.error(), 0);
	DeviceRequest one = {};
	DeviceRequest two = {};
	ASSERT_EQ(mounted.add("one", &one), 0);
	ASSERT_EQ(mounted.add("two", &two), 0);
	auto minor_of = [&](const char* name) {
		struct stat node = {};
		return stat((mounted / name).c_str(), &node) == 0 ? minor(node.st_rdev) : ~0u;
	};
	auto theirs = make_manager(kAcceptsFds, 0, 0, {.device = mounted / "one"});
	EXPECT_EQ(rename_error(mounted / "one", mounted / "first"), 0);
	EXPECT_EQ(minor_of("first"), one.minor);
	Peer client({.device = mounted / "first"});
	round_trip(client, *theirs);
	EXPECT_EQ(rename_error(mounted / "first", mounted / "two", RENAME_NOREPLACE), EEXIST);
	EXPECT_EQ(rename_error(mounted / "first", mounted / "two", RENAME_EXCHANGE), 0);
	EXPECT_EQ(minor_of("two"), one.minor);
	EXPECT_EQ(minor_of("first"), two.minor);
	// The one whose name it takes is gone.
	EXPECT_EQ(rename_error(mounted / "two", mounted / "first"), 0);
	EXPECT_EQ(minor_of("first"), one.minor);
	EXPECT_EQ(minor_of("two"), ~0u);
	round_trip(client, *theirs);
	DeviceRequest again = {};
	EXPECT_EQ(mounted.add("again", &again), 0);
	EXPECT_EQ(again.minor, two.minor);
}

TEST_F(Binder, Bd74MountsDoNotKnowEachOther)
{
	NEED_BINDERFS;
	Mounted a;
	Mounted b;
	ASSERT_EQ(a.error() + b.error(), 0);
	std::string name = *devices().begin();
	auto manager_a = make_manager(kAcceptsFds, 0, 0, {.device = a / name});
	Peer client_a({.device = a / name});
	Peer client_b({.device = b / name});
	auto is_dead = [](Peer& client) {
		send(client, 0, 1, Parcel("anybody?"));
		return client.next().code == kBrDeadReply;
	};
	EXPECT_TRUE(is_dead(client_b));
	auto manager_b = make_manager(kAcceptsFds, 0, 0, {.device = b / name});
	round_trip(client_a, *manager_a);
	round_trip(client_b, *manager_b);
	Peer outside;
	round_trip(outside, *manager);
	manager_a.reset();
	EXPECT_TRUE(wait_until([&] { return is_dead(client_a); }));
	round_trip(client_b, *manager_b);
	round_trip(outside, *manager);
}

TEST_F(Binder, Bd74LogsAreThoseOfDebugfs)
{
	NEED_BINDERFS;
	std::string pid;
	int kept = -1;
	{
		Mounted mounted("stats=global");
		Mounted without;
		ASSERT_EQ(mounted.error() + without.error(), 0);
		EXPECT_EQ(names_in(without.path()).count("binder_logs"), 0u);
		ASSERT_EQ(mounted.add("logged-device"), 0);
		auto theirs = make_manager(kAcceptsFds, 0, 0, {.device = mounted / "logged-device"});
		Peer client({.device = mounted / "logged-device"});
		Peer elsewhere({.device = without / *devices().begin()});
		round_trip(client, *theirs);
		for (const char* name :
		     {"state", "stats", "transactions", "transaction_log", "failed_transaction_log"}) {
			std::string text = read_file(mounted / "binder_logs/" + name);
			EXPECT_EQ(text, read_file(debugfs() + "/" + name)) << name;
		}
		EXPECT_NE(read_file(mounted / "binder_logs/state").find("\ncontext logged-device\n"),
			  std::string::npos);
		pid = std::to_string(client.pid());
		std::set<std::string> pids = {pid, std::to_string(theirs->pid())};
		EXPECT_EQ(names_in(mounted / "binder_logs/proc"), pids);
		std::string text = read_file(mounted / "binder_logs/proc/" + pid);
		EXPECT_TRUE(text.starts_with("binder proc state:\nproc " + pid + "\ncontext logged-device\n")) << text;
		EXPECT_EQ(text, read_file(debugfs() + "/proc/" + pid));
		kept = open((mounted / "binder_logs/proc/" + pid).c_str(), O_RDONLY | O_CLOEXEC);
		ASSERT_GE(kept, 0);
		client.die();
		pids.erase(pid);
		EXPECT_TRUE(wait_until([&] { return names_in(mounted / "binder_logs/proc") == pids; }));
		// Nothing of it is left to read.
		char byte = 0;
		EXPECT_EQ(read(kept, &byte, 1), 0);
		close(kept);
	}
	// The log knows the name of what is gone.
	std::string log = read_file(debugfs() + "/transaction_log");
	EXPECT_NE(log.find(" context logged-device "), std::string::npos) << log;
}

/// What the case does in a user namespace of its own: 0, or the line that failed.
#define CHECK_HERE(condition) \
	if (!(condition))     \
	return __LINE__
int in_a_user_namespace(int socket)
{
	CHECK_HERE(unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0);
	char byte = 'u';
	CHECK_HERE(write(socket, &byte, 1) == 1 && read(socket, &byte, 1) == 1);
	CHECK_HERE(setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0);
	CHECK_HERE(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
	// What it would show is everybody's.
	CHECK_HERE(Mounted("stats=global").error() == EPERM);
	Mounted mounted("max=100");
	CHECK_HERE(mounted.error() == 0);
	CHECK_HERE(mounted.mount("stats=global", MS_REMOUNT) == EPERM);
	CHECK_HERE(mounted.add("mine") == 0);
	for (const char* name : {"mine", "binder-control"}) {
		struct stat node = {};
		CHECK_HERE(stat((mounted / name).c_str(), &node) == 0);
		CHECK_HERE(node.st_uid == 0 && node.st_gid == 0 && node.st_mode == (S_IFCHR | 0600));
	}
	// Who is outside sees who it is there.
	CHECK_HERE(write(socket, mounted.path().c_str(), mounted.path().size()) > 0);
	CHECK_HERE(read(socket, &byte, 1) == 1);
	auto connection = Connection::open(mounted / "mine");
	CHECK_HERE(connection.has_value());
	s32 version = 0;
	CHECK_HERE(connection->ioctl(kVersion, version) == 0 && version == 8);
	CHECK_HERE(unlink((mounted / "mine").c_str()) == 0);
	CHECK_HERE(unlink((mounted / "binder-control").c_str()) == -1 && errno == EPERM);
	CHECK_HERE(mknod((mounted / "null").c_str(), S_IFCHR | 0600, makedev(1, 3)) == -1 && errno == EPERM);
	CHECK_HERE(connection->ioctl(kVersion, version) == 0);
	connection->close();
	CHECK_HERE(mounted.umount() == 0);
	return 0;
}

TEST_F(Binder, Bd74UserNamespaceMountsItsOwn)
{
	NEED_BINDERFS;
	constexpr unsigned kUser = 1234;
	Child child([](int socket) { return in_a_user_namespace(socket) / 2; });
	char byte = 0;
	if (!child.receive(&byte, 1))
		GTEST_SKIP() << "\nskip: this kernel has no user namespaces";
	std::string folder = "/proc/" + std::to_string(child.pid());
	EXPECT_TRUE(write_file(folder + "/uid_map", "0 " + std::to_string(kUser) + " 1"));
	EXPECT_TRUE(write_file(folder + "/gid_map", "0 " + std::to_string(kUser) + " 1"));
	child.put('g');
	char path[64] = {};
	ASSERT_GT(read(child.socket(), path, sizeof(path) - 1), 0) << "line " << child.wait() * 2;
	for (const char* name : {"mine", "binder-control"}) {
		struct stat node = {};
		EXPECT_EQ(stat((folder + "/root" + path + "/" + name).c_str(), &node), 0) << name;
		EXPECT_EQ(node.st_uid, kUser) << name;
		EXPECT_EQ(node.st_gid, kUser) << name;
	}
	child.put('g');
	EXPECT_EQ(child.wait(), 0) << "about line " << child.wait() * 2;
}

TEST_F(Binder, Bd74MountStaysWhileItsFilesAreOpen)
{
	NEED_BINDERFS;
	int users = module_users();
	auto mounted = std::make_unique<Mounted>("stats=global");
	ASSERT_EQ(mounted->error(), 0);
	EXPECT_EQ(module_users(), users + 1);
	ASSERT_EQ(mounted->add("mine"), 0);
	int control = open((*mounted / "binder-control").c_str(), O_RDONLY | O_CLOEXEC);
	int log = open((*mounted / "binder_logs/stats").c_str(), O_RDONLY | O_CLOEXEC);
	ASSERT_GE(std::min(control, log), 0);
	auto theirs = make_manager(kAcceptsFds, 0, 0, {.device = *mounted / "mine"});
	Peer client({.device = *mounted / "mine"});
	EXPECT_EQ(mounted->umount(), EBUSY);
	// Out of sight, and in use.
	EXPECT_EQ(mounted->umount(MNT_DETACH), 0);
	mounted.reset();
	round_trip(client, *theirs);
	DeviceRequest request = {.name = "late", .major = 0, .minor = 0};
	EXPECT_EQ(::ioctl(control, kCtlAdd, &request), 0);
	char byte = 0;
	EXPECT_EQ(read(log, &byte, 1), 1);
	theirs.reset();
	close(control);
	close(log);
	EXPECT_GT(module_users(), users);
	client.die();
	EXPECT_TRUE(wait_until([&] { return module_users() == users; })) << module_users();
}

TEST_F(Binder, Bd74NothingIsLeftOfMounts)
{
	NEED_BINDERFS;
	int users = module_users();
	DeviceRequest first = {};
	for (int times = 0; times < 50; ++times) {
		Mounted mounted(times % 2 == 0 ? "stats=global" : "");
		ASSERT_EQ(mounted.error(), 0);
		DeviceRequest answer = {};
		ASSERT_EQ(mounted.add("mine", &answer), 0);
		ASSERT_EQ(mounted.add("other"), 0);
		if (times == 0)
			first = answer;
		// Numbers come back.
		EXPECT_EQ(answer.minor, first.minor);
		EXPECT_EQ(answer.major, first.major);
		auto connection = Connection::open(mounted / "mine");
		ASSERT_TRUE(connection);
		if (times % 3 == 0) {
			EXPECT_EQ(unlink((mounted / "mine").c_str()), 0);
		}
		if (times % 5 == 0) {
			EXPECT_EQ(mounted.umount(MNT_DETACH), 0);
		}
		connection->close();
		if (times % 5 != 0) {
			EXPECT_EQ(mounted.umount(), 0);
		}
	}
	EXPECT_TRUE(wait_until([&] { return module_users() == users; }));
}

TEST_F(Binder, Bd74ManyDevicesAtOnce)
{
	NEED_BINDERFS;
	constexpr int kDevices = 200;
	int users = module_users();
	std::vector<Connection> open;
	{
		Mounted mounted("stats=global");
		ASSERT_EQ(mounted.error(), 0);
		for (int index = 0; index < kDevices; ++index) {
			ASSERT_EQ(mounted.add(std::to_string(index)), 0);
			auto connection = Connection::open(mounted / std::to_string(index), 0);
			ASSERT_TRUE(connection);
			open.push_back(std::move(*connection));
		}
		// This process's, which was the first to open.
		EXPECT_EQ(names_in(mounted / "binder_logs/proc").size(), 1u);
	}
	std::vector<std::thread> threads;
	std::atomic<int> wrong = 0;
	for (int index = 0; index < 4; ++index) {
		threads.emplace_back([&] {
			for (auto& one : open) {
				s32 version = 0;
				wrong += one.ioctl(kVersion, version) != 0 || version != 8;
			}
		});
	}
	for (auto& thread : threads)
		thread.join();
	EXPECT_EQ(wrong, 0);
	open.clear();
	EXPECT_TRUE(wait_until([&] { return module_users() == users; }));
}

TEST_F(Binder, Bd74AddedAndRemovedAtOnce)
{
	NEED_BINDERFS;
	int users = module_users();
	{
		Mounted mounted("stats=global,max=" + std::to_string(first_devices() + 3));
		ASSERT_EQ(mounted.error(), 0);
		std::atomic<int> wrong = 0;
		std::vector<std::thread> threads;
		for (int index = 0; index < 4; ++index) {
			threads.emplace_back([&, index] {
				for (int times = 0; times < 100; ++times) {
					std::string name = mounted / ("d" + std::to_string((index + times) % 3));
					int error = mounted.add(name.substr(name.rfind('/') + 1));
					wrong += error != 0 && error != EEXIST && error != ENOSPC;
					auto connection = Connection::open(name, 0);
					s32 version = 0;
					if (connection)
						wrong += connection->ioctl(kVersion, version) != 0;
					rename_error(name, mounted / "d0");
					unlink(name.c_str());
				}
			});
		}
		for (auto& thread : threads)
			thread.join();
		EXPECT_EQ(wrong, 0);
		// All that may be can be, again.
		for (int index = 0; index < 3; ++index)
			unlink((mounted / ("d" + std::to_string(index))).c_str());
		for (int index = 0; index < 3; ++index)
			EXPECT_EQ(mounted.add("e" + std::to_string(index)), 0);
	}
	EXPECT_TRUE(wait_until([&] { return module_users() == users; }));
}

}  // namespace
}  // namespace binder
