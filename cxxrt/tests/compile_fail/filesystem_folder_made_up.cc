// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: 'cxxrt::filesystem::Folder<M>::Folder\(raw::dentry\*\) \[with M = Mount\]' is private within this context
#include <cxxrt/filesystem.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Session : RefCounted {
	static long ioctl(chardev::File, u32, UserAddress) { return 0; }
	static Result<void> mmap(mm::Area) { return {}; }
	static u32 poll(task::PollQueue::Table) { return 0; }
	void flush() {}
	void released() {}
};
struct Mount {
	using Session = ::Session;
	struct Device {
		static Result<Ref<Session>> open(chardev::File) { return ENODEV; }
	};
	static Result<void> control(u32, UserAddress) { return EINVAL; }
	void show(debugfs::Text&, u64) {}
	filesystem::Folder<Mount> root;
};

#ifdef OK
filesystem::Folder<Mount> folder(const Mount& mount) { return mount.root; }
#else
filesystem::Folder<Mount> folder(const Mount&) { return filesystem::Folder<Mount>{nullptr}; }
#endif
