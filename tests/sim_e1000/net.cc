// SPDX-License-Identifier: GPL-2.0
#include "net.hpp"

#include <cstdlib>
#include <cstring>
#include <algorithm>
#include <utility>

#include "kernel_types.hpp"

namespace sim {

Net stack;
void map_memory(u64 at, u64 bytes);
bool unmap_memory(u64 at, u64 bytes);
bool is_mapped(u64 at, u64 bytes);

namespace {

/// A buffer of just its bytes: what is beyond is somebody else's.
struct Page {
	u8* memory;
	u64 bytes;
};
std::map<const u8*, Page*> pages;

struct Skb {
	std::vector<u8> own;
	u8* data = nullptr;
	u64 length = 0;	 // of the head
	Page* around = nullptr;
	struct Fragment {
		Page* page;
		u64 offset, length;
		bool is_sent;
	};
	std::vector<Fragment> fragments;
	Frame asked;
	bool checksum_is_good = false;
	int vlan = -1;
};

Page* make_page(u64 bytes)
{
	auto* page = new Page{static_cast<u8*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64)), bytes};
	std::memset(page->memory, 0xee, bytes);
	pages[page->memory] = page;
	++stack.pages_alive;
	return page;
}
void free_page(Page* page)
{
	pages.erase(page->memory);
	std::free(page->memory);
	delete page;
	--stack.pages_alive;
}
Skb* make_skb()
{
	if (stack.frames_left == 0)
		return nullptr;
	--stack.frames_left;
	++stack.frames_alive;
	return new Skb;
}
void free_skb(Skb* skb)
{
	if (skb->around != nullptr) {
		(void)unmap_memory(u64(skb->around->memory), skb->around->bytes);
		free_page(skb->around);
	}
	for (auto& fragment : skb->fragments) {
		if (!fragment.is_sent)
			(void)unmap_memory(u64(fragment.page->memory), fragment.page->bytes);
		free_page(fragment.page);
	}
	delete skb;
	--stack.frames_alive;
	++stack.freed;
}
Skb* of(const void* skb) { return static_cast<Skb*>(const_cast<void*>(skb)); }
u64 total(const Skb& skb)
{
	u64 all = skb.length;
	for (const auto& fragment : skb.fragments)
		all += fragment.length;
	return all;
}
void take(Skb* skb)
{
	Received got;
	got.bytes.assign(skb->data, skb->data + skb->length);
	for (const auto& fragment : skb->fragments)
		got.bytes.insert(got.bytes.end(), fragment.page->memory + fragment.offset,
				 fragment.page->memory + fragment.offset + fragment.length);
	got.checksum_is_good = skb->checksum_is_good;
	got.vlan = skb->vlan;
	got.fragments = u32(skb->fragments.size());
	stack.received.push_back(std::move(got));
	free_skb(skb);
}

Skb* gro = nullptr;
Skb* to_be_sent = nullptr;

}  // namespace

void dma_write(u64 at, const void* from, u64 bytes)
{
	if (!is_mapped(at, bytes))
		fail("the device writes where it must not");
	else
		std::memcpy(reinterpret_cast<void*>(at), from, bytes);
}
void dma_read(u64 at, void* to, u64 bytes)
{
	if (!is_mapped(at, bytes))
		fail("the device reads where it must not");
	else
		std::memcpy(to, reinterpret_cast<const void*>(at), bytes);
}

}  // namespace sim

using namespace sim;

void sim_drop_refused() { free_skb(to_be_sent); }

static raw::net_device the_device;
raw::net_device& sim_net_device() { return the_device; }
void sim_describe(raw::pci_dev& dev)
{
	dev.vendor = 0x8086;
	dev.device = card->device;
	dev.subsystem_vendor = card->subsystem_vendor;
	dev.revision = card->revision;
}

namespace raw {
extern "C" {

int pci_enable_device(pci_dev*) { return 0; }
void pci_disable_device(pci_dev*) {}
void cxxrt_pci_enable_error_reporting(pci_dev*) {}
void cxxrt_pci_disable_error_reporting(pci_dev*) {}

// Pages.
page_pool* cxxrt_page_pool_create(device*, napi_struct*, int, unsigned, unsigned, dma_data_direction)
{
	static int pool;
	return reinterpret_cast<page_pool*>(&pool);
}
void page_pool_destroy(page_pool*) {}
page* page_pool_alloc_frag(page_pool*, unsigned* offset, unsigned bytes, gfp_t)
{
	if (stack.pages_left == 0)
		return nullptr;
	--stack.pages_left;
	Page* made = make_page(bytes);
	map_memory(sim::u64(made->memory), bytes);
	*offset = 0;
	return reinterpret_cast<page*>(made);
}
unsigned long long cxxrt_page_pool_get_dma_addr(page* page) { return sim::u64(reinterpret_cast<Page*>(page)->memory); }
void cxxrt_page_pool_put(page_pool*, page* page, bool)
{
	auto* mine = reinterpret_cast<Page*>(page);
	(void)unmap_memory(sim::u64(mine->memory), mine->bytes);
	free_page(mine);
}
void* cxxrt_page_address(page* page) { return reinterpret_cast<Page*>(page)->memory; }
void cxxrt_dma_sync_for_cpu(device*, dma_addr_t at, size_t bytes, dma_data_direction)
{
	if (!is_mapped(at, bytes))
		fail("synced what is not mapped");
}
void cxxrt_dma_sync_for_device(device*, dma_addr_t at, size_t bytes, dma_data_direction)
{
	if (!is_mapped(at, bytes))
		fail("synced what is not mapped");
}

// NAPI.
void cxxrt_netif_napi_add(net_device*, napi_struct*, int (*)(napi_struct*, int)) {}
void cxxrt_netif_napi_del(napi_struct*) {}
sk_buff* cxxrt_napi_alloc_skb(napi_struct*, unsigned bytes)
{
	Skb* made = make_skb();
	if (made == nullptr)
		return nullptr;
	if (!stack.next.head.empty()) {
		to_be_sent = made;
		made->asked = std::move(stack.next);
		stack.next = Frame{};
		made->own.resize(made->asked.offset + made->asked.head.size());
		std::memcpy(made->own.data() + made->asked.offset, made->asked.head.data(), made->asked.head.size());
		made->data = made->own.data() + made->asked.offset;
		made->length = made->asked.head.size();
		for (const auto& fragment : made->asked.fragments) {
			Page* page = make_page(fragment.size());
			std::memcpy(page->memory, fragment.data(), fragment.size());
			made->fragments.push_back({page, 0, fragment.size(), true});
		}
	} else {
		made->own.reserve(bytes);
		made->data = made->own.data();
	}
	return reinterpret_cast<sk_buff*>(made);
}
sk_buff* napi_build_skb(void* data, unsigned)
{
	Skb* made = make_skb();
	if (made == nullptr)
		return nullptr;
	made->around = sim::pages.at(static_cast<sim::u8*>(data));
	made->data = static_cast<sim::u8*>(data);
	return reinterpret_cast<sk_buff*>(made);
}
void cxxrt_skb_reserve(sk_buff* skb, unsigned bytes) { of(skb)->data += bytes; }
void* skb_put(sk_buff* skb, unsigned bytes)
{
	of(skb)->length += bytes;
	return of(skb)->data;
}
void cxxrt_skb_put_data(sk_buff* skb, const void* data, unsigned bytes)
{
	Skb* mine = of(skb);
	const auto* from = static_cast<const sim::u8*>(data);
	mine->own.insert(mine->own.end(), from, from + bytes);
	mine->data = mine->own.data();
	mine->length += bytes;
}
void cxxrt_skb_mark_for_recycle(sk_buff*) {}
void cxxrt_skb_set_protocol(sk_buff*, net_device*) {}
void cxxrt_skb_checksum_is_good(sk_buff* skb) { of(skb)->checksum_is_good = true; }
void cxxrt_vlan_hwaccel_put_tag(sk_buff* skb, unsigned short tci) { of(skb)->vlan = tci; }
gro_result_t napi_gro_receive(napi_struct*, sk_buff* skb)
{
	take(of(skb));
	return GRO_NORMAL;
}
sk_buff* napi_get_frags(napi_struct*)
{
	if (gro == nullptr)
		gro = make_skb();
	return reinterpret_cast<sk_buff*>(gro);
}
gro_result_t napi_gro_frags(napi_struct*)
{
	take(std::exchange(gro, nullptr));
	return GRO_NORMAL;
}
void cxxrt_napi_free_frags(napi_struct*)
{
	if (gro != nullptr)
		free_skb(std::exchange(gro, nullptr));
}
void cxxrt_skb_add_rx_frag(sk_buff* skb, unsigned index, page* page, unsigned offset, unsigned bytes, unsigned)
{
	if (index >= MAX_SKB_FRAGS)
		fail("too many fragments");
	of(skb)->fragments.push_back({reinterpret_cast<Page*>(page), offset, bytes, false});
}
void cxxrt_skb_cut(sk_buff* skb, unsigned bytes)
{
	auto& all = of(skb)->fragments;
	while (bytes != 0 && !all.empty()) {
		const sim::u64 now = std::min<sim::u64>(bytes, all.back().length);
		all.back().length -= now;
		bytes -= unsigned(now);
		if (all.back().length == 0) {
			(void)unmap_memory(sim::u64(all.back().page->memory), all.back().page->bytes);
			free_page(all.back().page);
			all.pop_back();
		}
	}
}

// Frames.
void cxxrt_dev_kfree_skb_any(sk_buff* skb) { free_skb(of(skb)); }
void napi_consume_skb(sk_buff* skb, int) { free_skb(of(skb)); }
unsigned cxxrt_skb_len(const sk_buff* skb) { return unsigned(total(*of(skb))); }
unsigned cxxrt_skb_headlen(const sk_buff* skb) { return unsigned(of(skb)->length); }
unsigned char* cxxrt_skb_data(const sk_buff* skb) { return of(skb)->data; }
unsigned cxxrt_skb_nr_frags(const sk_buff* skb) { return unsigned(of(skb)->fragments.size()); }
const skb_frag_t* cxxrt_skb_frag(const sk_buff* skb, unsigned index)
{
	return reinterpret_cast<const skb_frag_t*>(&of(skb)->fragments.at(index));
}
unsigned cxxrt_skb_frag_size(const skb_frag_t* frag)
{
	return unsigned(reinterpret_cast<const Skb::Fragment*>(frag)->length);
}
unsigned cxxrt_skb_frag_off(const skb_frag_t*) { return 0; }
page* cxxrt_skb_frag_page(const skb_frag_t* frag)
{
	return reinterpret_cast<page*>(reinterpret_cast<const Skb::Fragment*>(frag)->page);
}
bool cxxrt_eth_skb_pad(sk_buff* skb)
{
	Skb* mine = of(skb);
	if (total(*mine) < 60) {
		mine->own.resize(mine->asked.offset + 60);
		mine->data = mine->own.data() + mine->asked.offset;
		mine->length = 60;
	}
	return true;
}
void cxxrt_skb_tx_timestamp(sk_buff*) {}
bool cxxrt_skb_wants_checksum(const sk_buff* skb) { return of(skb)->asked.wants_checksum; }
unsigned cxxrt_skb_checksum_start(const sk_buff*) { return 34; }
unsigned cxxrt_skb_checksum_at(const sk_buff*) { return 40; }
bool cxxrt_skb_is_gso(const sk_buff* skb) { return of(skb)->asked.gso_size != 0; }
bool cxxrt_skb_is_gso_v6(const sk_buff* skb) { return of(skb)->asked.is_v6; }
unsigned cxxrt_skb_gso_size(const sk_buff* skb) { return of(skb)->asked.gso_size; }
unsigned cxxrt_skb_gso_segs(const sk_buff* skb)
{
	const auto& asked = of(skb)->asked;
	return unsigned((total(*of(skb)) - asked.header_bytes + asked.gso_size - 1) / asked.gso_size);
}
bool cxxrt_skb_no_fcs(const sk_buff* skb) { return of(skb)->asked.has_fcs; }
int cxxrt_skb_cow_head(sk_buff*) { return 0; }
unsigned cxxrt_skb_tcp_header_bytes(const sk_buff*) { return 20; }
unsigned cxxrt_skb_network_offset(const sk_buff*) { return 14; }
unsigned cxxrt_skb_transport_offset(const sk_buff* skb) { return of(skb)->asked.header_bytes - 20; }
void cxxrt_skb_prepare_tso4(sk_buff*) {}
void cxxrt_skb_prepare_tso6(sk_buff*) {}
bool cxxrt_skb_vlan_tag_present(const sk_buff* skb) { return of(skb)->asked.vlan >= 0; }
unsigned short cxxrt_skb_vlan_tag_get(const sk_buff* skb) { return (unsigned short)(of(skb)->asked.vlan); }

dma_addr_t cxxrt_dma_map_single(device*, void* memory, size_t bytes, dma_data_direction)
{
	map_memory(sim::u64(memory), bytes);
	return sim::u64(memory);
}
dma_addr_t dma_map_page_attrs(device*, page* page, size_t offset, size_t bytes, dma_data_direction, unsigned long)
{
	const sim::u64 at = sim::u64(reinterpret_cast<Page*>(page)->memory) + offset;
	map_memory(at, bytes);
	return at;
}
void dma_unmap_page_attrs(device*, dma_addr_t at, size_t bytes, dma_data_direction, unsigned long)
{
	if (!unmap_memory(at, bytes))
		fail("unmapped what is not mapped so");
}
int cxxrt_dma_mapping_error(device*, dma_addr_t) { return 0; }

// Devices.
void cxxrt_netdev_count_tx(net_device*, unsigned, unsigned) {}
void cxxrt_netdev_count_rx(net_device*, unsigned, unsigned) {}
void cxxrt_netdev_count_tx_dropped(net_device*) { ++stack.sent_dropped; }
void cxxrt_netdev_count_rx_dropped(net_device*) { ++stack.dropped; }
bool cxxrt_netdev_sent_queue(net_device*, unsigned, bool) { return true; }
void cxxrt_netdev_completed_queue(net_device*, unsigned, unsigned) {}
void cxxrt_netdev_reset_queue(net_device*) {}
bool cxxrt_netdev_xmit_more() { return false; }
void cxxrt_netif_start_queue(net_device*) { stack.stopped = false; }
void cxxrt_netif_stop_queue(net_device*) { stack.stopped = true; }
void cxxrt_netif_wake_queue(net_device*) { stack.stopped = false; }
bool cxxrt_netif_queue_stopped(const net_device*) { return stack.stopped; }
bool cxxrt_netif_xmit_stopped(const net_device*) { return stack.stopped; }
bool cxxrt_netif_carrier_ok(const net_device*) { return true; }

}  // extern "C"
}  // namespace raw
