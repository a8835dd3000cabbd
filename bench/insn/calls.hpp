// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Follows calls and returns of the guest's kernel, and says where in the tree of calls each instruction belongs.
///
/// Every task has a shadow of its kernel stack: one frame per call, with where the call returns to. A return takes off
/// every frame up to the one it returns through. If there is none, somebody had put another address on the stack, as
/// retpolines do, and it was a jump. Calls within a function, to none's start, are such tricks, too (stuffing of the
/// return predictor): their frames are not expected to be returned through. A block of instructions that belongs to
/// another function than the frame, without a call, is a tail call or a jump into a function's cold part: the frame's
/// function changes. (But not in the kernel's entry code, which jumps between labels.) Interrupts put a barrier on the
/// shadow stack, which iret takes off.
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "symbols.hpp"

/// A function in the context of its callers, with the instructions executed in itself.
struct Node {
	Node* parent;
	uint32_t symbol;
	bool listed = false;  // Whether `fresh` is to be committed.
	uint64_t self = 0;    // Up to the last commit.
	uint64_t fresh = 0;   // Since.
	std::vector<Node*> callees = {};
};

struct Frame {
	Node* node;
	uint64_t returns_to;  // 0: not known.
	bool local;	      // A call within a function, to no function's start.
};

/// What the last instruction did; takes effect when the next block begins.
struct Step {
	enum class Kind : uint8_t { None, Call, Ret, Iret } kind = Kind::None;
	uint32_t caller = 0;
	uint64_t returns_to = 0;
};

struct Interrupted {
	size_t base, frames;
	Step step;
};

/// The shadow stack of one task.
struct Shadow {
	std::vector<Frame> frames;
	size_t base = 0;  // The frame that the innermost interrupt began with.
	std::vector<Interrupted> interrupts;

	void clear()
	{
		frames.clear();
		interrupts.clear();
		base = 0;
	}
};

/// A block of instructions, as far as following calls is concerned.
struct Block {
	uint64_t begin;
	uint32_t symbol;
	Role role;	// Of the symbol, if the CPU can enter it at this block.
	bool at_start;	// Whether it is the function's first.
};

/// The tree of calls, and the place in it of the one CPU.
class CallTree {
public:
	explicit CallTree(const Symbols& symbols) : symbols_(symbols) {}

	/// Starts anew. The current task is unknown until `switch_to`.
	void start(uint64_t now)
	{
		nodes_.clear();
		uncommitted_.clear();
		root_ = make(nullptr, Symbols::kRoot);
		idle_ = child(root_, Symbols::kIdle);
		unseen_ = child(root_, Symbols::kUnseen);
		current_ = child(root_, Symbols::kLost);
		task_ = nullptr;
		step_ = {};
		mark_ = now;
	}

	/// What was executed up to `now` does not count.
	void forget(uint64_t now)
	{
		for (Node& node : nodes_)
			node.self = node.fresh = 0;
		mark_ = now;
	}

	/// What was executed up to `now` counts.
	void commit(uint64_t now)
	{
		settle(now);
		for (Node* node : uncommitted_) {
			node->self += node->fresh;
			node->fresh = 0;
			node->listed = false;
		}
		uncommitted_.clear();
	}

	/// From here on, `task` runs; its code is `symbol`.
	void switch_to(Shadow& task, bool idle, uint32_t symbol, uint64_t now)
	{
		task_ = &task;
		task_root_ = idle ? idle_ : unseen_;
		if (task.frames.empty())
			task.frames.push_back({child(task_root_, symbol), 0, false});
		enter(task.frames.back().node, now);
	}

	bool active() const { return task_; }
	void stop() { task_ = nullptr; }
	void step(const Step& step) { step_ = step; }

	/// The CPU begins with `block`. Most blocks go on in the same function.
	void begin(const Block& block, uint64_t now)
	{
		if (step_.kind == Step::Kind::None && block.symbol == current_->symbol && block.role == Role::None)
			return;
		move(block);
		enter(task_->frames.back().node, now);
	}

	/// Calls `take(stack, instructions)` for each node with committed instructions, outermost function first; idle ones
	/// are not among them.
	template <typename F> void each(F take) const
	{
		for (const Node& node : nodes_)
			if (node.self && !is_idle(&node))
				take(path(&node), node.self);
	}

	/// Committed instructions of which the function, or the outermost callers, are not known.
	uint64_t lost() const { return total_of(Symbols::kLost); }
	uint64_t unseen() const { return total_of(Symbols::kUnseen); }

private:
	static constexpr size_t kMostInterrupts = 64;
	static constexpr size_t kMostFrames = 4096;

	Node* make(Node* parent, uint32_t symbol)
	{
		return &nodes_.emplace_back(Node{.parent = parent, .symbol = symbol});
	}

	Node* child(Node* parent, uint32_t symbol)
	{
		for (size_t i = 0; i < parent->callees.size(); i++) {
			if (parent->callees[i]->symbol != symbol)
				continue;
			if (i)	// What is called often is found soon.
				std::swap(parent->callees[i], parent->callees[i - 1]);
			return parent->callees[i ? i - 1 : 0];
		}
		Node* node = make(parent, symbol);
		parent->callees.push_back(node);
		return node;
	}

	bool is_idle(const Node* node) const
	{
		while (node && node != idle_)
			node = node->parent;
		return node;
	}

	uint64_t total_of(uint32_t symbol) const
	{
		uint64_t sum = 0;
		for (const Node& node : nodes_) {
			const Node* at = &node;
			while (at && at->symbol != symbol)
				at = at->parent;
			if (at && !is_idle(&node))
				sum += node.self;
		}
		return sum;
	}

	std::string path(const Node* node) const
	{
		std::string text;
		for (; node->parent; node = node->parent) {
			const std::string& name = symbols_[node->symbol].name;
			text = text.empty() ? name : name + ";" + text;
		}
		return text;
	}

	void settle(uint64_t now)
	{
		if (now == mark_)
			return;
		current_->fresh += now - mark_;
		mark_ = now;
		if (!current_->listed) {
			current_->listed = true;
			uncommitted_.push_back(current_);
		}
	}

	void enter(Node* node, uint64_t now)
	{
		if (node == current_)
			return;
		settle(now);
		current_ = node;
	}

	Frame& top() { return task_->frames.back(); }

	void restart(Node* node)
	{
		task_->clear();
		task_->frames.push_back({node, 0, false});
	}

	/// Puts the block on the shadow stack of the task.
	void move(const Block& block)
	{
		Step step = std::exchange(step_, {});
		if (step.kind == Step::Kind::Iret)
			step = leave_interrupt();
		if (block.role == Role::Exception || block.role == Role::Interrupt)
			enter_interrupt(block, step);
		else if (block.symbol == Symbols::kUser || top().node->symbol == Symbols::kUser ||
			 block.role == Role::Fork)
			restart(child(task_root_ == idle_ ? idle_ : root_, block.symbol));
		else if (step.kind == Step::Kind::Call)
			call(block, step);
		else if (step.kind == Step::Kind::Ret)
			ret(block);
		else
			jump(block.symbol);
	}

	/// An interrupt of no task's doing stands at the root, whatever it interrupted.
	void enter_interrupt(const Block& block, const Step& step)
	{
		if (task_->interrupts.size() == kMostInterrupts) {
			restart(child(root_, Symbols::kLost));
			return;
		}
		Node* parent = block.role == Role::Exception && task_root_ != idle_ ? top().node : root_;
		task_->interrupts.push_back({task_->base, task_->frames.size(), step});
		task_->base = task_->frames.size();
		task_->frames.push_back({child(parent, block.symbol), 0, false});
	}

	/// Returns what the interrupted code had just done.
	Step leave_interrupt()
	{
		if (task_->interrupts.empty())
			return {};
		const Interrupted before = task_->interrupts.back();
		task_->interrupts.pop_back();
		task_->frames.resize(before.frames);
		task_->base = before.base;
		return before.step;
	}

	void call(const Block& block, const Step& step)
	{
		if (task_->frames.size() == kMostFrames)
			restart(child(root_, Symbols::kLost));
		jump(step.caller);
		const bool local = block.symbol == step.caller && !block.at_start;
		Node* node = local ? top().node : child(top().node, block.symbol);
		task_->frames.push_back({node, step.returns_to, local});
	}

	void ret(const Block& block)
	{
		std::vector<Frame>& frames = task_->frames;
		size_t depth = frames.size();
		while (depth > task_->base + 1 && frames[depth - 1].returns_to != block.begin)
			depth--;
		if (depth > task_->base + 1)
			frames.resize(depth - 1);
		else if (top().local && frames.size() > task_->base + 1)
			frames.pop_back();  // A retpoline put its target in the place of this one's return address.
		jump(block.symbol);
	}

	/// The innermost frame goes on in `symbol`.
	void jump(uint32_t symbol)
	{
		const Symbol& from = symbols_[top().node->symbol];
		if (top().node->symbol == symbol ||
		    (from.entry && symbols_[symbol].entry && from.role != Role::InterruptStubs))
			return;
		while (top().local && task_->frames.size() > task_->base + 1)
			task_->frames.pop_back();
		if (top().node->symbol != symbol)
			top().node = child(top().node->parent, symbol);
	}

	const Symbols& symbols_;
	std::deque<Node> nodes_;
	std::vector<Node*> uncommitted_;
	Node* root_ = nullptr;
	Node* idle_ = nullptr;
	Node* unseen_ = nullptr;
	Node* task_root_ = nullptr;
	Node* current_ = nullptr;  // What executes since `mark_`.
	Shadow* task_ = nullptr;
	Step step_;
	uint64_t mark_ = 0;
};
