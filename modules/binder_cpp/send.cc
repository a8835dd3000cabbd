// SPDX-License-Identifier: GPL-2.0
/// \file
/// A call or a reply, from what user space wrote to the list of who takes it.
///
/// A Sending is under way until the last step, which cannot fail half-way; its destructor undoes all that was done before.
/// User memory is read once: what was checked is what is used.
#include "driver.hpp"
#include "params.hpp"
#include "process.hpp"
#include "thread.hpp"

#include <cxxrt/enforce.hpp>

namespace binder {

namespace {

// NOLINTNEXTLINE(cppcoreguidelines-macro-usage): it notes the line
#define fail(command, error) \
	Failure { (command), (error), u32(__LINE__) }

s32 minus(Error error) { return error.to_c(); }

/// A piece of user memory that comes behind the objects, once all pointers in it are known.
struct SgCopy : Pinned {
	// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): in the order of C
	SgCopy(u64 offset, UserAddress from, u64 length, u64 object)
		: offset(offset), from(from), length(length), object(object)
	{
	}
	u64 offset;
	UserAddress from;
	u64 length;
	u64 object;  ///< offset of the object that named it
	Box<SgCopy> next;
};

/// What does not come from the sender in such a piece: a pointer, or descriptors, which are left out.
struct SgFixup : Pinned {
	// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): in the order of C
	SgFixup(u64 offset, u64 value, u64 skip) : offset(offset), value(value), skip(skip) {}
	u64 offset;
	u64 value;
	u64 skip;  ///< 0: a pointer
	Box<SgFixup> next;
};

template <class T> void drop_list(Box<T>& head)
{
	while (head) {
		Box<T> next = move(head->next);
		head = move(next);
	}
}

/// Any object, with its header.
union AnyObject {
	u32 type;
	FlatObject flat;
	FdObject fd;
	FdArrayObject fds;
	PointerObject pointer;
};

/// Its size by its type; 0 for none there is.
u32 size_of_type(u32 type)
{
	switch (ObjectType(type)) {
	case ObjectType::Binder:
	case ObjectType::WeakBinder:
	case ObjectType::Handle:
	case ObjectType::WeakHandle:
		return sizeof(FlatObject);
	case ObjectType::Fd:
		return sizeof(FdObject);
	case ObjectType::FdArray:
		return sizeof(FdArrayObject);
	case ObjectType::Pointer:
		return sizeof(PointerObject);
	}
	return 0;
}

/// How much of an object at `offset` there can be in the data; 0 if there cannot be one.
u64 room_for_object(const Buffer& buffer, u64 offset)
{
	if (offset > buffer.data_size() || offset % 4 != 0)
		return 0;
	const u64 room = min(u64(sizeof(AnyObject)), buffer.data_size() - offset);
	return room < sizeof(u32) ? 0 : room;
}

/// Reads an object from a buffer; its size, or 0 if there is none.
u32 object_in_buffer(Buffers& buffers, const Buffer& buffer, u64 offset, AnyObject& object)
{
	const u64 room = room_for_object(buffer, offset);
	if (room == 0 || !buffers.read(buffer, offset, &object, room).ok())
		return 0;
	const u32 size = size_of_type(object.type);
	return size <= room ? size : 0;
}

}  // namespace

class Sending : Pinned {
public:
	Sending(Thread& thread, const TransactionData& data, bool is_reply, u64 extra_size)
		: thread_(thread),
		  process_(thread.process()),
		  data_(data),
		  extra_size_(extra_size),
		  is_reply_(is_reply),
		  is_oneway_(!is_reply && (data.flags & TransactionData::kOneWay) != 0),
		  id_(thread.next_id())
	{
	}
	~Sending() { undo(); }

	Failure send();
	/// After a failure: nothing of it is left; and who waits for it is told.
	void undo();
	void tell(const Failure& failure);
	void record(const Failure& failure);

private:
	void trace_it() const;
	Failure find_caller();
	Failure find_target();
	Failure fill();
	Failure copy_objects();
	Failure copy_object(u64 index, u64 offset, AnyObject& object);
	Result<void> pass_binder(FlatObject& object);
	Result<void> pass_handle(FlatObject& object);
	Result<void> pass_file(u32 descriptor, u64 at);
	Result<void> pass_files(const FdArrayObject& array, const PointerObject& parent, UserAddress parent_from);
	Result<void> add_copy(u64 offset, UserAddress from, u64 length, u64 object);
	Result<void> add_fixup(u64 offset, u64 value, u64 skip);
	Result<PointerObject> pointer_at(u64 index, u64 valid, u64& offset);
	bool is_in_order(u64 object, u64 fixup_offset);
	Result<void> fix_parent(const PointerObject& object, u64 valid);
	Result<void> copy_pieces();
	Failure queue_reply();
	Failure queue_call();

	Thread& thread_;
	Process& process_;
	const TransactionData& data_;
	u64 extra_size_;
	const bool is_reply_;
	const bool is_oneway_;
	const u32 id_;
	u64 start_ns_ = now_ns();

	Ref<Node> node_;
	Ref<Thread> to_thread_;
	Box<Transaction> caller_;  // that is replied to; ours now
	Ref<Process> target_;
	u32 node_id_ = 0;
	task::SecurityContext context_;
	Box<Transaction> transaction_;
	Box<Completion> completion_;
	Buffer* buffer_ = nullptr;
	u64 objects_end_ = 0;  // offsets before this are of objects that hold something

	Box<SgCopy> copies_;
	SgCopy* last_copy_ = nullptr;
	Box<SgFixup> fixups_;
	u64 sg_at_ = 0, sg_end_ = 0;
	u64 last_fixup_object_ = 0, last_fixup_least_ = 0;
};

CXXRT_COLD void Sending::undo()
{
	if (Buffer* buffer = exchange(buffer_, nullptr)) {
		trace::binder_transaction_failed_buffer_release(buffer->id, buffer->data_size(), buffer->offsets_size(),
								buffer->extra_size());
		target_->release_objects(*buffer, objects_end_, nullptr, true);
		target_->buffers.give_back(*buffer);
	}
	if (transaction_) {
		transaction_->buffer = nullptr;
		finish(move(transaction_), &thread_);
	}
	if (completion_)
		thread_.keep(move(completion_));
	drop_list(copies_);
	drop_list(fixups_);
	last_copy_ = nullptr;
}

void Sending::record(const Failure& failure)
{
	TransactionLog::Entry entry{};
	entry.time_ns = start_ns_;
	entry.context = process_.context().name;
	entry.id = id_;
	entry.kind = u32(is_reply_ ? TransactionLog::Kind::Reply
			 // NOLINTNEXTLINE(readability-avoid-nested-conditional-operator): a table in words
			 : is_oneway_ ? TransactionLog::Kind::Async
				      : TransactionLog::Kind::Call);
	entry.from_group = process_.group;
	entry.from_thread = thread_.id;
	entry.to_group = target_ ? target_->group : 0;
	// NOLINTNEXTLINE(readability-avoid-nested-conditional-operator): a table in words
	entry.to_thread = to_thread_ ? to_thread_->id : caller_ && caller_->from ? caller_->from->id : 0;
	entry.to_node = node_id_;
	entry.handle = u32(data_.target);
	entry.data_size = u32(data_.data_size);
	entry.offsets_size = u32(data_.offsets_size);
	entry.return_error = failure.command;
	entry.error = failure.error;
	entry.line = failure.line;
	Driver& driver = process_.context().driver;
	driver.log.record(entry);
	if (failure.command != 0)
		driver.failed_log.record(entry);
}

void Sending::tell(const Failure& failure)
{
	note<debug::kFailedTransaction, "%d:%d %s %u to %d failed with %x/%d, size %llu-%llu, line %u">(
		process_.group, thread_.id,
		is_reply_ ? "reply"
		// NOLINTNEXTLINE(readability-avoid-nested-conditional-operator): a table in words
		: is_oneway_ ? "oneway call"
			     : "call",
		id_, target_ ? target_->group : 0, failure.command, failure.error, data_.data_size, data_.offsets_size,
		failure.line);
	const ExtendedError error{.id = id_, .command = failure.command, .error = failure.error};
	if (!caller_) {
		const KindGuard<Inner> guard{process_.inner};
		thread_.extended_error = error;
		thread_.set_return_error(failure.command, guard);
		return;
	}
	{
		Thread& from = *caller_->from;
		const KindGuard<Inner> guard{from.process().inner};
		if (!caller_->from_is_gone && from.extended_error.command == br::kOk)
			from.extended_error = error;
	}
	{
		// Who replies sees no difference.
		const KindGuard<Inner> guard{process_.inner};
		thread_.set_return_error(br::kTransactionComplete, guard);
	}
	fail_reply(move(caller_), failure.command);
}

CXXRT_COLD void Sending::trace_it() const
{
	// NOLINTNEXTLINE(readability-avoid-nested-conditional-operator): a table in words
	const int to = to_thread_ ? to_thread_->id : caller_ && caller_->from ? caller_->from->id : 0;
	trace::binder_transaction({.debug_id = int(id_),
				   .from_proc = process_.group,
				   .from_thread = thread_.id,
				   .to_proc = target_->group,
				   .to_thread = to,
				   .target_node = int(node_id_),
				   .reply = is_reply_ ? 1 : 0,
				   .code = data_.code,
				   .flags = data_.flags});
}

CXXRT_HOT Failure Sending::find_caller()
{
	const char* wrong = nullptr;
	{
		const KindGuard<Inner> guard{process_.inner};
		thread_.extended_error = {.id = id_, .command = br::kOk, .error = 0};
		Transaction* top = thread_.stack;
		if (top == nullptr) {
			wrong = "no call";
		} else if (top->from.get() == &thread_) {
			wrong = "what is no call to it";
		} else {
			thread_.stack = top->to_parent;
			if (exchange(top->is_outstanding, false))
				process_.uncount_outstanding(guard);
			if (Buffer* buffer = exchange(top->buffer, nullptr))
				buffer->transaction = nullptr;
			caller_ = Box<Transaction>::adopt(top);
		}
	}
	if (wrong != nullptr) {
		user_error<"%d:%d replies to %s">(process_.group, thread_.id, wrong);
		return fail(br::kFailedReply, minus(EPROTO));
	}
	caller_->return_real_time();
	set_nice(caller_->saved_nice);
	target_ = Ref<Process>::to(caller_->from->process());
	// Only a hint: whether it still waits is seen when the reply is queued.
	const bool gone = [&]() NO_THREAD_SAFETY_ANALYSIS { return caller_->from_is_gone; }();
	if (gone)
		return fail(br::kDeadReply, 0);
	return {};
}

// NOLINTNEXTLINE(readability-function-cognitive-complexity): a case for each kind
CXXRT_HOT Failure Sending::find_target()
{
	const u32 number = u32(data_.target);
	auto found = process_.node_of(number, Strength::Strong);
	if (found.ok())
		node_ = found.take();
	// Number 0 is whoever manages now, counted or not.
	if (number == 0 && (!node_ || node_->owner().is_dead.load_relaxed() != 0)) {
		node_ = process_.context().manager();
		if (!node_)
			return fail(br::kDeadReply, minus(EINVAL));
	}
	if (!node_) {
		user_error<"%d:%d calls handle %u, which it has not">(process_.group, thread_.id, number);
		return fail(br::kFailedReply, minus(EINVAL));
	}
	Process& target = node_->owner();
	if (number == 0 && target.group == process_.group) {
		user_error<"%d:%d calls the context manager, whose process it is">(process_.group, thread_.id);
		return fail(br::kFailedReply, minus(EINVAL));
	}
	if (target.is_dead.load_relaxed() != 0)
		return fail(br::kDeadReply, minus(EINVAL));
	target_ = Ref<Process>::to(target);
	node_id_ = node_->id;
	if (&target == &process_)
		return fail(br::kFailedReply, minus(EINVAL));
	if (!process_.credentials.may_call(target.credentials).ok())
		return fail(br::kFailedReply, minus(EPERM));
	if (is_oneway_)
		return {};

	const bool has_stack = [&]() NO_THREAD_SAFETY_ANALYSIS { return thread_.stack != nullptr; }();
	if (!has_stack && thread_.todo.seems_empty()) [[likely]]
		return {};
	const char* wrong = nullptr;
	{
		const KindGuard<Inner> guard{process_.inner};
		const WorkItem* first = thread_.todo.front(guard);
		Transaction* top = thread_.stack;
		if (first != nullptr && first->what == WorkItem::What::Transaction) {
			wrong = "it has another to do";
		} else if (top != nullptr && top->from.get() == &thread_) {
			wrong = "it waits for another";
		} else {
			// A caller of this thread, or the caller's, takes a call to its process: it waits for the end of this one.
			for (Transaction* t = top; t != nullptr; t = t->from_parent) {
				if (t->from && &t->from->process() == &target && !t->from_is_gone) {
					to_thread_ = t->from.clone();
					break;
				}
			}
		}
	}
	if (wrong != nullptr) {
		user_error<"%d:%d makes a call while %s">(process_.group, thread_.id, wrong);
		return fail(br::kFailedReply, minus(EPROTO));
	}
	return {};
}

CXXRT_HOT Failure Sending::send()
{
	const Failure missed = is_reply_ ? find_caller() : find_target();
	if (missed.command != 0) [[unlikely]]
		return missed;

	auto transaction = thread_.new_transaction();
	if (!transaction.ok())
		return fail(br::kFailedReply, minus(ENOMEM));
	transaction_ = transaction.take();
	auto completion = thread_.new_completion();
	if (!completion.ok())
		return fail(br::kFailedReply, minus(ENOMEM));
	completion_ = completion.take();

	Transaction& t = *transaction_;
	t.id = id_;
	t.code = data_.code;
	t.flags = data_.flags;
	t.nice = task::nice::current();
	t.sender = process_.effective_user();
	t.from_group = process_.group;
	t.from_thread = thread_.id;
	t.start_ns = start_ns_;
	t.to = Ref<Process>::to(*target_);
	t.needs_reply = !is_reply_ && !is_oneway_;
	if (t.needs_reply) {
		t.from = Ref<Thread>::to(thread_);
		if (params::inherits_rt()) [[unlikely]]
			t.lend_real_time();
	}
	if (trace::binder_transaction_enabled()) [[unlikely]]
		trace_it();

	if (node_ && node_->wants_security_context) {
		auto context = task::SecurityContext::of(process_.credentials);
		if (!context.ok())
			return fail(br::kFailedReply, minus(context.error()));
		context_ = context.take();
		const u64 added = Buffer::align8(context_.size());
		extra_size_ += added;
		if (extra_size_ < added)
			return fail(br::kFailedReply, minus(EINVAL));
	}
	auto buffer = target_->buffers.allocate(
		{.data = data_.data_size, .offsets = data_.offsets_size, .extra = extra_size_}, is_oneway_);
	if (!buffer.ok()) [[unlikely]]
		return fail(buffer.error() == ESRCH ? br::kDeadReply : br::kFailedReply, minus(buffer.error()));
	buffer_ = buffer.take();
	buffer_->id = id_;
	trace::binder_transaction_alloc_buf(id_, data_.data_size, data_.offsets_size, extra_size_);
	buffer_->clear_on_free = (data_.flags & TransactionData::kClearBuffer) != 0;

	const Failure unfilled = fill();
	if (unfilled.command != 0) [[unlikely]]
		return unfilled;
	if (buffer_->is_spam_suspect())
		completion_->what = WorkItem::What::CompleteSpam;
	return is_reply_ ? queue_reply() : queue_call();
}

CXXRT_HOT Failure Sending::fill()
{
	Buffers& buffers = target_->buffers;
	const UserAddress user{data_.buffer};
	sg_at_ = buffer_->extra_start();
	sg_end_ = sg_at_ + extra_size_ - Buffer::align8(context_.size());
	if (context_) {
		const u64 at = sg_at_ + Buffer::align8(extra_size_) - Buffer::align8(context_.size());
		if (!buffers.write(*buffer_, at, context_.text(), context_.size()).ok())
			return fail(br::kFailedReply, minus(EINVAL));
		transaction_->security_context = buffers.address_of(*buffer_) + at;
	}
	if (data_.offsets_size == 0 && extra_size_ == 0) [[likely]] {
		if (!buffers.write_from_user(*buffer_, 0, user, data_.data_size).ok()) {
			user_error<"%d:%d sends data from where there is none">(process_.group, thread_.id);
			return fail(br::kFailedReply, minus(EFAULT));
		}
		return {};
	}
	return copy_objects();
}

CXXRT_NOINLINE Failure Sending::copy_objects()
{
	Buffers& buffers = target_->buffers;
	const UserAddress user{data_.buffer};
	const u64 start = buffer_->offsets_start();
	if (!buffers.write_from_user(*buffer_, start, UserAddress{data_.offsets}, data_.offsets_size).ok()) {
		user_error<"%d:%d sends offsets from where there are none">(process_.group, thread_.id);
		return fail(br::kFailedReply, minus(EFAULT));
	}
	if (data_.offsets_size % sizeof(u64) != 0 || extra_size_ % sizeof(u64) != 0) {
		user_error<"%d:%d sends %llu bytes of offsets, %llu of buffers">(process_.group, thread_.id,
										 data_.offsets_size, extra_size_);
		return fail(br::kFailedReply, minus(EINVAL));
	}
	u64 copied = 0;
	objects_end_ = start;
	for (u64 i = 0; i < data_.offsets_size / sizeof(u64); ++i, objects_end_ += sizeof(u64)) {
		u64 offset = 0;
		if (!buffers.read(*buffer_, start + (i * sizeof(u64)), &offset, sizeof(offset)).ok())
			return fail(br::kFailedReply, minus(EINVAL));
		// What is between the objects.
		if (offset != copied &&
		    (offset < copied || offset > data_.data_size ||
		     !buffers.write_from_user(*buffer_, copied, user + copied, offset - copied).ok())) {
			user_error<"%d:%d sends data from where there is none">(process_.group, thread_.id);
			// An object that overlaps the one before is seen here first, as in C.
			return fail(br::kFailedReply, minus(EFAULT));
		}
		AnyObject object{};
		const u64 room = room_for_object(*buffer_, offset);
		u32 size = 0;
		if (room != 0 && (user + offset).read_bytes(&object, room).ok())
			size = size_of_type(object.type);
		if (size == 0 || size > room || offset < copied) {
			user_error<"%d:%d sends no object at offset %llu (type %x), from %llu to %llu">(
				process_.group, thread_.id, offset, object.type, copied, data_.data_size);
			return fail(br::kFailedReply, minus(EINVAL));
		}
		copied = offset + size;
		const Failure failed = copy_object(i, offset, object);
		if (failed.command != 0)
			return failed;
		if (!buffers.write(*buffer_, offset, &object, size).ok())
			return fail(br::kFailedReply, minus(EINVAL));
	}
	if (!buffers.write_from_user(*buffer_, copied, user + copied, data_.data_size - copied).ok()) {
		user_error<"%d:%d sends data from where there is none">(process_.group, thread_.id);
		return fail(br::kFailedReply, minus(EFAULT));
	}
	const auto pieces = copy_pieces();
	if (!pieces.ok()) {
		user_error<"%d:%d sends a buffer from where there is none">(process_.group, thread_.id);
		// As C says it, of a fault as well.
		return fail(br::kFailedReply, minus(EINVAL));
	}
	return {};
}

// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): in the order of C
Failure Sending::copy_object(u64 index, u64 offset, AnyObject& object)
{
	Result<void> done;
	switch (ObjectType(object.type)) {
	case ObjectType::Binder:
	case ObjectType::WeakBinder:
		done = pass_binder(object.flat);
		break;
	case ObjectType::Handle:
	case ObjectType::WeakHandle:
		done = pass_handle(object.flat);
		break;
	case ObjectType::Fd: {
		done = pass_file(object.fd.fd, offset + __builtin_offsetof(FdObject, fd));
		object.fd.fd = object.fd.pad = 0;
		break;
	}
	case ObjectType::FdArray: {
		u64 parent_offset = 0;
		auto parent = pointer_at(object.fds.parent, index, parent_offset);
		if (!parent.ok() || !is_in_order(parent_offset, object.fds.parent_offset)) {
			user_error<"%d:%d sends descriptors without a parent, or out of order">(process_.group,
												thread_.id);
			return fail(br::kFailedReply, minus(EINVAL));
		}
		// Where the sender has it was read with the parent.
		UserAddress from;
		for (SgCopy* copy = copies_.get(); copy != nullptr; copy = copy->next.get()) {
			if (copy->object == parent_offset)
				from = copy->from;
		}
		done = pass_files(object.fds, parent.take(), from);
		last_fixup_object_ = parent_offset;
		last_fixup_least_ = object.fds.parent_offset + (sizeof(u32) * object.fds.count);
		break;
	}
	case ObjectType::Pointer: {
		PointerObject& pointer = object.pointer;
		if (pointer.length > sg_end_ - sg_at_) {
			user_error<"%d:%d sends a buffer of %llu bytes, and has room for %llu">(process_.group,
												thread_.id,
												pointer.length,
												sg_end_ - sg_at_);
			return fail(br::kFailedReply, minus(EINVAL));
		}
		done = add_copy(sg_at_, UserAddress{pointer.buffer}, pointer.length, offset);
		if (!done.ok())
			break;
		pointer.buffer = target_->buffers.address_of(*buffer_) + sg_at_;
		sg_at_ += Buffer::align8(pointer.length);
		done = fix_parent(pointer, index);
		last_fixup_object_ = offset;
		last_fixup_least_ = 0;
		break;
	}
	}
	if (!done.ok())
		return fail(br::kFailedReply, minus(done.error()));
	return {};
}

Result<void> Sending::pass_binder(FlatObject& object)
{
	Node* node = TRY(process_.pin_node_for(object));
	Result<void> done;
	Process::HandleInfo info{};
	if (object.cookie != node->cookie) {
		user_error<"%d:%d sends node %u with cookie %llx, not %llx">(process_.group, thread_.id, node->id,
									     object.cookie, node->cookie);
		done = EINVAL;
	} else if (!process_.credentials.may_pass_binder(target_->credentials).ok()) {
		done = EPERM;
	} else {
		const bool strong = object.type == u32(ObjectType::Binder);
		auto counted = target_->count_node(*node, strong ? Strength::Strong : Strength::Weak, &thread_);
		if (counted.ok()) {
			info = counted.take();
			if (trace::binder_transaction_node_to_ref_enabled()) [[unlikely]]
				trace::binder_transaction_node_to_ref({.debug_id = int(id_),
								       .node_debug_id = int(node->id),
								       .node_ptr = node->address,
								       .dest_ref_debug_id = int(info.id),
								       .dest_ref_desc = info.number});
			object.type = u32(strong ? ObjectType::Handle : ObjectType::WeakHandle);
			object.binder = info.number;
			object.cookie = 0;
		} else {
			done = counted.error();
		}
	}
	process_.unpin(*node);
	return done;
}

Result<void> Sending::pass_handle(FlatObject& object)
{
	const bool strong = object.type == u32(ObjectType::Handle);
	const Strength strength = strong ? Strength::Strong : Strength::Weak;
	u32 id = 0;
	auto found = process_.pin_node_of(u32(object.binder), strength, id);
	if (!found.ok()) {
		user_error<"%d:%d sends handle %u, which it has not">(process_.group, thread_.id, u32(object.binder));
		return EINVAL;
	}
	const Ref<Node> node = found.take();
	Process& owner = node->owner();
	trace::BinderPassed passed{.debug_id = int(id_),
				   .node_debug_id = int(node->id),
				   .node_ptr = node->address,
				   .src_ref_debug_id = int(id),
				   .src_ref_desc = u32(object.binder)};
	Result<void> done;
	if (!process_.credentials.may_pass_binder(target_->credentials).ok()) {
		done = EPERM;
	} else if (&owner == target_.get()) {
		// Back home: it is the owner's own object.
		const KindGuard<Inner> guard{owner.inner};
		if (node->is_dead) {
			done = EINVAL;
		} else {
			done = node->count(strength, guard, nullptr);
			object.type = u32(strong ? ObjectType::Binder : ObjectType::WeakBinder);
			object.binder = node->address;
			object.cookie = node->cookie;
			if (trace::binder_transaction_ref_to_node_enabled()) [[unlikely]]
				trace::binder_transaction_ref_to_node(passed);
		}
	} else {
		auto counted = target_->count_node(*node, strength, nullptr);
		if (counted.ok()) {
			const Process::HandleInfo info = counted.take();
			object.binder = info.number;
			object.cookie = 0;
			passed.dest_ref_debug_id = int(info.id);
			passed.dest_ref_desc = info.number;
			if (trace::binder_transaction_ref_to_ref_enabled()) [[unlikely]]
				trace::binder_transaction_ref_to_ref(passed);
		} else {
			done = counted.error();
		}
	}
	owner.unpin(*node);
	return done;
}

CXXRT_COLD Result<void> Sending::pass_file(u32 descriptor, u64 at)
{
	const bool accepted = is_reply_ ? (caller_->flags & TransactionData::kAcceptFds) != 0 : node_->accepts_fds;
	if (!accepted) {
		user_error<"%d:%d sends descriptor %u to who takes none">(process_.group, thread_.id, descriptor);
		return EPERM;
	}
	auto opened = file::Open::of(descriptor);
	if (!opened.ok()) {
		user_error<"%d:%d sends descriptor %u, which is not open">(process_.group, thread_.id, descriptor);
		return EBADF;
	}
	file::Open file = opened.take();
	if (!file.may_pass(process_.credentials, target_->credentials).ok())
		return EPERM;
	Box<FileFixup> fixup = TRY(Box<FileFixup>::make(Gfp::Kernel, move(file), at));
	trace::binder_transaction_fd_send(id_, int(descriptor), at);
	// Descriptors come in the order of the objects.
	Box<FileFixup>* end = &transaction_->files;
	while (*end)
		end = &(*end)->next;
	*end = move(fixup);
	return {};
}

Result<void> Sending::pass_files(const FdArrayObject& array, const PointerObject& parent, UserAddress parent_from)
{
	if (array.count == 0)
		return {};
	const u64 bytes = sizeof(u32) * array.count;
	if (array.count >= (~u64(0) / sizeof(u32)) || bytes > parent.length ||
	    array.parent_offset > parent.length - bytes) {
		user_error<"%d:%d sends %llu descriptors, for which there is no room">(process_.group, thread_.id,
										       array.count);
		return EINVAL;
	}
	const u64 at = parent.buffer - target_->buffers.address_of(*buffer_) + array.parent_offset;
	const UserAddress from = parent_from + array.parent_offset;
	if (at % sizeof(u32) != 0 || from.bits() % sizeof(u32) != 0) {
		user_error<"%d:%d sends descriptors that are not aligned">(process_.group, thread_.id);
		return EINVAL;
	}
	TRY(add_fixup(at, 0, bytes));
	for (u64 i = 0; i < array.count; ++i) {
		auto descriptor = (from + (i * sizeof(u32))).read<u32>();
		// As C has it.
		if (!descriptor.ok())
			return EINVAL;
		TRY(pass_file(descriptor.take(), at + (i * sizeof(u32))));
	}
	return {};
}

Result<void> Sending::add_copy(u64 offset, UserAddress from, u64 length, u64 object)
{
	Box<SgCopy> copy = TRY(Box<SgCopy>::make(Gfp::Kernel, offset, from, length, object));
	SgCopy* added = copy.get();
	(last_copy_ == nullptr ? copies_ : last_copy_->next) = move(copy);
	last_copy_ = added;
	return {};
}

CXXRT_COLD Result<void> Sending::add_fixup(u64 offset, u64 value, u64 skip)
{
	Box<SgFixup> fixup = TRY(Box<SgFixup>::make(Gfp::Kernel, offset, value, skip));
	Box<SgFixup>* at = &fixups_;
	while (*at && (*at)->offset < offset)
		at = &(*at)->next;
	fixup->next = move(*at);
	*at = move(fixup);
	return {};
}

Result<PointerObject> Sending::pointer_at(u64 index, u64 valid, u64& offset)
{
	Buffers& buffers = target_->buffers;
	if (index >= valid)
		return EINVAL;
	TRY(buffers.read(*buffer_, buffer_->offsets_start() + (index * sizeof(u64)), &offset, sizeof(offset)));
	AnyObject object{};
	if (object_in_buffer(buffers, *buffer_, offset, object) == 0 || object.type != u32(ObjectType::Pointer))
		return EINVAL;
	return object.pointer;
}

/// Whether a fixup at that offset of the parent comes after all before it: in the piece that was fixed last, or in one that
/// is above it.
// NOLINTNEXTLINE(bugprone-easily-swappable-parameters): in the order of C
bool Sending::is_in_order(u64 object, u64 fixup_offset)
{
	// As C has it: nothing was fixed yet, or in an object at the very beginning.
	if (last_fixup_object_ == 0)
		return false;
	u64 last = last_fixup_object_;
	u64 least = last_fixup_least_;
	while (last != object) {
		AnyObject above{};
		if (object_in_buffer(target_->buffers, *buffer_, last, above) != sizeof(PointerObject) ||
		    (above.pointer.flags & PointerObject::kHasParent) == 0)
			return false;
		least = above.pointer.parent_offset + sizeof(u64);
		if (!target_->buffers
			     .read(*buffer_, buffer_->offsets_start() + (sizeof(u64) * above.pointer.parent), &last,
				   sizeof(last))
			     .ok())
			return false;
	}
	return fixup_offset >= least;
}

CXXRT_COLD Result<void> Sending::fix_parent(const PointerObject& object, u64 valid)
{
	if ((object.flags & PointerObject::kHasParent) == 0)
		return {};
	u64 parent_offset = 0;
	auto found = pointer_at(object.parent, valid, parent_offset);
	if (!found.ok() || !is_in_order(parent_offset, object.parent_offset)) {
		user_error<"%d:%d sends a buffer without a parent, or out of order">(process_.group, thread_.id);
		return EINVAL;
	}
	const PointerObject parent = found.take();
	if (parent.length < sizeof(u64) || object.parent_offset > parent.length - sizeof(u64)) {
		user_error<"%d:%d sends a buffer whose parent has no room for it">(process_.group, thread_.id);
		return EINVAL;
	}
	return add_fixup(object.parent_offset + parent.buffer - target_->buffers.address_of(*buffer_), object.buffer,
			 0);
}

// NOLINTNEXTLINE(readability-function-cognitive-complexity): a case for each kind
Result<void> Sending::copy_pieces()
{
	Buffers& buffers = target_->buffers;
	SgFixup* fixup = fixups_.get();
	for (SgCopy* copy = copies_.get(); copy != nullptr; copy = copy->next.get()) {
		u64 done = 0;
		while (done < copy->length) {
			const u64 at = copy->offset + done;
			const u64 left = copy->length - done;
			if (fixup != nullptr && fixup->offset < at)
				return EINVAL;
			const u64 size = fixup != nullptr ? min(left, fixup->offset - at) : left;
			if (size != 0)
				TRY(buffers.write_from_user(*buffer_, at, copy->from + done, size));
			done += size;
			if (size == left)
				break;
			if (fixup->skip != 0) {
				done += fixup->skip;
			} else {
				TRY(buffers.write(*buffer_, fixup->offset, &fixup->value, sizeof(fixup->value)));
				done += sizeof(fixup->value);
			}
			fixup = fixup->next.get();
		}
	}
	return {};
}

CXXRT_HOT Failure Sending::queue_reply()
{
	Thread& to = *caller_->from;
	task::Wakeup wakeup;
	bool gone = false;
	{
		const KindGuard<Inner> guard{target_->inner};
		gone = caller_->from_is_gone || to.is_dead || !target_->accepts_files_of(*transaction_, guard);
		if (!gone) {
			to.stack = caller_->from_parent;
			caller_->from_is_gone = true;
			Transaction& t = *transaction_.leak();
			t.buffer = exchange(buffer_, nullptr);
			t.buffer->transaction = &t;
			t.is_outstanding = true;
			++target_->outstanding;
			wakeup = to.queue(t, guard, params::sync_hint());
		}
	}
	if (gone)
		return fail(br::kDeadReply, 0);
	thread_.queue_own(move(completion_));
	finish(move(caller_), &thread_);
	return {};
}

CXXRT_HOT Failure Sending::queue_call()
{
	After after;
	Box<Transaction> superseded;
	Transaction& t = *transaction_;
	Completion* completion = completion_.get();
	if (!is_oneway_) {
		const KindGuard<Inner> guard{process_.inner};
		thread_.extended_error = {.id = id_, .command = br::kOk, .error = 0};
		// The caller goes to sleep, and is told of both at once.
		thread_.queue_deferred(*completion_.leak(), guard);
		t.from_parent = thread_.stack;
		thread_.stack = &t;
	}
	t.buffer = buffer_;
	const u32 accepted = target_->accept(t, node_, to_thread_.get(), after, superseded);
	const bool ok = accepted == br::kOk || accepted == br::kPendingFrozen;
	if (ok) {
		(void)transaction_.leak();
		buffer_ = nullptr;
	}
	if (is_oneway_) {
		if (kSince6_12 && accepted == br::kPendingFrozen)
			completion->what = WorkItem::What::CompletePending;
		if (ok) {
			const KindGuard<Inner> guard{process_.inner};
			thread_.extended_error = {.id = id_, .command = br::kOk, .error = 0};
			const task::Wakeup own = thread_.queue(*completion_.leak(), guard);
		}
	}
	if (superseded) {
		Buffer& old = *exchange(superseded->buffer, nullptr);
		finish(move(superseded), &thread_);
		target_->release_buffer(old, nullptr, Process::Release::Superseded);
	}
	if (ok) [[likely]]
		return {};
	t.buffer = nullptr;
	if (!is_oneway_) {
		const KindGuard<Inner> guard{process_.inner};
		thread_.stack = t.from_parent;
		completion->hook.unlink(guard);
		completion_ = Box<Completion>::adopt(completion);
	}
	return fail(accepted, accepted == br::kFailedReply ? minus(EINVAL) : 0);
}

CXXRT_HOT void Thread::transact(const TransactionData& data, bool is_reply, u64 extra_size)
{
	Sending sending{*this, data, is_reply, extra_size};
	const Failure failure = sending.send();
	sending.record(failure);
	if (failure.command == 0) [[likely]]
		return;
	sending.undo();
	sending.tell(failure);
}

}  // namespace binder
