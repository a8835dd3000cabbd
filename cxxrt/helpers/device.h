/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CXXRT_HELPERS_DEVICE_H
#define CXXRT_HELPERS_DEVICE_H
/* Devices: linux/pci.h, interrupt.h, io.h, dma-mapping.h. */
#include "prelude.h"
CXXRT_HELPERS_BEGIN

/* PCI. */
int __pci_register_driver(struct pci_driver *driver, struct module *owner, const char *mod_name);
void pci_unregister_driver(struct pci_driver *driver);
int pci_enable_device(struct pci_dev *dev);
int pci_enable_device_mem(struct pci_dev *dev);
void pci_disable_device(struct pci_dev *dev);
void pci_set_master(struct pci_dev *dev);
void pci_clear_master(struct pci_dev *dev);
bool pci_device_is_present(struct pci_dev *dev);
int cxxrt_pci_request_mem_regions(struct pci_dev *dev, const char *name);
void cxxrt_pci_release_mem_regions(struct pci_dev *dev);
int pci_request_region(struct pci_dev *dev, int bar, const char *name);
void pci_release_region(struct pci_dev *dev, int bar);
bool cxxrt_pci_resource_is_ports(const struct pci_dev *dev, u32 bar);
u64 cxxrt_pci_resource_start(const struct pci_dev *dev, u32 bar);
int pci_set_mwi(struct pci_dev *dev);
void pci_clear_mwi(struct pci_dev *dev);
int pcix_get_mmrbc(struct pci_dev *dev);
int pcix_set_mmrbc(struct pci_dev *dev, int bytes);
u64 cxxrt_pci_resource_len(const struct pci_dev *dev, u32 bar);
bool cxxrt_pci_resource_is_memory(const struct pci_dev *dev, u32 bar);
void *cxxrt_pci_ioremap(struct pci_dev *dev, u32 bar, u64 bytes);
void cxxrt_iounmap(void *mapped);
int pci_read_config_byte(const struct pci_dev *dev, int where, u8 *value);
int pci_read_config_word(const struct pci_dev *dev, int where, u16 *value);
int pci_read_config_dword(const struct pci_dev *dev, int where, u32 *value);
int pci_write_config_word(const struct pci_dev *dev, int where, u16 value);
int pci_save_state(struct pci_dev *dev);
void pci_restore_state(struct pci_dev *dev);
void cxxrt_pci_forget_saved_state(struct pci_dev *dev);
bool cxxrt_pcie_aspm_enabled(struct pci_dev *dev);
void cxxrt_pci_enable_error_reporting(struct pci_dev *dev);
void cxxrt_pci_disable_error_reporting(struct pci_dev *dev);
u64 cxxrt_pci_bus_address(struct pci_dev *dev, u32 bar);
bool cxxrt_acpi_storage_d3(struct device *dev);
bool cxxrt_pm_suspend_via_firmware(void);
const char *cxxrt_pci_name(const struct pci_dev *dev);
void *cxxrt_pci_get_drvdata(struct pci_dev *dev);
void cxxrt_pci_set_drvdata(struct pci_dev *dev, void *data);
int cxxrt_dev_to_node(struct device *dev);
bool cxxrt_pci_has_driver(const char *name);
bool cxxrt_pci_channel_offline(struct pci_dev *dev);
bool cxxrt_device_can_wakeup(struct device *dev);
void cxxrt_device_set_wakeup_enable(struct device *dev, bool enable);
int pci_enable_wake(struct pci_dev *dev, pci_power_t state, bool enable);
int pci_wake_from_d3(struct pci_dev *dev, bool enable);
int pci_set_power_state(struct pci_dev *dev, pci_power_t state);
bool cxxrt_is_powering_off(void);

/* Interrupts. */
int pci_alloc_irq_vectors_affinity(struct pci_dev *dev, unsigned int least, unsigned int most, unsigned int flags,
				   struct irq_affinity *affinity);
void pci_free_irq_vectors(struct pci_dev *dev);
int pci_irq_vector(struct pci_dev *dev, unsigned int index);
bool cxxrt_pci_has_msi(const struct pci_dev *dev);
int request_threaded_irq(unsigned int irq, irqreturn_t (*handler)(int, void *),
			 irqreturn_t (*thread)(int, void *), unsigned long flags, const char *name, void *data);
const void *free_irq(unsigned int irq, void *data);
void disable_irq(unsigned int irq);
void enable_irq(unsigned int irq);
bool disable_hardirq(unsigned int irq);

/* Registers. */
u32 cxxrt_readl(const void *where);
void cxxrt_writel(u32 value, void *where);
void cxxrt_writel_relaxed(u32 value, void *where);
void cxxrt_outl(u32 value, u64 port);
u16 cxxrt_read_low_memory16(u32 physical);
void cxxrt_write_low_memory16(u16 value, u32 physical);

/* DMA. */
int cxxrt_dma_set_mask_and_coherent(struct device *dev, u64 mask);
void cxxrt_dma_set_min_align_mask(struct device *dev, u32 mask);
size_t dma_max_mapping_size(struct device *dev);
size_t dma_opt_mapping_size(struct device *dev);
void *dma_alloc_attrs(struct device *dev, size_t bytes, dma_addr_t *address, gfp_t flags, unsigned long attrs);
void dma_free_attrs(struct device *dev, size_t bytes, void *memory, dma_addr_t address, unsigned long attrs);
dma_addr_t dma_map_page_attrs(struct device *dev, struct page *page, size_t offset, size_t bytes,
			      enum dma_data_direction direction, unsigned long attrs);
void dma_unmap_page_attrs(struct device *dev, dma_addr_t address, size_t bytes, enum dma_data_direction direction,
			  unsigned long attrs);
int cxxrt_dma_mapping_error(struct device *dev, dma_addr_t address);
void cxxrt_dma_sync_for_device(struct device *dev, dma_addr_t address, size_t bytes,
			       enum dma_data_direction direction);
void cxxrt_dma_mb(void);
void cxxrt_dma_sync_for_cpu(struct device *dev, dma_addr_t address, size_t bytes, enum dma_data_direction direction);
dma_addr_t cxxrt_dma_map_single(struct device *dev, void *memory, size_t bytes, enum dma_data_direction direction);
void cxxrt_dma_rmb(void);
void cxxrt_dma_wmb(void);
void *cxxrt_page_address(struct page *page);
struct dma_pool *dma_pool_create(const char *name, struct device *dev, size_t bytes, size_t align, size_t boundary);
void dma_pool_destroy(struct dma_pool *pool);
void *dma_pool_alloc(struct dma_pool *pool, gfp_t flags, dma_addr_t *address);
void dma_pool_free(struct dma_pool *pool, void *memory, dma_addr_t address);

CXXRT_HELPERS_END
#endif
